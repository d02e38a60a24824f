"""What something costs before it runs. Whole credits; a quote is a ceiling that capture never exceeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from django.conf import settings

from core.ids import uuid7
from credits.errors import QuoteExpired
from credits.models import Quote

_REMEMBERED = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Line:
    """What one step costs: `quantity` of `unit` at `credits_each` on the rate card, for `credits` in all.

    `credits` is whole, rounded once, and may be more than the product by the price's expression or minimum.
    `cost_usd_micros` is what the provider is expected to charge us for it.
    """

    step: str
    label: str
    unit: str
    quantity: Decimal
    credits_each: Decimal
    credits: int
    cost_usd_micros: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """A promised price."""

    id: UUID
    lines: tuple[Line, ...]
    total: int
    expires_at: datetime


def offer(*, workspace_id: UUID, request_hash: str, lines: tuple[Line, ...], at: datetime) -> Offer:
    """Stores a price for an input; it holds until it expires."""
    row = Quote.objects.create(
        id=uuid7(), workspace_id=workspace_id, request_hash=request_hash, lines=[_stored(line) for line in lines],
        total=total(lines), created_at=at, expires_at=at + timedelta(seconds=settings.CREDITS_QUOTE_TTL_SECONDS),
    )  # fmt: skip
    return Offer(row.id, lines, row.total, row.expires_at)


def honour(*, workspace_id: UUID, quote_id: UUID, request_hash: str, at: datetime) -> tuple[Line, ...]:
    """The lines promised for this very input, or QuoteExpired."""
    row = Quote.objects.filter(id=quote_id, workspace_id=workspace_id).first()
    if row is None or row.expires_at <= at or row.request_hash != request_hash:
        raise QuoteExpired
    # Before there was a rate card, a quote had one line for all steps: it cannot be divided any more.
    if any("step" not in line for line in row.lines):
        raise QuoteExpired
    return tuple(_read(line) for line in row.lines)


def part_of(line: Line, *, percent: int) -> Line:
    """The line of work that its workspace's own provider bills: a part of the price, at least a credit."""
    share = Decimal(percent) / 100
    credits = int((line.credits * share).to_integral_value(ROUND_HALF_UP))
    return replace(
        line, label=f"{line.label}, your own connection", credits_each=line.credits_each * share,
        credits=max(1, credits), cost_usd_micros=0,
    )  # fmt: skip


def total(lines: Sequence[Line]) -> int:
    """The sum of all lines in credits."""
    return sum(line.credits for line in lines)


def grouped(lines: Sequence[Line]) -> list[Line]:
    """The lines as people read them: equal work at an equal price is one line, without the name of a step."""
    found: dict[tuple[str, str, Decimal], Line] = {}
    for line in lines:
        key = (line.label, line.unit, line.credits_each)
        known = found.get(key)
        found[key] = replace(line, step="") if known is None else replace(
            known, quantity=known.quantity + line.quantity, credits=known.credits + line.credits,
            cost_usd_micros=known.cost_usd_micros + line.cost_usd_micros,
        )  # fmt: skip
    return list(found.values())


def shown(number: Decimal) -> int | str:
    """A quantity or a rate in JSON: a number when whole, else a decimal text that no reader rounds."""
    return int(number) if number == number.to_integral_value() else f"{number.normalize():f}"


def forget_expired(*, at: datetime) -> int:
    """Deletes quotes that expired more than seven days ago; gives how many. Nothing asks for them any more."""
    deleted, _ = Quote.objects.filter(expires_at__lt=at - _REMEMBERED).delete()
    return deleted


def _stored(line: Line) -> dict[str, Any]:
    return {
        "step": line.step, "label": line.label, "unit": line.unit, "quantity": shown(line.quantity),
        "credits_each": shown(line.credits_each), "credits": line.credits, "cost_usd_micros": line.cost_usd_micros,
    }  # fmt: skip


def _read(line: Mapping[str, Any]) -> Line:
    return Line(**{**line, "quantity": Decimal(line["quantity"]), "credits_each": Decimal(line["credits_each"])})
