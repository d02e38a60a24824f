"""Credits that come again each month: at its boundary a period's lot is granted and the last one's rest rolls over."""

import calendar
from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F, Q

from core.ids import uuid7
from credits import expiry, ledger
from credits.errors import LedgerConflict
from credits.ledger import Rollover, Terms
from credits.models import Allowance, Lot, Wallet

_BATCH = 200


def boundary(*, anchor_at: datetime, number: int, timezone: str = "UTC") -> datetime:
    """The start of period `number` (0 is the anchor): the same day and wall time months later.

    A day that a month does not have is its last one, and comes back afterwards: 31 January, 28 February, 31 March.
    A wall time that a clock change skips is as much later; one that it repeats is the first.
    """
    zone = ZoneInfo(timezone)
    local = anchor_at.astimezone(zone)
    months = local.year * 12 + local.month - 1 + number
    year, month = divmod(months, 12)
    day = min(local.day, calendar.monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day, fold=0).astimezone(UTC)


@transaction.atomic
def renew(  # noqa: PLR0913 - a period is all of these
    *, workspace_id: UUID, reference: str, amount: int, starts_at: datetime, ends_at: datetime, at: datetime,
    paid: bool = False, rollover: Rollover | None = None,
) -> bool:  # fmt: skip
    """Grants the credits of one period, which end with it, and rolls over what the period before left.

    `reference` names the subscription: the same boundary grants once. Lots that end at `starts_at` and may roll over
    live on until `ends_at`. Returns False when this boundary was renewed before.
    """
    wallet = Wallet.objects.select_for_update().get(workspace_id=workspace_id, sandbox=False)
    granted = ledger.grant(
        workspace_id=workspace_id, amount=amount, at=at, reason="Renewal",
        reference=f"{reference}:{starts_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z",
        terms=Terms(Lot.Origin.PLAN, ends_at, effective_at=starts_at, paid=paid, rollover=rollover),
    )  # fmt: skip
    if granted:
        ending = Lot.objects.filter(
            wallet=wallet, closed=False, remaining__gt=0, expires_at=starts_at, rollover_percent__isnull=False
        ).order_by("id")
        for lot_id in ending.values_list("id", flat=True):
            expiry.retire(lot_id=lot_id, at=at, rolls_until=ends_at)
    return granted


@transaction.atomic
def start(  # noqa: PLR0913 - each is a column that somebody must decide
    *, workspace_id: UUID, reference: str, amount: int, anchor_at: datetime, at: datetime, timezone: str = "UTC",
    ends_at: datetime | None = None, rollover: Rollover | None = None, paid: bool = False,
) -> bool:  # fmt: skip
    """Begins a monthly allowance, first granted at `anchor_at`. Returns False when `reference` began before."""
    if amount < 1:
        raise ValueError("An allowance is of at least one credit.")
    ZoneInfo(timezone)
    wallet = Wallet.objects.select_for_update().get(workspace_id=workspace_id, sandbox=False)
    known = Allowance.objects.filter(reference=reference).first()
    if known is not None:
        if (known.wallet_id, known.amount, known.anchor_at) != (wallet.id, amount, anchor_at):
            raise LedgerConflict(f"{reference} began before with another wallet, amount or day.")
        return False
    Allowance.objects.create(
        id=uuid7(), wallet=wallet, reference=reference, amount=amount, paid=paid, anchor_at=anchor_at,
        timezone=timezone, next_at=anchor_at, ends_at=ends_at, created_at=at,
        rollover_percent=rollover.percent if rollover else None, rollover_most=rollover.most if rollover else None,
        rollover_times=rollover.times if rollover else 0,
    )  # fmt: skip
    return True


def stop(*, reference: str, at: datetime) -> None:
    """Ends an allowance: no grant after `at`. What was granted stays until its own end."""
    Allowance.objects.filter(reference=reference).filter(Q(ends_at=None) | Q(ends_at__gt=at)).update(ends_at=at)


def renew_due(*, at: datetime) -> int:
    """Makes every grant that is due, in order, however late; gives how many. Safe in several processes at once."""
    due = Allowance.objects.filter(next_at__lte=at).filter(Q(ends_at=None) | Q(ends_at__gt=F("next_at")))
    made = 0
    for allowance_id in list(due.order_by("next_at").values_list("id", flat=True)[:_BATCH]):
        made += _catch_up(allowance_id, at)
    return made


@transaction.atomic
def _catch_up(allowance_id: UUID, at: datetime) -> int:
    allowance = Allowance.objects.select_related("wallet").get(id=allowance_id)
    Wallet.objects.select_for_update().get(id=allowance.wallet_id)
    allowance.refresh_from_db(fields=["periods", "next_at", "ends_at"])
    made = 0
    while allowance.next_at <= at and (allowance.ends_at is None or allowance.next_at < allowance.ends_at):
        following = boundary(anchor_at=allowance.anchor_at, number=allowance.periods + 1, timezone=allowance.timezone)
        made += renew(
            workspace_id=allowance.wallet.workspace_id, reference=allowance.reference, amount=allowance.amount,
            starts_at=allowance.next_at, ends_at=following, at=at, paid=allowance.paid, rollover=_rollover(allowance),
        )  # fmt: skip
        allowance.periods, allowance.next_at = allowance.periods + 1, following
    allowance.save(update_fields=["periods", "next_at"])
    return made


def _rollover(allowance: Allowance) -> Rollover | None:
    if allowance.rollover_percent is None:
        return None
    return Rollover(allowance.rollover_percent, allowance.rollover_most, allowance.rollover_times)
