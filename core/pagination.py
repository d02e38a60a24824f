"""Keyset pages: newest first by time-ordered id, stable under inserts, no count and no offset."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar
from uuid import UUID

from core.errors import FieldsRejected

DEFAULT_LIMIT = 20
MAX_LIMIT = 100


class Identified(Protocol):
    @property
    def id(self) -> Any: ...


T = TypeVar("T", bound=Identified)


def read_limit(raw: str | None, *, default: int = DEFAULT_LIMIT) -> int:
    """`?limit=` as 1 to 100."""
    if raw is None or raw == "":
        return default
    if not raw.isascii() or not raw.isdigit() or len(raw) > 3 or not 1 <= int(raw) <= MAX_LIMIT:
        raise FieldsRejected([{"field": "limit", "reason": f"must be a whole number from 1 to {MAX_LIMIT}"}])
    return int(raw)


def read_cursor(raw: str | None) -> UUID | None:
    """The id after which the page starts."""
    if not raw:
        return None
    try:
        return UUID(bytes=base64.urlsafe_b64decode(raw.encode("ascii") + b"=="))
    except (ValueError, binascii.Error, UnicodeEncodeError) as exc:
        raise FieldsRejected([{"field": "cursor", "reason": "is not a cursor that we gave"}]) from exc


def write_cursor(value: UUID) -> str:
    """An opaque cursor that names the last row of a page."""
    return base64.urlsafe_b64encode(value.bytes).decode("ascii").rstrip("=")


def page(rows: Sequence[T], limit: int, show: Callable[[T], Any]) -> dict[str, Any]:
    """The list object of the API from `limit + 1` rows."""
    more = len(rows) > limit
    shown = rows[:limit]
    return {
        "object": "list",
        "data": [show(row) for row in shown],
        "has_more": more,
        "next_cursor": write_cursor(shown[-1].id) if more else None,
    }
