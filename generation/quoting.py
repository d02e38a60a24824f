"""From a request to its plan and its price. Nothing is held and nothing is stored."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings

from core import idempotency, schemas
from core.errors import DomainError, FieldsRejected, UnsupportedParameter
from credits import pricing, rates
from credits.errors import NoPrice
from generation import offers
from generation.pipelines.base import Plan, StepPlan
from generation.pipelines.registry import planner
from providers import catalog, gateway
from providers.catalog import Card
from providers.contracts import Revision
from providers.errors import InvalidParams


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


def price(
    *, pipeline: str, model: str, given: Mapping[str, Any], at: datetime, workspace_id: UUID | None = None
) -> Priced:
    """Validates an input against its model and prices it, step by step, by the rate in force. Over a connection that
    the workspace brought, whose provider bills it itself, a part of that.

    Raises FieldsRejected, NotFound, NoProvider or NoPrice.
    """
    planner(pipeline)
    offered = offers.model(model, pipeline=pipeline, at=at, workspace_id=workspace_id)
    planned = _plan(offered.card, pipeline, given, workspace_id)
    label = offered.card.revision.name
    lines = tuple(
        rates.price_line(rate=offered.rate, step=step.name, label=label, measured=step.measures)
        for step in planned.plan.steps
    )
    if workspace_id is not None and gateway.own_connection(offered.card.revision, workspace_id=workspace_id):
        lines = tuple(pricing.part_of(line, percent=settings.GENERATION_OWN_CONNECTION_PERCENT) for line in lines)
    return replace(planned, lines=lines)


def plan(
    *, pipeline: str, model: str, given: Mapping[str, Any], at: datetime, workspace_id: UUID | None = None
) -> Priced:
    """The same without lines, for what a quote pays for: today's price may be another, or none."""
    planner(pipeline)
    try:
        card = offers.model(model, pipeline=pipeline, at=at, workspace_id=workspace_id).card
    except NoPrice:
        card = catalog.card(model, pipeline=pipeline)
    return _plan(card, pipeline, given, workspace_id)


def _plan(card: Card, pipeline: str, given: Mapping[str, Any], workspace_id: UUID | None) -> Priced:
    plan_for = planner(pipeline)
    reject_invalid(revision=card.revision, given=given)
    asked: dict[str, Any] = {"pipeline": pipeline, "revision": card.revision.id, "input": dict(given)}
    own = workspace_id and gateway.own_connection(card.revision, workspace_id=workspace_id)
    if own:
        # What was quoted for a connection of the workspace's own buys nothing on the operator's bill.
        asked["connection"] = str(own)
    plan = plan_for(given=given, revision=card.revision)
    steps = tuple(_wired(step, card.revision) for step in plan.steps)
    return Priced(card, replace(plan, steps=steps), (), idempotency.fingerprint(asked))


def _wired(step: StepPlan, revision: Revision) -> StepPlan:
    """The step, once its model's adapter has a request for it; what that does otherwise than asked is noted with it.
    Raises FieldsRejected for what the model cannot do, which its schema could not say."""
    try:
        notes = gateway.notes_of(revision=revision, params=step.params)
    except InvalidParams as exc:
        raise FieldsRejected([{"field": f"input.{exc.field or 'prompt'}", "reason": str(exc)}]) from exc
    if not notes:
        return step
    told = [{"code": note.code, "field": note.field, "asked": note.asked, "used": note.used} for note in notes]
    return replace(step, params={**step.params, "notes": told})


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
