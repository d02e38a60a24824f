"""`/api/v1/generations/` answers as `/api/v1/generations` does: no redirect, which would lose a POST's body."""

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase


class ApiSlashMiddleware:
    """Takes the trailing slash off API paths before they are resolved."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if request.path_info.startswith("/api/v1/") and request.path_info.endswith("/"):
            request.path_info = request.path_info.rstrip("/")
        answer: HttpResponseBase | Awaitable[HttpResponseBase] = self.get_response(request)
        return answer
