"""The open letters of a job: held by whoever resolves them, and resolved once."""

from datetime import datetime
from uuid import UUID

from generation.models import DeadLetter
from generation.models.dead_letter import OPEN


def hold_open(*, job_id: UUID) -> bool:
    """Whether letters of this job are open. Nobody else resolves them until this transaction ends."""
    rows = DeadLetter.objects.select_for_update().filter(job_id=job_id, state=OPEN).order_by("pk")
    return bool(list(rows.values_list("pk", flat=True)))


def resolve(*, job_id: UUID, how: str, actor: str, reason: str, at: datetime, as_job: UUID | None = None) -> None:
    """Closes what is open of a job; `as_job` is the job that runs in its place."""
    DeadLetter.objects.filter(job_id=job_id, state=OPEN).update(
        state=how, resolved_at=at, resolved_by=actor, reason=reason, replayed_as_id=as_job
    )
