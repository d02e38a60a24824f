"""What the service takes now: five levels, from everything to nothing new, decided by the leading conductor.

A level closes what costs most and pays least first: free film, then all heavy free work, then the free lane, and the
queue itself last. Whatever was accepted goes on at every level. An operator may pin a level, pause a lane or close a
model; each such deed is audited.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction

from accounts import audit
from accounts.limits import LANES
from core.errors import FieldsRejected
from generation.errors import ServiceBusy
from generation.models import Service
from providers import catalog

_log = structlog.get_logger(__name__)
FREE = "free"
OPEN, NO_FREE_FILM, NO_FREE_HEAVY, NO_FREE, CLOSED = range(5)
_FILM = frozenset({"video"})
_HEAVY = _FILM | {"song", "music", "product_photo"}
WORDS = (
    "All work is taken.",
    "Busy: free plans wait before they can start new video.",
    "Very busy: free plans wait before they can start new video, music, songs or product photos.",
    "Overloaded: only paid plans can start new work.",
    "Closed to new work for a while. What was accepted goes on.",
)
# A level is left when the load is below this part of where it begins, and has been entered for a while.
_LEAVE_AT = 0.6
_RISE_AFTER, _FALL_AFTER = timedelta(seconds=10), timedelta(seconds=60)
# Shares of attempts that failed by a provider's or our fault. The queue itself is never closed for errors.
_ERROR_SHARES = (0.3, 0.5, 0.8)
_ENOUGH_ATTEMPTS = 20
# A conductor that is gone cannot open what it closed.
_STALE = timedelta(seconds=60)
_FRESH_SECONDS = 1.0
_RETRY_LEAST, _RETRY_MOST = 30, 600


@dataclass(frozen=True, slots=True)
class Stand:
    """The service as it stands. `level` is what holds; `cause` is a sentence; lanes that are paused run nothing."""

    level: int = OPEN
    pinned: bool = False
    cause: str = ""
    since: datetime | None = None
    drain_seconds: int = 0
    paused_lanes: frozenset[str] = frozenset()
    closed_models: frozenset[str] = frozenset()

    @property
    def words(self) -> str:
        return WORDS[self.level]


@dataclass(frozen=True, slots=True)
class Pressure:
    """What the level is decided by: waiting seconds for each slot, and how many of the last attempts failed."""

    drain_seconds: float
    attempts: int = 0
    failed: int = 0

    @property
    def error_share(self) -> float:
        return self.failed / self.attempts if self.attempts >= _ENOUGH_ATTEMPTS else 0.0


@dataclass(slots=True)
class _Copy:
    row: Service
    read_at: float = float("-inf")


_copy = _Copy(Service())


def current(*, at: datetime) -> Stand:
    """The stand, at most a second old."""
    return _stand(_row(), at)


def paused_lanes() -> frozenset[str]:
    """Lanes whose work an operator lets wait, as known a second ago."""
    return frozenset(_row().paused_lanes)


def forget() -> None:
    """Makes the next reader of this process ask the database."""
    _copy.read_at = float("-inf")


def admit(*, lane: str, pipeline: str, model: str, at: datetime) -> None:
    """Raises ServiceBusy when the level or an operator keeps this order out; nothing is held then."""
    stand = current(at=at)
    wait = max(_RETRY_LEAST, min(_RETRY_MOST, stand.drain_seconds // 2))
    if _closes(stand.level, lane, pipeline):
        raise ServiceBusy(f"{stand.words} Nothing was charged.", retry_after_seconds=wait, level=stand.level)
    if model in stand.closed_models:
        raise ServiceBusy(
            f"The operator takes no new work for {model} right now. Nothing was charged.",
            retry_after_seconds=_RETRY_MOST, level=stand.level,
        )  # fmt: skip


def decide(*, pressure: Pressure, at: datetime) -> Stand:
    """Moves the level by one step at most, and says that somebody looked. For the leading conductor."""
    drain = min(round(pressure.drain_seconds), 2_000_000_000)
    with transaction.atomic():
        row = _locked()
        held = _FALL_AFTER if row.since is None else at - row.since
        level = step_to(row.level, held, pressure)
        if level != row.level:
            if row.pinned is None:
                row.cause, row.since = _cause(level, pressure), at
            _log.warning("service.level.changed", level=level, before=row.level, drain_seconds=drain,
                         error_share=round(pressure.error_share, 2))  # fmt: skip
        row.level, row.drain_seconds, row.checked_at = level, drain, at
        row.save()
    forget()
    return _stand(row, at)


def step_to(level: int, held: timedelta, pressure: Pressure) -> int:
    """The next level: up or down by one, if the load asks for it and the present one has stood long enough."""
    if held >= _RISE_AFTER and level < CLOSED and _is_beyond(level + 1, pressure, 1.0):
        return level + 1
    if held >= _FALL_AFTER and level > OPEN and not _is_beyond(level, pressure, _LEAVE_AT):
        return level - 1
    return level


def pin(*, level: int | None, actor: str, reason: str, at: datetime) -> Stand:
    """Holds a level until it is taken away with None. Audited."""
    if level is not None and level not in range(len(WORDS)):
        raise FieldsRejected([{"field": "level", "reason": f"must be 0 to {CLOSED}"}])
    with transaction.atomic():
        row = _locked()
        row.pinned, row.cause, row.since = level, reason[:200] if level is not None else "", at
        row.save()
        action = "service.pinned" if level is not None else "service.unpinned"
        audit.record(action=action, actor=actor, at=at, target="" if level is None else f"level:{level}", reason=reason)
    forget()
    return _stand(row, at)


def close(
    *, lanes: Iterable[str], models: Iterable[str], actor: str, reason: str, at: datetime
) -> Stand:  # fmt: skip
    """Exactly these lanes are paused and these models closed to new work from now on. Each change is audited."""
    wanted_lanes, wanted_models = set(lanes), set(models)
    known = {card.revision.slug for card in catalog.every()}
    _reject_unknown("lanes", wanted_lanes - set(LANES))
    with transaction.atomic():
        row = _locked()
        # A model whose file is gone may be opened again, but not closed.
        _reject_unknown("models", wanted_models - known - set(row.closed_models))
        for kind, before, after in (
            ("lane", set(row.paused_lanes), wanted_lanes), ("model", set(row.closed_models), wanted_models),
        ):  # fmt: skip
            for name in sorted(before ^ after):
                verb = "closed" if name in after else "opened"
                audit.record(action=f"service.{kind}_{verb}", actor=actor, at=at, target=f"{kind}:{name}",
                             reason=reason)  # fmt: skip
        row.paused_lanes, row.closed_models = sorted(wanted_lanes), sorted(wanted_models)
        row.save()
    forget()
    return _stand(row, at)


def _closes(level: int, lane: str, pipeline: str) -> bool:
    if level >= CLOSED:
        return True
    if lane != FREE:
        return False
    return (
        level >= NO_FREE
        or (level >= NO_FREE_HEAVY and pipeline in _HEAVY)
        or (level >= NO_FREE_FILM and pipeline in _FILM)
    )


def _is_beyond(level: int, pressure: Pressure, part: float) -> bool:
    if pressure.drain_seconds >= settings.GENERATION_BROWNOUT_SECONDS[level - 1] * part:
        return True
    return level < CLOSED and pressure.error_share >= _ERROR_SHARES[level - 1] * part


def _cause(level: int, pressure: Pressure) -> str:
    if level == OPEN:
        return ""
    if pressure.error_share >= _ERROR_SHARES[0] * _LEAVE_AT:
        return "Many attempts fail at the moment."
    return "More work waits than can be done soon."


def _locked() -> Service:
    Service.objects.bulk_create([Service(id=1)], ignore_conflicts=True)
    return Service.objects.select_for_update().get(id=1)


def _row() -> Service:
    now = time.monotonic()
    if now - _copy.read_at >= _FRESH_SECONDS:
        _copy.row, _copy.read_at = Service.objects.filter(id=1).first() or Service(), now
    return _copy.row


def _stand(row: Service, at: datetime) -> Stand:
    known = row.checked_at is not None and at - row.checked_at <= _STALE
    level = row.pinned if row.pinned is not None else row.level if known else OPEN
    return Stand(
        level=level, pinned=row.pinned is not None, cause=row.cause if level or row.pinned is not None else "",
        since=row.since if level or row.pinned is not None else None, drain_seconds=row.drain_seconds,
        paused_lanes=frozenset(row.paused_lanes), closed_models=frozenset(row.closed_models),
    )  # fmt: skip


def _reject_unknown(field: str, names: set[str]) -> None:
    if names:
        raise FieldsRejected([{"field": field, "reason": f"unknown: {', '.join(sorted(names))}"}])
