"""The studio's form, drawn from a model's JSON Schema, and read back into an input."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from generation import offers
from providers.catalog import Card

SAMPLES = (
    "A red fox in a snowy pine forest at dawn",
    "Neon city skyline in the rain at night",
    "Calm lake between misty mountains, golden sunrise",
)
# Inputs that the form leaves to the API: sizes in pixels, and choices with a single option.
_HIDDEN = {"width", "height", "operation", "format"}
_WHOLE = re.compile(r"^-?[0-9]{1,15}$")
_ADVANCED = {"seed", "negative_prompt"}
# jsonb keeps no order, so the canonical fields have theirs here; a model's own come after them.
_ORDER = ("prompt", "aspect_ratio", "n", "style", "negative_prompt", "seed")


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str
    selected: bool


@dataclass(frozen=True, slots=True)
class Field:
    """A control: kind is prompt, choice, count, seed, text or toggle."""

    name: str
    kind: str
    label: str
    help: str
    value: str
    options: Sequence[Option]
    minimum: int | None
    maximum: int | None
    required: bool
    advanced: bool
    error: str = ""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    id: str
    name: str
    tagline: str
    procedural: bool
    selected: bool


def read(card: Card, data: Mapping[str, Any]) -> dict[str, Any]:
    """The input that a form describes. Text that is no number stays text: the schema says what is wrong with it."""
    given: dict[str, Any] = {}
    for name, rule in card.revision.spec["input"]["properties"].items():
        raw = str(data.get(name, "")).strip()
        if name in _HIDDEN or raw == "":
            continue
        given[name] = int(raw) if rule.get("type") == "integer" and _WHOLE.match(raw) else raw
    return given


def fields(card: Card, data: Mapping[str, Any], errors: Mapping[str, str]) -> list[Field]:
    """The controls of a model, filled with what was typed or with the defaults."""
    spec = card.revision.spec["input"]
    found = [
        _field(name, rule, data, name in spec.get("required", ()))
        for name, rule in sorted(spec["properties"].items(), key=_rank)
        if name not in _HIDDEN and not (rule.get("enum") and len(rule["enum"]) < 2)
    ]
    return [replace(item, error=errors.get(f"input.{item.name}", "")) for item in found]


def models(selected: Card, *, workspace_id: UUID, at: datetime) -> list[ModelChoice]:
    """The models on offer of the same pipeline."""
    found = offers.models(pipeline=selected.revision.pipeline, at=at, workspace_id=workspace_id)
    revisions = [offered.card.revision for offered in found]
    return [
        ModelChoice(found.slug, found.name, str(found.spec.get("tagline", "")), found.procedural,
                    found.slug == selected.revision.slug)
        for found in revisions
    ]  # fmt: skip


def _field(name: str, rule: Mapping[str, Any], data: Mapping[str, Any], required: bool) -> Field:  # noqa: FBT001
    value = str(data.get(name, rule.get("default", "")))
    return Field(
        name=name, kind=_kind(name, rule), label=str(rule.get("title", name.replace("_", " ").capitalize())),
        help=str(rule.get("description", "")), value=value,
        options=[Option(str(item), _label(str(item)), str(item) == value) for item in rule.get("enum", ())],
        minimum=rule.get("minimum"), maximum=rule.get("maximum", rule.get("maxLength")), required=required,
        advanced=name in _ADVANCED,
    )  # fmt: skip


def _label(value: str) -> str:
    return value.replace("_", " ").capitalize()


def _rank(item: tuple[str, Any]) -> tuple[int, str]:
    name = item[0]
    return (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)


def _kind(name: str, rule: Mapping[str, Any]) -> str:
    if name in {"prompt", "seed"}:
        return name
    if "enum" in rule:
        return "choice"
    return {"integer": "count", "boolean": "toggle"}.get(str(rule.get("type")), "text")
