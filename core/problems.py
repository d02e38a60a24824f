"""Every error of every layer as `application/problem+json` (RFC 9457)."""

from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions
from rest_framework.request import Request

from core.errors import DomainError
from core.telemetry import request_id

CONTENT_TYPE = "application/problem+json"
_log = structlog.get_logger(__name__)

# What the frameworks raise on their own, in our words: status, code, title.
_BY_STATUS: Mapping[int, tuple[str, str]] = {
    400: ("invalid_request", "The request is not valid."),
    401: ("unauthenticated", "The call carries no valid API key or session."),
    403: ("policy_denied", "You may not do that."),
    404: ("not_found", "There is no such object."),
    405: ("method_not_allowed", "This address does not answer that method."),
    406: ("invalid_request", "This address answers with JSON only."),
    413: ("too_large", "The request is too large."),
    415: ("unsupported_media_type", "The body must be application/json."),
    429: ("rate_limited", "Too many requests."),
    500: ("internal", "Something went wrong on our side. Nothing was charged."),
    503: ("unavailable", "The service is not ready. Please try again."),
}


def document(error: DomainError, *, instance: str) -> dict[str, Any]:
    """The problem document of a domain error; `instance` is the path of the call."""
    body: dict[str, Any] = {
        "type": f"/docs/errors/{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": instance,
        "code": error.code,
        "errors": [],
        "retryable": error.retryable,
        "retry_after_s": error.retry_after_seconds,
        "request_id": request_id(),
    }
    body.update(error.extra)
    return body


def response(error: DomainError, *, instance: str) -> HttpResponse:
    """The same as a response, with `Retry-After` and `WWW-Authenticate` where they belong."""
    answer = HttpResponse(
        orjson.dumps(document(error, instance=instance)), status=error.status, content_type=CONTENT_TYPE
    )
    if error.retry_after_seconds is not None:
        answer["Retry-After"] = str(error.retry_after_seconds)
    if error.status == 401:
        answer["WWW-Authenticate"] = 'Bearer realm="wildmind"'
    return answer


def of_status(status: int, *, instance: str, detail: str = "", retry_after_seconds: int | None = None) -> HttpResponse:
    """A problem for an error that has only an HTTP status."""
    code, title = _BY_STATUS.get(status, _BY_STATUS[400] if status < 500 else _BY_STATUS[500])
    words = {"code": code, "status": status, "title": title, "retryable": status in (429, 503)}
    kind = type("StatusProblem", (DomainError,), words)
    return response(kind(detail, retry_after_seconds=retry_after_seconds), instance=instance)


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """DRF's hook. None lets an unforeseen error reach Django's 500 handler (and Sentry)."""
    request: Request = context["request"]
    path = request.path
    if isinstance(exc, DomainError):
        return response(exc, instance=path)
    if isinstance(exc, RequestDataTooBig):
        return of_status(413, instance=path)
    if isinstance(exc, Http404):
        return of_status(404, instance=path)
    if isinstance(exc, PermissionDenied):
        return of_status(403, instance=path)
    if isinstance(exc, OperationalError):
        _log.error("database.unavailable", kind=type(exc).__name__)
        return of_status(503, instance=path, retry_after_seconds=2)
    if isinstance(exc, exceptions.APIException):
        wait = getattr(exc, "wait", None)
        detail = str(exc.detail) if isinstance(exc, exceptions.ParseError) else ""
        return of_status(
            exc.status_code, instance=path, detail=detail, retry_after_seconds=int(wait) + 1 if wait else None
        )
    return None


def is_api(request: HttpRequest) -> bool:
    """Whether an error page for this request should be a problem document."""
    return request.path.startswith(("/api/", "/openai/"))
