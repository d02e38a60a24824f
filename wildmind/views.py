"""The site's own pages, the probes, and errors that no app answers."""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from core import health, problems
from core.parsing import TooLarge
from generation import quoting
from insights import metrics


@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    """What the product is, with pictures that the built-in engine made."""
    if request.user.is_authenticated and "stay" not in request.GET:
        return redirect("studio")
    return render(
        request,
        "pages/landing.html",
        {
            "samples": _samples(),
            "price_per_image": quoting.example(pipeline="image", at=timezone.now()),
            "welcome_credits": settings.CREDITS_WELCOME_AMOUNT,
        },
    )


@require_safe
def error_page(request: HttpRequest, code: str) -> HttpResponse:
    """What an error code means and what to do: the address that problem documents carry as their type."""
    found = error_catalogue().get(code)
    if found is None:
        raise Http404
    return render(request, "pages/error_code.html", {"code": code, "paragraphs": found})


@lru_cache(maxsize=1)
def error_catalogue() -> dict[str, list[str]]:
    """The paragraphs of docs/errors.md by code; the emphasis of Markdown is left out."""
    sections = re.split(r"^### `(\w+)`$", (settings.BASE_DIR / "docs" / "errors.md").read_text("utf-8"), flags=re.M)
    return {
        code: [" ".join(part.replace("**", "").replace("`", "").split()) for part in _prose(text)]
        for code, text in zip(sections[1::2], sections[2::2], strict=True)
    }


def _prose(section: str) -> list[str]:
    return [part for part in section.split("\n## ")[0].strip().split("\n\n") if part.strip()]


@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok", content_type="text/plain")


@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """200 when every probe is content, else 503 with what is wrong."""
    checks = health.check_all()
    broken = [check for check in checks if check.problem]
    body = {"ready": not broken, "checks": {check.name: check.problem or "ok" for check in checks}}
    return JsonResponse(body, status=503 if broken else 200)


@require_safe
def prometheus(_request: HttpRequest) -> HttpResponse:
    """Metrics in Prometheus' text format. Keep it inside your network: see docs/operations/monitoring.md."""
    return HttpResponse(metrics.exposition(), content_type=metrics.CONTENT_TYPE)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if problems.is_api(request):
        return problems.of_status(404, instance=request.path)
    return render(request, "404.html", status=404)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if problems.is_api(request):
        return problems.of_status(400, instance=request.path)
    if isinstance(exception, RequestDataTooBig):
        return render(request, "error.html", {"error": TooLarge("That is more than one form may hold.")}, status=413)
    return render(request, "404.html", status=400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    if problems.is_api(request):
        return problems.of_status(403, instance=request.path)
    return render(request, "403.html", status=403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    if problems.is_api(request):
        return problems.of_status(403, instance=request.path, detail="The CSRF token is missing or wrong.")
    return render(request, "403.html", status=403)


def server_error(request: HttpRequest) -> HttpResponse:
    if problems.is_api(request):
        return problems.of_status(500, instance=request.path)
    return render(request, "500.html", status=500)


def _samples() -> list[str]:
    folder = finders.find("img/landing")
    if not folder:
        return []
    names: list[Any] = sorted(Path(folder).glob("*.webp"), key=lambda path: path.name)
    return [f"{settings.STATIC_URL}img/landing/{path.name}" for path in names]
