"""What was given up, and what operators do about it: replay, refund or discard; one, a group, or all of an incident."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson
from django.db import transaction
from django.db.models import Count, Max, Min, Q, QuerySet

from accounts import current
from core.errors import DomainError, FieldsRejected, StateConflict
from core.ids import from_public
from credits import ledger
from generation import letters, presenter, state, submission
from generation.models import DeadLetter, Job
from generation.models.dead_letter import DISCARDED, OPEN, REFUNDED, REPLAYED

MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Group:
    """Open letters of one cause and model."""

    cause: str
    model: str
    letters: int
    jobs: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Choice:
    """Which open letters: those of `cause` and `model` (its public name or with its pin) that were buried from `since`
    to `until`; empty means all."""

    cause: str = ""
    model: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """How many jobs were replayed, refunded or discarded, the credits that went back, and the jobs that it was refused
    for, each with the sentence that says why. Those stay open. `nothing` counts refunds of jobs that captured none."""

    jobs: int
    credits: int
    refused: tuple[tuple[UUID, str], ...]
    nothing: int = 0


def groups() -> list[Group]:
    """Open letters by cause and model, the largest group first."""
    rows = (
        DeadLetter.objects.filter(state=OPEN)
        .values("cause", "model")
        .annotate(letters=Count("pk"), jobs=Count("job", distinct=True), first_at=Min("at"), last_at=Max("at"))
        .order_by("-letters", "cause")[:100]
    )
    return [Group(**row) for row in rows]


def job_ids(choice: Choice) -> list[UUID]:
    """The jobs of a choice, oldest first, at most MOST_AT_ONCE."""
    rows = DeadLetter.objects.filter(state=OPEN)
    wanted = {"cause": choice.cause, "at__gte": choice.since, "at__lt": choice.until}
    rows = rows.filter(**{name: value for name, value in wanted.items() if value})
    if choice.model:
        exact = "model" if "@" in choice.model else "model__startswith"
        rows = rows.filter(**{exact: choice.model if "@" in choice.model else f"{choice.model}@"})
    return of(rows)[:MOST_AT_ONCE]


def of(letters: QuerySet[DeadLetter]) -> list[UUID]:
    """The jobs of chosen letters that are open, oldest first."""
    rows = letters.filter(state=OPEN).order_by("at", "pk").values_list("job_id", flat=True)
    return list(dict.fromkeys(rows[: 4 * MOST_AT_ONCE]))


def replay(*, job_ids: Sequence[UUID], actor: str, reason: str, at: datetime) -> Resolved:
    """Runs failed jobs again in their workspaces' names, at most for the price of then. A job is replayed once, and not
    at all when its person did so meanwhile."""
    _check(job_ids, reason)
    done, refused = 0, []
    for job_id in job_ids:
        try:
            done += _replay(job_id, actor, reason, at)
        except DomainError as exc:
            refused.append((job_id, exc.detail))
    return Resolved(done, 0, tuple(refused))


def refund(*, job_ids: Sequence[UUID], actor: str, reason: str, at: datetime) -> Resolved:
    """Gives back what was captured for jobs that delivered a part; one that delivered nothing kept nothing."""
    _check(job_ids, reason)
    done, credits, nothing, refused = 0, 0, 0, []
    for job_id in job_ids:
        try:
            with transaction.atomic():
                job = _still_open(job_id)
                if job is None:
                    continue
                if job.captured:
                    ledger.refund(
                        hold_id=job.hold_id, amount=job.captured, reference=f"dead-letter:{job.id}", reason=reason,
                        at=at, actor=actor,
                    )  # fmt: skip
                letters.resolve(job_id=job.id, how=REFUNDED, actor=actor, reason=reason, at=at)
        except DomainError as exc:
            refused.append((job_id, exc.detail))
            continue
        done, credits, nothing = done + 1, credits + job.captured, nothing + (not job.captured)
    return Resolved(done, credits, tuple(refused), nothing)


def discard(*, job_ids: Sequence[UUID], actor: str, reason: str, at: datetime) -> Resolved:
    """Closes letters that need nothing."""
    _check(job_ids, reason)
    done, refused = 0, []
    for job_id in job_ids:
        try:
            with transaction.atomic():
                if _still_open(job_id) is not None:
                    letters.resolve(job_id=job_id, how=DISCARDED, actor=actor, reason=reason, at=at)
                    done += 1
        except DomainError as exc:
            refused.append((job_id, exc.detail))
    return Resolved(done, 0, tuple(refused))


@transaction.atomic
def _replay(job_id: UUID, actor: str, reason: str, at: datetime) -> int:
    job = _still_open(job_id)
    if job is None:
        return 0
    if job.state != state.FAILED:
        raise StateConflict(f"It is {job.state}: only a failed job is replayed.")
    if Job.objects.filter(parent_id=job.id).filter(Q(completed_at=None) | Q(captured__gt=0)).exists():
        raise StateConflict("Its person runs it again, or has had it made.")
    accepted = submission.run_again(
        caller=current.of_owner(workspace_id=job.workspace_id, sandbox=job.sandbox), job_id=job.id,
        key=f"dead-letter:{job.id}", render=presenter.encoded, at=at, at_most_as_before=True,
    )  # fmt: skip
    letters.resolve(
        job_id=job.id, how=REPLAYED, actor=actor, reason=reason, at=at,
        as_job=from_public("gen", orjson.loads(accepted.body)["id"]),
    )  # fmt: skip
    return 1


def _check(job_ids: Sequence[UUID], reason: str) -> None:
    if len(job_ids) > MOST_AT_ONCE:
        raise FieldsRejected([{"field": "jobs", "reason": f"at most {MOST_AT_ONCE} at once"}])
    if not 1 <= len(reason) <= 200:
        raise FieldsRejected([{"field": "reason", "reason": "needs 1 to 200 characters"}])


def _still_open(job_id: UUID) -> Job | None:
    """The job, with its letters held; None when they were resolved before. Refuses one that is still under way: what it
    costs is not known yet."""
    if not letters.hold_open(job_id=job_id):
        return None
    job = Job.objects.get(id=job_id)
    if job.completed_at is None:
        raise StateConflict("It is still under way: its other outputs may succeed.")
    return job
