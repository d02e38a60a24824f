"""Small helpers that turn our JSON Schemas into drf-spectacular's declarations."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from core.schemas import Body

F = TypeVar("F", bound=Callable[..., Any])

PROBLEM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
        "detail": {"type": "string"}, "instance": {"type": "string"}, "code": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object", "properties": {
            "field": {"type": "string"}, "reason": {"type": "string"}}, "required": ["field", "reason"]}},
        "retryable": {"type": "boolean"}, "retry_after_s": {"type": ["integer", "null"]},
        "request_id": {"type": ["string", "null"]}, "required": {"type": "integer"},
        "available": {"type": "integer"}, "shortfall": {"type": "integer"},
    },
    "required": ["type", "title", "status", "detail", "instance", "code", "errors", "retryable"],
}  # fmt: skip

KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="1 to 255 printable characters. The same key and body get the same answer.",
)
LIMIT = OpenApiParameter("limit", int, description="1 to 100, 20 if left out.")
CURSOR = OpenApiParameter("cursor", str, description="`next_cursor` of the page before.")


def listing(item: Mapping[str, Any]) -> dict[str, Any]:
    """The list object with items of this schema."""
    return {
        "type": "object",
        "properties": {
            "object": {"const": "list"}, "data": {"type": "array", "items": dict(item)},
            "has_more": {"type": "boolean"}, "next_cursor": {"type": ["string", "null"]},
        },
        "required": ["object", "data", "has_more", "next_cursor"],
    }  # fmt: skip


def describe(
    *, operation: str, summary: str, answers: Mapping[int, Any], problems: tuple[int, ...] = (),
    body: Body | None = None, parameters: tuple[OpenApiParameter, ...] = (),
) -> Callable[[F], F]:  # fmt: skip
    """Documents an operation: its body, its answers by status and the problems that can occur."""
    responses: dict[Any, Any] = {
        (status, "application/json"): schema if schema is not None else OpenApiResponse(description="")
        for status, schema in answers.items()
        if status < 300
    }
    responses |= {status: OpenApiResponse(description="See Location.") for status in answers if 300 <= status < 400}
    responses |= {(status, "application/problem+json"): PROBLEM for status in (*problems, 401, 403, 503)}
    return extend_schema(
        operation_id=operation, summary=summary, responses=responses, parameters=list(parameters),
        request={"application/json": dict(body.schema)} if body is not None else None,
    )  # fmt: skip
