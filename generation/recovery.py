"""What lost messages, killed workers and passed deadlines leave behind, put right. Any process may do it.

Everything is found through partial indexes on live rows, judged by the database's clock.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection

from core.models import IdempotencyRecord
from generation import settlement, submission
from generation.execution import decode_started
from generation.settlement import Ending, Fault
from providers import gateway

_log = structlog.get_logger(__name__)
_BATCH = 200
KEEP_ANSWERS = timedelta(hours=48)
_POISON = Fault("internal", "internal", "It stopped our workers several times and was given up.", retryable=False)
_UNKNOWN = Fault("unknown_outcome", "provider", "The provider's answer was lost.", retryable=True)


def sweep(*, at: datetime) -> int:
    """One round: leases, parked steps, deadlines. Gives how many rows it moved."""
    moved = _requeue_unstarted() + _release_parked(at) + _requeue_lost()
    for ending in _given_up():
        settlement.finish([ending], at=at)
        moved += 1
    for job_id, cause in _overdue(at):
        submission.stop_job(workspace_id=None, job_id=job_id, cause=cause, at=at)
        moved += 1
    if moved:
        _log.info("recovery.swept", rows=moved)
    return moved


def forget_old_answers(*, at: datetime) -> int:
    """Deletes stored answers of idempotent requests that are older than they must be kept."""
    deleted, _ = IdempotencyRecord.objects.filter(created_at__lt=at - KEEP_ANSWERS).delete()
    return deleted


def _requeue_unstarted() -> int:
    """Claimed, but no worker ever began: the message was lost or nobody reads the queue."""
    return _execute(
        "UPDATE generation_step SET state = 'ready', lease_expires_at = NULL, lease_owner = '' "
        "WHERE state = 'claimed' AND lease_expires_at < now()",
        [],
    )


def _release_parked(at: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT generation_return(%s)", [at])
        return int(cursor.fetchone()[0])


def _requeue_lost() -> int:
    """Begun by a worker that died: again, where repeating is safe and it is not poison."""
    return _execute(_REQUEUE, [_safe_revisions(), settings.GENERATION_MAX_LOST_LEASES - 1])


def _given_up() -> Iterator[Ending]:
    """What is poison, was to stop anyway, or may have been paid for and cannot be asked about."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_UP, [_safe_revisions(), settings.GENERATION_MAX_LOST_LEASES - 1, _BATCH])
        rows = cursor.fetchall()
    for stop_cause, lost, *row in rows:
        step = decode_started(tuple(row))
        if stop_cause:
            yield Ending(step, "canceled", only_expired=True)
            continue
        fault = _POISON if lost >= settings.GENERATION_MAX_LOST_LEASES - 1 else _UNKNOWN
        yield Ending(step, "failed", fault=fault, only_expired=True)


def _safe_revisions() -> list[str]:
    """Revisions among the leased steps whose engine may simply be asked again."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT revision_id FROM generation_step "
            "WHERE state IN ('submitting', 'awaiting', 'collecting') AND lease_expires_at < now()"
        )
        found = [row[0] for row in cursor.fetchall()]
    return [revision_id for revision_id in found if gateway.resubmit(gateway.revision(revision_id)) == "safe"]


def _overdue(at: datetime) -> list[tuple[UUID, str]]:
    with connection.cursor() as cursor:
        cursor.execute(_OVERDUE, [at, at, _BATCH])
        return [(job_id, cause) for job_id, cause in cursor.fetchall()]


def _execute(sql: str, params: list[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)


_REQUEUE = """
WITH lost AS (
    UPDATE generation_step SET state = 'ready', lost_leases = lost_leases + 1, lease_expires_at = NULL, lease_owner = ''
    WHERE state IN ('submitting', 'awaiting', 'collecting') AND lease_expires_at < now() AND revision_id = ANY(%s)
        AND lost_leases < %s
        AND NOT EXISTS (SELECT 1 FROM generation_job j WHERE j.id = job_id AND j.stop_cause <> '')
    RETURNING id, attempt_no
)
UPDATE generation_attempt a SET outcome = 'lost', finished_at = now(), error_code = 'worker_lost'
FROM lost WHERE a.step_id = lost.id AND a.no = lost.attempt_no
"""
_GIVE_UP = """
SELECT j.stop_cause, s.lost_leases, s.id, s.attempt_no, s.tries, a.id, j.id, j.workspace_id, j.sandbox,
    s.revision_id, j.model, s.kind, s.params, s.price, s.output_index, j.deadline_at, j.seq, false
FROM generation_step s JOIN generation_job j ON j.id = s.job_id
JOIN generation_attempt a ON a.step_id = s.id AND a.no = s.attempt_no
WHERE s.state IN ('submitting', 'awaiting', 'collecting') AND s.lease_expires_at < now()
    AND (NOT s.revision_id = ANY(%s) OR s.lost_leases >= %s OR j.stop_cause <> '')
LIMIT %s
"""
_OVERDUE = """
SELECT id, 'start_deadline' FROM generation_job WHERE state = 'queued' AND start_deadline_at < %s
UNION ALL
SELECT id, 'deadline' FROM generation_job
WHERE state IN ('queued', 'running') AND deadline_at < %s AND stop_cause = ''
LIMIT %s
"""
