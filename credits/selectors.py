"""Reading wallets: what can be used, what is held, and the statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, Q

from core.errors import NotFound
from credits import reconciliation
from credits.models import Hold, Lot, Posting, Wallet

ORIGIN_LABELS: Mapping[str, str] = {
    "welcome": "Welcome credits", "plan": "Plan", "rolled_over": "Rolled over", "top_up": "Top-up",
    "make_good": "Make-good", "goodwill": "Goodwill", "adjustment": "Adjustment", "sandbox": "Sandbox",
    "grace": "Returned after expiry",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LotView:
    """A lot that can be used now."""

    id: UUID
    origin: str
    origin_label: str
    amount: int
    remaining: int
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Balance:
    """`available` can be used now; `held` is set aside for running jobs."""

    wallet_id: UUID
    available: int
    held: int
    debt: int


@dataclass(frozen=True, slots=True)
class StatementRow:
    """A line of the statement, newest first, with the balance after it."""

    id: int
    at: datetime
    kind: str
    reason: str
    reference: str
    amount: int
    balance: int


def balance(*, workspace_id: UUID, sandbox: bool, at: datetime) -> Balance:
    """What the wallet can use at this moment. An expired lot does not count, swept or not."""
    with connection.cursor() as cursor:
        cursor.execute(_BALANCE, [at, at, workspace_id, sandbox])
        row = cursor.fetchone()
    if row is None:
        raise NotFound
    wallet_id, usable, held, debt = row
    return Balance(wallet_id, max(0, usable - debt), held, debt)


def spendable_lots(*, wallet_id: UUID, at: datetime) -> list[LotView]:
    """Lots in the order in which they will be drawn."""
    lots = (
        Lot.objects.filter(wallet_id=wallet_id, closed=False)
        .filter(Q(expires_at=None) | Q(expires_at__gt=at))
        .filter(Q(effective_at__lte=at) | Q(effective_at__lte=F("created_at")))
        .order_by("priority", F("expires_at").asc(nulls_last=True), "paid", "id")
    )
    return [
        LotView(lot.id, lot.origin, ORIGIN_LABELS[lot.origin], lot.amount, lot.remaining, lot.expires_at)
        for lot in lots
    ]


def open_holds(*, wallet_id: UUID, limit: int = 50) -> list[Hold]:
    """Holds of jobs that are still under way, newest first."""
    return list(Hold.objects.filter(wallet_id=wallet_id, state=Hold.State.HELD).order_by("-created_at")[:limit])


def statement(*, wallet_id: UUID, before: int | None = None, limit: int = 20) -> list[StatementRow]:
    """Up to `limit` postings older than posting `before`, newest first. Moves between lots are left out."""
    rows = Posting.objects.filter(wallet_id=wallet_id).exclude(amount=0)
    if before is not None:
        rows = rows.filter(id__lt=before)
    return [
        StatementRow(row.id, row.at, row.kind, row.reason, row.reference, row.amount, row.balance_after)
        for row in rows.order_by("-id")[:limit]
    ]


def wallet_of(*, workspace_id: UUID, sandbox: bool) -> Wallet:
    return Wallet.objects.get(workspace_id=workspace_id, sandbox=sandbox)


def violations() -> list[Mapping[str, Any]]:
    """Every row of the ledger, and of the apps above it, that breaks an invariant; empty when all is well."""
    return reconciliation.violations()


_BALANCE = """
SELECT w.id, coalesce(sum(l.remaining), 0)::bigint, w.held, w.debt
FROM credits_wallet w
LEFT JOIN credits_lot l ON l.wallet_id = w.id AND NOT l.closed AND l.effective_at <= greatest(%s, l.created_at)
    AND (l.expires_at IS NULL OR l.expires_at > %s)
WHERE w.workspace_id = %s AND w.sandbox = %s
GROUP BY w.id
"""


def next_expiry(lots: Sequence[LotView]) -> LotView | None:
    """The lot that expires first among those that have something left and expire at all."""
    ending = [lot for lot in lots if lot.expires_at is not None and lot.remaining]
    return min(ending, key=lambda lot: lot.expires_at or datetime.max, default=None)


def totals() -> Mapping[str, int]:
    """How much there is to check."""
    return {
        "wallets": Wallet.objects.count(),
        "postings": Posting.objects.count(),
        "open_holds": Hold.objects.filter(state=Hold.State.HELD).count(),
    }
