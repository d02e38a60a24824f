"""JSON Schema (2020-12) as the one description of a body: compiled to check it, shown as its documentation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs

from core.errors import FieldsRejected, UnknownField

Fault = dict[str, str]


@dataclass(slots=True)
class Faults:
    """What a schema refuses: fields that do not exist, and fields whose values are wrong."""

    unknown: list[Fault] = field(default_factory=list)
    wrong: list[Fault] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Body:
    """A request body's schema, compiled once."""

    schema: Mapping[str, Any]
    validator: Any

    def check(self, value: Mapping[str, Any]) -> None:
        """Raises UnknownField or FieldsRejected with every fault by name."""
        faults = find_faults(self.validator, value)
        if faults.unknown:
            raise UnknownField(faults.unknown)
        if faults.wrong:
            raise FieldsRejected(faults.wrong)


def compile_body(schema: Mapping[str, Any]) -> Body:
    """A body from its schema; raises ValueError when the schema is wrong."""
    return Body(schema, jsonschema_rs.validator_for(dict(schema)))


def find_faults(validator: Any, value: Mapping[str, Any], *, prefix: str = "") -> Faults:
    """All faults of a value. Neither names nor reasons ever repeat the value itself."""
    faults = Faults()
    for error in validator.iter_errors(dict(value)):
        path = ".".join([*([prefix] if prefix else []), *(str(part) for part in error.instance_path)])
        kind = error.kind
        if kind.name == "additionalProperties":
            faults.unknown += [
                {"field": _join(path, str(name)[:80]), "reason": "does not exist"} for name in kind.unexpected
            ]
        elif kind.name == "required":
            faults.wrong.append({"field": _join(path, kind.property), "reason": "is required"})
        else:
            faults.wrong.append({"field": path, "reason": _reason(kind)})
    return faults


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


_LIMITS = {
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "minLength": "must have at least {} characters",
    "maxLength": "must have at most {} characters",
    "minItems": "must have at least {} items",
    "maxItems": "must have at most {} items",
    "maxProperties": "must have at most {} members",
}


def _reason(kind: Any) -> str:
    if kind.name == "type":
        names = [kind.types] if isinstance(kind.types, str) else sorted(str(item) for item in kind.types)
        return f"must be of type {' or '.join(names)}"
    if kind.name == "enum":
        return f"must be one of: {', '.join(str(option) for option in kind.options)}"
    if (kind.name == "minLength" and kind.limit == 1) or (kind.name == "pattern" and kind.pattern == r"\S"):
        return "must not be empty"
    if kind.name in _LIMITS:
        return _LIMITS[kind.name].format(kind.limit)
    return "does not have the required form" if kind.name == "pattern" else "is not allowed here"
