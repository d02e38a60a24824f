"""What something costs before it runs. Whole credits; a quote is a ceiling that capture never exceeds."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from core.ids import uuid7
from credits.errors import QuoteExpired
from credits.models import Quote


@dataclass(frozen=True, slots=True)
class Line:
    """One item of a quote: `quantity` of `unit`, for `credits` in all."""

    label: str
    unit: str
    quantity: int
    credits: int


@dataclass(frozen=True, slots=True)
class Offer:
    """A promised price."""

    id: UUID
    lines: tuple[Line, ...]
    total: int
    expires_at: datetime


def line(*, label: str, unit: str, quantity: int, credits_each: int) -> Line:
    """Prices `quantity` units. A price of nothing or less is a mistake in the catalogue, never a gift."""
    if quantity < 1 or credits_each < 1:
        raise ValueError(f"{label}: {quantity} x {credits_each} is not a price.")
    return Line(label, unit, quantity, quantity * credits_each)


def offer(*, workspace_id: UUID, request_hash: str, lines: tuple[Line, ...], at: datetime) -> Offer:
    """Stores a price for an input; it holds until it expires."""
    row = Quote.objects.create(
        id=uuid7(), workspace_id=workspace_id, request_hash=request_hash, lines=[asdict(item) for item in lines],
        total=total(lines), created_at=at, expires_at=at + timedelta(seconds=settings.CREDITS_QUOTE_TTL_SECONDS),
    )  # fmt: skip
    return Offer(row.id, lines, row.total, row.expires_at)


def honour(*, workspace_id: UUID, quote_id: UUID, request_hash: str, at: datetime) -> tuple[Line, ...]:
    """The lines promised for this very input, or QuoteExpired."""
    row = Quote.objects.filter(id=quote_id, workspace_id=workspace_id).first()
    if row is None or row.expires_at <= at or row.request_hash != request_hash:
        raise QuoteExpired
    return tuple(Line(**item) for item in row.lines)


def total(lines: tuple[Line, ...]) -> int:
    """The sum of all lines in credits."""
    return sum(item.credits for item in lines)
