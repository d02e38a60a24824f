"""What providers took in a month, by our books and by their invoices, model by model."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime

from generation import selectors as jobs
from providers import catalog, invoices

# Beyond this our books and an invoice do not tell the same.
_APART = 0.15


@dataclass(frozen=True, slots=True)
class CostRow:
    """A model's month in micro-dollars. `estimated` is the share of ours for which the provider gave no evidence;
    `billed` is None where no invoice was read."""

    kind: str
    model: str
    calls: int
    ours_usd_micros: int
    estimated: float
    billed_usd_micros: int | None

    @property
    def variance(self) -> float | None:
        """How much more the provider billed than we booked, of what we booked."""
        if self.billed_usd_micros is None or not self.ours_usd_micros:
            return None
        return self.billed_usd_micros / self.ours_usd_micros - 1

    @property
    def is_apart(self) -> bool:
        """Whether an operator should look: the two are apart, or one of them knows of nothing."""
        if self.billed_usd_micros is None:
            return False
        if self.variance is None:
            return self.billed_usd_micros > 0
        return abs(self.variance) > _APART


def report(*, month: date) -> list[CostRow]:
    """Every model that was used or billed in a month, the dearest first. A provider's bill in all stands beside the sum
    of its models, under an empty name, if it has one."""
    since = datetime(month.year, month.month, 1, tzinfo=UTC)
    until = datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)
    kinds = {card.revision.slug: card.revision.adapter for card in catalog.every()}
    ours: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for slug, calls, micros, unproved in jobs.costs(since=since, until=until):
        for key in ((kinds.get(slug, ""), slug), (kinds.get(slug, ""), "")):
            ours[key] = [before + more for before, more in zip(ours[key], (calls, micros, unproved), strict=True)]
    billed = {(line.kind, line.model): line.usd_micros for line in invoices.of_month(month)}
    keys = {key for key in ours if key[1]} | set(billed)
    rows = [_row(key, ours[key], billed.get(key)) for key in keys]
    return sorted(rows, key=lambda row: (-row.ours_usd_micros, row.kind, row.model))


def _row(key: tuple[str, str], ours: list[int], billed: int | None) -> CostRow:
    calls, micros, unproved = ours
    return CostRow(*key, calls, micros, unproved / micros if micros else 0.0, billed)
