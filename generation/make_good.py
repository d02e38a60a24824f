"""Credits for an incident: whose jobs failed in a window is given something on top of the refund they already have."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from core.errors import FieldsRejected
from core.ids import to_public
from credits import ledger
from credits.ledger import Terms

CAUSES = ("provider_failed", "timed_out", "no_capacity", "our_fault", "outcome_unknown", "deadline", "hold_expired")
MOST_PERCENT = 500


@dataclass(frozen=True, slots=True)
class Window:
    """Which jobs: those that ended from `since` (inclusive) to `until`, of a model (without its pin) if one is named.

    `percent` is of the price that each was quoted, rounded up to a credit; sandbox jobs never count.
    """

    since: datetime
    until: datetime
    percent: int
    model: str = ""
    causes: Sequence[str] = CAUSES


@dataclass(frozen=True, slots=True)
class Share:
    """What one workspace would be given, for how many jobs."""

    workspace_id: UUID
    jobs: int
    credits: int


def preview(window: Window) -> list[Share]:
    """What making good would grant now, the largest first. Jobs that were made good before are left out."""
    _check(window)
    with connection.cursor() as cursor:
        cursor.execute(_PREVIEW, _params(window))
        return [Share(*row) for row in cursor.fetchall()]


def make_good(
    *, window: Window, incident: str, lifetime: timedelta, reason: str, actor: str, at: datetime
) -> list[Share]:
    """Grants each workspace its share, in a transaction of its own; gives what was granted.

    Stopped half-way and run again, or with a wider window, it grants only what is still missing: a job is made good
    once. `incident` names it in the journal, `reason` is what people read.
    """
    if not 1 <= len(incident) <= 80 or not reason:
        raise FieldsRejected([{"field": "incident", "reason": "needs a name of at most 80 characters and a reason"}])
    return [
        made
        for share in preview(window)
        if (made := _grant(share.workspace_id, window, incident, lifetime, reason, actor, at))
    ]  # fmt: skip


@transaction.atomic
def _grant(
    workspace_id: UUID, window: Window, incident: str, lifetime: timedelta, reason: str, actor: str, at: datetime
) -> Share | None:
    with connection.cursor() as cursor:
        # Two operators at once: the second waits for the first one's rows and then finds the jobs taken.
        cursor.execute(_TAKE, {**_params(window), "workspace": workspace_id, "incident": incident, "at": at})
        jobs, credits, first = cursor.fetchone()
    if not jobs:
        return None
    ledger.grant(
        workspace_id=workspace_id, amount=credits, reference=f"make_good:{incident}:{to_public('gen', first)}",
        terms=Terms("make_good", at + lifetime), reason=reason, actor=actor, at=at,
    )  # fmt: skip
    return Share(workspace_id, jobs, credits)


def _check(window: Window) -> None:
    if not 1 <= window.percent <= MOST_PERCENT:
        raise FieldsRejected([{"field": "percent", "reason": f"must be 1 to {MOST_PERCENT}"}])
    if window.since >= window.until:
        raise FieldsRejected([{"field": "until", "reason": "must be after the beginning"}])
    unknown = [cause for cause in window.causes if cause not in CAUSES]
    if unknown:
        raise FieldsRejected([{"field": "causes", "reason": f"{unknown[0]!r} is none of: {', '.join(CAUSES)}"}])


def _params(window: Window) -> dict[str, Any]:
    return {
        "since": window.since, "until": window.until, "percent": window.percent, "model": window.model,
        "causes": list(window.causes),
    }  # fmt: skip


_CHOSEN = """
SELECT j.id, j.workspace_id, (j.quoted * %(percent)s + 99) / 100 AS credits
FROM generation_job j
WHERE j.completed_at >= %(since)s AND j.completed_at < %(until)s AND j.captured = 0 AND NOT j.sandbox
    AND j.charge_reason = ANY (%(causes)s) AND (%(model)s = '' OR split_part(j.model, '@', 1) = %(model)s)
    AND NOT EXISTS (SELECT 1 FROM generation_madegood m WHERE m.job_id = j.id)
"""
_PREVIEW = """
SELECT workspace_id, count(*), sum(credits)::bigint FROM (CHOSEN) c GROUP BY workspace_id ORDER BY 3 DESC, 1
""".replace("CHOSEN", _CHOSEN)
_TAKE = """
WITH taken AS (
    INSERT INTO generation_madegood (job_id, incident, credits, at)
    SELECT c.id, %(incident)s, c.credits, %(at)s FROM (CHOSEN) c WHERE c.workspace_id = %(workspace)s
    ON CONFLICT (job_id) DO NOTHING RETURNING job_id, credits
)
SELECT count(*), coalesce(sum(credits), 0)::bigint, (array_agg(job_id ORDER BY job_id))[1] FROM taken
""".replace("CHOSEN", _CHOSEN)
