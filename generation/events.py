"""Telling people what happened. The event table is the truth; this is the hint that makes them look."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from core import push, queueing
from core.ids import to_public

NUDGE = "wm:nudge"
# Carries an attempt's token or a job's id: whoever waits for it looks now.
WAKE = "wm:wake"


def message(job_id: UUID, kind: str, seq: int, data: Mapping[str, Any]) -> dict[str, Any]:
    """An event as people get it, from a row of the table or from whoever just wrote that row: the same either way.

    `seq` 0 is progress, which has no number and no row.
    """
    numbered = {"seq": seq} if seq else {}
    return {"type": kind, "generation": to_public("gen", job_id), **numbered, **data}


def status(group: str, *, job_id: UUID, seq: int, value: str, done: bool = False) -> tuple[Any, ...]:
    """The command that announces a state; `done` when it is the last."""
    kind = "done" if done else "status"
    return push.command(group, job_id.hex, message(job_id, kind, seq, {"status": value}))


def output(group: str, *, job_id: UUID, seq: int, data: Mapping[str, Any]) -> tuple[Any, ...]:
    """The command that announces a delivered or failed output; `data` is what the event's row has."""
    return push.command(group, job_id.hex, message(job_id, "output", seq, data))


def progressed(group: str, *, job_id: UUID, value: float) -> tuple[Any, ...]:
    """The command that announces how far a job is, 0 to 1."""
    data = {"progress": round(value, 3), "stage": "generating"}
    return push.command(group, job_id.hex, message(job_id, "progress", 0, data))


def woken(name: UUID) -> tuple[Any, ...]:
    """The command that makes the worker look that waits for this attempt's token or this job."""
    return ("PUBLISH", WAKE, str(name))


def send(commands: Iterable[tuple[Any, ...]], *, nudge: bool) -> None:
    """Publishes in one round trip, and wakes the conductor when there may be work or room."""
    batch = list(commands)
    if nudge:
        batch.append(("PUBLISH", NUDGE, "1"))
    if batch:
        queueing.hint(*batch)
