"""Which other ways there are when one fails, is shut or is full: another connection to the same model, then models that
its catalogue file names as like it. What is left to the caller is whether they fit the order and its price.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from django.conf import settings

from providers import breakers, catalog, connections
from providers.contracts import Connection, Revision
from providers.errors import UnknownAdapter

Likeness = Literal["same_weights", "family", "substitute"]
_ORDER: tuple[Likeness, ...] = ("same_weights", "family", "substitute")


@dataclass(frozen=True, slots=True)
class Route:
    """A model's revision on a connection, and how like the asked one it is."""

    revision: Revision
    connection: Connection
    likeness: Likeness


def chosen(*, revision: Revision, workspace_id: UUID, loads: Mapping[UUID, int]) -> Connection | None:
    """The connection for a new attempt: of those whose circuit is not open the one with the least under way; one whose
    circuit is open rather than none. None when nothing serves the model."""
    serving = connections.serving(revision.adapter, workspace_id=workspace_id)
    shut = breakers.states((connection.id, revision.slug) for connection in serving)
    return min(
        serving,
        key=lambda connection: (
            shut.get((connection.id, revision.slug)) == "open", loads.get(connection.id, 0)
        ),
        default=None,
    )  # fmt: skip


def shut() -> dict[str, int]:
    """By model how many calls it may get: none while all circuits of its connections are open, one when one of them is
    to be tried. A model with a connection that is well is not among them."""
    if not breakers.any_open():
        return {}
    found = {}
    for card in catalog.cards():
        slug = card.revision.slug
        try:
            serving = connections.serving(card.revision.adapter)
        except UnknownAdapter:
            continue
        states = breakers.states((connection.id, slug) for connection in serving)
        if serving and len(states) == len(serving):
            found[slug] = 1 if "half_open" in states.values() else 0
    return found


def others(
    *, asked: Revision, workspace_id: UUID, tried: Collection[tuple[str, UUID | None]], pinned: bool
) -> Iterator[Route]:
    """Ways that were not tried yet and whose circuits are not open, the likest first.

    Work on a workspace's own connection stays on its own, and other work on the operator's. A pinned model is replaced
    only by itself elsewhere; how unlike a replacement may be at most is the operator's setting.
    """
    most = "same_weights" if pinned else settings.GENERATION_FALLBACK
    allowed = _ORDER[: _ORDER.index(most) + 1] if most in _ORDER else ()
    own = bool(_own(asked, workspace_id))
    candidates: list[tuple[Revision, Likeness]] = [(asked, "same_weights")]
    candidates += sorted(_named(asked), key=lambda item: _ORDER.index(item[1]))
    for revision, likeness in candidates:
        if likeness not in allowed and revision is not asked:
            continue
        try:
            serving = connections.serving(revision.adapter, workspace_id=workspace_id)
        except UnknownAdapter:
            continue
        shut = breakers.states((connection.id, revision.slug) for connection in serving)
        for connection in serving:
            fits = bool(connection.workspace_id) is own and (revision.id, connection.row_id) not in tried
            if fits and shut.get((connection.id, revision.slug)) != "open":
                yield Route(revision, connection, likeness)


def _named(asked: Revision) -> Iterator[tuple[Revision, Likeness]]:
    for entry in asked.spec.get("fallback", ()):
        card = next((card for card in catalog.cards() if card.revision.slug == entry["to"]), None)
        if card is not None and card.revision.pipeline == asked.pipeline:
            yield card.revision, entry["eq"]


def _own(asked: Revision, workspace_id: UUID) -> Connection | None:
    serving = connections.serving(asked.adapter, workspace_id=workspace_id)
    return next((connection for connection in serving if connection.workspace_id), None)
