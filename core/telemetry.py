"""Request ids, and counters that any app may raise; `/metrics` shows them."""

import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from prometheus_client import CollectorRegistry, Counter, Histogram

from core.ids import to_public, uuid7

REGISTRY = CollectorRegistry()
JOBS_ACCEPTED = Counter("wildmind_jobs_accepted_total", "Jobs accepted", ["pipeline"], registry=REGISTRY)
JOBS_REFUSED = Counter("wildmind_jobs_refused_total", "Submissions refused", ["code"], registry=REGISTRY)
HTTP_SECONDS = Histogram(
    "wildmind_http_request_seconds",
    "Time to answer",
    ["method", "status"],
    registry=REGISTRY,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

# A client may send any word as its method; the label must not grow with it.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_ACCEPTABLE = re.compile(r"^[A-Za-z0-9_.:-]{1,100}$")


def request_id() -> str | None:
    """The id of the request being answered, if there is one."""
    value = structlog.contextvars.get_contextvars().get("request_id")
    return str(value) if value else None


class RequestIdMiddleware:
    """Takes `X-Request-Id` or makes one, binds it to the logs, and echoes it."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._answer_async(request)
        token, began = self._begin(request), time.perf_counter()
        response: HttpResponseBase = self.get_response(request)
        return self._end(request, response, token, began)

    async def _answer_async(self, request: HttpRequest) -> HttpResponseBase:
        token, began = self._begin(request), time.perf_counter()
        response: HttpResponseBase = await self.get_response(request)
        return self._end(request, response, token, began)

    def _begin(self, request: HttpRequest) -> str:
        asked = request.headers.get("X-Request-Id", "")
        token = asked if _ACCEPTABLE.match(asked) else to_public("req", uuid7())
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=token)
        return token

    def _end(self, request: HttpRequest, response: HttpResponseBase, token: str, began: float) -> HttpResponseBase:
        method = request.method if request.method in _METHODS else "other"
        HTTP_SECONDS.labels(method, response.status_code).observe(time.perf_counter() - began)
        response["X-Request-Id"] = token
        return response
