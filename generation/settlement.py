"""How a step ends: its files known, its money settled, its event written, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction

from assets import library
from assets.library import Stored
from core import push
from core.ids import to_public
from generation import events
from generation.state import LIVE
from providers.contracts import Usage


@dataclass(frozen=True, slots=True)
class Started:
    """A step that this worker began, with everything needed to run and end it.

    `mode` is submit for a new attempt, check for one whose `handle` its provider gave before, reconcile for one of
    which only the `token` is known. `stop_cause` is why its job is to end, if it is.
    """

    step_id: UUID
    attempt_no: int
    tries: int
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

    Wallets are locked in the order of workspaces, the live one first, so that two workers never wait for each other.
    """
    if not endings:
        return
    told: list[tuple[Any, ...]] = []
    with transaction.atomic():
        for ending in sorted(endings, key=lambda item: _lock_order(item.step)):
            told += _finish(ending, at)
    events.send(told, nudge=True)


def _lock_order(step: Started) -> tuple[UUID, bool, UUID, UUID]:
    """A workspace has two wallets, live before sandbox."""
    return step.workspace_id, step.sandbox, step.job_id, step.step_id


def _finish(ending: Ending, at: datetime) -> list[tuple[Any, ...]]:
    step, output = ending.step, _output(ending)
    fault = ending.fault.public() if ending.fault else None
    with connection.cursor() as cursor:
        cursor.execute(
            _FINISH,
            [
                step.step_id, step.attempt_no, ending.result, step.price, _json(output), _json(fault),
                _json(_attempt(ending)), ending.only_expired, at,
            ],
        )  # fmt: skip
        outcome, job_state, seq = cursor.fetchone()
    if outcome == "fenced":
        return []
    if ending.stored is not None:
        # After the compare-and-set: only the attempt that won adds rows.
        library.record(stored=ending.stored, caption=str(step.params.get("prompt", "")), model=step.model, at=at)
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


def _json(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


_FINISH = """
SELECT outcome, job_state, seq
FROM generation_finish(%s, %s, %s, %s, %s::jsonb, %s::jsonb, %s::jsonb, %s, %s)
"""
