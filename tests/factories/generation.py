"""Jobs, and working them off in this process as a worker would."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from assets.library import Source, Stored
from core.idempotency import Once
from core.ids import uuid7
from generation import dispatch, execution, presenter, recovery, submission
from generation.settlement import Ending, Started
from generation.submission import Order
from providers.contracts import Usage
from tests.factories.accounts import Person

SMALL = {"width": 64, "height": 64}


def submit(person: Person, *, prompt: str = "a fox", n: int = 1, **more: Any) -> UUID:
    """A small job of this person; gives its id."""
    given = {"prompt": prompt, "n": n, "seed": 1, **SMALL, **more.pop("input", {})}
    accepted = submission.submit_job(
        caller=person.principal, order=Order(pipeline="image", model="sketch-image", input=given, **more),
        once=Once("test", str(uuid4()), "test"), render=presenter.encoded, at=timezone.now(),
    )  # fmt: skip
    assert accepted.job is not None
    return accepted.job.id


def claim(*, limit: int = 50, lane: str = "free") -> list[tuple[UUID, int]]:
    """What a conductor would send to the workers now."""
    claimed = dispatch.claim(placement="cpu", lane=lane, limit=limit, owner="test")
    return [(step.id, step.attempt_no) for step in claimed]


def work_off(*, rounds: int = 12) -> None:
    """Claims and runs until nothing is ready, letting parked steps go at once."""
    from generation.models import Step

    for _ in range(rounds):
        Step.objects.filter(state="parked").update(next_run_at=timezone.now() - timedelta(hours=1))
        recovery.sweep(at=timezone.now())
        batch = claim()
        if not batch:
            return
        execution.run_batch(batch=batch)


def delivered(step: Started) -> Ending:
    """A step's end with a file that is nowhere, for whoever looks at rows alone."""
    source = Source(step.workspace_id, step.sandbox, step.job_id, step.output_index)
    key = f"o/test/{step.job_id.hex}/{step.output_index}-{uuid4().hex}.png"
    stored = Stored(source, uuid7(), "image/png", key, 100, "0" * 64, 64, 64, {})
    return Ending(step, "done", usage=Usage(4_000, "provider"), stored=stored)
