"""Reading wallets: what can be used, what is held, and the statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, Q, QuerySet, Sum

from core.errors import NotFound
from credits import reconciliation
from credits.models import Allowance, Entry, Hold, Lot, Posting, Wallet

ORIGIN_LABELS: Mapping[str, str] = {
    "welcome": "Welcome credits", "plan": "Plan", "rolled_over": "Rolled over", "top_up": "Top-up",
    "make_good": "Make-good", "goodwill": "Goodwill", "adjustment": "Adjustment", "sandbox": "Sandbox",
    "grace": "Returned after expiry",
}  # fmt: skip

# What a statement is full of. Everything else has an index of its own.
COMMON_KINDS = frozenset({"capture", "void"})
_BETWEEN_LOTS = frozenset({"grace", "rollover", "repay"})


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
    """A line of the statement, with the balance after it; held credits are part of the balance.

    `amount` is what the wallet gained or lost; `released` what a settled hold gave back to its lots, which moves no
    balance; `moved` what went from lot to lot, or from a lot to a debt.
    """

    id: int
    at: datetime
    kind: str
    reason: str
    reference: str
    subject: str
    amount: int
    released: int
    balance: int
    moved: int = 0


@dataclass(frozen=True, slots=True)
class Refill:
    """The next grant of the wallet's allowances."""

    at: datetime
    amount: int


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


def ending_lots(*, ids: Sequence[UUID], at: datetime) -> list[Lot]:
    """Those of these lots that still have something left and time to use it, the first to expire first."""
    return list(Lot.objects.filter(id__in=ids, remaining__gt=0, expires_at__gt=at).order_by("expires_at", "id"))


def open_holds(*, wallet_id: UUID, limit: int = 50) -> list[Hold]:
    """Holds of jobs that are still under way, newest first."""
    return list(Hold.objects.filter(wallet_id=wallet_id, state=Hold.State.HELD).order_by("-created_at")[:limit])


def statement(
    *, wallet_id: UUID, before: int | None = None, limit: int = 20, kinds: Sequence[str] = ()
) -> list[StatementRow]:
    """Up to `limit` postings older than posting `before`, newest first, of these kinds or of all."""
    rows = Posting.objects.filter(wallet_id=wallet_id)
    if before is not None:
        rows = rows.filter(id__lt=before)
    if kinds:
        rows = rows.filter(kind__in=kinds)
        if not COMMON_KINDS.intersection(kinds):
            # The database does not see that the index on rare kinds serves the list; this it sees.
            rows = rows.exclude(kind__in=COMMON_KINDS)
    return _told(rows.order_by("-id")[:limit])


def statement_after(
    *, wallet_id: UUID, after: int, since: datetime | None, until: datetime, limit: int
) -> list[StatementRow]:
    """Up to `limit` postings of a period that are younger than posting `after`, oldest first."""
    rows = Posting.objects.filter(wallet_id=wallet_id, id__gt=after, at__lt=until)
    if since is not None:
        rows = rows.filter(at__gte=since)
    return _told(rows.order_by("id")[:limit])


def next_refill(*, wallet_id: UUID, at: datetime) -> Refill | None:
    """The next grant that is due and will be made; allowances that are due at the same moment are one."""
    open_ended = Q(ends_at=None) | Q(ends_at__gt=F("next_at"))
    due = list(
        Allowance.objects.filter(open_ended, wallet_id=wallet_id).order_by("next_at").values_list("next_at", "amount")
    )
    if not due:
        return None
    first = due[0][0]
    return Refill(max(first, at), sum(amount for next_at, amount in due if next_at == first))


def _told(rows: QuerySet[Posting]) -> list[StatementRow]:
    found = list(rows)
    between = [row.id for row in found if row.kind in _BETWEEN_LOTS]
    moved: dict[int, int] = {}
    if between:
        gained = Entry.objects.filter(posting_id__in=between, wallet_id__isnull=False, amount__gt=0)
        moved = dict(gained.values_list("posting_id").annotate(Sum("amount")))
    return [
        StatementRow(
            row.id, row.at, row.kind, row.reason, row.reference, row.subject, row.amount, row.released,
            row.balance_after, moved.get(row.id, 0),
        )
        for row in found
    ]  # fmt: skip


def wallet_of(*, workspace_id: UUID, sandbox: bool) -> Wallet:
    """The wallet itself. Raises NotFound."""
    wallet = Wallet.objects.filter(workspace_id=workspace_id, sandbox=sandbox).first()
    if wallet is None:
        raise NotFound
    return wallet


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
