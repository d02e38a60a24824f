"""The public status page and the operators' overview."""

from django.contrib import admin
from django.contrib.admin.views.decorators import staff_member_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_safe

from insights import overview
from insights.overview import LaneRow

_CACHE_SECONDS = 5


@require_safe
@cache_control(private=True, max_age=_CACHE_SECONDS)
def status(request: HttpRequest) -> HttpResponse:
    """How the service stands, for everybody."""
    return render(request, "pages/status.html", {"overview": overview.recent(at=timezone.now())})


@require_safe
@cache_control(public=True, max_age=_CACHE_SECONDS)
def status_json(_request: HttpRequest) -> HttpResponse:
    """The same for programs."""
    found = overview.recent(at=timezone.now())
    stand = found.stand
    return JsonResponse(
        {
            "at": found.at, "level": stand.level, "message": stand.words, "cause": stand.cause or None,
            "since": stand.since, "lanes": [_lane(row) for row in found.lanes],
        }
    )  # fmt: skip


@staff_member_required
@never_cache
@require_safe
def operations(request: HttpRequest) -> HttpResponse:
    """Lanes, waits, fairness and kept words, for operators."""
    context = {
        **admin.site.each_context(request), "title": "Operations", "overview": overview.read(at=timezone.now()),
    }  # fmt: skip
    return render(request, "admin/operations.html", context)


def _lane(row: LaneRow) -> dict[str, object]:
    waits = row.view.waits
    return {
        "lane": row.view.lane, "paused": row.view.paused, "oldest_wait_s": round(row.view.oldest_seconds),
        "waits_s": {"p50": round(waits.p50, 1), "p90": round(waits.p90, 1)} if waits else None,
    }  # fmt: skip
