"""The studio: composer and live feed on one page. Works by reloading when there is no JavaScript."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts import current
from accounts.current import Principal
from accounts.permissions import require
from core import idempotency
from core.errors import DomainError, FieldsRejected
from core.idempotency import Once
from core.ids import from_public, uuid7
from credits import pricing
from credits import selectors as credits_of
from credits.errors import InsufficientCredits, NoPrice
from generation import cards, composer, limits, offers, presenter, quoting, selectors, service, submission
from generation.errors import LimitReached, MaxCreditsExceeded, PlanForbids
from generation.selectors import Filters
from generation.submission import Order
from moderation.errors import ContentBlocked
from providers import catalog
from providers.catalog import Card

_FEED = 20
PIPELINE = "image"


@dataclass(frozen=True, slots=True)
class QuoteView:
    """The price on the button, and why it may be disabled."""

    total: int
    lines: Any
    available: int
    affordable: bool
    shortfall: int
    reasons: list[str]


@dataclass(frozen=True, slots=True)
class ComposerView:
    models: list[composer.ModelChoice]
    model: composer.ModelChoice
    fields: list[composer.Field]
    quote: QuoteView
    samples: tuple[str, ...]
    idempotency_key: str
    errors: list[str]


@dataclass(frozen=True, slots=True)
class Usage:
    """Slots that the workspace uses and may use, and what waits."""

    running: int
    queued: int
    allowed: int


@login_required
def studio(request: HttpRequest) -> HttpResponse:
    """GET shows the page; POST submits what the composer holds."""
    caller = current.principal(request)
    if not offers.models(pipeline=PIPELINE, at=timezone.now(), workspace_id=caller.workspace_id):
        return _page(request, caller, None, status=503 if request.method == "POST" else 200)
    if request.method == "POST":
        require(caller, "generations:write")
        return _submit(request, caller)
    return _page(request, caller, _composer(caller, _card_of(caller, request.GET), request.GET))


@login_required
@require_POST
def quote(request: HttpRequest) -> HttpResponse:
    """The button again, with the price of what the form holds now."""
    caller = current.principal(request)
    return render(
        request, "generation/_quote.html", {"quote": _quote(caller, _card_of(caller, request.POST), request.POST)}
    )


@login_required
@require_safe
def job(request: HttpRequest, public_id: str) -> HttpResponse:
    """A job's own page."""
    return render(request, "generation/job.html", {"job": _one(current.principal(request), public_id)})


@login_required
@require_GET
def card(request: HttpRequest, public_id: str) -> HttpResponse:
    """The card alone, as the socket's news make the page fetch it. Carries the balance along."""
    return _card_response(request, current.principal(request), public_id)


@login_required
@require_POST
def cancel(request: HttpRequest, public_id: str) -> HttpResponse:
    """Cancels and shows the card as it is then."""
    caller = current.principal(request)
    require(caller, "generations:write")
    submission.cancel_job(workspace_id=caller.workspace_id, job_id=_id(public_id), at=timezone.now())
    return _card_response(request, caller, public_id) if _is_htmx(request) else redirect("studio")


@login_required
@require_POST
def retry(request: HttpRequest, public_id: str) -> HttpResponse:
    """The same input again, as a new card, for at most what the first one was quoted."""
    caller = current.principal(request)
    require(caller, "generations:write")
    # One key for each time the card was shown: a double click is one job.
    key = f"site:{str(request.POST.get('idempotency_key', ''))[:100] or uuid7()}"
    try:
        accepted = submission.retry_job(
            caller=caller,
            job_id=_id(public_id),
            key=key,
            at=timezone.now(),
            render=presenter.encoded,
            at_most_as_before=True,
        )
    except (MaxCreditsExceeded, InsufficientCredits, LimitReached, PlanForbids, ContentBlocked) as exc:
        return _told(request, exc.detail)
    if not _is_htmx(request):
        return redirect("studio")
    if accepted.replayed:
        return HttpResponse(status=204)
    return _card_response(request, caller, _generation_of(accepted.body), status=201)


def _told(request: HttpRequest, sentence: str) -> HttpResponse:
    """Says something without changing the page."""
    if not _is_htmx(request):
        messages.error(request, sentence)
        return redirect("studio")
    toast = orjson.dumps({"wm:toast": {"text": sentence, "tone": "danger"}}).decode()
    return HttpResponse(status=204, headers={"HX-Trigger": toast})


def _shown_price(data: Mapping[str, Any]) -> int | None:
    """The price that stood on the button: nobody is charged more than they saw."""
    shown = str(data.get("max_credits", ""))
    return int(shown) if re.fullmatch(r"[0-9]{1,9}", shown) and int(shown) > 0 else None


def _submit(request: HttpRequest, caller: Principal) -> HttpResponse:
    chosen, data = _card_of(caller, request.POST), request.POST
    given = composer.read(chosen, data)
    key = str(data.get("idempotency_key", ""))[:200] or str(uuid7())
    order = Order(pipeline=PIPELINE, model=chosen.revision.slug, input=given, max_credits=_shown_price(data))
    try:
        accepted = submission.submit_job(
            caller=caller, order=order, at=timezone.now(), render=presenter.encoded,
            once=Once(submission.ROUTE, f"site:{key}", idempotency.fingerprint({"model": order.model, "input": given})),
        )  # fmt: skip
    except DomainError as exc:
        view = _composer(caller, chosen, data, failure=exc)
        if _is_htmx(request):
            return render(request, "generation/_composer.html", {"composer": view}, status=422)
        return _page(request, caller, view, status=422)
    if not _is_htmx(request):
        return redirect("studio")
    return _card_response(request, caller, _generation_of(accepted.body), status=201)


def _page(request: HttpRequest, caller: Principal, view: ComposerView | None, *, status: int = 200) -> HttpResponse:
    """The studio; without a composer while no model is on offer, so that what runs can still be watched."""
    jobs = selectors.list_jobs(workspace_id=caller.workspace_id, sandbox=caller.sandbox, filters=Filters(), limit=_FEED)
    running, queued = selectors.counts(workspace_id=caller.workspace_id, sandbox=caller.sandbox)
    now = timezone.now()
    context = {
        "composer": view, "feed": cards.cards(jobs, at=now), "service": service.current(at=now),
        "usage": Usage(running, queued, caller.entitlements.max_running),
    }  # fmt: skip
    return render(request, "generation/studio.html", context, status=status)


def _composer(
    caller: Principal, chosen: Card, data: Mapping[str, Any], *, failure: DomainError | None = None
) -> ComposerView:
    faults = failure.extra.get("errors", []) if failure is not None else []
    by_field = {fault["field"]: fault["reason"].capitalize() + "." for fault in faults}
    controls = composer.fields(chosen, data, by_field)
    shown = {f"input.{control.name}" for control in controls}
    elsewhere = [failure.detail] if failure is not None and not shown & by_field.keys() else []
    choices = composer.models(chosen, workspace_id=caller.workspace_id, at=timezone.now())
    return ComposerView(
        models=choices, model=next(choice for choice in choices if choice.selected), fields=controls,
        quote=_quote(caller, chosen, data), samples=composer.SAMPLES, idempotency_key=str(uuid7()), errors=elsewhere,
    )  # fmt: skip


def _quote(caller: Principal, chosen: Card, data: Mapping[str, Any]) -> QuoteView:
    wallet = credits_of.balance(workspace_id=caller.workspace_id, sandbox=caller.sandbox, at=timezone.now())
    given = composer.read(chosen, data)
    # A price does not wait for the words: an empty prompt is quoted as if it had some.
    try:
        priced = quoting.price(
            pipeline=PIPELINE, model=chosen.revision.slug, given={**given, "prompt": "…"}, at=timezone.now(),
            workspace_id=caller.workspace_id,
        )  # fmt: skip
        limits.check(granted=caller.entitlements, priced=priced)
    except FieldsRejected as exc:
        reasons = [f"{fault['field'].removeprefix('input.')}: {fault['reason']}" for fault in exc.extra["errors"]]
        return QuoteView(0, (), wallet.available, affordable=True, shortfall=0, reasons=reasons)
    except (NoPrice, PlanForbids) as exc:
        return QuoteView(0, (), wallet.available, affordable=True, shortfall=0, reasons=[exc.detail])
    shortfall = max(0, priced.total - wallet.available)
    reasons = [f"You need {shortfall} more credits."] if shortfall else []
    return QuoteView(priced.total, pricing.grouped(priced.lines), wallet.available, shortfall == 0, shortfall, reasons)


def _card_of(caller: Principal, data: Mapping[str, Any]) -> Card:
    wanted, space = str(data.get("model", "") or catalog.AUTO), caller.workspace_id
    try:
        return offers.model(wanted, pipeline=PIPELINE, at=timezone.now(), workspace_id=space).card
    except DomainError:
        return offers.model(catalog.AUTO, pipeline=PIPELINE, at=timezone.now(), workspace_id=space).card


def _one(caller: Principal, public_id: str) -> cards.JobCard:
    found = selectors.get_job(workspace_id=caller.workspace_id, job_id=_id(public_id), sandbox=caller.sandbox)
    return cards.cards([found], at=timezone.now())[0]


def _card_response(request: HttpRequest, caller: Principal, public_id: str, *, status: int = 200) -> HttpResponse:
    response = render(request, "generation/_job_card.html", {"job": _one(caller, public_id)}, status=status)
    wallet = credits_of.balance(workspace_id=caller.workspace_id, sandbox=caller.sandbox, at=timezone.now())
    response["HX-Trigger"] = orjson.dumps({"wm:balance": {"available": wallet.available, "held": wallet.held}}).decode()
    response["Cache-Control"] = "no-store"
    return response


def _generation_of(body: bytes) -> str:
    return str(orjson.loads(body)["id"])


def _id(public_id: str) -> Any:
    found = from_public("gen", public_id)
    # An id of another kind is nobody's: the look-up answers 404.
    return found or uuid7()


def _is_htmx(request: HttpRequest) -> bool:
    return bool(getattr(request, "htmx", False))
