"""How a step ends: its files known, its money settled, its event written, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from assets import library
from assets.library import Result, Stored
from core import push
from core.ids import to_public
from generation import events
from generation.state import LIVE
from providers import gateway
from providers.contracts import Usage


@dataclass(frozen=True, slots=True)
class Started:
    """A step that this worker began, with everything needed to run and end it.

    `mode` is submit for a new attempt, check for one whose `handle` its provider gave before, reconcile for one of
    which only the `token` is known. `tries_here` are those on its present way, and `price` is what that may cost at
    most. `stop_cause` is why its job is to end, if it is.
    """

    step_id: UUID
    attempt_no: int
    tries: int
    tries_here: int
    token: UUID
    job_id: UUID
    workspace_id: UUID
    sandbox: bool
    revision_id: str
    model: str
    kind: str
    params: Mapping[str, Any]
    price: int
    output_index: int | None
    deadline_at: datetime
    seq: int
    began: bool
    mode: str
    handle: Mapping[str, Any] | None
    attempt_started_at: datetime
    first_started_at: datetime
    stop_cause: str
    connection_id: UUID | None


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a step failed: `message` is for people, `detail` for operators; neither holds a prompt."""

    code: str
    category: str
    message: str
    retryable: bool
    provider_code: str | None = None
    detail: str = ""

    def public(self) -> dict[str, Any]:
        return {
            "code": self.code, "category": self.category, "message": self.message, "retryable": self.retryable,
            "provider_code": self.provider_code,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ending:
    """A step's end, to be written: `result` is done, failed or canceled."""

    step: Started
    result: str
    usage: Usage | None = None
    stored: Stored | None = None
    fault: Fault | None = None
    only_expired: bool = False


def finish(endings: Sequence[Ending], *, at: datetime) -> None:
    """Writes endings in one transaction. One that another attempt has overtaken changes nothing and is dropped.

    One statement ends them all: it locks the wallets in the order of workspaces, the live one first, and the jobs
    after them, so that two workers never wait for each other.
    """
    if not endings:
        return
    outputs = [_output(ending) for ending in endings]
    rows = [_row(ending, output) for ending, output in zip(endings, outputs, strict=True)]
    told: list[tuple[Any, ...]] = []
    stored: list[Result] = []
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_FINISH, [orjson.dumps(rows).decode(), at])
            answers = cursor.fetchall()
            finished = [row for row in answers if row[1] == "finished"]
            _note_late(cursor, [endings[row[0] - 1] for row in answers if row[1] == "fenced"])
        for place, _, job_state, seq in finished:
            ending, output = endings[place - 1], outputs[place - 1]
            if ending.stored is not None:
                # After the compare-and-set: only the attempt that won adds rows.
                made_by = gateway.revision(ending.step.revision_id).pinned
                stored.append(Result(ending.stored, str(ending.step.params.get("prompt", "")), made_by))
            told += _told(ending.step, output, job_state, seq)
        library.record(stored, at=at)
    events.send(told, nudge=True)


def _note_late(cursor: CursorWrapper, endings: Sequence[Ending]) -> None:
    """An attempt that was taken for lost and delivered all the same: what the provider takes for it is known now."""
    for ending in endings:
        if ending.usage is not None:
            cursor.execute(
                "UPDATE generation_attempt SET cost_usd_micros = %s, cost_source = %s, detail = 'delivered too late' "
                "WHERE id = %s AND outcome <> 'done'",
                [ending.usage.cost_usd_micros, ending.usage.source, ending.step.token],
            )


def _row(ending: Ending, output: dict[str, Any] | None) -> dict[str, Any]:
    """An ending as `generation_endings` reads it."""
    step = ending.step
    return {
        "step": step.step_id, "job": step.job_id, "attempt": step.attempt_no, "result": ending.result,
        "settled": step.price, "output": output, "error": ending.fault.public() if ending.fault else None,
        "attempt_row": _attempt(ending), "only_expired": ending.only_expired,
    }  # fmt: skip


def _told(step: Started, output: dict[str, Any] | None, job_state: str, seq: int) -> list[tuple[Any, ...]]:
    """What the sockets hear: the output, and the end of the job if this was it."""
    ended = job_state not in LIVE
    group = push.group_of(step.workspace_id, sandbox=step.sandbox)
    told = []
    if output is not None:
        told.append(events.output(group, job_id=step.job_id, seq=seq - 1 if ended else seq, data=output))
    if ended:
        told.append(events.status(group, job_id=step.job_id, seq=seq, value=job_state, done=True))
    return told


def _output(ending: Ending) -> dict[str, Any] | None:
    index = ending.step.output_index
    if index is None or ending.result == "canceled":
        return None
    if ending.stored is None:
        fault = ending.fault
        blocked = fault is not None and fault.category == "moderation"
        return {
            "index": index, "status": "blocked" if blocked else "failed", "asset": None,
            "error": fault.public() if fault else None,
        }  # fmt: skip
    stored = ending.stored
    return {
        "index": index, "status": "succeeded", "asset": to_public("ast", stored.asset_id),
        "media_type": stored.media_type, "width": stored.width, "height": stored.height, "error": None,
    }  # fmt: skip


def _attempt(ending: Ending) -> dict[str, Any]:
    fault, usage = ending.fault, ending.usage
    return {
        "outcome": "lost" if ending.only_expired else ending.result,
        "error_code": fault.code if fault else "", "provider_code": (fault.provider_code or "") if fault else "",
        "detail": fault.detail[:300] if fault else "", "cost_usd_micros": usage.cost_usd_micros if usage else 0,
        "cost_source": usage.source if usage else "",
    }  # fmt: skip


_FINISH = "SELECT place, outcome, job_state, seq FROM generation_finish_many(%s::jsonb, %s)"
