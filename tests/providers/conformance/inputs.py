"""Inputs that a model's JSON Schema takes, at random. Of the schema's words those that our catalogue uses."""

from collections.abc import Mapping
from typing import Any

import jsonschema_rs
from hypothesis import strategies as st

_WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60).filter(str.strip)


def of(schema: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Whole inputs: what is required always, the rest now and then, what goes together together."""
    validator = jsonschema_rs.validator_for(dict(schema))
    required = set(schema.get("required", ()))
    fixed = {name: _value(rule) for name, rule in schema["properties"].items() if name in required}
    free = {name: _value(rule) for name, rule in schema["properties"].items() if name not in required}
    found = st.fixed_dictionaries(fixed, optional=free)
    return found.map(lambda given: _together(given, schema)).filter(validator.is_valid)


def _together(given: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    for name, others in schema.get("dependentRequired", {}).items():
        if name in given and not set(others) <= set(given):
            del given[name]
    return given


def _value(rule: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if "enum" in rule:
        return st.sampled_from(rule["enum"])
    if "oneOf" in rule or "anyOf" in rule:
        return st.one_of([_value(part) for part in rule.get("oneOf") or rule["anyOf"]])
    match rule.get("type"):
        case "integer":
            return st.integers(rule.get("minimum", -(2**31)), rule.get("maximum", 2**31))
        case "number":
            least, most = rule.get("minimum", 0), rule.get("maximum", 1_000)
            return st.floats(least, most, allow_nan=False).map(lambda number: round(number, 2))
        case "boolean":
            return st.booleans()
        case "array":
            return st.lists(_value(rule["items"]), min_size=rule.get("minItems", 0), max_size=rule.get("maxItems", 3))
        case "object":
            return of(rule)
        case _:
            longest = rule.get("maxLength", 60)
            return _WORDS.map(lambda text: text[:longest])
