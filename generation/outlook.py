"""What a waiting or running job may expect: its place, when it begins, when it is done, or why nobody can say.

Reads what the leading conductor told through Redis; without it, places are counted in the index and times are left out.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.conf import settings

from generation import bands, lines, pace, service, state
from generation.bands import Span
from generation.lines import FRONT, Line, LineView, Place
from generation.selectors import JobView

# Why a job waits or why no time is said; public, see docs/api.md.
PAUSED, OWN_LIMIT, PROVIDER_BUSY, NO_WORKERS, UNKNOWN, SLOW = (
    "paused", "own_limit", "provider_busy", "no_workers", "unknown", "slow",
)  # fmt: skip
# The state of a step that waits behind its own workspace's limit of running jobs.
_BEHIND_OWN_LIMIT = "queued"
_BEGINS_NOW = Span(0.0, 1.0)
# A count without a leader is as old as this at most, however many ask.
_FRESH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """`position` 1 is next, `FRONT` means that or further back; spans are seconds from now.

    `slow_until` is set once a job takes longer than nearly all do: the time at which it ends by itself, refunded.
    """

    position: int | None = None
    starts: Span | None = None
    ends: Span | None = None
    reason: str | None = None
    slow_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class LaneView:
    """A lane for everybody: steps that wait, seconds of work for each slot, and how long starts took lately."""

    lane: str
    depth: int
    backlog_seconds: float
    oldest_seconds: float
    waits: Span | None
    jain: float | None
    paused: bool
    workers: bool


@dataclass(slots=True)
class _Copy:
    lines: list[LineView] = field(default_factory=list)
    read_at: float = float("-inf")


_copy = _Copy()


def of(jobs: Sequence[JobView], *, at: datetime) -> dict[UUID, Outlook]:
    """The outlook of those that wait or run. One round trip to Redis, and at most three statements.

    A job waits while no attempt of it is under way, whether it began before or not, and is told by where its steps are.
    """
    live = [job for job in jobs if job.state in (state.QUEUED, state.RUNNING)]
    if not live:
        return {}
    waiting = [job for job in live if not job.is_under_way]
    told = lines.read([job.id for job in waiting])
    views, places = told if told is not None else ({}, {})
    lost = [job.id for job in waiting if job.id not in places and _is_ready(job)]
    if lost:
        places = {**places, **lines.count_ahead(lost)}
    paused = service.paused_lanes()
    return {
        job.id: _running(job, views, at) if job.is_under_way else _waiting(job, views, places.get(job.id), paused, at)
        for job in live
    }


def lanes(*, at: datetime) -> list[LaneView]:
    """Every lane, the busiest of its lines speaking for it. Without a leader depths are counted and times left out."""
    views = lines_now()
    paused = service.paused_lanes()
    return [
        _lane(name, [view for view in views if view.lane == name], name in paused)
        for name in settings.GENERATION_LANE_SHARES
    ]


def lines_now() -> list[LineView]:
    """What the leader told of each line with anything in it. Without one what is there is counted, up to five thousand
    steps of each, at most every five seconds."""
    told = lines.read(())
    if told is not None:
        return list(told[0].values())
    now = time.monotonic()
    if now - _copy.read_at >= _FRESH_SECONDS:
        _copy.lines, _copy.read_at = _counted(), now
    return _copy.lines


def forget() -> None:
    """Makes the next reader of this process count anew."""
    _copy.read_at = float("-inf")


def _waiting(
    job: JobView, views: Mapping[Line, LineView], place: Place | None, paused: frozenset[str], at: datetime
) -> Outlook:
    position = min(place.position, FRONT) if place else None
    reason = PAUSED if job.lane in paused else _held_back(job)
    if reason is not None:
        return Outlook(position=position, reason=reason)
    if place is None:
        return _claimed(job, views, at)
    view = views.get(place.line)
    if view is None:
        return Outlook(position=position, reason=UNKNOWN)
    if not view.slots:
        return Outlook(position=position, reason=NO_WORKERS)
    goes_on = bands.around(lines.plain_ms(view, place.ahead_ms), view.seen).span
    return _told(job, position, goes_on, _run(job, view, at))


def _claimed(job: JobView, views: Mapping[Line, LineView], at: datetime) -> Outlook:
    """Its message is on the way to a worker: it begins now, or with the first slot that is free again."""
    view = _lane_of(job, views)
    goes_on = _BEGINS_NOW
    if view is not None and view.busy > view.slots > 0:
        goes_on = bands.around(lines.plain_ms(view, 0), view.seen).span
    return _told(job, 1, goes_on, _run(job, view, at))


def _told(job: JobView, position: int | None, goes_on: Span, run: Span) -> Outlook:
    """What has started starts no more, though it waits again."""
    starts = goes_on if job.started_at is None else None
    return Outlook(position=position, starts=starts, ends=goes_on.plus(run))


def _running(job: JobView, views: Mapping[Line, LineView], at: datetime) -> Outlook:
    if any(step.state == state.STEP_PARKED for step in job.steps):
        return Outlook(reason=PROVIDER_BUSY)
    view = _lane_of(job, views)
    # What ran before is done, and what waited since was not slow.
    gone = (at - min(step.since for step in job.steps if step.since is not None)).total_seconds()
    whole = _run(job, view, at)
    rounds = _rounds(job, view)
    slow = rounds * pace.slow_after_seconds(model=_slug(job), lane=job.lane, at=at)
    if gone > slow:
        return Outlook(reason=SLOW, slow_until=job.deadline_at)
    return Outlook(ends=Span(max(0.0, whole.p50 - gone), max(1.0, whole.p90 - gone)))


def _run(job: JobView, view: LineView | None, at: datetime) -> Span:
    took, rounds = pace.of(model=_slug(job), lane=job.lane, at=at), _rounds(job, view)
    return Span(took.p50 * rounds, took.p90 * rounds)


def _rounds(job: JobView, view: LineView | None) -> int:
    """How many times its steps that are left have to take turns on the slots of its lane."""
    slots = max(1, view.slots) if view is not None else 1
    left = sum(1 for step in job.steps if step.state not in state.STEP_ENDED)
    return max(1, math.ceil(left / slots))


def _held_back(job: JobView) -> str | None:
    states = {step.state for step in job.steps}
    if states & {state.STEP_READY, *state.STEP_LEASED}:
        return None
    if _BEHIND_OWN_LIMIT in states:
        return OWN_LIMIT
    return PROVIDER_BUSY if state.STEP_PARKED in states else UNKNOWN


def _lane_of(job: JobView, views: Mapping[Line, LineView]) -> LineView | None:
    return next((view for (_, lane), view in views.items() if lane == job.lane), None)


def _is_ready(job: JobView) -> bool:
    return any(step.state == state.STEP_READY for step in job.steps)


def _slug(job: JobView) -> str:
    return job.model.partition("@")[0]


def _counted() -> list[LineView]:
    depths, busy = lines.depths(), lines.busy()
    found = sorted({line for line, (ready, _) in depths.items() if ready} | busy.keys())
    return [
        LineView(
            placement=line[0], lane=line[1], slots=0, busy=busy.get(line, 0), running=busy.get(line, 0), rate=0.0,
            mean_ms=0.0, ready=depths.get(line, (0, 0.0))[0], backlog_seconds=depths.get(line, (0, 0.0))[1],
            oldest_seconds=0.0, wait_p50=None, wait_p90=None, jain=None, seen={},
        )
        for line in found
    ]  # fmt: skip


def _lane(name: str, views: Sequence[LineView], paused: bool) -> LaneView:  # noqa: FBT001
    busiest = max(views, key=lambda view: view.backlog_seconds, default=None)
    waits = None
    if busiest is not None and busiest.wait_p50 is not None and busiest.wait_p90 is not None:
        waits = Span(busiest.wait_p50, busiest.wait_p90)
    return LaneView(
        lane=name, depth=sum(view.ready for view in views),
        backlog_seconds=sum(view.backlog_seconds for view in views),
        oldest_seconds=max((view.oldest_seconds for view in views), default=0.0), waits=waits,
        jain=min((view.jain for view in views if view.jain is not None), default=None), paused=paused,
        workers=all(view.slots > 0 for view in views),
    )  # fmt: skip
