"""Lines of waiting steps, one for each placement and lane: read from the tables by a leader, told through Redis.

What is told lives for some seconds and may be lost. Every statement here reads through an index, and no more rows than
stand at the front or began since.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import redis
from django.db import connection

from core import queueing

# Named anew when what is told takes another form: releases side by side do not read each other's.
SNAPSHOT, PLACES = "wm:outlook:2", "wm:outlook:2:places"
# As in sql/outlook.sql, where the limit must be a literal.
FRONT = 1000
_KEEP_SECONDS = 10

Line = tuple[str, str]


@dataclass(frozen=True, slots=True)
class LineView:
    """A placement and lane as last seen. `rate` is expected milliseconds of work begun each second.

    `busy` counts the steps in the slots that it may use, `running` its own. `ready` and `backlog_seconds` are of all
    that waits, at most some seconds older; `oldest_seconds` is of the front.
    `seen` has how true times compared with plain ones, for `bands.around`. `jain` is None while too few compete.
    """

    placement: str
    lane: str
    slots: int
    busy: int
    running: int
    rate: float
    mean_ms: float
    ready: int
    backlog_seconds: float
    oldest_seconds: float
    wait_p50: float | None
    wait_p90: float | None
    jain: float | None
    seen: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Began:
    """What one workspace got since the measure before: `cost` in slot-milliseconds, `waits` in seconds of its jobs."""

    line: Line
    workspace_id: UUID
    cost: float
    waits: Sequence[float]


@dataclass(frozen=True, slots=True)
class Place:
    """A job's place in its line: `position` 1 is next, `ahead_ms` is expected work before it."""

    line: Line
    position: int
    ahead_ms: int


@dataclass(frozen=True, slots=True)
class Row:
    """A waiting step at the front; `waits_to_start` while its job has not begun."""

    job_id: UUID
    workspace_id: UUID
    cost: int
    created_at: datetime
    waits_to_start: bool


def plain_ms(line: LineView, ahead_ms: float) -> float:
    """When a job with this work ahead starts if all goes as it does now; 0 while a slot is free for it."""
    if line.rate <= 0:
        return float("inf")
    free = line.slots - line.busy
    if free > 0 and ahead_ms < free * max(line.mean_ms, 1.0):
        return 0.0
    return (ahead_ms + line.mean_ms) / line.rate * 1000


def jain(got: Sequence[float]) -> float:
    """Jain's index: 1 when all got the same, 1/n when one got everything."""
    squares = sum(value * value for value in got)
    return sum(got) ** 2 / (len(got) * squares) if squares else 1.0


def places_of(front: Mapping[Line, Sequence[Row]]) -> dict[UUID, Place]:
    """Each job's place, by its first step in line."""
    found: dict[UUID, Place] = {}
    for line, rows in front.items():
        jobs: set[UUID] = set()
        ahead = 0
        for row in rows:
            if row.job_id not in jobs:
                jobs.add(row.job_id)
                found.setdefault(row.job_id, Place(line, len(jobs), ahead))
            ahead += row.cost
    return found


def tell(lines: Sequence[LineView], places: Mapping[UUID, Place], at: datetime) -> None:
    """Old places are replaced in one stroke, so that nobody reads half of each."""
    views = [{**asdict(line), "seen": {str(key): value for key, value in line.seen.items()}} for line in lines]
    pipe = queueing.client().pipeline(transaction=True)
    pipe.delete(PLACES)
    if places:
        pipe.hset(PLACES, mapping={
            job_id.hex: f"{place.line[0]}:{place.line[1]}:{place.position}:{place.ahead_ms}"
            for job_id, place in places.items()
        })  # fmt: skip
        pipe.expire(PLACES, _KEEP_SECONDS)
    pipe.set(SNAPSHOT, orjson.dumps({"at": at, "lines": views}), ex=_KEEP_SECONDS)
    pipe.execute()


def read(job_ids: Sequence[UUID]) -> tuple[dict[Line, LineView], dict[UUID, Place]] | None:
    """What a leader told lately, with the places of these jobs; None when nobody did or Redis is away."""
    try:
        pipe = queueing.client().pipeline(transaction=False)
        pipe.get(SNAPSHOT)
        if job_ids:
            pipe.hmget(PLACES, [job_id.hex for job_id in job_ids])
        raw, *found = pipe.execute()
    except (redis.RedisError, OSError):
        return None
    if raw is None:
        return None
    views = [_view(item) for item in orjson.loads(raw)["lines"]]
    places = zip(job_ids, found[0], strict=True) if found else ()
    return {(view.placement, view.lane): view for view in views}, {
        job_id: _place(bytes(text)) for job_id, text in places if text is not None
    }


def count_ahead(job_ids: Sequence[UUID]) -> dict[UUID, Place]:
    """Places of jobs that nobody told: counted in the index, a thousand steps at most for each."""
    found = _rows("SELECT * FROM generation_ahead(%(jobs)s)", {"jobs": list(job_ids)})
    return {
        job_id: Place((placement, lane), FRONT if steps >= FRONT else 1 + jobs, int(work))
        for job_id, placement, lane, steps, jobs, work in found
    }


def _view(item: dict[str, Any]) -> LineView:
    return LineView(**{**item, "seen": {int(key): value for key, value in item["seen"].items()}})


def _place(text: bytes) -> Place:
    placement, lane, position, ahead = text.decode().split(":")
    return Place((placement, lane), int(position), int(ahead))


def front() -> dict[Line, list[Row]]:
    """The first thousand steps of each line, in fair order."""
    found: dict[Line, list[Row]] = {}
    for placement, lane, *row in _rows("SELECT * FROM generation_front()", {}):
        found.setdefault((placement, lane), []).append(Row(*row))
    return found


def depths() -> dict[Line, tuple[int, float]]:
    """Steps that wait and seconds of their work, by line, of its first five thousand."""
    rows = _rows("SELECT * FROM generation_depth()", {})
    return {(placement, lane): (ready, int(work) / 1000) for placement, lane, ready, work in rows}


def busy() -> dict[Line, int]:
    """Steps under way, by line."""
    return {(placement, lane): count for placement, lane, count in _rows(_BUSY, {})}


def began(since: datetime, until: datetime) -> list[Began]:
    """What began in a time, by line and workspace."""
    rows = _rows(_BEGAN, {"since": since, "until": until})
    return [Began((place, lane), space, float(cost), waits or []) for place, lane, space, cost, waits in rows]


def outcomes(since: datetime) -> tuple[int, int]:
    """Of the attempts that began since then: how many ended, and how many of those failed by no fault of people."""
    ended, failed = _rows(_OUTCOMES, {"since": since})[0]
    return int(ended), int(failed)


def _rows(sql: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


_BUSY = """
SELECT placement, lane, count(*) FROM generation_step
WHERE state IN ('claimed', 'submitting', 'awaiting', 'collecting') GROUP BY placement, lane
"""
_BEGAN = """
SELECT s.placement, s.lane, j.workspace_id, sum(s.cost),
    array_agg(extract(epoch FROM j.started_at - j.created_at)::float) FILTER (WHERE j.started_at = a.started_at)
FROM generation_attempt a JOIN generation_step s ON s.id = a.step_id JOIN generation_job j ON j.id = s.job_id
WHERE a.started_at >= %(since)s AND a.started_at < %(until)s
GROUP BY s.placement, s.lane, j.workspace_id
"""
# A refused prompt or a wrong input is nobody's failure; a sandbox plays failures.
_OUTCOMES = """
SELECT count(*), count(*) FILTER (WHERE a.outcome IN ('failed', 'lost'))
FROM generation_attempt a JOIN generation_step s ON s.id = a.step_id JOIN generation_job j ON j.id = s.job_id
WHERE a.started_at >= %(since)s AND a.finished_at IS NOT NULL AND NOT j.sandbox
    AND a.error_code NOT IN ('content_refused', 'invalid_params')
"""
