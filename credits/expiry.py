"""Lots whose time has passed. Nothing depends on when this runs: an expired lot is never spendable."""

from datetime import datetime

from credits import ledger
from credits.models import Lot

_BATCH = 500


def expire_due(*, at: datetime, dry_run: bool = False) -> tuple[int, int]:
    """Books expired lots that still hold something; gives how many lots and how many credits."""
    due = Lot.objects.filter(closed=False, remaining__gt=0, expires_at__lte=at).order_by("expires_at", "id")
    lots = credits = 0
    for lot in due[:_BATCH]:
        credits += lot.remaining if dry_run else ledger.expire(lot_id=lot.id, at=at)
        lots += 1
    return lots, credits
