"""JSON in: strict, shallow, and without the characters that PostgreSQL cannot keep."""

from collections.abc import Mapping
from typing import IO, Any

import orjson
from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from core.errors import DomainError

_MAX_DEPTH = 20


class TooLarge(DomainError):
    code = "too_large"
    status = 413
    title = "The request is too large."


class JSONParser(BaseParser):
    """A JSON object in UTF-8. NUL characters, lone surrogates and deep nesting are refused.

    PostgreSQL's jsonb answers each of those three with an error that would become a 500.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise TooLarge(f"The body may have {limit} bytes.")
        if not raw.strip():
            return {}
        try:
            value = orjson.loads(raw)
        except orjson.JSONDecodeError as exc:
            # The decoder's message names a position, never the content.
            raise ParseError(f"The body is not valid JSON (line {exc.lineno}, column {exc.colno}).") from exc
        if not isinstance(value, dict):
            raise ParseError("The body must be a JSON object.")
        _check(value, 0)
        return value


def _check(value: Any, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise ParseError(f"The body is nested deeper than {_MAX_DEPTH} levels.")
    if isinstance(value, dict):
        for key, item in value.items():
            _check_scalar(key)
            _check(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth + 1)
    else:
        _check_scalar(value)


def _check_scalar(value: Any) -> None:
    if isinstance(value, str) and "\x00" in value:
        raise ParseError("The body contains a NUL character.")
    if isinstance(value, int | float) and not -(2**53) < value < 2**53:
        raise ParseError("The body contains a number that JSON clients cannot represent exactly.")
