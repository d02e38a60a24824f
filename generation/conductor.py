"""The process that dispatches, sweeps and keeps the schedule. Run as many as you like; one is enough.

Dispatching and sweeping are safe in several at once. The schedule is kept by whoever holds the leader's
advisory lock; the others take over when that connection ends.
"""

import time
from dataclasses import dataclass, field
from threading import Event

import redis
import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection

from assets.queues import MEND_RENDITIONS
from core import queueing
from core.queueing import TaskRef
from credits.queues import (
    EXPIRE_HOLDS,
    EXPIRE_LOTS,
    FORGET_QUOTES,
    RAISE_NOTICES,
    RECONCILE,
    RENEW_ALLOWANCES,
)
from generation import clock, diversion, recovery
from generation.dispatch import Dispatcher
from generation.events import NUDGE
from generation.lookout import Lookout
from generation.queues import EXPIRE_IDEMPOTENCY, ROLL_UP_PACE

_log = structlog.get_logger(__name__)
_SWEEP_SECONDS = 1.0
_SCHEDULE_SECONDS = 10.0
_LEADER_LOCK = 0x77_6D_63_6F  # "wmco": any number, as long as nobody else takes it
# What runs by itself, and every how many seconds.
SCHEDULE: tuple[tuple[TaskRef, float], ...] = (
    (EXPIRE_IDEMPOTENCY, 3600.0),
    (EXPIRE_LOTS, 3600.0),
    (FORGET_QUOTES, 3600.0),
    (EXPIRE_HOLDS, 60.0),
    (RENEW_ALLOWANCES, 60.0),
    (RAISE_NOTICES, 300.0),
    (ROLL_UP_PACE, 300.0),
    (MEND_RENDITIONS, 60.0),
    (RECONCILE, 86_400.0),
)


@dataclass(slots=True)
class Conductor:
    """One conductor. `run` ends when `stop` is set."""

    name: str
    stop: Event = field(default_factory=Event)
    _due: dict[str, float] = field(default_factory=dict)
    _swept_at: float = float("-inf")
    _scheduled_at: float = float("-inf")
    _leads: bool = False
    # Who could not be heard while nobody listened is not dead: leases are judged one lease after a start or an outage.
    _leases_from: float = field(default_factory=lambda: time.monotonic() + settings.GENERATION_LEASE_SECONDS)
    _lookout: Lookout = field(default_factory=Lookout)

    def run(self) -> None:
        dispatcher = Dispatcher(name=self.name)
        ears = _Ears()
        while not self.stop.is_set():
            try:
                self.turn(dispatcher)
            except (OperationalError, InterfaceError) as exc:
                # PostgreSQL restarts: drop the dead connection, and the lock that went with it.
                _log.warning("conductor.database.away", kind=type(exc).__name__)
                self._leads = False
                self._leases_from = time.monotonic() + settings.GENERATION_LEASE_SECONDS
                close_old_connections()
                self.stop.wait(0.5)
            except Exception as exc:  # noqa: BLE001 - the edge of the process: a bad turn must not end the queue
                _log.error("conductor.turn.failed", kind=type(exc).__name__, exc_info=not _is_broker(exc))
                self.stop.wait(0.2)
            ears.wait(settings.GENERATION_TICK_MILLISECONDS / 1000)

    def turn(self, dispatcher: Dispatcher) -> None:
        """Whatever is due now: a dispatch always, a sweep each second, the schedule each ten; a leader's lookout."""
        now = time.monotonic()
        clock.ask()
        if now - self._swept_at >= _SWEEP_SECONDS:
            self._swept_at = now
            recovery.sweep(at=clock.now(), leases=now >= self._leases_from)
            if self._leads:
                diversion.divert(at=clock.now())
        if now - self._scheduled_at >= _SCHEDULE_SECONDS:
            self._scheduled_at = now
            self._keep_schedule(now)
        dispatcher.run_once()
        if self._leads:
            self._lookout.turn(at=clock.now(), now=now)

    def _keep_schedule(self, now: float) -> None:
        if not self._leads:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LEADER_LOCK])
                self._leads = bool(cursor.fetchone()[0])
        if not self._leads:
            return
        for task, every_seconds in SCHEDULE:
            if now >= self._due.get(task.name, now):
                task.send()
                self._due[task.name] = now + every_seconds


class _Ears:
    """Hears nudges; when Redis is away it sleeps the tick instead."""

    def __init__(self) -> None:
        self._heard: redis.client.PubSub | None = None

    def wait(self, seconds: float) -> None:
        """Returns at the next nudge, or after `seconds`. Nudges that came meanwhile count as one."""
        try:
            if self._heard is None:
                self._heard = queueing.client().pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
                self._heard.subscribe(NUDGE)
            if self._heard.get_message(timeout=seconds) is not None:
                while self._heard.get_message(timeout=0) is not None:
                    pass
        except (redis.RedisError, OSError):
            self._heard = None
            time.sleep(seconds)


def _is_broker(exc: Exception) -> bool:
    return isinstance(exc, redis.RedisError | OSError) or type(exc).__module__.startswith(
        ("kombu", "redis", "botocore")
    )
