"""Times as counts in buckets of equal ratio: they add up by the hour, and their quantiles are read from the sums.

Four buckets for each doubling: a quantile is known to about a tenth of itself.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

_PER_DOUBLING = 4
_LEAST = 1e-3
# Starting sooner than told is the kinder mistake, so less of it is left outside.
LOW, MIDDLE, HIGH = 0.05, 0.5, 0.9
# What is believed of true over plain time before anything was seen; counts for about twenty jobs.
_PRIOR = {-4: 1.0, -3: 2.0, -2: 3.0, -1: 4.0, 0: 4.0, 1: 3.0, 2: 2.0, 3: 1.0}
# A second is less than people notice and about what a look at the queue may be late: ratios are taken beyond it.
_GRAIN_MS = 1000


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds: half of the cases are over by `p50`, nine of ten by `p90`."""

    p50: float
    p90: float

    def plus(self, later: "Span") -> "Span":
        """One after the other. Rather wide: it takes both to be late together."""
        return Span(self.p50 + later.p50, self.p90 + later.p90)


@dataclass(frozen=True, slots=True)
class Band:
    """When a job is told to start, in milliseconds from now."""

    least_ms: int
    p50_ms: int
    p90_ms: int

    @property
    def span(self) -> Span:
        return Span(self.p50_ms / 1000, self.p90_ms / 1000)


def bucket(value: float) -> int:
    """Where a positive number is counted."""
    return math.floor(_PER_DOUBLING * math.log2(max(value, _LEAST)))


def quantile(counts: Mapping[int, float], share: float) -> float | None:
    """The value below which `share` of what was counted lies; None when nothing was."""
    total = sum(counts.values())
    if total <= 0:
        return None
    left = share * total
    for number in sorted(counts):
        inside = counts[number]
        if inside and left <= inside:
            return float(2 ** ((number + left / inside) / _PER_DOUBLING))
        left -= inside
    return float(2 ** ((max(counts) + 1) / _PER_DOUBLING))


def ratio_bucket(*, true_ms: float, plain_ms: float) -> int:
    """Where the experience of one start is counted."""
    return bucket((max(true_ms, 0) + _GRAIN_MS) / (plain_ms + _GRAIN_MS))


def around(plain_ms: float, seen: Mapping[int, float]) -> Band:
    """The band of a plain time, as wide as `seen` ratios were; the less was seen, the more of a belief is in it."""
    mixed = {number: _PRIOR.get(number, 0.0) + seen.get(number, 0.0) for number in {*_PRIOR, *seen}}
    low, middle, high = (quantile(mixed, share) or 1.0 for share in (LOW, MIDDLE, HIGH))
    return Band(*(max(0, round((plain_ms + _GRAIN_MS) * ratio) - _GRAIN_MS) for ratio in (low, middle, high)))
