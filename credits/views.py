"""The wallet: what there is, from where, until when, and what became of the rest."""

import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts import current
from accounts.permissions import require
from core.errors import FieldsRejected
from credits import export, notices, overview, selectors, usage, wording

_PAGE = 30
_POSTING = re.compile(r"^[0-9]{1,18}$")


class NoticesForm(forms.Form):
    """When the owners of the workspace get mail about its credits."""

    by_mail = forms.BooleanField(required=False, label="Mail the owners when credits run low or are about to expire")
    low_below = forms.IntegerField(
        min_value=0, max_value=notices.MOST_THRESHOLD, label="Low means fewer credits than", help_text="0 for never."
    )


@login_required
@require_safe
def wallet(request: HttpRequest) -> HttpResponse:
    """The live wallet's balance, lots, holds, usage, limits and statement."""
    caller, now = current.principal(request), timezone.now()
    require(caller, "wallet:read")
    mine: dict[str, Any] = {"workspace_id": caller.workspace_id, "sandbox": caller.sandbox}
    before, kind = request.GET.get("before", ""), request.GET.get("kind", "")
    kinds = wording.FILTERS.get(kind, ("", ()))[1]
    rows = selectors.statement(
        wallet_id=selectors.wallet_of(**mine).id, before=int(before) if _POSTING.match(before) else None,
        limit=_PAGE + 1, kinds=kinds,
    )  # fmt: skip
    context: dict[str, Any] = {
        "rows": overview.lines(**mine, rows=rows[:_PAGE]),
        "next_url": _address(kind if kinds else "", rows[_PAGE - 1].id) if len(rows) > _PAGE else "",
    }
    if getattr(request, "htmx", False) and before:
        return render(request, "credits/_statement_rows.html", context)
    view = overview.overview(**mine, at=now)
    tabs = [("", "Everything"), *((name, label) for name, (label, _) in wording.FILTERS.items())]
    context |= {
        "wallet": view,
        "tabs": [{"label": label, "url": _address(name), "current": name == (kind if kinds else "")}
                 for name, label in tabs],
        "may_change": "workspace:admin" in caller.scopes,
        "form": NoticesForm(initial={"by_mail": view.wishes.by_mail, "low_below": view.wishes.low_below}),
        "today": now.astimezone(UTC).date(),
    }  # fmt: skip
    return render(request, "credits/wallet.html", context)


@login_required
@require_GET
def statement_csv(request: HttpRequest) -> StreamingHttpResponse:
    """Every line from `from` to `to`, both days included; either may be left out."""
    caller, now = current.principal(request), timezone.now()
    require(caller, "wallet:read")
    given = forms.DateField(required=False)
    try:
        first, last = (given.clean(request.GET.get(name, "")) for name in ("from", "to"))
    except forms.ValidationError as exc:
        raise FieldsRejected([{"field": "from", "reason": "and to must be days like 2026-11-25"}]) from exc
    last = min(last or now.date(), now.date())
    pieces = export.statement(
        wallet_id=selectors.wallet_of(workspace_id=caller.workspace_id, sandbox=caller.sandbox).id,
        since=datetime(first.year, first.month, first.day, tzinfo=UTC) if first else None,
        until=datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1),
    )  # fmt: skip
    return _download(request, pieces, f"statement-{first or 'begin'}-{last}.csv")


@login_required
@require_GET
def usage_csv(request: HttpRequest) -> StreamingHttpResponse:
    """Every delivered step of a period, at most 92 days of them."""
    caller = current.principal(request)
    require(caller, "wallet:read")
    period = usage.read_period(
        first=request.GET.get("from", ""), last=request.GET.get("to", ""), today=timezone.now().astimezone(UTC).date()
    )
    pieces = export.used(workspace_id=caller.workspace_id, sandbox=caller.sandbox, period=period)
    return _download(request, pieces, f"usage-{period.first}-{period.last}.csv")


@login_required
@require_POST
def set_notices(request: HttpRequest) -> HttpResponse:
    """Changes when the workspace's owners get mail about credits."""
    caller = current.principal(request)
    require(caller, "workspace:admin")
    form = NoticesForm(request.POST)
    if not form.is_valid():
        raise FieldsRejected([{"field": "low_below", "reason": f"must be 0 to {notices.MOST_THRESHOLD}"}])
    notices.set_wishes(
        workspace_id=caller.workspace_id, low_below=form.cleaned_data["low_below"],
        by_mail=form.cleaned_data["by_mail"], actor=caller.actor, at=timezone.now(),
    )  # fmt: skip
    messages.success(request, "Saved.")
    return redirect(f"{reverse('wallet')}#notices")


def _address(kind: str, before: int | None = None) -> str:
    query = urlencode({name: value for name, value in (("kind", kind), ("before", before)) if value})
    return f"{reverse('wallet')}?{query}" if query else reverse("wallet")


def _download(request: HttpRequest, pieces: Iterator[bytes], name: str) -> StreamingHttpResponse:
    # Under ASGI Django would collect a plain iterator in memory before it sends the first byte.
    content = _one_by_one(pieces) if isinstance(request, ASGIRequest) else pieces
    return StreamingHttpResponse(
        content, content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"},
    )  # fmt: skip


async def _one_by_one(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    def take() -> bytes | None:
        return next(pieces, None)

    while (piece := await sync_to_async(take)()) is not None:
        yield piece
