"""What lost messages, killed workers and passed deadlines leave behind, put right. Any process may do it.

Everything is found through partial indexes on live rows, judged by the database's clock.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from core.models import IdempotencyRecord
from generation import settlement, submission
from generation.execution import decode_started
from generation.settlement import Ending, Fault
from providers import gateway
from providers.contracts import Revision
from providers.errors import UnknownAdapter

_log = structlog.get_logger(__name__)
T = TypeVar("T")
_BATCH = 200
# A job that is to stop is waited for this long beyond its deadline, while no runner is there to tell its provider.
_PATIENCE = timedelta(minutes=10)
KEEP_ANSWERS = timedelta(hours=48)
_POISON = Fault("internal", "internal", "It stopped our workers several times and was given up.", retryable=False)
_UNKNOWN = Fault("unknown_outcome", "provider", "The provider's answer was lost.", retryable=True)


def sweep(*, at: datetime, leases: bool = True) -> int:
    """One round: leases, what is due, deadlines. Gives how many rows it moved.

    Without `leases` nobody is taken for dead: after a start or an outage everybody gets one lease's time to be heard.
    """
    moved = _release_due(at)
    if leases:
        moved += _requeue_unstarted()
        if lost := _lost_revisions():
            moved += _requeue_lost(lost) + _doubt_lost(lost, at)
            moved += _each(_given_up(lost), lambda ending: settlement.finish([ending], at=at))
    moved += _each(_overdue(at), lambda due: submission.stop_job(workspace_id=None, job_id=due[0], cause=due[1], at=at))
    moved += _each(_abandoned(at), lambda job_id: submission.abandon_job(job_id=job_id, at=at))
    if moved:
        _log.info("recovery.swept", rows=moved)
    return moved


def _each(rows: Iterable[T], mend: Callable[[T], object]) -> int:
    """Mends row by row: one that cannot be mended keeps none behind it from its end. A database that is away does."""
    moved = 0
    for row in rows:
        try:
            mend(row)
            moved += 1
        except (OperationalError, InterfaceError):
            raise
        except Exception as exc:  # noqa: BLE001 - whatever is wrong with it is wrong with it alone
            _log.error("recovery.row.failed", row=str(row)[:80], kind=type(exc).__name__, exc_info=True)
    return moved


def forget_old_answers(*, at: datetime) -> int:
    """Deletes stored answers of idempotent requests that are older than they must be kept."""
    deleted, _ = IdempotencyRecord.objects.filter(created_at__lt=at - KEEP_ANSWERS).delete()
    return deleted


def _requeue_unstarted() -> int:
    """Claimed, but no worker ever began: the message was lost or nobody reads the queue."""
    return _execute(_UNSTARTED, [])


def _release_due(at: datetime) -> int:
    """Parked, or waiting for somebody to ask its provider: now is the time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT generation_return(%s)", [at])
        (returned,) = cursor.fetchone()
    return int(returned) + _execute(_DUE, [])


def _requeue_lost(lost: Mapping[str, str]) -> int:
    """Begun by a worker that died: again, where repeating is safe; on from its provider's handle, if there is one."""
    return _execute(_REQUEUE, [settings.GENERATION_MAX_LOST_LEASES - 1, _of_kind(lost, "safe")])


def _doubt_lost(lost: Mapping[str, str], at: datetime) -> int:
    """What may be under way at a provider that can be asked, or that will tell. Each by itself: jobs of several
    workspaces locked in one statement would wait for whoever locks them in another order, who waits for us."""
    with connection.cursor() as cursor:
        cursor.execute(_LOST, [_of_kind(lost, "lookup"), settings.GENERATION_MAX_LOST_LEASES - 1, _BATCH])
        steps = cursor.fetchall()
        for step_id, number in steps:
            cursor.execute("SELECT outcome FROM generation_doubt(%s, %s, 1.0, true, %s)", [step_id, number, at])
    return len(steps)


def _given_up(lost: Mapping[str, str]) -> Iterator[Ending]:
    """What is poison, was to stop anyway, or may have been paid for and cannot be asked about.

    Only of the revisions looked at: a lease that ran out since belongs to the next sweep, which knows its kind.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _GIVE_UP,
            {
                "judged": list(lost), "lookup": _of_kind(lost, "lookup"),
                "again": _of_kind(lost, "safe", "unknown"),
                "most": settings.GENERATION_MAX_LOST_LEASES - 1, "limit": _BATCH,
            },
        )  # fmt: skip
        rows = cursor.fetchall()
    for lost_leases, *row in rows:
        step = decode_started(tuple(row))
        if lost_leases >= settings.GENERATION_MAX_LOST_LEASES - 1:
            yield Ending(step, "failed", fault=_POISON, only_expired=True)
        elif step.stop_cause:
            yield Ending(step, "canceled", only_expired=True)
        else:
            yield Ending(step, "failed", fault=_UNKNOWN, only_expired=True)


def _lost_revisions() -> dict[str, str]:
    """Revisions among the steps whose leases ran out, by what may be done: repeat (safe), ask (lookup), neither
    (never), or leave it to a process that knows (unknown)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT revision_id FROM generation_step "
            "WHERE state IN ('submitting', 'awaiting', 'collecting', 'reconciling') AND lease_expires_at < now()"
        )
        return {row[0]: _kind(gateway.revision(row[0])) for row in cursor.fetchall()}


def _of_kind(lost: Mapping[str, str], *kinds: str) -> list[str]:
    return [revision_id for revision_id, kind in lost.items() if kind in kinds]


def _kind(revision: Revision) -> str:
    """A provider that brings word by itself is waited for like one that can be asked. One that this process does not
    know is left to one that does, or to its jobs' deadlines."""
    try:
        resubmit = gateway.resubmit(revision)
    except UnknownAdapter:
        _log.error("recovery.adapter.unknown", adapter=revision.adapter)
        return "unknown"
    return "lookup" if resubmit == "never" and gateway.brings_evidence(revision) else resubmit


def _overdue(at: datetime) -> list[tuple[UUID, str]]:
    with connection.cursor() as cursor:
        cursor.execute(_OVERDUE, [at, at, _BATCH])
        return [(job_id, cause) for job_id, cause in cursor.fetchall()]


def _abandoned(at: datetime) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(_ABANDONED, [at - _PATIENCE, _BATCH])
        return [row[0] for row in cursor.fetchall()]


def _execute(sql: str, params: list[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)


_UNSTARTED = """
WITH late AS (
    SELECT id FROM generation_step WHERE state = 'claimed' AND lease_expires_at < now() FOR UPDATE SKIP LOCKED
)
UPDATE generation_step s SET state = 'ready', lease_expires_at = NULL, lease_owner = '' FROM late WHERE s.id = late.id
"""
_DUE = """
WITH due AS (
    SELECT id FROM generation_step
    WHERE state IN ('awaiting', 'reconciling') AND next_run_at <= now() ORDER BY id FOR UPDATE SKIP LOCKED
)
UPDATE generation_step s SET state = 'ready', next_run_at = NULL FROM due WHERE s.id = due.id
"""
# A job that is to stop goes on only to tell its provider so.
_REQUEUE = """
WITH lost AS (
    SELECT s.id, s.attempt_no, a.id AS token, a.handle IS NOT NULL AS handled
    FROM generation_step s
    JOIN generation_attempt a ON a.step_id = s.id AND a.no = s.attempt_no
    JOIN generation_job j ON j.id = s.job_id
    WHERE s.state IN ('submitting', 'awaiting', 'collecting') AND s.lease_expires_at < now()
        AND (s.lost_leases < %s OR s.state = 'awaiting')
        AND (a.handle IS NOT NULL OR (s.revision_id = ANY(%s) AND j.stop_cause = ''))
    ORDER BY s.id FOR UPDATE OF s SKIP LOCKED
), again AS (
    UPDATE generation_step s SET state = 'ready', lease_expires_at = NULL,
        -- What only waited with a process that died is not what it died of.
        lost_leases = s.lost_leases + (s.state <> 'awaiting')::integer,
        lease_owner = '', token = CASE WHEN lost.handled THEN lost.token END
    FROM lost WHERE s.id = lost.id RETURNING s.id, lost.attempt_no, lost.handled
)
UPDATE generation_attempt a SET outcome = 'lost', finished_at = now(), error_code = 'worker_lost'
FROM again WHERE a.step_id = again.id AND a.no = again.attempt_no AND NOT again.handled
"""
_LOST = """
SELECT s.id, s.attempt_no
FROM generation_step s JOIN generation_attempt a ON a.step_id = s.id AND a.no = s.attempt_no
WHERE s.state IN ('submitting', 'collecting', 'reconciling') AND s.lease_expires_at < now() AND a.handle IS NULL
    AND s.revision_id = ANY(%s) AND s.lost_leases < %s
LIMIT %s
"""
_GIVE_UP = """
SELECT s.lost_leases, s.id, s.attempt_no, s.tries, s.tries - s.tries_elsewhere, a.id, j.id, j.workspace_id, j.sandbox,
    s.revision_id, j.model, s.kind, s.params, coalesce(s.charge, s.price), s.output_index, j.deadline_at, j.seq, false,
    'submit', a.handle, a.started_at, s.started_at, j.stop_cause, a.connection_id
FROM generation_step s JOIN generation_job j ON j.id = s.job_id
JOIN generation_attempt a ON a.step_id = s.id AND a.no = s.attempt_no
WHERE s.state IN ('submitting', 'awaiting', 'collecting', 'reconciling') AND s.lease_expires_at < now()
    AND ((s.lost_leases >= %(most)s AND s.state <> 'awaiting')
        OR (a.handle IS NULL AND NOT s.revision_id = ANY(%(lookup)s)
            AND (NOT s.revision_id = ANY(%(again)s) OR j.stop_cause <> '')))
    AND s.revision_id = ANY(%(judged)s)
LIMIT %(limit)s
"""
_OVERDUE = """
SELECT id, 'start_deadline' FROM generation_job
WHERE started_at IS NULL AND completed_at IS NULL AND start_deadline_at < %s AND stop_cause = ''
UNION ALL
SELECT id, 'deadline' FROM generation_job
WHERE state IN ('queued', 'running', 'reconciling') AND deadline_at < %s AND stop_cause = ''
LIMIT %s
"""
_ABANDONED = """
SELECT id FROM generation_job j
WHERE state IN ('queued', 'running', 'canceling', 'reconciling') AND deadline_at < %s AND stop_cause <> ''
    AND NOT EXISTS (SELECT 1 FROM generation_step s WHERE s.job_id = j.id AND s.lease_expires_at > now())
LIMIT %s
"""
