"""What was used, in the raw units of the models. What it cost us is not told here."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from accounts import api_keys, workspaces
from core.errors import FieldsRejected
from credits.models import UsageRecord

GroupBy = Literal["model", "pipeline", "key", "member", "day"]
GROUPS: tuple[GroupBy, ...] = ("model", "pipeline", "key", "member", "day")
MOST_DAYS = 92
USUAL_DAYS = 30
_COLUMNS: Mapping[str, str] = {"model": "model", "pipeline": "pipeline", "key": "key_id", "member": "member_id",
                               "day": "day"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Period:
    """Whole UTC days, both ends included."""

    first: date
    last: date

    @property
    def since(self) -> datetime:
        return datetime.combine(self.first, time.min, UTC)

    @property
    def until(self) -> datetime:
        """The first moment that is no longer in it."""
        return datetime.combine(self.last + timedelta(days=1), time.min, UTC)

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]


@dataclass(frozen=True, slots=True)
class Amount:
    """A quantity in a model's own unit: images, seconds, tokens."""

    unit: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Row:
    """One group. `value` is what its records have in common, None for a session's own or what names nobody; `count` is
    of the steps that were delivered, `credits` what they were captured for, before any refund.
    """

    value: Any
    label: str
    credits: int
    count: int
    units: list[Amount]


@dataclass(frozen=True, slots=True)
class Day:
    """A day's credits by model."""

    day: date
    by_model: dict[str, int] = field(default_factory=dict)


def read_period(*, first: str, last: str, today: date) -> Period:
    """`from` and `to` as days like 2026-11-25; the last thirty days if left out. At most 92 days."""
    end = _day("to", last) or today
    begin = _day("from", first) or end - timedelta(days=USUAL_DAYS - 1)
    if begin > end:
        raise FieldsRejected([{"field": "from", "reason": "must not be after to"}])
    if (end - begin).days >= MOST_DAYS:
        raise FieldsRejected([{"field": "from", "reason": f"must be at most {MOST_DAYS} days before to"}])
    return Period(begin, end)


def grouped(*, workspace_id: UUID, sandbox: bool, period: Period, group_by: GroupBy) -> list[Row]:
    """Usage by one thing: days in order, the rest by credits, the most first."""
    found: dict[Any, Row] = {}
    for value, unit, quantity, credits, count in _sums(_of(workspace_id, sandbox, period), _COLUMNS[group_by]):
        found[value] = _add(found.get(value), value, unit, quantity, credits, count)
    labels = _labels(group_by, workspace_id, list(found))
    rows = [replace(row, label=labels[row.value]) for row in found.values()]
    return sorted(rows, key=lambda row: row.value) if group_by == "day" else _ranked(rows)


def daily(*, workspace_id: UUID, sandbox: bool, period: Period) -> tuple[list[Day], list[Row]]:
    """Each day of the period with the credits of each model, and the models as `grouped` gives them."""
    days = {day: Day(day) for day in period.days}
    models: dict[Any, Row] = {}
    sums = _by_day(_of(workspace_id, sandbox, period)).values_list("day", "model", "unit").annotate(
        used=Sum("quantity"), paid=Sum("credits"), many=Count("id")
    ).order_by("unit")  # fmt: skip
    for day, model, unit, quantity, credits, count in sums:
        days[day].by_model[model] = days[day].by_model.get(model, 0) + credits
        models[model] = _add(models.get(model), model, unit, quantity, credits, count)
    return list(days.values()), _ranked(models.values())


def records(
    *, workspace_id: UUID, sandbox: bool, period: Period, after: tuple[datetime, int] | None, limit: int
) -> Sequence[UsageRecord]:
    """Up to `limit` records after the one with this time and number, oldest first."""
    rows = _of(workspace_id, sandbox, period)
    if after is not None:
        at, number = after
        rows = rows.filter(at__gte=at).exclude(at=at, id__lte=number)
    return list(rows.order_by("at", "id").defer("cost_usd_micros", "cost_source")[:limit])


def plain(quantity: Decimal) -> str:
    """A quantity without the zeros that its column gives it: 4, 2.5."""
    text = f"{quantity:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _of(workspace_id: UUID, sandbox: bool, period: Period) -> QuerySet[UsageRecord]:  # noqa: FBT001 - a column
    # A failed step that only cost us something is not what somebody used.
    return UsageRecord.objects.filter(
        Q(quantity__gt=0) | Q(credits__gt=0), workspace_id=workspace_id, sandbox=sandbox, at__gte=period.since,
        at__lt=period.until,
    )  # fmt: skip


def _by_day(rows: QuerySet[UsageRecord]) -> Any:
    return rows.annotate(day=TruncDate("at", tzinfo=UTC))


def _sums(rows: Any, column: str) -> Iterator[tuple[Any, str, Decimal, int, int]]:
    if column == "day":
        rows = _by_day(rows)
    grouped = rows.values_list(column, "unit").annotate(
        used=Sum("quantity"), paid=Sum("credits"), many=Count("id")
    ).order_by(F(column).asc(nulls_first=True), "unit")  # fmt: skip
    yield from grouped


def _add(row: Row | None, value: Any, unit: str, quantity: Decimal, credits: int, count: int) -> Row:
    row = row or Row(value, str(value), 0, 0, [])
    amounts = {used.unit: used.quantity for used in row.units}
    amounts[unit] = amounts.get(unit, Decimal(0)) + quantity
    units = [Amount(name, total) for name, total in amounts.items()]
    return Row(value, row.label, row.credits + credits, row.count + count, units)


def _ranked(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (-row.credits, -row.count, row.label))


def _labels(group_by: str, workspace_id: UUID, values: Sequence[Any]) -> Mapping[Any, str]:
    if group_by == "key":
        names = api_keys.names(workspace_id=workspace_id)
        return {value: names.get(value, "A former key") if value else "On the site" for value in values}
    if group_by == "member":
        people = workspaces.member_names(workspace_id=workspace_id)
        return {value: people.get(value, "A former member") if value else "Nobody" for value in values}
    return {value: str(value) for value in values}


def _day(name: str, raw: str) -> date | None:
    if not raw:
        return None
    try:
        if len(raw) != len("2026-11-25") or not raw.isascii():
            raise ValueError(raw)
        found = date.fromisoformat(raw)
    except ValueError as exc:
        raise FieldsRejected([{"field": name, "reason": "must be a day like 2026-11-25"}]) from exc
    if not 2000 <= found.year <= 9000:
        raise FieldsRejected([{"field": name, "reason": "must be a day from 2000 to 9000"}])
    return found
