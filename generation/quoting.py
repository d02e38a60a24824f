"""From a request to its plan and its price. Nothing is held and nothing is stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core import idempotency, schemas
from core.errors import DomainError, FieldsRejected, UnsupportedParameter
from credits import pricing, rates
from generation import offers
from generation.pipelines.base import Plan
from generation.pipelines.registry import planner
from providers import catalog
from providers.catalog import Card
from providers.contracts import Revision


@dataclass(frozen=True, slots=True)
class Priced:
    """A request that can be run: with which model, in which steps, for how much. `lines` has one for each step."""

    card: Card
    plan: Plan
    lines: tuple[pricing.Line, ...]
    request_hash: str

    @property
    def total(self) -> int:
        return pricing.total(self.lines)


def price(*, pipeline: str, model: str, given: Mapping[str, Any], at: datetime) -> Priced:
    """Validates an input against its model and prices it, step by step, by the rate in force.

    Raises FieldsRejected, NotFound, NoProvider or NoPrice.
    """
    plan_for = planner(pipeline)
    offered = offers.model(model, pipeline=pipeline, at=at)
    card = offered.card
    reject_invalid(revision=card.revision, given=given)
    plan = plan_for(given=given, revision=card.revision)
    lines = tuple(
        rates.price_line(rate=offered.rate, step=step.name, label=card.revision.name, measured=step.measures)
        for step in plan.steps
    )
    digest = idempotency.fingerprint({"pipeline": pipeline, "revision": card.revision.id, "input": dict(given)})
    return Priced(card, plan, lines, digest)


def example(*, pipeline: str, at: datetime) -> int | None:
    """What a person pays for one of a pipeline with nothing but a prompt, or None when that cannot be had."""
    try:
        return price(pipeline=pipeline, model=catalog.AUTO, given={"prompt": "…"}, at=at).total
    except DomainError:
        return None


def reject_invalid(*, revision: Revision, given: Mapping[str, Any]) -> None:
    """Raises with every field that the model's JSON Schema refuses, by name; the values are not repeated."""
    faults = schemas.find_faults(catalog.validator(revision), given, prefix="input")
    if faults.unknown:
        allowed = ", ".join(sorted(revision.spec["input"]["properties"]))
        reason = f"{revision.pinned} does not have it; it has: {allowed}"
        raise UnsupportedParameter([{**fault, "reason": reason} for fault in faults.unknown])
    if faults.wrong:
        raise FieldsRejected(faults.wrong)
