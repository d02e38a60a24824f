"""The rate card: what a unit of a model costs, from when on. The only truth of prices when a quote is made.

Reading goes through a copy of at most two seconds' age. It holds prices that are still to come, and the moment asked
for chooses among them, so that a price starts at its second in every process. A price that takes effect at once
reaches the others with their next copy.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from accounts import audit
from core import expressions
from core.expressions import ExpressionRefused, Value
from credits import measures
from credits.errors import NoPrice, RateRefused
from credits.models import Price
from credits.pricing import Line
from credits.rate_checks import Terms, check_change, check_cost, check_shape, plain

_log = structlog.get_logger(__name__)
_FRESH_SECONDS = 2.0
# Requests began a little before they ask: the copy reaches back this far.
_BACK = timedelta(hours=1)
_ONE = Decimal(1)
# Any number, as long as nobody else takes it as an advisory lock.
_PUBLISHERS = 0x77_6D_70_72
CATALOGUE, OPERATOR = Price.Source.CATALOGUE.value, Price.Source.OPERATOR.value


@dataclass(frozen=True, slots=True)
class Rate:
    """A price of the card. A model has one at a time: a later one takes over, whatever its unit."""

    id: int
    model: str
    unit: str
    credits: Decimal
    expression: str
    minimum: int
    cost_usd_micros: int
    effective_from: datetime
    source: str
    actor: str
    note: str

    @property
    def worth_usd_micros(self) -> Decimal:
        """What the credits of one unit are worth to the operator, before the expression."""
        return self.credits * settings.CREDITS_USD_MICROS

    @property
    def margin_percent(self) -> Decimal:
        """What is left of that after the provider's charge, to a tenth of a percent; negative is a loss."""
        left = (self.worth_usd_micros - self.cost_usd_micros) * 100 / self.worth_usd_micros
        return left.quantize(Decimal("0.1"), ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Change:
    """What a price takes over from, and what it is. `new` is False when the card has it already."""

    before: Rate | None
    after: Rate
    new: bool

    def __str__(self) -> str:
        was = _said(self.before) if self.before else "no price"
        begins = f"from {self.after.effective_from:%Y-%m-%d %H:%M:%S %Z}"
        if not self.new:
            return f"{self.after.model}: {was}, {begins}, is on the card already"
        margin = f"cost {self.after.cost_usd_micros} micro-dollars, margin {self.after.margin_percent} %"
        return f"{self.after.model}: {was} -> {_said(self.after)}, {margin}, {begins}"


@dataclass(frozen=True, slots=True)
class _Copy:
    """Rates by model, latest first: all that begin after `since`, and the one in force then."""

    rates: Mapping[str, tuple[Rate, ...]]
    since: datetime
    read_at: float


_EMPTY = _Copy({}, datetime.max.replace(tzinfo=UTC), float("-inf"))
_copy = _EMPTY


def in_force(*, model: str, at: datetime) -> Rate | None:
    """The price of a model at a moment, or None: then it is not on offer."""
    return next((rate for rate in _current(at).get(model, ()) if rate.effective_from <= at), None)


def upcoming(*, at: datetime, model: str | None = None) -> list[Rate]:
    """Prices that are decided and not yet in force, soonest first."""
    found = [
        rate
        for name, rates in _current(at).items()
        for rate in rates
        if rate.effective_from > at and model in (None, name)
    ]
    return sorted(found, key=lambda rate: (rate.effective_from, rate.id))


def card(*, at: datetime) -> list[Rate]:
    """The whole card as it stands at a moment, by model; credits, cost and margin side by side."""
    found = [in_force(model=model, at=at) for model in sorted(_current(at))]
    return [rate for rate in found if rate is not None]


def price_line(*, rate: Rate, step: str, label: str, measured: Mapping[str, Any]) -> Line:
    """What a step of these measures costs: quantity x credits x expression, rounded once, half up.

    It is never less than the rate's minimum, and never nothing. The provider's charge is estimated without the
    expression, which is ours. Raises NoPrice when the rate cannot price this work, rather than give it away.
    """
    found = measures.read(measured)
    quantity = measures.quantity(unit=rate.unit, measures=found)
    exact = quantity * rate.credits * _multiplier(rate, found)
    credits = max(int(exact.to_integral_value(ROUND_HALF_UP)), rate.minimum, 1)
    cost = int((quantity * rate.cost_usd_micros).to_integral_value(ROUND_HALF_UP))
    return Line(step, label, rate.unit, quantity, rate.credits, credits, cost)


@transaction.atomic
def publish(
    *, terms: Terms, source: str, actor: str, at: datetime, confirmed: bool = False, below_cost: bool = False
) -> Change:
    """Adds a price to the card, once: the same terms for the same time are no second row. Raises RateRefused.

    `confirmed` lets a change of unit or of more than twenty times pass, `below_cost` a price under the provider's.
    An operator's price cannot begin in the past: what was sold stays sold at what it cost.
    """
    change, row = _considered(terms, source, actor, at, confirmed=confirmed, below_cost=below_cost)
    if row is not None:
        row.save(force_insert=True)
        change = Change(change.before, as_rate(row), new=True)
        audit.record(action="price.published", actor=actor, at=at, target=f"model:{terms.model}", reason=str(change))
        forget()
        transaction.on_commit(forget)
    return change


@transaction.atomic
def preview(*, terms: Terms, source: str, at: datetime, confirmed: bool = False, below_cost: bool = False) -> Change:
    """What `publish` would do, without doing it. Raises RateRefused just so."""
    change, _ = _considered(terms, source, "preview", at, confirmed=confirmed, below_cost=below_cost)
    return change


def last_of_catalogue(*, model: str) -> Rate | None:
    """The terms that the catalogue's file had when it was last published."""
    row = Price.objects.filter(model=model, source=CATALOGUE).order_by("-id").first()
    return as_rate(row) if row else None


def same_terms(rate: Rate | Price, terms: Terms) -> bool:
    """Whether a price says what is asked for, apart from when."""
    return (rate.unit, rate.credits, rate.expression, rate.minimum, rate.cost_usd_micros) == (
        terms.unit, terms.credits, terms.expression, terms.minimum, terms.cost_usd_micros,
    )  # fmt: skip


def forget() -> None:
    """Makes the next reader of this process ask the database."""
    global _copy
    _copy = _EMPTY


def as_rate(row: Price) -> Rate:
    """A row as other apps may see it."""
    return Rate(
        id=row.id, model=row.model, unit=row.unit, credits=row.credits, expression=row.expression, minimum=row.minimum,
        cost_usd_micros=row.cost_usd_micros, effective_from=row.effective_from, source=row.source, actor=row.actor,
        note=row.note,
    )  # fmt: skip


def _considered(
    terms: Terms, source: str, actor: str, at: datetime, *, confirmed: bool, below_cost: bool
) -> tuple[Change, Price | None]:
    """The change, and the row to add unless the card says so already."""
    span = check_shape(terms)
    start = terms.effective_from or at
    with connection.cursor() as cursor:
        # One publisher at a time: each compares with the card that it adds to. Readers are not held up.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_PUBLISHERS])
    latest = Price.objects.filter(model=terms.model, effective_from__lte=start).order_by("-effective_from", "-id")
    before = latest.first()
    same_time = before if before is not None and before.effective_from == start else None
    repeated = same_time if terms.effective_from is not None else before
    if repeated is not None and same_terms(repeated, terms):
        found = as_rate(repeated)
        return Change(found, found, new=False), None
    if same_time is not None:
        raise RateRefused(f"{terms.model} has other terms from that very moment. Choose another time.")
    if source == OPERATOR and start < at:
        raise RateRefused(f"{terms.model}: a price cannot begin in the past ({start:%Y-%m-%d %H:%M:%S %Z}).")
    if not confirmed:
        check_change(terms, span, before)
    if not below_cost:
        check_cost(terms, span)
    row = Price(
        model=terms.model, unit=terms.unit, credits=terms.credits, expression=terms.expression, minimum=terms.minimum,
        cost_usd_micros=terms.cost_usd_micros, effective_from=start, source=source, actor=actor, note=terms.note,
        created_at=at,
    )  # fmt: skip
    after = as_rate(row)
    return Change(as_rate(before) if before else None, after, new=True), row


def _said(rate: Rate) -> str:
    times = f" x ({rate.expression})" if rate.expression else ""
    least = f", at least {rate.minimum}" if rate.minimum > 1 else ""
    return f"{plain(rate.credits)} a {rate.unit}{times}{least}"


def _multiplier(rate: Rate, measured: Mapping[str, Value]) -> Decimal:
    if not rate.expression:
        return _ONE
    try:
        found = expressions.parse(rate.expression).evaluate(measures.complete(measured))
    except ExpressionRefused as exc:
        _log.error("rates.expression.failed", rate=rate.id, model=rate.model)
        raise NoPrice(f"The price of {rate.model} cannot be worked out for this input.") from exc
    if found <= 0:
        _log.error("rates.expression.not_positive", rate=rate.id, model=rate.model)
        raise NoPrice(f"The price of {rate.model} cannot be worked out for this input.")
    return found


def _current(at: datetime) -> Mapping[str, tuple[Rate, ...]]:
    global _copy
    now, copy = time.monotonic(), _copy
    if now - copy.read_at > _FRESH_SECONDS or at < copy.since:
        _copy = copy = _Copy(_read(at - _BACK), at - _BACK, now)
    return copy.rates


def _read(since: datetime) -> Mapping[str, tuple[Rate, ...]]:
    later = Price.objects.filter(
        model=OuterRef("model"), effective_from__gt=OuterRef("effective_from"), effective_from__lte=since
    )
    rows = Price.objects.filter(~Exists(later)).order_by("model", "-effective_from", "-id")
    return {model: tuple(map(as_rate, found)) for model, found in groupby(rows, key=lambda row: row.model)}
