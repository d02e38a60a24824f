"""The verbs that move credits: grant, hold, capture, void, refund, adjust, claw back.

Each happens once for its reference: the same with the same inputs answers as the first time, with others it raises
LedgerConflict. Amounts are whole credits. Time is passed in. The wallet's row is locked first, always. Every verb is
one statement that calls a function of `credits/sql`; lots that end are in `credits/expiry.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from psycopg.errors import UniqueViolation

from core.ids import uuid7
from credits.errors import InsufficientCredits, LedgerConflict, SpendLimitReached, WalletInDebt
from credits.models import Hold, Lot, Wallet

GRACE = timedelta(days=30)
# More than anybody buys, and far from the end of a bigint.
MOST_AT_ONCE = 1_000_000_000
# After its deadline a job is stopped and settled; this is more than that takes.
_SETTLING = timedelta(hours=1)
_GRACE = f"{GRACE.days} days"


@dataclass(frozen=True, slots=True)
class HoldRef:
    """A hold and what was left to use after it."""

    id: UUID
    available: int
    replayed: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """What the platform has kept of a hold so far, and what went back or is still held."""

    captured: int
    released: int
    replayed: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken out of a wallet, and what of it is owed because it was no longer there."""

    taken: int
    owed: int
    replayed: bool


@dataclass(frozen=True, slots=True)
class Rollover:
    """Up to `percent` of a lot, and at most `most`, passes to the next period, at most `times` in a row."""

    percent: int
    most: int | None = None
    times: int = 1


@dataclass(frozen=True, slots=True)
class Terms:
    """What a lot is, beyond its amount: it counts from `effective_at` (or at once) to `expires_at` (or for ever)."""

    origin: str
    expires_at: datetime | None = None
    effective_at: datetime | None = None
    priority: int = 50
    paid: bool = False
    applies_to: Sequence[str] = ()
    rollover: Rollover | None = None


@dataclass(frozen=True, slots=True)
class Payer:
    """For whom and what a hold is made: spend limits of the key, the member and the model count it.

    `daily_credits` is the plan's cap for the whole wallet in a UTC day.
    """

    pipeline: str = ""
    model: str = ""
    key_id: UUID | None = None
    member_id: UUID | None = None
    daily_credits: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "pipeline": self.pipeline, "model": self.model, "key": self.key_id, "member": self.member_id,
            "daily_credits": self.daily_credits,
        }  # fmt: skip


NOBODY = Payer()


@transaction.atomic
def open_wallets(*, workspace_id: UUID, welcome: bool, at: datetime) -> None:
    """A live and a sandbox wallet for a new workspace, with the newcomer's credits if `welcome`."""
    for sandbox in (False, True):
        Wallet.objects.create(workspace_id=workspace_id, sandbox=sandbox, created_at=at)
    if not welcome:
        return
    if settings.CREDITS_WELCOME_AMOUNT:
        ends_at = at + timedelta(days=settings.CREDITS_WELCOME_LIFETIME_DAYS)
        grant(
            workspace_id=workspace_id, amount=settings.CREDITS_WELCOME_AMOUNT, terms=Terms(Lot.Origin.WELCOME, ends_at),
            reference=f"welcome:{workspace_id}", reason="Welcome", at=at,
        )  # fmt: skip
    if settings.CREDITS_SANDBOX_AMOUNT:
        grant(
            workspace_id=workspace_id, amount=settings.CREDITS_SANDBOX_AMOUNT, terms=Terms(Lot.Origin.SANDBOX),
            sandbox=True, reference=f"sandbox:{workspace_id}", reason="Sandbox", at=at,
        )  # fmt: skip


def grant(  # noqa: PLR0913 - the journal keeps each of them
    *, workspace_id: UUID, amount: int, terms: Terms, reference: str, at: datetime, sandbox: bool = False,
    reason: str = "", actor: str = "system",
) -> bool:  # fmt: skip
    """Adds a lot. Debt is repaid from it first. Returns False when this reference was granted before."""
    _positive(amount)
    return _add("grant", workspace_id, amount, terms, reference, reason, actor, at, sandbox=sandbox)


def adjust(
    *, workspace_id: UUID, amount: int, reference: str, reason: str, actor: str, at: datetime, sandbox: bool = False
) -> bool:
    """An operator's correction, up or down, with a reason. Downwards only what can be used, all or nothing.

    Returns False when this reference was booked before; raises InsufficientCredits and changes nothing.
    """
    if amount == 0 or abs(amount) > MOST_AT_ONCE:
        raise ValueError("A correction is of at least one credit, up or down.")
    if amount > 0:
        return _add(
            "adjust", workspace_id, amount, Terms(Lot.Origin.ADJUSTMENT), reference, reason, actor, at, sandbox=sandbox
        )
    return not _take("adjust", workspace_id, -amount, None, reference, reason, actor, at, sandbox=sandbox).replayed


def claw_back(
    *, workspace_id: UUID, amount: int, reference: str, reason: str, at: datetime, lot_reference: str = "",
    actor: str = "system",
) -> Taken:  # fmt: skip
    """Takes back credits whose payment was reversed: from the lot bought, then in spend order, the rest as debt.

    While debt stands no hold is made; whatever is granted or comes back repays it first. `lot_reference` is the
    reference under which the lot was granted.
    """
    _positive(amount)
    lot_id = None
    if lot_reference:
        own = Lot.objects.filter(wallet__workspace_id=workspace_id, wallet__sandbox=False)
        lot_id = own.filter(reference=f"grant:{lot_reference}").values_list("id", flat=True).first()
        if lot_id is None:
            raise Lot.DoesNotExist(lot_reference)
    return _take("claw_back", workspace_id, amount, lot_id, reference, reason, actor, at, sandbox=False)


def hold(
    *, workspace_id: UUID, amount: int, reference: str, at: datetime, payer: Payer = NOBODY, sandbox: bool = False
) -> HoldRef:
    """Sets aside `amount` credits in spend order, or raises and changes nothing.

    Raises InsufficientCredits, WalletInDebt or SpendLimitReached, all of them 402.
    """
    _positive(amount)
    outcome, hold_id, available, detail = _call(
        "SELECT outcome, hold_id, available, detail FROM ledger_hold(%s, %s, %s, %s, %s, %s::jsonb, %s, %s)",
        [workspace_id, sandbox, amount, reference, uuid7(), _json(payer.as_json()), at, hold_expiry(at)],
    )  # fmt: skip
    raise_refusal(outcome, required=amount, available=available, reference=reference, detail=detail)
    return HoldRef(hold_id, available, outcome == "replayed")


def capture(*, hold_id: UUID, amount: int, at: datetime, reason: str = "", part: str = "") -> Settled:
    """Keeps `amount` of a hold for the platform in all, ends it, and returns the rest to its lots.

    With `part`, which names what was delivered, it keeps `amount` more and the hold stays open for the rest.
    """
    if part:
        _positive(amount)
        return _settle(hold_id, amount, "held", part, reason, at)
    return _settle(hold_id, amount, "captured" if amount else "voided", "", reason, at)


def void(*, hold_id: UUID, at: datetime, reason: str = "") -> Settled:
    """Ends a hold and returns to its lots whatever was not captured in parts before."""
    return _settle(hold_id, 0, "voided", "", reason, at)


def expire_hold(*, hold_id: UUID, at: datetime) -> Settled:
    """Ends a hold that nobody settled in its time: the same as a void, under its own name."""
    return _settle(hold_id, 0, "expired", "", "hold_expired", at)


def refund(*, hold_id: UUID, amount: int, reference: str, reason: str, at: datetime, actor: str = "system") -> bool:
    """Gives captured credits back to the lots they came from, or to a lot of 30 days where one has expired.

    Never more than was captured and not yet refunded. Returns False when this reference was refunded before.
    """
    _positive(amount)
    outcome, refundable = _call(
        "SELECT outcome, refundable FROM ledger_refund(%s, %s, %s, %s, %s, %s, %s::interval)",
        [hold_id, amount, reference, reason, actor, at, _GRACE],
    )
    if outcome == "no_hold":
        raise Hold.DoesNotExist(str(hold_id))
    if outcome == "open":
        raise LedgerConflict("The hold is still open: it is settled before anything of it is refunded.")
    if outcome == "exceeds":
        raise LedgerConflict(f"{refundable} credits of this hold can be refunded, not {amount}.")
    _same_inputs(outcome, reference)
    return bool(outcome == "refunded")


def hold_expiry(at: datetime, *, work_ends_at: datetime | None = None) -> datetime:
    """When a hold made at `at` is overdue: never before the work that it pays for must have ended."""
    usual = at + timedelta(minutes=settings.CREDITS_HOLD_TTL_MINUTES)
    return max(usual, work_ends_at + _SETTLING) if work_ends_at else usual


def raise_refusal(outcome: str, *, required: int, available: int, reference: str, detail: str | None) -> None:
    """Turns an outcome of the stored function into its error; returns when the hold stands."""
    if outcome == "insufficient":
        raise InsufficientCredits(required=required, available=available)
    if outcome == "in_debt":
        raise WalletInDebt(**orjson.loads(detail or "{}"))
    if outcome == "limited":
        raise SpendLimitReached.of(orjson.loads(detail or "{}"), required=required)
    if outcome == "no_wallet":
        raise Wallet.DoesNotExist(reference)
    _same_inputs(outcome, reference)


def _add(  # noqa: PLR0913 - the journal keeps each of them
    kind: str, workspace_id: UUID, amount: int, terms: Terms, reference: str, reason: str, actor: str, at: datetime,
    *, sandbox: bool,
) -> bool:  # fmt: skip
    rollover = terms.rollover
    document = {
        "origin": terms.origin, "expires_at": terms.expires_at, "effective_at": terms.effective_at,
        "priority": terms.priority, "paid": terms.paid, "applies_to": list(terms.applies_to), "reason": reason,
        "actor": actor, "rollover_percent": rollover.percent if rollover else None,
        "rollover_most": rollover.most if rollover else None, "rollover_times": rollover.times if rollover else 0,
    }  # fmt: skip
    outcome, _ = _call(
        "SELECT outcome, lot_id FROM ledger_grant(%s, %s, %s, %s, %s, %s, %s::jsonb, %s)",
        [workspace_id, sandbox, kind, reference, uuid7(), amount, _json(document), at],
    )
    if outcome == "no_wallet":
        raise Wallet.DoesNotExist(str(workspace_id))
    _same_inputs(outcome, reference)
    return bool(outcome == "granted")


def _take(  # noqa: PLR0913 - the journal keeps each of them
    kind: str, workspace_id: UUID, amount: int, lot_id: UUID | None, reference: str, reason: str, actor: str,
    at: datetime, *, sandbox: bool,
) -> Taken:  # fmt: skip
    outcome, taken, owed = _call(
        "SELECT outcome, taken, owed FROM ledger_take(%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [workspace_id, sandbox, kind, reference, lot_id, amount, reason, actor, at],
    )
    if outcome == "no_wallet":
        raise Wallet.DoesNotExist(str(workspace_id))
    if outcome == "insufficient":
        raise InsufficientCredits(required=amount, available=owed)
    _same_inputs(outcome, reference)
    return Taken(taken, owed, outcome == "replayed")


def _settle(hold_id: UUID, amount: int, state: str, part: str, reason: str, at: datetime) -> Settled:
    outcome, captured, released = _call(
        "SELECT outcome, captured, released FROM ledger_settle(%s, %s, %s, %s, %s, %s, %s::interval)",
        [hold_id, amount, state, part, reason, at, _GRACE],
    )
    if outcome == "no_hold":
        raise Hold.DoesNotExist(str(hold_id))
    if outcome in {"conflict", "exceeds"}:
        raise LedgerConflict(f"The hold cannot be {state} for {amount}: {captured} of it are kept, {released} are not.")
    return Settled(captured, released, outcome == "replayed")


def _call(sql: str, params: list[Any]) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        try:
            cursor.execute(sql, params)
        except IntegrityError as exc:
            if isinstance(exc.__cause__, UniqueViolation):
                # Two wallets at once: each locked its own, and both used the reference.
                raise LedgerConflict from exc
            raise
        row: tuple[Any, ...] = cursor.fetchone()
    return row


def _positive(amount: int) -> None:
    if not 0 < amount <= MOST_AT_ONCE:
        raise ValueError(f"An amount is of at least one credit and at most {MOST_AT_ONCE}.")


def _same_inputs(outcome: str, reference: str) -> None:
    if outcome == "conflict":
        raise LedgerConflict(f"{reference} was booked before with other inputs.")


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
