"""Usage as stacked bars, one for each day, in numbers that an SVG takes as they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from credits.usage import Day

HEIGHT = 1_000
_STEP, _GAP = 20, 4
# More colours than this cannot be told apart; the rest is one.
_MOST_SERIES = 3
OTHERS = "Other models"


@dataclass(frozen=True, slots=True)
class Segment:
    """A model's part of a bar. `series` numbers its colour from 1."""

    x: int
    y: int
    width: int
    height: int
    series: int


@dataclass(frozen=True, slots=True)
class Chart:
    """`models` are the series in order; `rows` the same figures as a table; `most` is the highest day."""

    width: int
    height: int
    segments: list[Segment]
    models: list[str]
    rows: list[tuple[date, list[int], int]]
    total: int
    most: int
    most_on: date

    @property
    def used_rows(self) -> list[tuple[date, list[int], int]]:
        """Days on which something was used, the latest first."""
        return [row for row in reversed(self.rows) if row[2]]


def draw(days: Sequence[Day]) -> Chart | None:
    """The chart of these days, or None when nothing was used in them."""
    sums: dict[str, int] = {}
    for day in days:
        for model, credits in day.by_model.items():
            sums[model] = sums.get(model, 0) + credits
    total = sum(sums.values())
    if total == 0:
        return None
    ranked = sorted((model for model in sums if sums[model]), key=lambda model: (-sums[model], model))
    # A fourth model keeps its name when it is the last; from a fifth on they share one.
    named = ranked if len(ranked) <= _MOST_SERIES + 1 else ranked[:_MOST_SERIES]
    series = named if len(named) == len(ranked) else [*named, OTHERS]
    rows = [(day.day, _split(day, named, len(series)), sum(day.by_model.values())) for day in days]
    most_on, _, most = max(rows, key=lambda row: row[2])
    segments = [segment for number, row in enumerate(rows) for segment in _bar(number, row[1], most)]
    return Chart(len(rows) * _STEP, HEIGHT, segments, series, rows, total, most, most_on)


def _split(day: Day, named: Sequence[str], series: int) -> list[int]:
    figures = [day.by_model.get(model, 0) for model in named]
    if len(named) < series:
        figures.append(sum(day.by_model.values()) - sum(figures))
    return figures


def _bar(number: int, figures: Sequence[int], most: int) -> list[Segment]:
    parts = []
    sum_below = bottom = 0
    for series, figure in enumerate(figures, start=1):
        sum_below += figure
        top = HEIGHT * sum_below // most
        if figure:
            parts.append(Segment(number * _STEP + _GAP // 2, HEIGHT - top, _STEP - _GAP, top - bottom, series))
        bottom = top
    return parts
