"""The database's time, as this process counts it: machines' clocks differ, and deadlines are everybody's."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import connection
from django.utils import timezone

_log = structlog.get_logger(__name__)
_ASK_EVERY_SECONDS = 30.0
# Less than this is the way to the database and back.
_NOISE = timedelta(seconds=1)
_WORTH_SAYING = timedelta(seconds=30)


@dataclass(slots=True)
class _Measured:
    off: timedelta = timedelta(0)
    asked_at: float = float("-inf")


_measured = _Measured()


def now() -> datetime:
    """What the database would say, as of the last time that this process asked it."""
    return timezone.now() + _measured.off


def ask() -> None:
    """Asks the database, unless it was asked lately. Raises what the database raises."""
    if time.monotonic() - _measured.asked_at < _ASK_EVERY_SECONDS:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (theirs,) = cursor.fetchone()
    off = theirs - timezone.now()
    if abs(off) > _WORTH_SAYING:
        _log.warning("clock.differs", seconds=round(off.total_seconds()))
    _measured.off = off if abs(off) > _NOISE else timedelta(0)
    _measured.asked_at = time.monotonic()
