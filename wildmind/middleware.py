"""Domain errors on pages: the same sentences as in the API, in the site's clothes."""

from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url

from core import problems
from core.errors import DomainError, FieldsRejected, Unauthenticated


class DomainErrorMiddleware:
    """Turns a DomainError that a page raised into a page, and one of the API into a problem document.

    Also what pages need before and after: no NUL characters in, and no sign-in page inside a fragment out.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        ended = response.status_code == 302 and response["Location"].split("?")[0] == resolve_url(settings.LOGIN_URL)
        if ended and request.headers.get("HX-Request"):
            # The session is over: the whole page goes to sign-in, not the fragment that was asked for.
            back = urlsplit(request.headers.get("HX-Current-URL", "")).path or "/"
            query = urlencode({"next": back})
            return HttpResponse(status=204, headers={"HX-Redirect": f"{resolve_url(settings.LOGIN_URL)}?{query}"})
        return response

    def process_view(self, request: HttpRequest, *_: object) -> HttpResponse | None:
        """PostgreSQL keeps no NUL character; one in a form or a query is a 400 here instead of a 500 there."""
        if problems.is_api(request):
            return None
        sent = [request.GET] if request.method in {"GET", "HEAD"} else [request.GET, request.POST]
        if not any("\x00" in value for values in sent for _, many in values.lists() for value in many):
            return None
        fault = {"field": "", "reason": "The request contains a NUL character."}
        return self.process_exception(request, FieldsRejected([fault]))

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, DomainError):
            return None
        if problems.is_api(request):
            return problems.response(exception, instance=request.path)
        if isinstance(exception, Unauthenticated):
            return redirect("account_login")
        page = {403: "403.html", 404: "404.html"}.get(exception.status, "error.html")
        return render(request, page, {"error": exception}, status=exception.status)
