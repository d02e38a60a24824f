"""The models on offer. Files are the source; rows are what runs: immutable revisions and an operator's overlay.

Reading goes through a copy of at most two seconds' age, so that a submission asks the database for nothing here
and a change shows everywhere without a restart.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import yaml
from django.conf import settings
from django.db import transaction

from core.errors import NotFound
from providers.contracts import Revision
from providers.errors import NoProvider
from providers.models import ModelCard, ModelRevision

_BUILT_IN = Path(__file__).parent / "catalogue"
_FRESH_SECONDS = 2.0
AUTO = "auto"


class _Plain(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Dates stay texts, as JSON has them."""


_Plain.yaml_implicit_resolvers = {
    sign: [(tag, found) for tag, found in rules if tag != "tag:yaml.org,2002:timestamp"]
    for sign, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, slots=True)
class Card:
    """A public model as it stands now."""

    revision: Revision
    status: str
    position: int
    retires_at: datetime | None
    successor: str

    @property
    def usable(self) -> bool:
        return self.status != ModelCard.Status.DISABLED


@dataclass(slots=True)
class _Copy:
    cards: dict[str, Card]
    read_at: float


_copy = _Copy({}, float("-inf"))
_validators: dict[str, Any] = {}


def cards(*, pipeline: str | None = None) -> list[Card]:
    """Every usable model, in the order in which they are offered."""
    found = [card for card in _current().values() if card.usable and pipeline in (None, card.revision.pipeline)]
    return sorted(found, key=lambda card: (card.revision.pipeline, card.position, card.revision.slug))


def every() -> list[Card]:
    """Every known model, disabled ones too: what was made with one keeps its name and its labels."""
    return list(_current().values())


def card(name: str, *, pipeline: str | None = None) -> Card:
    """The model called `name`, which may be `auto` (with a pipeline) or carry a pin. Raises NotFound or NoProvider."""
    if name == AUTO:
        offered = cards(pipeline=pipeline)
        if not offered:
            raise NoProvider(f"No model serves {pipeline} right now.", retry_after_seconds=60)
        return offered[0]
    slug, _, version = name.partition("@")
    found = _current().get(slug)
    if found is None or not found.usable or (pipeline and found.revision.pipeline != pipeline):
        raise NotFound(f"There is no model called {slug[:80]!r} for this pipeline.")
    if version and version != found.revision.version:
        raise NotFound(f"{slug} has no version {version[:40]!r}; the present one is {found.revision.version}.")
    return found


def revision(revision_id: str) -> Revision:
    """The revision with this id, however old. Raises NotFound."""
    for known in _current().values():
        if known.revision.id == revision_id:
            return known.revision
    row = ModelRevision.objects.filter(id=revision_id).first()
    if row is None:
        raise NotFound("There is no such revision.")
    return _as_revision(row)


def validator(of: Revision) -> Any:
    """The compiled validator of a revision's input."""
    found = _validators.get(of.id)
    if found is None:
        found = _validators[of.id] = jsonschema_rs.validator_for(dict(of.spec["input"]))
    return found


@transaction.atomic
def sync(*, at: datetime, dry_run: bool = False) -> list[str]:
    """Brings the tables up to the files; says what changed. Never deletes: a model without a file is left as it is.

    A model is on offer when the rate card has a price for it too: see generation.offers.
    """
    changes: list[str] = []
    for spec in files():
        digest = hashlib.sha256(orjson.dumps(spec, option=orjson.OPT_SORT_KEYS)).hexdigest()
        known = ModelCard.objects.filter(slug=spec["slug"]).first()
        if known is not None and known.revision_id == digest:
            continue
        changes.append(f"{'update' if known else 'add'} {spec['slug']}@{spec['version']}")
        if not dry_run:
            _write(spec, digest, at)
    if changes and not dry_run:
        forget()
    return changes


def forget() -> None:
    """Makes the next reader of this process ask the database."""
    _copy.read_at = float("-inf")


def _write(spec: Mapping[str, Any], digest: str, at: datetime) -> None:
    ModelRevision.objects.get_or_create(
        id=digest, defaults={"slug": spec["slug"], "version": spec["version"], "spec": spec, "created_at": at}
    )
    ModelCard.objects.update_or_create(
        slug=spec["slug"],
        defaults={
            "pipeline": spec["pipeline"], "revision_id": digest, "position": spec.get("position", 100),
            "updated_at": at,
        },
    )  # fmt: skip


def files() -> Sequence[dict[str, Any]]:
    """The catalogue's files that are wanted here. Raises ValueError for one that is no catalogue file."""
    specs: list[dict[str, Any]] = []
    wanted = settings.PROVIDERS_MODELS
    for folder in (_BUILT_IN, *map(Path, settings.PROVIDERS_CATALOGUE_DIRS)):
        for path in sorted(folder.glob("*.yaml")):
            spec = yaml.load(path.read_text(encoding="utf-8"), Loader=_Plain)  # noqa: S506 - a SafeLoader
            _check(spec, path)
            if folder != _BUILT_IN or not wanted or any(fnmatch(spec["slug"], pattern) for pattern in wanted):
                specs.append(spec)
    return specs


def _check(spec: Any, path: Path) -> None:
    problems = [error.message for error in _SPEC.iter_errors(spec)]
    if not problems:
        try:
            jsonschema_rs.validator_for(spec["input"])
        except ValueError as exc:
            problems = [f"input is no JSON Schema: {exc}"]
    if problems:
        raise ValueError(f"{path.name}: {problems[0]}")


def _current() -> dict[str, Card]:
    now = time.monotonic()
    if now - _copy.read_at > _FRESH_SECONDS:
        rows = ModelCard.objects.select_related("revision")
        _copy.cards = {row.slug: _as_card(row) for row in rows}
        _copy.read_at = now
    return _copy.cards


def _as_card(row: ModelCard) -> Card:
    return Card(
        revision=_as_revision(row.revision), status=row.status, position=row.position, retires_at=row.retires_at,
        successor=row.successor,
    )  # fmt: skip


def _as_revision(row: ModelRevision) -> Revision:
    spec = row.spec
    return Revision(row.id, row.slug, row.version, spec["pipeline"], spec["adapter"], spec["name"], spec)


_SPEC = jsonschema_rs.validator_for(
    {
        "type": "object",
        "required": ["slug", "version", "pipeline", "task", "adapter", "name", "input", "capabilities", "price"],
        "properties": {
            "slug": {"type": "string", "pattern": "^[a-z0-9][a-z0-9.-]{0,78}$"},
            "version": {"type": "string", "minLength": 1, "maxLength": 40},
            "pipeline": {
                "enum": [
                    "image",
                    "video",
                    "music",
                    "song",
                    "ad_creative",
                    "product_photo",
                    "text",
                    "speech",
                    "moderation",
                ]
            },
            "input": {"type": "object", "required": ["properties", "additionalProperties"]},
            "capabilities": {
                "type": "object",
                "required": ["max_per_call"],
                "properties": {"max_per_call": {"type": "integer", "minimum": 1}},
            },
            # How many calls of it may be under way at once; the provider's own limit, where there is one.
            "limits": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"concurrency": {"type": "integer", "minimum": 1}},
            },
            # Proposed to the rate card, which knows what a price may be. Nothing is a mistake, never a gift.
            "price": {
                "type": "object",
                "required": ["unit", "credits"],
                "properties": {
                    "unit": {"type": "string"},
                    "credits": {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000},
                    "expression": {"type": "string"},
                    "minimum": {"type": "integer", "minimum": 1},
                },
            },
            "cost": {
                "type": "object",
                "required": ["usd_micros"],
                "properties": {"usd_micros": {"type": "integer", "minimum": 0}},
            },
        },
    }
)
