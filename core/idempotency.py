"""`Idempotency-Key`: reading it from a request, and telling whether two requests are the same."""

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.http import HttpRequest
from rest_framework.request import Request

from core.errors import FieldsRejected, IdempotencyKeyReused
from core.models import IdempotencyRecord

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
_FIELD = f"header {HEADER}"


@dataclass(frozen=True, slots=True)
class Once:
    """A request that may arrive twice: the route and key it came with, and the fingerprint of its body."""

    route: str
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered the first time."""

    status: int
    body: bytes


def answered(*, workspace_id: UUID, once: Once) -> Answer | None:
    """The stored answer to this very request, if there is one. Raises IdempotencyKeyReused for another body."""
    row = IdempotencyRecord.objects.filter(workspace_id=workspace_id, route=once.route, key=once.key).first()
    if row is None:
        return None
    if row.request_hash != once.fingerprint:
        raise IdempotencyKeyReused
    return Answer(row.status, row.body.encode())


def key(request: HttpRequest | Request) -> str:
    """The request's key: 1 to 255 visible ASCII characters. Absent or odd is a 400."""
    value = request.headers.get(HEADER, "")
    if not value:
        raise FieldsRejected([{"field": _FIELD, "reason": "is required on this call"}])
    if len(value) > 255 or not value.isascii() or not value.isprintable():
        raise FieldsRejected([{"field": _FIELD, "reason": "must be 1 to 255 printable ASCII characters"}])
    return value


def fingerprint(body: dict[str, Any]) -> str:
    """Equal for bodies that mean the same JSON, whatever the order of their members."""
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
