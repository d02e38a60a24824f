"""Lots and holds whose time has passed. Nothing depends on when this runs: an expired lot is never spendable.

A lot that may roll over waits a while for its plan's renewal, whose payment can be late.
"""

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection
from django.db.models import Q

from core.ids import uuid7
from credits import ledger
from credits.models import Hold, Lot

_log = structlog.get_logger(__name__)
_BATCH = 500
# A hold is settled with its job; only after this does a sweeper take it for forgotten.
_HOLD_SLACK = timedelta(minutes=5)


def retire(*, lot_id: UUID, at: datetime, rolls_until: datetime | None = None) -> tuple[int, int]:
    """Ends a lot whose time has passed; gives how many credits rolled over, to live until `rolls_until`, and how many
    expired. What open holds drew from it stays theirs.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolled, expired FROM ledger_retire(%s, %s, %s, %s)", [lot_id, uuid7(), rolls_until, at])
        rolled, expired = cursor.fetchone()
    return rolled, expired


def expire_due(*, at: datetime, dry_run: bool = False) -> tuple[int, int]:
    """Books expired lots that still hold something as breakage, hundreds at a time; gives how many lots and credits."""
    waits = at - timedelta(days=settings.CREDITS_RENEWAL_WAIT_DAYS)
    due = (
        Lot.objects.filter(closed=False, remaining__gt=0, expires_at__lte=at)
        .filter(Q(rollover_percent=None) | Q(expires_at__lte=waits))
        .order_by("expires_at", "id")
    )
    lots = credits = 0
    for lot in due if dry_run else due[:_BATCH]:
        credits += lot.remaining if dry_run else retire(lot_id=lot.id, at=at)[1]
        lots += 1
    return lots, credits


def expire_holds(*, at: datetime) -> int:
    """Returns what forgotten holds set aside; gives how many there were. Each is a mistake, and logged as one."""
    due = Hold.objects.filter(state=Hold.State.HELD, expires_at__lte=at - _HOLD_SLACK).order_by("expires_at")
    found = list(due.values_list("id", "reference")[:_BATCH])
    for hold_id, reference in found:
        ledger.expire_hold(hold_id=hold_id, at=at)
        _log.error("credits.hold.forgotten", hold=str(hold_id), reference=reference)
    return len(found)
