"""From a request to its plan and its price. Nothing is held and nothing is stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core import idempotency, schemas
from core.errors import FieldsRejected, UnsupportedParameter
from credits import pricing
from generation.pipelines.base import Plan
from generation.pipelines.registry import planner
from providers import catalog
from providers.catalog import Card
from providers.contracts import Revision


@dataclass(frozen=True, slots=True)
class Priced:
    """A request that can be run: with which model, in which steps, for how much."""

    card: Card
    plan: Plan
    lines: tuple[pricing.Line, ...]
    request_hash: str

    @property
    def total(self) -> int:
        return pricing.total(self.lines)

    def price_of(self, units: int) -> int:
        """Credits for one step."""
        return units * self.card.credits_each


def price(*, pipeline: str, model: str, given: Mapping[str, Any]) -> Priced:
    """Validates an input against its model and prices it. Raises FieldsRejected, NotFound or NoProvider."""
    plan_for = planner(pipeline)
    card = catalog.card(model, pipeline=pipeline)
    reject_invalid(revision=card.revision, given=given)
    plan = plan_for(given=given, revision=card.revision)
    units = sum(step.units for step in plan.steps)
    line = pricing.line(label=card.revision.name, unit=card.unit, quantity=units, credits_each=card.credits_each)
    digest = idempotency.fingerprint({"pipeline": pipeline, "revision": card.revision.id, "input": dict(given)})
    return Priced(card, plan, (line,), digest)


def reject_invalid(*, revision: Revision, given: Mapping[str, Any]) -> None:
    """Raises with every field that the model's JSON Schema refuses, by name; the values are not repeated."""
    faults = schemas.find_faults(catalog.validator(revision), given, prefix="input")
    if faults.unknown:
        allowed = ", ".join(sorted(revision.spec["input"]["properties"]))
        reason = f"{revision.pinned} does not have it; it has: {allowed}"
        raise UnsupportedParameter([{**fault, "reason": reason} for fault in faults.unknown])
    if faults.wrong:
        raise FieldsRejected(faults.wrong)
