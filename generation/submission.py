"""The verbs of people: submit, cancel, retry. One statement decides; nothing leaves before it is durable."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import connection, transaction

from accounts.current import Principal
from core import idempotency, push, telemetry
from core.errors import DomainError, IdempotencyKeyReused, NotFound, StateConflict
from core.idempotency import Once
from core.ids import uuid7
from credits import ledger, pricing
from credits.errors import QuoteExpired
from credits.ledger import Payer
from generation import events, letters, limits, quoting, selectors, service, state
from generation.errors import MaxCreditsExceeded
from generation.models.dead_letter import REPLAYED
from generation.quoting import Priced
from generation.selectors import JobView, StepView
from moderation import screening
from providers import gateway

ROUTE, RETRY_ROUTE = "generations", "generations.retry"


@dataclass(frozen=True, slots=True)
class Order:
    """A request for a job, as the door read it. Times are seconds from acceptance."""

    pipeline: str
    model: str
    input: Mapping[str, Any]
    quote_id: UUID | None = None
    max_credits: int | None = None
    allow_fallback: bool = True
    start_deadline_seconds: int | None = None
    deadline_seconds: int | None = None
    external_id: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    visibility: str = "private"
    parent_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to a submission: the stored body, whether this is a replay, and the job when it is not."""

    body: bytes
    status: int
    replayed: bool
    job: JobView | None


Render = Callable[[JobView], bytes]


def submit_job(*, caller: Principal, order: Order, once: Once, render: Render, at: datetime) -> Accepted:
    """Accepts a job and holds its price, or raises and leaves everything as it was.

    `render` makes the answer from the job as accepted; it is stored with the idempotency key in the same
    transaction, so a repeated request gets the same bytes whatever happened in between.
    """
    if caller.sandbox:
        # A key of the sandbox and one of the live wallet may choose the same name for different things.
        once = replace(once, route=f"{once.route}:sandbox")
    try:
        return _submit(caller, order, once, render, at)
    except DomainError as exc:
        # What was accepted once is answered so again, even if it would be refused today.
        before = idempotency.answered(workspace_id=caller.workspace_id, once=once)
        if before is not None:
            return Accepted(before.body, before.status, replayed=True, job=None)
        telemetry.JOBS_REFUSED.labels(exc.code).inc()
        raise


def _submit(caller: Principal, order: Order, once: Once, render: Render, at: datetime) -> Accepted:
    granted = caller.entitlements
    model = limits.resolve(caller=caller, pipeline=order.pipeline, model=order.model, at=at)
    priced_by = quoting.price if order.quote_id is None else quoting.plan
    priced = priced_by(
        pipeline=order.pipeline, model=model, given=order.input, at=at, workspace_id=caller.workspace_id
    )  # fmt: skip
    limits.check(granted=granted, priced=priced)
    service.admit(lane=granted.lane, pipeline=order.pipeline, model=priced.card.revision.slug, at=at)
    lines = _agreed_lines(caller, order, priced, at)
    quoted = pricing.total(lines)
    if order.max_credits is not None and quoted > order.max_credits:
        raise MaxCreditsExceeded(price=quoted, limit=order.max_credits)
    screening.screen_prompt(
        workspace_id=caller.workspace_id, text=str(order.input.get("prompt", "")), field="input.prompt", at=at
    )
    job = _job_of(caller, order, priced, quoted, at)
    body = render(job)
    payload = {
        "workspace": caller.workspace_id, "sandbox": caller.sandbox, "user": caller.user_id, "key": caller.key_id,
        "route": once.route, "idempotency_key": once.key, "request_hash": once.fingerprint, "body": body.decode(),
        "lane": job.lane, "weight": granted.weight, "max_running": granted.max_running,
        **limits.caps(granted=granted, pipeline=job.pipeline),
        "job": _job_row(order, priced, job, at), "steps": _step_rows(caller, priced, lines),
        "payer": Payer(
            pipeline=job.pipeline, model=priced.card.revision.slug, key_id=caller.key_id, member_id=caller.user_id,
            daily_credits=None if caller.sandbox else granted.daily_credits,
        ).as_json(),
    }  # fmt: skip
    answer = _accept(caller, payload, job, body, at)
    if answer.job is not None:
        telemetry.JOBS_ACCEPTED.labels(job.pipeline).inc()
        transaction.on_commit(lambda: _announce(job))
    return answer


def cancel_job(*, workspace_id: UUID, job_id: UUID, at: datetime) -> None:
    """Ends a queued job at once and free; asks a running one to stop. A finished one stays as it is."""
    stop_job(workspace_id=workspace_id, job_id=job_id, cause="cancel", at=at)


def stop_job(*, workspace_id: UUID | None, job_id: UUID, cause: str, at: datetime) -> str:
    """Stops for a cause (cancel, start_deadline, deadline); says stopped, stopping, started or terminal."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT outcome, job_state, seq FROM generation_stop(%s, %s, %s, %s)", [job_id, workspace_id, cause, at]
        )
        outcome, job_state, seq = cursor.fetchone()
    if outcome == "not_found":
        raise NotFound
    if outcome in {"stopped", "stopping"}:
        _tell_stopped(job_id, seq, job_state, done=outcome == "stopped")
    return str(outcome)


def abandon_job(*, job_id: UUID, at: datetime) -> bool:
    """Ends a job that is to stop and that nobody works on; says whether it did."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT outcome, job_state, seq FROM generation_abandon(%s, %s)", [job_id, at])
        outcome, job_state, seq = cursor.fetchone()
    if outcome == "stopped":
        _tell_stopped(job_id, seq, job_state, done=True)
    return bool(outcome == "stopped")


def _tell_stopped(job_id: UUID, seq: int, job_state: str, *, done: bool) -> None:
    """The pages, and whoever waits for its provider."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id, sandbox FROM generation_job WHERE id = %s", [job_id])
        owner, sandbox = cursor.fetchone()
    told = events.status(
        push.group_of(owner, sandbox=sandbox), job_id=job_id, seq=seq, value=job_state, done=done
    )  # fmt: skip
    transaction.on_commit(lambda: events.send([told, events.woken(job_id)], nudge=True))


def retry_job(
    *, caller: Principal, job_id: UUID, key: str, render: Render, at: datetime, at_most_as_before: bool = False
) -> Accepted:
    """Runs the input of a job that did not deliver everything again, as a new job that names its parent. Its person
    did what an operator might have done: its dead letters are closed.

    `at_most_as_before` refuses when the price has risen since.
    """
    answer = run_again(
        caller=caller, job_id=job_id, key=key, render=render, at=at, at_most_as_before=at_most_as_before
    )  # fmt: skip
    if answer.job is not None:
        letters.resolve(
            job_id=job_id, how=REPLAYED, actor=f"user:{caller.user_id}", reason="tried again by its person", at=at,
            as_job=answer.job.id,
        )  # fmt: skip
    return answer


def run_again(
    *, caller: Principal, job_id: UUID, key: str, render: Render, at: datetime, at_most_as_before: bool = False
) -> Accepted:
    """`retry_job` without a look at dead letters."""
    old = selectors.get_job(workspace_id=caller.workspace_id, job_id=job_id, sandbox=caller.sandbox)
    if old.state not in state.RETRYABLE:
        raise StateConflict(f"A {old.state} job is not tried again.")
    order = Order(
        pipeline=old.pipeline, model=old.model_requested, input=old.input, external_id=old.external_id,
        metadata=old.metadata, visibility=old.visibility, parent_id=old.id,
        max_credits=old.quoted if at_most_as_before else None, allow_fallback=old.allow_fallback,
    )  # fmt: skip
    once = Once(RETRY_ROUTE, key, idempotency.fingerprint({"retry": str(job_id)}))
    return submit_job(caller=caller, order=order, once=once, render=render, at=at)


def _agreed_lines(caller: Principal, order: Order, priced: Priced, at: datetime) -> tuple[pricing.Line, ...]:
    if order.quote_id is None:
        return priced.lines
    lines = pricing.honour(
        workspace_id=caller.workspace_id, quote_id=order.quote_id, request_hash=priced.request_hash, at=at
    )
    if {line.step for line in lines} != {step.name for step in priced.plan.steps}:
        # A planner of another release made the quote: its lines do not pay for these steps.
        raise QuoteExpired
    return lines


def _job_of(caller: Principal, order: Order, priced: Priced, quoted: int, at: datetime) -> JobView:
    limit = order.deadline_seconds or settings.GENERATION_DEADLINE_SECONDS
    return JobView(
        id=uuid7(), workspace_id=caller.workspace_id, sandbox=caller.sandbox, pipeline=order.pipeline,
        model_requested=order.model, model=priced.card.revision.pinned, input=priced.plan.input,
        asked=priced.plan.asked, lane=caller.entitlements.lane, state=state.QUEUED, seq=1, quoted=quoted, captured=0,
        released=0, charge_reason="", created_at=at, deadline_at=at + timedelta(seconds=limit),
        steps=[StepView(step.name, state.STEP_READY if not step.depends_on else state.STEP_WAITING)
               for step in priced.plan.steps],
        external_id=order.external_id, metadata=order.metadata, visibility=order.visibility,
        parent_id=order.parent_id,
    )  # fmt: skip


def _accept(caller: Principal, payload: Mapping[str, Any], job: JobView, body: bytes, at: datetime) -> Accepted:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT outcome, status, body, available FROM generation_accept(%s::jsonb, %s, %s)",
            [orjson.dumps(payload).decode(), at, ledger.hold_expiry(at, work_ends_at=job.deadline_at)],
        )
        outcome, status, stored, available = cursor.fetchone()
    if outcome == "accepted":
        return Accepted(body, status, replayed=False, job=job)
    if outcome == "replayed":
        return Accepted(stored.encode(), status, replayed=True, job=None)
    if outcome == "key_reused":
        raise IdempotencyKeyReused
    full = limits.refusal(outcome=outcome, granted=caller.entitlements, pipeline=job.pipeline, at=at)
    if full is not None:
        raise full
    ledger.raise_refusal(outcome, required=job.quoted, available=available, reference=f"job:{job.id}", detail=stored)
    raise AssertionError(outcome)


def _job_row(order: Order, priced: Priced, job: JobView, at: datetime) -> dict[str, Any]:
    start_by = order.start_deadline_seconds
    return {
        "id": job.id, "hold": uuid7(), "pipeline": job.pipeline, "model_requested": job.model_requested,
        "model": job.model, "revision": priced.card.revision.id, "input": job.input, "asked": job.asked,
        "quoted": job.quoted, "external_id": job.external_id, "metadata": job.metadata,
        "visibility": job.visibility, "parent": job.parent_id, "deadline_at": job.deadline_at,
        "allow_fallback": order.allow_fallback,
        "start_deadline_at": at + timedelta(seconds=start_by) if start_by else None,
    }  # fmt: skip


def _step_rows(caller: Principal, priced: Priced, lines: tuple[pricing.Line, ...]) -> list[dict[str, Any]]:
    """Each step at the price of its own line, with what will be metered when it is done. What was priced for a
    connection of the workspace's own is bound to that."""
    revision, line_of = priced.card.revision, {line.step: line for line in lines}
    bound = gateway.own_connection(revision, workspace_id=caller.workspace_id)
    return [
        {
            "id": uuid7(), "name": step.name, "kind": step.kind, "depends_on": step.depends_on,
            "optional": step.optional, "revision": revision.id, "placement": gateway.placement(revision),
            "connection": bound,
            "params": step.params, "price": line_of[step.name].credits, "output_index": step.output_index,
            "cost": step.cost, "unit": line_of[step.name].unit,
            "quantity": pricing.shown(line_of[step.name].quantity),
        }
        for step in priced.plan.steps
    ]  # fmt: skip


def _announce(job: JobView) -> None:
    group = push.group_of(job.workspace_id, sandbox=job.sandbox)
    events.send([events.status(group, job_id=job.id, seq=job.seq, value=job.state)], nudge=True)
