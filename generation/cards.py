"""A job as a card of the studio: what it shows in each state, in the words that people read."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.contrib.humanize.templatetags.humanize import ordinal

from assets import selectors as assets
from assets.selectors import AssetView
from core.ids import to_public
from generation import outlook, state
from generation.bands import Span
from generation.lines import FRONT
from generation.outlook import Outlook
from generation.pipelines import image
from generation.selectors import JobView
from providers import catalog

_LABELS = {
    state.QUEUED: ("active", "Queued"), state.RUNNING: ("active", "Generating"),
    state.CANCELING: ("neutral", "Canceling"), state.RECONCILING: ("warning", "Checking"),
    state.SUCCEEDED: ("success", "Done"), state.PARTIALLY_SUCCEEDED: ("warning", "Partly done"),
    state.FAILED: ("danger", "Failed"), state.CANCELED: ("neutral", "Canceled"),
    state.ABORTED: ("neutral", "Not started"), state.BLOCKED: ("danger", "Blocked"),
    state.EXPIRED: ("neutral", "Expired"),
}  # fmt: skip

_WAITS = {
    outlook.PAUSED: "The queue is paused", outlook.OWN_LIMIT: "Waits for your running jobs",
    outlook.PROVIDER_BUSY: "The provider is busy; it is tried again soon",
    outlook.NO_WORKERS: "Waits for a worker to come online",
}  # fmt: skip
_AT_ONCE_SECONDS, _WORTH_SAYING_SECONDS = 3, 5
_MINUTE_FROM_SECONDS, _HOUR_FROM_SECONDS = 100, 5400


@dataclass(frozen=True, slots=True)
class Slot:
    """One ordered picture: pending, running, succeeded, failed, or trashed by its owner since."""

    index: int
    status: str
    asset_url: str
    thumb_url: str
    alt: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class JobCard:
    """Everything a card needs; `tone` colours it."""

    id: str
    status: str
    tone: str
    state_label: str
    stage_label: str
    is_live: bool
    percent: int
    prompt: str
    asked: int
    width: int
    height: int
    model_name: str
    procedural: bool
    charge_label: str
    cause: str
    money_note: str
    queue_note: str
    slow_until: datetime | None
    created_at: datetime
    can_cancel: bool
    can_retry: bool
    retry_key: str
    retry_label: str
    seq: int
    has_place: bool
    slots: Sequence[Slot]


def cards(jobs: Sequence[JobView], *, at: datetime) -> list[JobCard]:
    """Cards of several jobs, with their pictures, in two statements."""
    done = [job.id for job in jobs if any(output["asset"] for output in job.outputs)]
    files = assets.of_sources(source_ids=done, at=at) if done else {}
    models = {card.revision.slug: card.revision for card in catalog.every()}
    expected = outlook.of(jobs, at=at)
    return [_card(job, files, models, expected.get(job.id, Outlook())) for job in jobs]


def _card(
    job: JobView, files: Mapping[tuple[UUID, int], AssetView], models: Mapping[str, Any], expected: Outlook
) -> JobCard:
    tone, label = _label(job, expected)
    width, height = image.size_of(job.input)
    known = models.get(job.model.partition("@")[0])
    error = job.error or {}
    return JobCard(
        id=to_public("gen", job.id), status=job.state, tone=tone, state_label=label, stage_label=_stage(job, expected),
        is_live=job.is_live, percent=round(job.progress * 100), prompt=str(job.input.get("prompt", "")),
        asked=job.asked, width=width, height=height, model_name=known.name if known else job.model,
        procedural=bool(known and known.procedural), charge_label=_charge(job), cause=str(error.get("message", "")),
        money_note=_money(job), queue_note=_queue(job, expected), slow_until=expected.slow_until,
        created_at=job.created_at, can_cancel=job.state in state.CANCELABLE,
        can_retry=job.state in state.RETRYABLE, seq=job.seq, retry_key=str(uuid4()),
        retry_label=f"Try again · {_credits(job.quoted)}",
        has_place=job.is_live and job.place == state.PLACE_HELD,
        slots=[_slot(job, index, width, height, files) for index in range(job.asked)],
    )  # fmt: skip


def _slot(job: JobView, index: int, width: int, height: int, files: Mapping[tuple[UUID, int], AssetView]) -> Slot:
    found = files.get((job.id, index))
    outcome = next((output["status"] for output in job.outputs if output["index"] == index), None)
    prompt = str(job.input.get("prompt", ""))
    if found is not None:
        return Slot(index, "succeeded", f"/gallery/{to_public('ast', found.id)}", found.urls.get("thumb", ""), prompt,
                    found.width, found.height)  # fmt: skip
    if outcome == "succeeded" and not job.is_live:
        return Slot(index, "trashed", "", "", prompt, width, height)
    if outcome is not None or not job.is_live:
        return Slot(index, "failed", "", "", prompt, width, height)
    at_work = job.state == state.RUNNING and job.is_under_way
    return Slot(index, "running" if at_work else "pending", "", "", prompt, width, height)


def _label(job: JobView, expected: Outlook) -> tuple[str, str]:
    if expected.slow_until:
        return "warning", "Slow"
    if job.state == state.RUNNING and not job.is_under_way:
        return "active", "Waiting"
    return _LABELS[job.state]


def _stage(job: JobView, expected: Outlook) -> str:
    if job.state == state.QUEUED:
        return _waits(expected)
    if job.state == state.RUNNING:
        done = sum(1 for output in job.outputs if output["status"] == "succeeded")
        ready = f"{done} of {job.asked} ready" if job.asked > 1 and done else ""
        if job.is_under_way:
            return ready or "Drawing"
        return f"{ready}. {_waits(expected)}" if ready else _waits(expected)
    return {state.CANCELING: "Stopping the work", state.RECONCILING: "Asking the provider what became of it"}.get(
        job.state, ""
    )


def _waits(expected: Outlook) -> str:
    return _WAITS.get(expected.reason or "") or _place(expected.position)


def _place(position: int | None) -> str:
    if position is None:
        return "Waiting for a free worker"
    if position >= FRONT:
        return "1000+ in line"
    return "Next in line" if position == 1 else f"{ordinal(position)} in line"


def _queue(job: JobView, expected: Outlook) -> str:
    """When it begins, or when it is done, as far as anybody can say."""
    if expected.slow_until is not None:
        return "This takes longer than usual."
    if expected.starts is not None:
        if expected.starts.p90 <= _AT_ONCE_SECONDS:
            return "Starts in a moment"
        return f"Starts in about {_span(expected.starts)}"
    if job.state == state.RUNNING and expected.ends is not None and expected.ends.p90 >= _WORTH_SAYING_SECONDS:
        return f"Ready in about {_span(expected.ends)}"
    return ""


def _span(span: Span) -> str:
    """Such as `10-25 s` or `2 min`: two ends that differ by little are one."""
    unit, size = ("s", 5) if span.p90 < _MINUTE_FROM_SECONDS else ("min", 60)
    if span.p90 >= _HOUR_FROM_SECONDS:
        unit, size = "h", 3600
    near, far = math.ceil(span.p50 / size), max(1, math.ceil(span.p90 / size))
    near, far = (near * size, far * size) if unit == "s" else (near, far)
    return f"{far} {unit}" if near in (0, far) else f"{near}\N{EN DASH}{far} {unit}"


def _charge(job: JobView) -> str:
    if job.is_live:
        return f"{_credits(job.quoted)} held"
    if job.captured:
        return _credits(job.captured)
    return f"{_credits(job.released)} returned"


def _money(job: JobView) -> str:
    if job.is_live or not job.released:
        return ""
    if job.captured:
        return f"{_credits(job.captured)} charged, {_credits(job.released)} came back to your wallet."
    return f"{_credits(job.released)} came back to your wallet. Nothing was charged."


def _credits(amount: int) -> str:
    return "1 credit" if amount == 1 else f"{amount} credits"
