"""The wallet: what there is, from where, until when, and what became of the rest."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts import current
from credits import selectors

_PAGE = 30
_POSTING = re.compile(r"^[0-9]{1,18}$")
_KINDS = {"grant": "Credits added", "capture": "Generation", "refund": "Refund", "expire": "Expired",
          "adjust": "Adjustment", "claw_back": "Taken back after a payment was reversed"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class HoldRow:
    label: str
    amount: int
    since: datetime


@dataclass(frozen=True, slots=True)
class WalletView:
    available: int
    held: int
    next_expiry_amount: int
    next_expires_at: datetime | None
    lots: list[selectors.LotView]
    holds: list[HoldRow]


@dataclass(frozen=True, slots=True)
class Row:
    at: datetime
    reason: str
    amount: int
    balance: int
    url: str


@login_required
@require_safe
def wallet(request: HttpRequest) -> HttpResponse:
    """The live wallet's balance, lots, holds and statement."""
    caller, now = current.principal(request), timezone.now()
    balance = selectors.balance(workspace_id=caller.workspace_id, sandbox=caller.sandbox, at=now)
    lots = [lot for lot in selectors.spendable_lots(wallet_id=balance.wallet_id, at=now) if lot.remaining]
    ending = selectors.next_expiry(lots)
    before = request.GET.get("before", "")
    rows = selectors.statement(
        wallet_id=balance.wallet_id, before=int(before) if _POSTING.match(before) else None,
        limit=_PAGE + 1,
    )  # fmt: skip
    context: dict[str, Any] = {
        "wallet": WalletView(
            available=balance.available, held=balance.held, next_expiry_amount=ending.remaining if ending else 0,
            next_expires_at=ending.expires_at if ending else None, lots=lots,
            holds=[HoldRow("Generation in progress", hold.amount, hold.created_at)
                   for hold in selectors.open_holds(wallet_id=balance.wallet_id)],
        ),
        "rows": [_row(row) for row in rows[:_PAGE]],
        "next_url": f"{reverse('wallet')}?before={rows[_PAGE - 1].id}" if len(rows) > _PAGE else "",
    }  # fmt: skip
    more = getattr(request, "htmx", False) and before
    return render(request, "credits/_statement_rows.html" if more else "credits/wallet.html", context)


def _row(row: selectors.StatementRow) -> Row:
    label = _KINDS.get(row.kind, row.kind)
    note = row.reason if row.kind == "grant" else ""
    return Row(row.at, f"{label}: {note}" if note else label, row.amount, row.balance, "")
