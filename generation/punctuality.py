"""What the told times were worth. A sample of new jobs is told a band; when they start, it is judged and counted.

Experience of the last hours makes the next bands as wide as they must be, so the figure keeps itself near its goal.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Count, Sum

from generation.bands import Band
from generation.models import Expectation, Punctuality

GOAL = 0.8
_LEARN_FROM, _SHOW, _KEEP = timedelta(hours=2), timedelta(days=1), timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Told:
    """A waiting job and the first time to start that it was told."""

    job_id: UUID
    lane: str
    plain_ms: float
    band: Band


@dataclass(frozen=True, slots=True)
class Kept:
    """How a lane kept its word during the last day: `share` of `jobs` started inside their band; `late` are also those
    that ended unstarted after it."""

    lane: str
    jobs: int
    inside: int
    late: int

    @property
    def share(self) -> float | None:
        return self.inside / self.jobs if self.jobs else None


def expect(told: Sequence[Told], *, most: int, at: datetime) -> int:
    """Notes what was told, for jobs that were told nothing before; at most `most` of a lane wait to be judged."""
    if not told:
        return 0
    rows = Expectation.objects.values_list("lane").annotate(open=Count("job_id"))
    room = {lane: most - held for lane, held in rows}
    chosen = []
    # The last digits of an id are random: whoever is chosen, it is not those in front or those behind.
    for item in sorted(told, key=lambda item: item.job_id.bytes[::-1]):
        if room.get(item.lane, most) > 0:
            room[item.lane] = room.get(item.lane, most) - 1
            chosen.append(
                Expectation(
                    job_id=item.job_id, lane=item.lane, at=at, plain_ms=round(item.plain_ms),
                    least_ms=item.band.least_ms, p50_ms=item.band.p50_ms, p90_ms=item.band.p90_ms,
                )
            )  # fmt: skip
    return len(Expectation.objects.bulk_create(chosen, ignore_conflicts=True))


def drop(*, lanes: Collection[str]) -> None:
    """Forgets what was told in lanes that stand still: nobody could know."""
    if lanes:
        Expectation.objects.filter(lane__in=lanes).delete()


def score(*, at: datetime) -> None:
    """Judges the jobs that began since. What ended unbegun was late if its time was over, and else is forgotten."""
    with connection.cursor() as cursor:
        cursor.execute(_SCORE, {"at": at})


def forget_old(*, at: datetime) -> None:
    """Deletes counts that are older than a month."""
    Punctuality.objects.filter(hour__lt=at - _KEEP).delete()


def ratios(*, at: datetime) -> dict[str, dict[int, float]]:
    """Lately seen ratios of true over plain time, by lane, for `bands.around`."""
    found: dict[str, dict[int, float]] = {}
    rows = Punctuality.objects.filter(hour__gte=at - _LEARN_FROM).values_list("lane", "bucket")
    for lane, bucket, jobs in rows.annotate(sum=Sum("jobs")):
        found.setdefault(lane, {})[bucket] = float(jobs)
    return found


def kept(*, at: datetime) -> Mapping[str, Kept]:
    """The last day by lane."""
    rows = Punctuality.objects.filter(hour__gte=at - _SHOW).values_list("lane")
    sums = rows.annotate(a=Sum("jobs"), b=Sum("inside"), c=Sum("late")).order_by("lane")
    return {lane: Kept(lane, jobs, inside, late) for lane, jobs, inside, late in sums}


_SCORE = """
WITH over AS (
    DELETE FROM generation_expectation e
    USING generation_expectation x LEFT JOIN generation_job j ON j.id = x.job_id
    WHERE e.job_id = x.job_id AND (j.id IS NULL OR j.started_at IS NOT NULL OR j.completed_at IS NOT NULL)
    RETURNING e.lane, e.plain_ms, e.least_ms, e.p90_ms,
        greatest(extract(epoch FROM coalesce(j.started_at, j.completed_at) - e.at) * 1000, 0) AS true_ms,
        j.started_at IS NOT NULL AS began
)
INSERT INTO generation_punctuality AS p (hour, lane, bucket, jobs, inside, late)
SELECT date_trunc('hour', %(at)s::timestamptz, 'UTC'), lane,
    floor(4 * ln((true_ms + 1000) / (plain_ms + 1000)) / ln(2)), count(*),
    count(*) FILTER (WHERE true_ms BETWEEN least_ms AND p90_ms), count(*) FILTER (WHERE true_ms > p90_ms)
FROM over WHERE began OR true_ms > p90_ms GROUP BY 1, 2, 3
ON CONFLICT (hour, lane, bucket) DO UPDATE SET
    jobs = p.jobs + excluded.jobs, inside = p.inside + excluded.inside, late = p.late + excluded.late
"""
