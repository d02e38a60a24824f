"""What a call cost us: the provider's bill if it names one, what it metered by the model's expression if it meters, and
else what the catalogue says of one call.
"""

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any

import structlog

from core import expressions
from core.expressions import ExpressionRefused, Value
from providers.contracts import Revision, Spent, Usage

_log = structlog.get_logger(__name__)
# What a column holds; a bill beyond it is a mistake of the provider's or of the adapter's.
MOST_USD_MICROS = 10**12


def usage(*, revision: Revision, params: Mapping[str, Any], spent: Spent) -> Usage:
    """The cost of a call with these parameters, by the best evidence there is.

    `source` is provider for its own bill, usage for what it metered, formula for a model of which nothing else is to be
    had, and estimate where evidence is usual and was missing.
    """
    cost = revision.spec.get("cost", {})
    if spent.usd_micros is not None and 0 <= spent.usd_micros <= MOST_USD_MICROS:
        return Usage(spent.usd_micros, "provider")
    metered = cost.get("actual")
    measures = {**_measures(_whole(revision, params)), **spent.units}
    if metered and spent.units and (found := _evaluated(metered, measures, revision)):
        return found
    return Usage(estimate(revision=revision, params=params), "estimate" if metered else "formula")


def estimate(*, revision: Revision, params: Mapping[str, Any]) -> int:
    """What one call with these parameters should cost, in micro-dollars, before it is made."""
    cost = revision.spec.get("cost", {})
    formula = cost.get("estimate")
    if formula and (found := _evaluated(formula, _measures(_whole(revision, params)), revision)):
        return found.cost_usd_micros
    return int(cost.get("usd_micros", 0))


def _evaluated(text: str, measures: Mapping[str, Value], revision: Revision) -> Usage | None:
    try:
        found = expressions.parse(text).evaluate(measures)
    except ExpressionRefused as exc:
        _log.warning("costs.expression.failed", revision=revision.pinned, reason=exc.detail)
        return None
    micros = int(found.to_integral_value(ROUND_CEILING))
    return Usage(micros, "usage") if 0 <= micros <= MOST_USD_MICROS else None


def _whole(revision: Revision, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters with what the model takes for those that nobody chose."""
    takes = revision.spec["input"]["properties"]
    return {**{name: rule["default"] for name, rule in takes.items() if "default" in rule}, **params}


def _measures(params: Mapping[str, Any]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, value in params.items():
        if isinstance(value, bool):
            found[name] = Decimal(int(value))
        elif isinstance(value, int | float | Decimal):
            found[name] = Decimal(str(value))
        elif isinstance(value, str) and name != "prompt":
            found[name] = value
    if isinstance(params.get("text"), str):
        found["characters"] = Decimal(len(params["text"]))
    return found
