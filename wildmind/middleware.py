"""Domain errors on pages: the same sentences as in the API, in the site's clothes."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from core import problems
from core.errors import DomainError, Unauthenticated


class DomainErrorMiddleware:
    """Turns a DomainError that a page raised into a page, and one of the API into a problem document."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, DomainError):
            return None
        if problems.is_api(request):
            return problems.response(exception, instance=request.path)
        if isinstance(exception, Unauthenticated):
            return redirect("account_login")
        page = {403: "403.html", 404: "404.html"}.get(exception.status, "error.html")
        return render(request, page, {"error": exception}, status=exception.status)
