"""How long a model takes, learned from its attempts of the last day, or week if that is too little.

Attempts are counted by the hour into a small table; nobody who asks reads them. Until there are enough of them, what
the catalogue file says stands.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from generation import bands
from generation.bands import Span
from generation.models import Pace
from providers import catalog

_FRESH_SECONDS = 60.0
_ENOUGH = 20
_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_KEEP = timedelta(days=8)
# An attempt is counted in the hour in which it began, however long it took: the longest are films.
_STILL_UNDER_WAY = timedelta(hours=3)
# A model that says nothing of itself.
_UNKNOWN_P50, _UNKNOWN_P95 = 5.0, 20.0
_SLOW_TIMES = 1.5


@dataclass(frozen=True, slots=True)
class Duration:
    """Seconds that an attempt takes; `attempts` is how many were seen, 0 for what the catalogue says."""

    p50: float
    p90: float
    p95: float
    attempts: int = 0

    @property
    def span(self) -> Span:
        return Span(self.p50, self.p90)


@dataclass(slots=True)
class _Copy:
    seen: Mapping[tuple[str, str], Duration] = field(default_factory=dict)
    read_at: float = float("-inf")


_copy = _Copy()


def of(*, model: str, lane: str, at: datetime) -> Duration:
    """How long an attempt of this model (without its pin) takes in this lane."""
    return _seen(at).get((model, lane)) or _declared(_latency(model))


def slow_after_seconds(*, model: str, lane: str, at: datetime) -> float:
    """After how long an attempt is slow: what the catalogue says, or half as long again as nearly all take."""
    said = _latency(model).get("soft_s")
    return float(said) if said is not None else _SLOW_TIMES * of(model=model, lane=lane, at=at).p95


def roll_up(*, at: datetime) -> int:
    """Counts the attempts that began in the last three to four hours, and forgets old ones. Gives rows written."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    since = hour - _STILL_UNDER_WAY
    with connection.cursor() as cursor:
        cursor.execute(_ROLL_UP, {"since": since})
        written = int(cursor.rowcount)
    Pace.objects.filter(hour__lt=at - _KEEP).delete()
    return written


def forget() -> None:
    """Makes the next reader of this process ask the database."""
    _copy.read_at = float("-inf")


def _seen(at: datetime) -> Mapping[tuple[str, str], Duration]:
    now = time.monotonic()
    if now - _copy.read_at >= _FRESH_SECONDS:
        _copy.seen, _copy.read_at = _read(at), now
    return _copy.seen


def _read(at: datetime) -> dict[tuple[str, str], Duration]:
    days: dict[tuple[str, str], dict[int, float]] = {}
    weeks: dict[tuple[str, str], dict[int, float]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_SUMS, [at - _DAY, at - _WEEK])
        for model, lane, number, of_day, of_week in cursor.fetchall():
            days.setdefault((model, lane), {})[number] = float(of_day or 0)
            weeks.setdefault((model, lane), {})[number] = float(of_week)
    found = {}
    for key, week in weeks.items():
        counts = days[key] if sum(days[key].values()) >= _ENOUGH else week
        if sum(counts.values()) >= _ENOUGH:
            p50, p90, p95 = ((bands.quantile(counts, share) or 0.0) / 1000 for share in (0.5, 0.9, 0.95))
            found[key] = Duration(p50, p90, p95, int(sum(counts.values())))
    return found


def _latency(model: str) -> Mapping[str, Any]:
    latency: Mapping[str, Any] = next(
        (card.revision.spec.get("latency", {}) for card in catalog.every() if card.revision.slug == model), {}
    )
    return latency


def _declared(latency: Mapping[str, Any]) -> Duration:
    p50 = float(latency.get("p50_s", _UNKNOWN_P50))
    p95 = float(latency.get("p95_s", max(_UNKNOWN_P95, 2 * p50)))
    return Duration(p50, p50 + 0.8 * (p95 - p50), p95)


# The sandbox plays delays and failures, so it teaches nothing. What is still under way is counted by a later run.
_ROLL_UP = """
INSERT INTO generation_pace (hour, model, lane, bucket, attempts)
SELECT date_trunc('hour', a.started_at, 'UTC'), split_part(j.model, '@', 1), s.lane,
    floor(4 * ln(greatest(extract(epoch FROM a.finished_at - a.started_at) * 1000, 1)) / ln(2)), count(*)
FROM generation_attempt a JOIN generation_step s ON s.id = a.step_id JOIN generation_job j ON j.id = s.job_id
WHERE a.started_at >= %(since)s AND a.outcome = 'done' AND NOT j.sandbox
GROUP BY 1, 2, 3, 4
ON CONFLICT (hour, model, lane, bucket) DO UPDATE SET attempts = excluded.attempts
"""
_SUMS = """
SELECT model, lane, bucket, sum(attempts) FILTER (WHERE hour >= %s), sum(attempts) FROM generation_pace
WHERE hour >= %s GROUP BY model, lane, bucket
"""
