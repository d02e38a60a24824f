"""How long a wallet lasts at its present pace."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from credits.selectors import LotView

WINDOW_DAYS = 14
# Two busy afternoons are no pace.
LEAST_DAYS = 3
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Pace:
    """What generations took in the last `days` days, as captured. `days` is None while there is too little history."""

    used: int
    days: int | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """`lasts_days` is how many whole days the credits last, None when nothing is being used. `unused` is what expires
    before it would be used at this pace. Credits of a refill to come are not counted.
    """

    pace: Pace
    lasts_days: int | None
    unused: int

    @property
    def a_day(self) -> int:
        """Credits a day, rounded up: a pace is never told as slower than it is."""
        return -(-self.pace.used // self.pace.days) if self.pace.days else 0


def pace(*, workspace_id: UUID, sandbox: bool, at: datetime) -> Pace:
    """The pace of the last two weeks, or of a younger wallet's whole life once it has three days of use."""
    with connection.cursor() as cursor:
        cursor.execute(
            _PACE, {"workspace": workspace_id, "sandbox": sandbox, "since": at - timedelta(days=WINDOW_DAYS), "at": at}
        )
        used, first_at = cursor.fetchone()
    if first_at is None or at - first_at < timedelta(days=LEAST_DAYS):
        return Pace(used, None)
    return Pace(used, min(WINDOW_DAYS, -(-int((at - first_at).total_seconds()) // _DAY)))


def forecast(*, lots: Sequence[LotView], used: Pace, at: datetime) -> Forecast | None:
    """Uses `lots` up in the order in which they are given, which is the spend order. None: not enough history.

    A lot that its pace does not reach before it expires ends there, and the next one takes over.
    """
    if used.days is None:
        return None
    if used.used == 0:
        return Forecast(used, None, sum(lot.remaining for lot in lots if lot.expires_at is not None))
    # Elapsed time is kept in seconds times `used`, so that every step is exact.
    elapsed = unused = 0
    a_credit = used.days * _DAY
    for lot in lots:
        takes = lot.remaining * a_credit
        if lot.expires_at is not None:
            left = max(0, int((lot.expires_at - at).total_seconds()) * used.used - elapsed)
            if left < takes:
                unused += lot.remaining - left // a_credit
                takes = left
        elapsed += takes
    return Forecast(used, elapsed // (used.used * _DAY), unused)


_PACE = """
SELECT coalesce(sum(u.credits), 0)::bigint, (
    SELECT min(f.at) FROM credits_usagerecord f WHERE f.workspace_id = %(workspace)s AND f.sandbox = %(sandbox)s)
FROM credits_usagerecord u
WHERE u.workspace_id = %(workspace)s AND u.sandbox = %(sandbox)s AND u.at > %(since)s AND u.at <= %(at)s
"""
