"""Generations and quotes over HTTP. Each method reads the request, calls one verb and shows the result."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import current
from core import idempotency, pagination
from core.errors import FieldsRejected, NotFound
from core.idempotency import Once
from core.ids import from_public, to_public
from core.openapi import CURSOR, KEY, LIMIT, describe, listing
from credits import pricing
from generation import limits, presenter, quoting, selectors, state, submission
from generation.api import bodies, schemas
from generation.selectors import Filters
from generation.submission import Accepted, Order
from providers import catalog

_FILTERS = tuple(
    OpenApiParameter(name, str)
    for name in ("pipeline", "status", "model", "external_id", "created_after", "created_before", "q", "ids")
)
HELD = "Wildmind-Credits-Held"
CAPTURED = "Wildmind-Credits-Captured"


class Quotes(APIView):
    """`POST /quotes` prices an input without running it."""

    scopes = {"POST": "generations:write"}

    @describe(operation="createQuote", summary="Price an input", body=bodies.QUOTE, answers={201: schemas.QUOTE},
              problems=(400, 404, 413, 415))  # fmt: skip
    def post(self, request: Request) -> Response:
        data = _checked(request, bodies.QUOTE)
        caller, now = current.principal(request), timezone.now()
        model = limits.resolve(caller=caller, pipeline=data["pipeline"], model=data.get("model", catalog.AUTO), at=now)
        priced = quoting.price(
            pipeline=data["pipeline"], model=model, given=data["input"], at=now, workspace_id=caller.workspace_id
        )
        offer = pricing.offer(
            workspace_id=caller.workspace_id, request_hash=priced.request_hash, lines=priced.lines, at=now
        )
        lines = [
            {"label": line.label, "unit": line.unit, "quantity": pricing.shown(line.quantity), "credits": line.credits}
            for line in pricing.grouped(offer.lines)
        ]
        return Response(
            {
                "id": to_public("quo", offer.id), "object": "quote", "pipeline": data["pipeline"],
                "model": priced.card.revision.pinned, "lines": lines, "total_credits": offer.total,
                "expires_at": offer.expires_at, "warnings": [],
            },
            status=201,
        )  # fmt: skip


class Generations(APIView):
    """`GET /generations` lists, `POST /generations` accepts a job."""

    scopes = {"GET": "generations:read", "POST": "generations:write"}

    @describe(operation="listGenerations", summary="List generations", answers={200: listing(schemas.GENERATION)},
              problems=(400,), parameters=(LIMIT, CURSOR, *_FILTERS))  # fmt: skip
    def get(self, request: Request) -> Response:
        caller, now = current.principal(request), timezone.now()
        limit = pagination.read_limit(request.query_params.get("limit"))
        jobs = selectors.list_jobs(
            workspace_id=caller.workspace_id, sandbox=caller.sandbox, filters=_filters(request),
            before=pagination.read_cursor(request.query_params.get("cursor")), limit=limit + 1,
        )  # fmt: skip
        shown = {item["id"]: item for item in presenter.generations(jobs[:limit], at=now)}
        return Response(pagination.page(jobs, limit, lambda job: shown[to_public("gen", job.id)]))

    @describe(operation="createGeneration", summary="Accept a job", body=bodies.GENERATION, parameters=(KEY,),
              answers={201: schemas.GENERATION}, problems=(400, 402, 404, 409, 413, 415, 422, 429))  # fmt: skip
    def post(self, request: Request) -> HttpResponse:
        key = idempotency.key(request)
        data = _checked(request, bodies.GENERATION)
        accepted = submission.submit_job(
            caller=current.principal(request), order=_order(data), render=presenter.encoded, at=timezone.now(),
            once=Once(submission.ROUTE, key, idempotency.fingerprint(data)),
        )  # fmt: skip
        return _created(accepted)


class Generation(APIView):
    """`GET /generations/{id}`: the object, with an ETag."""

    scopes = {"GET": "generations:read"}

    @describe(operation="getGeneration", summary="Read a generation", answers={200: schemas.GENERATION, 304: None},
              problems=(404,))  # fmt: skip
    def get(self, request: Request, public_id: str) -> Response:
        caller = current.principal(request)
        job = selectors.get_job(workspace_id=caller.workspace_id, job_id=job_id(public_id), sandbox=caller.sandbox)
        shown = _shown(job)
        # Progress and the place in line move without a new seq, so they are part of the tag; expected times are not:
        # they move with the clock.
        place = shown["queue"]
        tag = f'"{job.seq}-{round(job.progress * 1000)}-{place["position"] or ""}{place["reason"] or ""}"'
        known = parse_etags(request.headers.get("If-None-Match", ""))
        if "*" in known or tag in {value.removeprefix("W/") for value in known}:
            return Response(status=304, headers={"ETag": tag})
        return Response(shown, headers={"ETag": tag, **_money(job)})


class Attempts(APIView):
    """`GET /generations/{id}/attempts`: every try of every step."""

    scopes = {"GET": "generations:read"}

    @describe(operation="listAttempts", summary="List a generation's attempts",
              answers={200: listing(schemas.ATTEMPT)}, problems=(404,))  # fmt: skip
    def get(self, request: Request, public_id: str) -> Response:
        caller = current.principal(request)
        found = selectors.attempts_of(
            workspace_id=caller.workspace_id, job_id=job_id(public_id), sandbox=caller.sandbox
        )
        data = [
            {
                "step": row.step.name, "no": row.no, "model": row.revision.slug, "version": row.revision.version,
                "adapter": row.revision.spec["adapter"], "outcome": row.outcome, "error_code": row.error_code or None,
                "latency_ms": _milliseconds(row.started_at, row.finished_at), "started_at": row.started_at,
                "finished_at": row.finished_at,
            }
            for row in found
        ]  # fmt: skip
        return Response({"object": "list", "data": data, "has_more": False, "next_cursor": None})


class Cancel(APIView):
    """`POST /generations/{id}/cancel`: idempotent; answers the object."""

    scopes = {"POST": "generations:write"}

    @describe(operation="cancelGeneration", summary="Cancel a generation", body=bodies.EMPTY,
              answers={200: schemas.GENERATION}, problems=(400, 404, 413, 415))  # fmt: skip
    def post(self, request: Request, public_id: str) -> Response:
        _checked(request, bodies.EMPTY)
        caller, found = current.principal(request), job_id(public_id)
        # A sandbox key must not reach a live job, so the look-up comes first.
        selectors.get_job(workspace_id=caller.workspace_id, job_id=found, sandbox=caller.sandbox)
        submission.cancel_job(workspace_id=caller.workspace_id, job_id=found, at=timezone.now())
        job = selectors.get_job(workspace_id=caller.workspace_id, job_id=found, sandbox=caller.sandbox)
        return Response(_shown(job), headers=_money(job))


class Retry(APIView):
    """`POST /generations/{id}/retry`: the same input again, as a new generation that names its parent."""

    scopes = {"POST": "generations:write"}

    @describe(operation="retryGeneration", summary="Try a generation again", body=bodies.EMPTY, parameters=(KEY,),
              answers={201: schemas.GENERATION}, problems=(400, 402, 404, 409, 413, 415, 422, 429))  # fmt: skip
    def post(self, request: Request, public_id: str) -> HttpResponse:
        key = idempotency.key(request)
        _checked(request, bodies.EMPTY)
        accepted = submission.retry_job(
            caller=current.principal(request), job_id=job_id(public_id), key=key, render=presenter.encoded,
            at=timezone.now(),
        )  # fmt: skip
        return _created(accepted)


def job_id(public_id: str) -> UUID:
    """The id inside `gen_…`, or NotFound."""
    found = from_public("gen", public_id)
    if found is None:
        raise NotFound
    return found


def _checked(request: Request, body: Any) -> dict[str, Any]:
    data: Any = request.data
    if not isinstance(data, dict):
        raise FieldsRejected([{"field": "", "reason": "the body must be a JSON object"}])
    body.check(data)
    return data


def _order(data: dict[str, Any]) -> Order:
    quote_id = from_public("quo", data["quote_id"]) if "quote_id" in data else None
    if "quote_id" in data and quote_id is None:
        raise FieldsRejected([{"field": "quote_id", "reason": "is not a quote's id"}])
    return Order(
        pipeline=data["pipeline"], model=data.get("model", "auto"), input=data["input"], quote_id=quote_id,
        max_credits=data.get("max_credits"), allow_fallback=data.get("allow_fallback", True),
        start_deadline_seconds=data.get("start_deadline_s"),
        deadline_seconds=data.get("deadline_s"), external_id=data.get("external_id", ""),
        metadata=data.get("metadata", {}), visibility=data.get("visibility", "private"),
    )  # fmt: skip


def _created(accepted: Accepted) -> HttpResponse:
    answer = HttpResponse(accepted.body, status=accepted.status, content_type="application/json")
    if accepted.replayed:
        answer[idempotency.REPLAYED] = "true"
    if accepted.job is not None:
        answer["Location"] = f"/api/v1/generations/{to_public('gen', accepted.job.id)}"
        answer[HELD] = str(accepted.job.quoted)
        answer["Retry-After"] = "1"
    return answer


def _shown(job: selectors.JobView) -> dict[str, Any]:
    return presenter.generations([job], at=timezone.now())[0]


def _money(job: selectors.JobView) -> dict[str, str]:
    return {HELD: str(job.quoted)} if job.is_live else {CAPTURED: str(job.captured)}


def _filters(request: Request) -> Filters:
    query = request.query_params
    states = tuple(part for part in query.get("status", "").split(",") if part)
    unknown = [name for name in states if name not in state.ALL]
    if unknown:
        raise FieldsRejected([{"field": "status", "reason": f"must be among: {', '.join(state.ALL)}"}])
    named = [part for part in query.get("ids", "").split(",") if part]
    ids = [from_public("gen", part) for part in named]
    if None in ids or len(ids) > pagination.MAX_LIMIT:
        raise FieldsRejected([{"field": "ids", "reason": "must be at most 100 generation ids"}])
    return Filters(
        pipeline=_plain(query.get("pipeline", "")), states=states, model=_plain(query.get("model", "")),
        external_id=_plain(query.get("external_id", "")),
        created_after=_time(query.get("created_after"), "created_after"),
        created_before=_time(query.get("created_before"), "created_before"),
        ids=tuple(found for found in ids if found is not None), text=_plain(query.get("q", "")),
    )  # fmt: skip


def _plain(text: str) -> str:
    if "\x00" in text:
        raise FieldsRejected([{"field": "query", "reason": "contains a NUL character"}])
    return text[:200]


def _time(raw: str | None, field: str) -> datetime | None:
    if not raw:
        return None
    try:
        found = parse_datetime(raw)
        found = found.astimezone(UTC) if found is not None and found.tzinfo is not None else None
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise FieldsRejected([{"field": field, "reason": "must be an RFC 3339 time with a zone"}])
    return found


def _milliseconds(start: datetime, end: datetime | None) -> int | None:
    return round((end - start).total_seconds() * 1000) if end else None
