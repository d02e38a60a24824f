"""Providers' invoices, to be compared with our own books. Amounts are read as decimals and never as floats."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, DecimalException

from django.db import transaction

from core.errors import FieldsRejected
from providers import registry
from providers.models import InvoiceLine

_COLUMNS = ("month", "model", "usd")
_MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class Billed:
    """A line of an invoice; an empty model is all of them together."""

    kind: str
    month: date
    model: str
    usd_micros: int


@transaction.atomic
def load(*, kind: str, lines: Iterable[str], source: str, at: datetime) -> int:
    """Reads a CSV with the columns month (2026-11), model and usd; a line that was read before is replaced. Gives how
    many there are. Raises FieldsRejected, and then nothing is kept."""
    if kind not in registry.kinds():
        raise FieldsRejected([{"field": "kind", "reason": f"must be one of: {', '.join(registry.kinds())}"}])
    found = list(_read(kind, lines))
    for line in found:
        InvoiceLine.objects.update_or_create(
            kind=kind, month=line.month, model=line.model,
            defaults={"usd_micros": line.usd_micros, "source": source[:120], "imported_at": at},
        )  # fmt: skip
    return len(found)


def of_month(month: date) -> list[Billed]:
    """What was billed for a month, by the first day of it."""
    rows = InvoiceLine.objects.filter(month=month).order_by("kind", "model")
    return [Billed(row.kind, row.month, row.model, row.usd_micros) for row in rows]


def _read(kind: str, lines: Iterable[str]) -> Iterator[Billed]:
    table = csv.DictReader(lines)
    if missing := [name for name in _COLUMNS if name not in (table.fieldnames or ())]:
        raise FieldsRejected([{"field": name, "reason": "is no column of the file"} for name in missing])
    seen: set[tuple[date, str]] = set()
    for number, row in enumerate(table, start=2):
        line = Billed(kind, _month(row["month"], number), (row["model"] or "").strip(), _usd_micros(row["usd"], number))
        if (line.month, line.model) in seen:
            raise FieldsRejected([{"field": "model", "reason": f"line {number}: there is one for it already"}])
        seen.add((line.month, line.model))
        yield line


def _month(text: str | None, number: int) -> date:
    try:
        return datetime.strptime((text or "").strip(), "%Y-%m").date()
    except ValueError as exc:
        raise FieldsRejected([{"field": "month", "reason": f"line {number}: a month looks like 2026-11"}]) from exc


def _usd_micros(text: str | None, number: int) -> int:
    try:
        amount = Decimal((text or "").strip()) * _MICROS
    except DecimalException as exc:
        raise FieldsRejected([{"field": "usd", "reason": f"line {number}: an amount looks like 12.50"}]) from exc
    if not amount.is_finite() or amount < 0 or amount != amount.to_integral_value():
        raise FieldsRejected([{"field": "usd", "reason": f"line {number}: not an amount of up to six decimals"}])
    return int(amount)
