"""What comes back over a wire. Values, and how a provider says that we are to wait."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

_LONGEST_WAIT_SECONDS = 3_600.0
_SPOKEN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s\b|sec|min|m\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reply:
    """A provider's answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body's JSON, or None if it is none."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None

    def document(self) -> Mapping[str, Any]:
        """The body's JSON object, empty if it is none."""
        found = self.json()
        return found if isinstance(found, dict) else {}


def retry_after_seconds(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """How long an answer's headers ask to wait: milliseconds, seconds or a date. None if they do not say."""
    if (ms := _number(headers.get("retry-after-ms"))) is not None:
        return _bounded(ms / 1000)
    said = headers.get("retry-after")
    if (seconds := _number(said)) is not None:
        return _bounded(seconds)
    if said:
        try:
            at = parsedate_to_datetime(said)
        except ValueError:
            return None
        return _bounded((at - (now or datetime.now(UTC))).total_seconds())
    return None


def spoken_seconds(text: str) -> float | None:
    """How long a sentence asks to wait ("resets in ~30s"), for providers that say it nowhere else."""
    found = _SPOKEN.search(text)
    if found is None:
        return None
    value, unit = float(found[1]), found[2].lower()
    return _bounded(value / 1000 if unit == "ms" else value * 60 if unit in {"min", "m"} else value)


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), _LONGEST_WAIT_SECONDS)
