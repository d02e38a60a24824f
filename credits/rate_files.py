"""Rate files: prices as an operator writes them down. The format is in docs/operations/rate_card.md."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml
from django.utils.dateparse import parse_datetime

from credits.errors import RateRefused
from credits.rate_checks import Terms

_NEEDED = ("model", "unit", "credits")
_KNOWN = (*_NEEDED, "expression", "minimum", "cost_usd_micros", "from", "note")


def read(path: Path) -> list[Terms]:
    """The prices of a file, in its order. Raises RateRefused, with the number of the entry, for what cannot be read."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise RateRefused(f"{path} cannot be read as YAML: {type(exc).__name__}.") from exc
    entries = found.get("rates") if isinstance(found, dict) and set(found) == {"rates"} else None
    if not isinstance(entries, list) or not entries:
        raise RateRefused(f"{path} must have one key, rates, with a list of prices.")
    return [_terms(entry, f"entry {number}") for number, entry in enumerate(entries, start=1)]


def _terms(entry: Any, where: str) -> Terms:
    if not isinstance(entry, dict):
        raise RateRefused(f"{where} is not a mapping of names to values.")
    unknown = sorted(str(name) for name in set(entry) - set(_KNOWN))
    if unknown:
        raise RateRefused(f"{where}: {', '.join(unknown)} is not known. There are: {', '.join(_KNOWN)}.")
    missing = [name for name in _NEEDED if entry.get(name) is None]
    if missing:
        raise RateRefused(f"{where}: {' and '.join(missing)} must be given.")
    return Terms(
        model=_text(entry, "model", where), unit=_text(entry, "unit", where), credits=_credits(entry, where),
        expression=_text(entry, "expression", where), minimum=_whole(entry, "minimum", where, default=1),
        cost_usd_micros=_whole(entry, "cost_usd_micros", where, default=0), effective_from=_time(entry, where),
        note=_text(entry, "note", where),
    )  # fmt: skip


def _text(entry: Mapping[str, Any], name: str, where: str) -> str:
    value = entry.get(name, "")
    if not isinstance(value, str):
        raise RateRefused(f"{where}: {name} must be a text. Put it in quotes.")
    return value


def _whole(entry: Mapping[str, Any], name: str, where: str, *, default: int) -> int:
    value = entry.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise RateRefused(f"{where}: {name} must be a whole number.")
    return value


def _credits(entry: Mapping[str, Any], where: str) -> Decimal:
    value = entry["credits"]
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise RateRefused(f"{where}: credits must be a number.")
    try:
        # YAML reads 0.25 as a float, whose shortest text is what stands in the file.
        return Decimal(str(value))
    except InvalidOperation as exc:
        raise RateRefused(f"{where}: credits must be a number.") from exc


def _time(entry: Mapping[str, Any], where: str) -> datetime | None:
    value = entry.get("from")
    if value is None:
        return None
    try:
        found = parse_datetime(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if not isinstance(found, datetime) or found.tzinfo is None:
        raise RateRefused(f"{where}: from must be a time with a zone, such as 2027-01-01T00:00:00Z.")
    return found.astimezone(UTC)
