"""`Idempotency-Key`: reading it from a request, and telling whether two requests are the same."""

import hashlib
from typing import Any

import orjson
from django.http import HttpRequest
from rest_framework.request import Request

from core.errors import FieldsRejected

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
_FIELD = f"header {HEADER}"


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
