"""What is on offer: a model that the catalogue has, at the price that the rate card has for it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from credits import rates
from credits.errors import NoPrice, RateRefused
from credits.rate_checks import Terms
from credits.rates import Rate
from generation.pipelines.registry import PLANNERS
from providers import catalog, gateway
from providers.catalog import Card
from providers.errors import NoProvider

_ACTOR = "catalogue"


@dataclass(frozen=True, slots=True)
class Offered:
    """A model and its price at a moment."""

    card: Card
    rate: Rate


@dataclass(frozen=True, slots=True)
class Sync:
    """What bringing the catalogue up did: `changes` were made, `refusals` need an operator."""

    changes: tuple[str, ...]
    refusals: tuple[str, ...]


def models(*, at: datetime, pipeline: str | None = None, workspace_id: UUID | None = None) -> list[Offered]:
    """Every model that can be had, in the order in which they are offered. One without a price, a pipeline of ours, or
    a way to its provider, is not among them. A workspace has its own ways too."""
    found = ((card, rates.in_force(model=card.revision.slug, at=at)) for card in catalog.cards(pipeline=pipeline))
    return [
        Offered(card, rate) for card, rate in found
        if rate is not None and card.revision.pipeline in PLANNERS
        and gateway.is_served(card.revision, workspace_id=workspace_id)
    ]  # fmt: skip


def model(name: str, *, at: datetime, pipeline: str | None = None, workspace_id: UUID | None = None) -> Offered:
    """The model called `name`, which may be `auto` or carry a pin. Raises NotFound, NoProvider or NoPrice."""
    if name == catalog.AUTO and (offered := models(at=at, pipeline=pipeline, workspace_id=workspace_id)):
        return offered[0]
    card = catalog.card(name, pipeline=pipeline)
    if not gateway.is_served(card.revision, workspace_id=workspace_id):
        raise NoProvider(f"{card.revision.name} has no connection to its provider here.", retry_after_seconds=60)
    rate = rates.in_force(model=card.revision.slug, at=at)
    if rate is None:
        raise NoPrice(f"{card.revision.name} has no price in force, so it is not on offer.")
    return Offered(card, rate)


def unpriced(*, at: datetime) -> list[str]:
    """Models that could be on offer, if the rate card had a price for them."""
    slugs = [card.revision.slug for card in catalog.cards()]
    return [slug for slug in slugs if rates.in_force(model=slug, at=at) is None]


def sync(*, at: datetime, dry_run: bool = False, confirmed: bool = False, below_cost: bool = False) -> Sync:
    """Brings models up to the catalogue's files, and the rate card up to their prices. Says what it did.

    A price that the rate card refuses leaves its model as it was priced before, or off the shelf. An operator's price
    stands until its file says something new. Raises ValueError for a file that is no catalogue file.
    """
    with transaction.atomic():
        changes = gateway.sync_connections(at=at) + catalog.sync(at=at)
        refusals: list[str] = []
        for card in catalog.every():
            try:
                changes += _publish(card, at, confirmed=confirmed, below_cost=below_cost)
            except RateRefused as exc:
                # What is disabled may stay as it is: nobody can ask for it.
                refusals += [exc.detail] if card.usable else []
        refusals += [f"{slug} has no price in force: it is not on offer." for slug in unpriced(at=at)]
        transaction.set_rollback(dry_run)
    # What was read inside may not have been kept.
    catalog.forget()
    gateway.forget_connections()
    rates.forget()
    return Sync(tuple(changes), tuple(refusals))


def _publish(card: Card, at: datetime, *, confirmed: bool, below_cost: bool) -> Iterator[str]:
    terms = _terms(card)
    last = rates.last_of_catalogue(model=terms.model)
    if last is None or not rates.same_terms(last, terms):
        change = rates.publish(
            terms=terms, source=rates.CATALOGUE, actor=_ACTOR, at=at, confirmed=confirmed, below_cost=below_cost
        )
        if change.new:
            yield f"price {change}"


def _terms(card: Card) -> Terms:
    price: dict[str, Any] = card.revision.spec["price"]
    cost: dict[str, Any] = card.revision.spec.get("cost", {})
    return Terms(
        # YAML reads 0.25 as a float, whose shortest text is what stands in the file.
        model=card.revision.slug, unit=price["unit"], credits=Decimal(str(price["credits"])),
        expression=price.get("expression", ""), minimum=price.get("minimum", 1),
        cost_usd_micros=cost.get("usd_micros", 0), note=f"catalogue file, version {card.revision.version}",
    )  # fmt: skip
