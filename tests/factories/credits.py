"""Prices, as an operator publishes them."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone

from credits import rates
from credits.rate_checks import Terms
from credits.rates import Change


def publish(credits: Any, *, at: datetime | None = None, confirmed: bool = False, **more: Any) -> Change:
    """A price of the sketch engine from now on; `more` are other terms, `from_` is when it begins."""
    below_cost, source = more.pop("below_cost", False), more.pop("source", rates.OPERATOR)
    begins = more.pop("from_", None)
    terms = Terms(
        **{"model": "sketch-image", "unit": "image", "credits": Decimal(credits), "effective_from": begins, **more}
    )
    return rates.publish(
        terms=terms, source=source, actor="test", at=at or timezone.now(), confirmed=confirmed, below_cost=below_cost
    )
