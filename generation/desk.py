"""Writes what tries of steps came to. One statement for each kind where it matters; told after it is durable."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import connection

from core import push
from generation import events, rerouting, retries, state, throttle
from generation.settlement import Ending, Started, finish
from generation.verdicts import Accepted, Doubt, Park, Reroute, Verdict
from providers import breakers, gateway
from providers.contracts import Usage
from providers.errors import ProviderError


def apply(verdicts: Sequence[Verdict], *, at: datetime) -> None:
    """Writes verdicts. One that another attempt has overtaken changes nothing and is dropped."""
    endings: list[Ending] = []
    left: list[Accepted] = []
    for verdict in verdicts:
        if isinstance(verdict, Ending):
            endings.append(verdict)
        elif isinstance(verdict, Accepted):
            left.append(verdict)
        elif isinstance(verdict, Doubt):
            _doubt(verdict, at)
        elif (ending := _set_aside(verdict, at)) is not None:
            endings.append(ending)
    keep_handles(left, owner=None, at=at)
    finish(endings, at=at)
    for verdict in verdicts:
        _report(verdict)


def _set_aside(verdict: Park | Reroute, at: datetime) -> Ending | None:
    """Lets a step wait for its next try, here or elsewhere; gives its end when there is nothing to wait for."""
    step = verdict.step
    if isinstance(verdict, Reroute):
        way = None
        if rerouting.wants_another(verdict.error, suspected=_suspected(verdict), last=verdict.last):
            way = rerouting.next_way(step=rerouting.Waiting.of(step), reason=verdict.error.code, at=at)
        if way is None:
            if isinstance(verdict.otherwise, Ending):
                return verdict.otherwise
            verdict = verdict.otherwise
        elif _reroute(verdict, way, at):
            return None
        else:
            return Ending(step, "canceled")
    return None if _park(verdict, at) else Ending(step, "canceled")


def keep_handles(accepted: Sequence[Accepted], *, owner: str | None, at: datetime) -> set[UUID]:
    """Makes the providers' handles durable; gives the steps that are still the caller's.

    With an owner the steps stay leased to it; without one they wait in the table for their time.
    """
    if not accepted:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT step_id, job_id, seq FROM generation_await(%s::uuid[], %s::integer[], %s::jsonb[], "
            "%s::double precision[], %s, %s::interval, %s)",
            [
                [item.step.step_id for item in accepted], [item.step.attempt_no for item in accepted],
                [orjson.dumps(item.handle).decode() for item in accepted],
                [item.delay_seconds or 0.0 for item in accepted], owner, _lease(), at,
            ],
        )  # fmt: skip
        rows = cursor.fetchall()
    steps = {item.step.step_id: item.step for item in accepted}
    _tell((steps[step_id], seq, state.RUNNING) for step_id, _, seq in rows)
    return {step_id for step_id, _, _ in rows}


def collecting(delivered: Sequence[tuple[Started, Usage]]) -> None:
    """Marks steps whose results are being stored, and keeps what the provider takes for them: should this process die
    now, that is what it cost us all the same."""
    if not delivered:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _COLLECTING,
            [
                [step.step_id for step, _ in delivered], [step.attempt_no for step, _ in delivered],
                [usage.cost_usd_micros for _, usage in delivered], [usage.source for _, usage in delivered],
            ],
        )  # fmt: skip


def renew(steps: Sequence[tuple[UUID, int]]) -> dict[tuple[UUID, int], str]:
    """Renews the leases of steps under way in this process. Gives those that are still its own, with the cause for
    which their jobs are to stop, or an empty text."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM generation_keep(%s::uuid[], %s::integer[], %s::interval)",
            [[step_id for step_id, _ in steps], [number for _, number in steps], _lease()],
        )
        return {(step_id, number): cause for step_id, number, cause in cursor.fetchall()}


def _report(verdict: Verdict) -> None:
    """A provider that has no room is asked for less at once, one that delivers for a little more."""
    step = verdict.step
    error = verdict.error if isinstance(verdict, Park | Reroute) else None
    if error is None and not (isinstance(verdict, Ending) and verdict.result == "done"):
        return
    revision = gateway.revision(step.revision_id)
    throttle.report(revision, error)
    if step.connection_id is not None:
        breakers.report(connection_id=step.connection_id, model=revision.slug, error=error)


def _park(verdict: Park, at: datetime) -> bool:
    """False when the job is to stop: then there is nothing to wait for."""
    step, error = verdict.step, verdict.error
    delay = verdict.delay_seconds
    if verdict.counts:
        delay = max(delay, retries.pause_seconds(gateway.revision(step.revision_id).adapter))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT outcome, seq FROM generation_park(%s, %s, %s, %s, %s::jsonb, %s)",
            [step.step_id, step.attempt_no, delay, verdict.counts, orjson.dumps(_failure(error)).decode(), at],
        )
        outcome, seq = cursor.fetchone()
        if outcome == "parked":
            # A statement of its own: whoever holds a step does not wait for a wallet.
            cursor.execute("SELECT generation_set_aside(%s, %s)", [step.job_id, at])
    _tell([(step, seq, state.RUNNING)])
    return bool(outcome != "stopped")


def _suspected(verdict: Reroute) -> Usage | None:
    return verdict.otherwise.usage if isinstance(verdict.otherwise, Ending) else None


def _reroute(verdict: Reroute, way: rerouting.Way, at: datetime) -> bool:
    """False when the job is to stop."""
    step, cost = verdict.step, _suspected(verdict)
    row: dict[str, Any] = _failure(verdict.error)
    if cost is not None:
        row |= {"cost_usd_micros": cost.cost_usd_micros, "cost_source": cost.source}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT outcome, seq FROM generation_reroute(%s, %s, %s::jsonb, %s::jsonb, %s)",
            [step.step_id, step.attempt_no, way.as_json(), orjson.dumps(row).decode(), at],
        )
        outcome, seq = cursor.fetchone()
    _tell([(step, seq, state.RUNNING)])
    return bool(outcome != "stopped")


def _failure(error: ProviderError) -> dict[str, str]:
    return {"error_code": error.code, "provider_code": error.provider_code or "", "detail": str(error)[:300]}


def _doubt(verdict: Doubt, at: datetime) -> None:
    step = verdict.step
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seq FROM generation_doubt(%s, %s, %s, false, %s)",
            [step.step_id, step.attempt_no, verdict.delay_seconds, at],
        )
        (seq,) = cursor.fetchone()
    _tell([(step, seq, state.RECONCILING)])


def _tell(changes: Iterable[tuple[Started, int | None, str]]) -> None:
    told: list[tuple[Any, ...]] = [
        events.status(push.group_of(step.workspace_id, sandbox=step.sandbox), job_id=step.job_id, seq=seq, value=value)
        for step, seq, value in changes
        if seq is not None
    ]
    events.send(told, nudge=False)


def _lease() -> str:
    return f"{settings.GENERATION_LEASE_SECONDS} seconds"


_COLLECTING = """
WITH mine AS (
    SELECT s.id, m.no, m.cost, m.source
    FROM unnest(%s::uuid[], %s::integer[], %s::bigint[], %s::text[]) AS m (id, no, cost, source)
    JOIN generation_step s ON s.id = m.id JOIN generation_job j ON j.id = s.job_id
    WHERE s.attempt_no = m.no AND s.state || '' IN ('submitting', 'awaiting')
    ORDER BY j.workspace_id, j.sandbox, j.id, s.id FOR UPDATE OF s
), marked AS (
    UPDATE generation_step s SET state = 'collecting' FROM mine WHERE s.id = mine.id
)
UPDATE generation_attempt a SET cost_usd_micros = mine.cost, cost_source = mine.source
FROM mine WHERE a.step_id = mine.id AND a.no = mine.no
"""
