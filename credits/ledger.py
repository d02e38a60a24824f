"""The verbs that move credits: grant, hold, capture, void, expire. Each is idempotent by its reference.

The same reference with the same inputs answers as the first time; with others it raises LedgerConflict.
Amounts are whole credits. Time is passed in. The wallet's row is locked first, always.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from core.ids import uuid7
from credits.errors import InsufficientCredits, LedgerConflict, WalletInDebt
from credits.models import Entry, Hold, Lot, Posting, Wallet

GRACE = timedelta(days=30)
# More than anybody buys, and far from the end of a bigint.
MOST_AT_ONCE = 1_000_000_000
# After its deadline a job is stopped and settled; this is more than that takes.
_SETTLING = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class HoldRef:
    """A hold and what was left to use after it."""

    id: UUID
    available: int
    replayed: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """How a hold ended: what the platform kept, and what went back."""

    captured: int
    released: int
    replayed: bool


@transaction.atomic
def open_wallets(*, workspace_id: UUID, welcome: bool, at: datetime) -> None:
    """A live and a sandbox wallet for a new workspace, with the newcomer's credits if `welcome`."""
    for sandbox in (False, True):
        Wallet.objects.create(workspace_id=workspace_id, sandbox=sandbox, created_at=at)
    if not welcome:
        return
    if settings.CREDITS_WELCOME_AMOUNT:
        grant(
            workspace_id=workspace_id, amount=settings.CREDITS_WELCOME_AMOUNT, origin=Lot.Origin.WELCOME,
            reference=f"welcome:{workspace_id}", reason="Welcome", at=at,
            expires_at=at + timedelta(days=settings.CREDITS_WELCOME_LIFETIME_DAYS),
        )  # fmt: skip
    if settings.CREDITS_SANDBOX_AMOUNT:
        grant(
            workspace_id=workspace_id, amount=settings.CREDITS_SANDBOX_AMOUNT, origin=Lot.Origin.SANDBOX, sandbox=True,
            reference=f"sandbox:{workspace_id}", reason="Sandbox", at=at, expires_at=None,
        )  # fmt: skip


@transaction.atomic
def grant(  # noqa: PLR0913 - the journal keeps each of them
    *, workspace_id: UUID, amount: int, origin: str, reference: str, at: datetime, expires_at: datetime | None,
    sandbox: bool = False, paid: bool = False, priority: int = 50, reason: str = "", actor: str = "system",
) -> bool:  # fmt: skip
    """Adds a lot. Returns False when this reference was granted before with the same inputs."""
    if amount <= 0:
        raise ValueError("A grant is of at least one credit.")
    wallet = _locked(workspace_id, sandbox=sandbox)
    inputs = _digest(wallet.id, amount, origin)
    known = Posting.objects.filter(reference=f"grant:{reference}").first()
    if known is not None:
        if known.inputs_hash != inputs:
            raise LedgerConflict(f"{reference} was granted before with another wallet, amount or origin.")
        return False
    lot = Lot.objects.create(
        id=uuid7(), wallet=wallet, origin=origin, reference=reference, priority=priority, paid=paid, amount=amount,
        remaining=amount, effective_at=at, expires_at=expires_at, created_at=at,
    )  # fmt: skip
    posting = Posting.objects.create(
        kind=Posting.Kind.GRANT, reference=f"grant:{reference}", inputs_hash=inputs, actor=actor, reason=reason, at=at,
        wallet=wallet, amount=amount, balance_after=wallet.balance + amount,
    )  # fmt: skip
    Entry.objects.bulk_create(
        [
            Entry(posting=posting, account=Entry.Account.ISSUED, amount=-amount),
            Entry(posting=posting, account=Entry.Account.WALLET, wallet=wallet, lot=lot, amount=amount),
        ]
    )
    wallet.balance += amount
    wallet.save(update_fields=["balance"])
    return True


@transaction.atomic
def expire(*, lot_id: UUID, at: datetime) -> int:
    """Books what is left of an expired lot as breakage; gives how many credits that was.

    An expired lot cannot be spent even before this; what open holds drew from it stays theirs.
    """
    wallet = Wallet.objects.select_for_update().get(lots__id=lot_id)
    lot = Lot.objects.get(id=lot_id)
    if lot.expires_at is None or lot.expires_at > at or lot.remaining == 0:
        return 0
    amount = lot.remaining
    posting = Posting.objects.create(
        kind=Posting.Kind.EXPIRE, reference=f"expire:{lot.id}:{amount}", reason="Expired", at=at, wallet=wallet,
        amount=-amount, balance_after=wallet.balance - amount,
    )  # fmt: skip
    Entry.objects.bulk_create(
        [
            Entry(posting=posting, account=Entry.Account.WALLET, wallet=wallet, lot=lot, amount=-amount),
            Entry(posting=posting, account=Entry.Account.BREAKAGE, amount=amount),
        ]
    )
    lot.remaining, lot.closed = 0, True
    lot.save(update_fields=["remaining", "closed"])
    wallet.balance -= amount
    wallet.save(update_fields=["balance"])
    return amount


def hold(
    *, workspace_id: UUID, amount: int, reference: str, at: datetime, pipeline: str = "", sandbox: bool = False
) -> HoldRef:
    """Sets aside `amount` credits in spend order, or raises InsufficientCredits and changes nothing."""
    if amount <= 0:
        raise ValueError("A hold is of at least one credit.")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT outcome, hold_id, available FROM ledger_hold(%s, %s, %s, %s, %s, %s, %s, %s)",
            [workspace_id, sandbox, amount, reference, pipeline, uuid7(), at, hold_expiry(at)],
        )
        outcome, hold_id, available = cursor.fetchone()
    raise_refusal(outcome, required=amount, available=available, reference=reference)
    return HoldRef(hold_id, available, outcome == "replayed")


def capture(*, hold_id: UUID, amount: int, at: datetime, reason: str = "") -> Settled:
    """Keeps `amount` of a hold for the platform and returns the rest to its lots."""
    if amount == 0:
        return void(hold_id=hold_id, at=at, reason=reason)
    return _settle(hold_id, amount, "captured", reason, at)


def void(*, hold_id: UUID, at: datetime, reason: str = "") -> Settled:
    """Returns the whole hold to its lots."""
    return _settle(hold_id, 0, "voided", reason, at)


def hold_expiry(at: datetime, *, work_ends_at: datetime | None = None) -> datetime:
    """When a hold made at `at` is overdue: never before the work that it pays for must have ended."""
    usual = at + timedelta(minutes=settings.CREDITS_HOLD_TTL_MINUTES)
    return max(usual, work_ends_at + _SETTLING) if work_ends_at else usual


def raise_refusal(outcome: str, *, required: int, available: int, reference: str) -> None:
    """Turns an outcome of the stored function into its error; returns when the hold stands."""
    if outcome == "insufficient":
        raise InsufficientCredits(required=required, available=available)
    if outcome == "in_debt":
        raise WalletInDebt
    if outcome == "conflict":
        raise LedgerConflict(f"{reference} holds another amount.")
    if outcome == "no_wallet":
        raise Wallet.DoesNotExist(reference)


def _settle(hold_id: UUID, amount: int, state: Literal["captured", "voided"], reason: str, at: datetime) -> Settled:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT outcome, captured, released FROM ledger_settle(%s, %s, %s, %s, %s, %s::interval)",
            [hold_id, amount, state, reason, at, f"{GRACE.days} days"],
        )
        outcome, captured, released = cursor.fetchone()
    if outcome == "no_hold":
        raise Hold.DoesNotExist(str(hold_id))
    if outcome in {"conflict", "exceeds"}:
        raise LedgerConflict(f"The hold cannot be {state} for {amount}: it keeps {captured} and returned {released}.")
    return Settled(captured, released, outcome == "replayed")


def _locked(workspace_id: UUID, *, sandbox: bool) -> Wallet:
    return Wallet.objects.select_for_update().get(workspace_id=workspace_id, sandbox=sandbox)


def _digest(*parts: object) -> str:
    return hashlib.sha256("|".join(str(part) for part in parts).encode()).hexdigest()
