"""What the rate card does not take. Each refusal is one sentence that says what to do if it was meant."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from itertools import chain, islice, product

from django.conf import settings

from core import expressions
from core.expressions import Expression, ExpressionRefused, Value
from credits import measures
from credits.errors import RateRefused
from credits.models import Price

MOST_CREDITS = 1_000_000
_LARGEST_CHANGE = 20
_MOST_SAMPLES = 1000
_MOST_COST = 2**53
_MOST_SAID = f"{MOST_CREDITS} is the most"
_PLACES = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Terms:
    """A price as somebody asks for it. Without `effective_from` it holds at once."""

    model: str
    unit: str
    credits: Decimal
    expression: str = ""
    minimum: int = 1
    cost_usd_micros: int = 0
    effective_from: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """The least and the most that one unit costs over the sample measures, in credits."""

    least: Decimal
    most: Decimal


def check_shape(terms: Terms) -> Span:
    """Refuses what is no price whatever is in force; gives what a unit costs. Raises RateRefused."""
    _check_words(terms)
    if not terms.credits.is_finite() or terms.credits <= 0:
        raise RateRefused(f"{terms.model}: {terms.credits} credits is no price. It must be more than nothing.")
    if terms.credits <= MOST_CREDITS and terms.credits != terms.credits.quantize(_PLACES):
        raise RateRefused(f"{terms.model}: {terms.credits} credits has more than four decimals.")
    if not 1 <= terms.minimum <= MOST_CREDITS:
        raise RateRefused(f"{terms.model}: the minimum must be 1 to {MOST_CREDITS} whole credits.")
    if not 0 <= terms.cost_usd_micros <= _MOST_COST:
        raise RateRefused(f"{terms.model}: the provider's cost must be 0 or more micro-dollars.")
    if terms.credits > MOST_CREDITS:
        raise RateRefused(f"{terms.model}: {terms.credits:f} credits a {terms.unit} is absurd; {_MOST_SAID}.")
    span = span_of(terms)
    if span.most > MOST_CREDITS:
        raise RateRefused(f"{terms.model}: up to {plain(span.most)} credits a {terms.unit} is absurd; {_MOST_SAID}.")
    return span


def check_change(terms: Terms, span: Span, before: Price | None) -> None:
    """Refuses a change that looks like a slip: another unit, or more than twenty times up or down."""
    if before is None:
        return
    again = "If that is meant, confirm it."
    if before.unit != terms.unit:
        raise RateRefused(f"{terms.model}: the unit changes from {before.unit} to {terms.unit}. {again}")
    was = span_of(before)
    pairs = ((was.least, span.least), (was.most, span.most), (Decimal(before.minimum), Decimal(terms.minimum)))
    for old, new in pairs:
        if new > old * _LARGEST_CHANGE or old > new * _LARGEST_CHANGE:
            raise RateRefused(
                f"{terms.model}: {plain(old)} credits become {plain(new)}, a change of more than "
                f"{_LARGEST_CHANGE} times. {again}"
            )


def check_cost(terms: Terms, span: Span) -> None:
    """Refuses to sell below what the provider takes, at the operator's value of a credit."""
    # A step is sold in whole credits: one unit is the least that rounding can take.
    sold = max(Decimal(terms.minimum), min(span.least, span.least.quantize(Decimal(1), ROUND_HALF_UP)))
    worth = sold * settings.CREDITS_USD_MICROS
    if worth < terms.cost_usd_micros:
        raise RateRefused(
            f"{terms.model}: a {terms.unit} brings {plain(worth)} micro-dollars and costs "
            f"{terms.cost_usd_micros}. If that is meant, allow a price below cost."
        )


def span_of(terms: Terms | Price) -> Span:
    """What a unit may cost, least and most, tried with the sample measures. Raises RateRefused."""
    if not terms.expression:
        return Span(terms.credits, terms.credits)
    try:
        expression = expressions.parse(terms.expression)
        expressions.refuse_unknown(expression, measures.SAMPLES)
        found = [expression.evaluate(measures.complete(sample)) for sample in _samples(expression)]
    except ExpressionRefused as exc:
        raise RateRefused(f"{terms.model}: {exc.detail}") from exc
    if min(found) <= 0:
        raise RateRefused(f"{terms.model}: {terms.expression!r} is {plain(min(found))} for some input: a gift.")
    return Span(terms.credits * min(found), terms.credits * max(found))


def plain(number: Decimal) -> str:
    """A number for people: no trailing zeros, no exponent."""
    return f"{number.normalize():f}"


def _check_words(terms: Terms) -> None:
    if not terms.model or "\0" in terms.model + terms.note + terms.expression:
        raise RateRefused("A price names its model, and its texts hold no NUL.")
    if len(terms.model) > 80:
        raise RateRefused("A model's id has at most 80 characters.")
    if terms.unit not in Price.Unit.values:
        raise RateRefused(f"{terms.model}: {terms.unit!r} is not a unit. There are: {', '.join(Price.Unit.values)}.")
    if len(terms.note) > 200:
        raise RateRefused(f"{terms.model}: a note has at most 200 characters.")


def _samples(expression: Expression) -> Iterator[dict[str, Value]]:
    """Each measure that it names over its samples and around the values it is compared with: alone, then together."""
    names = sorted(expression.names)
    values = {name: _values(expression, measures.SAMPLES[name]) for name in names}
    alone = ({name: value} for name in names for value in values[name])
    together = (dict(zip(names, chosen, strict=True)) for chosen in product(*values.values()))
    return chain(alone, islice(together, _MOST_SAMPLES))


def _values(expression: Expression, samples: tuple[Value, ...]) -> list[Value]:
    if isinstance(samples[0], str):
        return [*samples, *sorted(value for value in expression.literals if isinstance(value, str))]
    numbers = sorted(value for value in expression.literals if isinstance(value, Decimal))
    near = (value + step for value in numbers for step in (-1, 0, 1))
    # A measure is above zero unless it says otherwise, and an unlikely size would only look absurd.
    return [*samples, *(value for value in near if 0 < value <= 10 * max(map(Decimal, samples)))]
