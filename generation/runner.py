"""The runner: one event loop for each worker process, in a thread of its own. Waiting for a provider costs a coroutine.

Beside the loop there is one thread that writes what the flights came to, many in a transaction, and one heartbeat on
the loop itself that renews their leases: a loop that is stuck renews nothing, and another worker takes over.
"""

import asyncio
import atexit
import os
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from queue import Empty, SimpleQueue
from typing import Any
from uuid import UUID

import redis.asyncio
import structlog
import uvloop
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections
from django.utils import timezone

from generation import desk, hearing
from generation.events import WAKE
from generation.flight import Clock, Flight
from generation.settlement import Ending, Fault, Started
from generation.verdicts import Accepted, Verdict
from providers import gateway
from providers.contracts import Connection, Revision, Usage

_log = structlog.get_logger(__name__)
_WRITE_MOST = 100
_GATHER_SECONDS = 0.005
_STORING_THREADS = 16
_DATABASE_AWAY_SECONDS = 0.5
_EARS_AWAY_SECONDS = 2.0
# Classes of SQLSTATE that pass by themselves: connection, rollback, resources, operator intervention.
_AWAY = {"08", "40", "53", "57"}
UNWRITABLE = Fault("internal", "internal", "Something went wrong on our side.", retryable=False, detail="unwritable")


@lru_cache(maxsize=1)
def _loop() -> asyncio.AbstractEventLoop:
    loop = uvloop.new_event_loop()
    # Results are stored in these threads, which mostly wait for the disk.
    loop.set_default_executor(ThreadPoolExecutor(_STORING_THREADS, thread_name_prefix="generation-store"))
    threading.Thread(target=loop.run_forever, name="generation-runner", daemon=True).start()
    atexit.register(_close, loop)
    return loop


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """The process ends: what is under way is dropped here, and goes on elsewhere when its lease has run out."""

    async def end() -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await gateway.close()

    with suppress(TimeoutError):
        asyncio.run_coroutine_threadsafe(end(), loop).result(timeout=2.0)
    loop.call_soon_threadsafe(loop.stop)


def start(work: Coroutine[Any, Any, Any]) -> "Future[Any]":
    """Lets `work` run on the loop."""
    return asyncio.run_coroutine_threadsafe(work, _loop())


def call(work: Callable[..., object], *arguments: object) -> None:
    """Calls `work` on the loop, soon."""
    _loop().call_soon_threadsafe(work, *arguments)


def take(step: Started, revision: Revision, connection: Connection, *, owner: str, clock: Clock = timezone.now) -> None:
    """A step that waits for a provider: it flies from here on, and the caller is free."""
    _runner().take(step, revision, connection, owner, clock)


def in_flight() -> int:
    """How many steps this process waits for."""
    return len(_runner().flights)


def drain(*, within_seconds: float) -> int:
    """The process is to end. What a provider works on goes back to the table at once, for another worker to wait
    for; what is being submitted is waited for. Gives how many steps are left behind for their leases to run out."""
    return _runner().drain(within_seconds)


@dataclass(slots=True)
class _Note:
    """Something to be written: what a flight came to, a handle that it waits to see durable (`kept`), or what the
    provider takes for a result that is about to be stored (`usage`)."""

    flight: Flight
    verdict: Verdict | None
    kept: "asyncio.Future[bool] | None" = None
    usage: Usage | None = None


class _Runner:
    def __init__(self) -> None:
        self.flights: dict[Any, Flight] = {}
        self._notes: SimpleQueue[_Note] = SimpleQueue()
        self._owner = ""
        self._clock: Clock = timezone.now
        # A thread of its own: behind hundreds of results that wait to be stored, leases would run out.
        self._heart = ThreadPoolExecutor(1, thread_name_prefix="generation-heart")
        # A loop knows its tasks weakly: without these they would be collected.
        self._life: list[Future[Any]] = []

    def take(self, step: Started, revision: Revision, connection: Connection, owner: str, clock: Clock) -> None:
        self._owner, self._clock = owner, clock
        if not self._life:
            threading.Thread(target=self._write_forever, name="generation-desk", daemon=True).start()
            self._life = [start(self._beat_forever()), start(self._hear_forever())]
        call(
            self._launch, Flight(step, revision, connection, clock=clock, keep=self._keep_handle, collect=self._collect)
        )

    def drain(self, within_seconds: float) -> int:
        if not self._life:
            return 0
        call(self._hand_back)
        until = time.monotonic() + within_seconds
        while self.flights and time.monotonic() < until:
            time.sleep(0.05)
        return len(self.flights)

    def _launch(self, flight: Flight) -> None:
        self.flights[flight.key] = flight
        flight.task = asyncio.ensure_future(flight.fly())
        flight.task.add_done_callback(lambda task: self._landed(flight, task))

    def _landed(self, flight: Flight, task: "asyncio.Task[Verdict | None]") -> None:
        if not task.cancelled() and (mistake := task.exception()) is not None:
            # Nobody knows what it did: its lease runs out, and it is judged like that of a dead worker.
            _log.error("runner.flight.broke", step=str(flight.step.step_id), kind=type(mistake).__name__)
        verdict = None if task.cancelled() or task.exception() else task.result()
        self._notes.put(_Note(flight, verdict))

    async def _keep_handle(self, accepted: Accepted) -> bool:
        flight = self.flights[accepted.step.step_id, accepted.step.attempt_no]
        kept: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._notes.put(_Note(flight, accepted, kept))
        return await kept

    def _collect(self, flight: Flight, usage: Usage) -> None:
        self._notes.put(_Note(flight, None, usage=usage))

    def _hand_back(self) -> None:
        for flight in list(self.flights.values()):
            flight.hand_back()

    async def _beat_forever(self) -> None:
        """Four times in a lease. A database that is away is waited for: the leases then run out for everybody."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(settings.GENERATION_LEASE_SECONDS / 4)
            await self._beat(loop)

    async def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        asked = dict(self.flights)
        if not asked:
            return
        try:
            kept = await loop.run_in_executor(self._heart, _renew, list(asked))
        except (DatabaseError, InterfaceError) as exc:
            _log.warning("runner.database.away", kind=type(exc).__name__)
            return
        for key, flight in asked.items():
            if key not in kept:
                flight.lose()
            elif kept[key]:
                flight.ask_to_stop(kept[key])

    async def _hear_forever(self) -> None:
        """Webhooks and cancels say that there is something to see. Unheard, it is seen a little later."""
        while True:
            try:
                client = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_timeout=None)
                async with client, client.pubsub(ignore_subscribe_messages=True) as ears:
                    await ears.subscribe(WAKE)
                    while True:
                        message = await ears.get_message(timeout=None)
                        if message is not None:
                            await self._heard(message["data"].decode())
            except (redis.RedisError, OSError):
                await asyncio.sleep(_EARS_AWAY_SECONDS)

    async def _heard(self, name: str) -> None:
        try:
            woken = UUID(name)
        except ValueError:
            return
        for flight in list(self.flights.values()):
            if flight.step.token == woken:
                flight.woken.set()
                hearing.note(adapter=flight.revision.adapter)
                return
            if flight.step.job_id == woken:
                await self._beat(asyncio.get_running_loop())
                return

    def _write_forever(self) -> None:
        while True:
            left = [self._gathered()]
            while left:
                notes, *rest = left
                try:
                    self._write(notes)
                    left = rest
                except Exception as exc:  # noqa: BLE001 - the edge of the thread: one odd answer must not end it for all
                    left = [*self._after(exc, notes), *rest]
                finally:
                    close_old_connections()

    def _gathered(self) -> list[_Note]:
        notes = [self._notes.get()]
        until = time.monotonic() + _GATHER_SECONDS
        while len(notes) < _WRITE_MOST:
            try:
                notes.append(self._notes.get(timeout=max(0.0, until - time.monotonic())))
            except Empty:
                break
        return notes

    def _write(self, notes: list[_Note]) -> None:
        accepted = [note.verdict for note in notes if note.kept is not None and isinstance(note.verdict, Accepted)]
        ours = desk.keep_handles(accepted, owner=self._owner, at=self._clock())
        for note in notes:
            if note.kept is not None:
                call(partial(_resolve, note.kept, value=note.flight.step.step_id in ours))
        desk.collecting([(note.flight.step, note.usage) for note in notes if note.usage is not None])
        over = [note for note in notes if note.kept is None and note.usage is None]
        desk.apply([note.verdict for note in over if note.verdict is not None], at=self._clock())
        for note in over:
            self.flights.pop(note.flight.key, None)

    def _after(self, exc: Exception, notes: list[_Note]) -> list[list[_Note]]:
        """What is to be written next. A database that is away is waited for. Of what cannot be written each note is
        tried by itself, and the one that it lies at is its step's failure and nobody else's."""
        if _is_away(exc):
            _log.warning("runner.database.away", kind=type(exc).__name__)
            time.sleep(_DATABASE_AWAY_SECONDS)
            return [notes]
        if len(notes) > 1:
            return [[note] for note in notes]
        self._give_up(notes[0], exc)
        return []

    def _give_up(self, note: _Note, exc: Exception) -> None:
        """What cannot be written is a mistake of ours or its adapter's. If that cannot be written either, or if a
        provider has the step already, its lease runs out, and it is judged like that of a dead worker."""
        _log.error("runner.write.refused", step=str(note.flight.step.step_id), kind=type(exc).__name__)
        if note.usage is not None:
            return
        if note.kept is not None:
            call(partial(_resolve, note.kept, value=False))
        else:
            with suppress(DatabaseError, InterfaceError):
                desk.apply([Ending(note.flight.step, "failed", fault=UNWRITABLE)], at=self._clock())
        self.flights.pop(note.flight.key, None)


def _is_away(exc: Exception) -> bool:
    """Whether it passes by itself: no connection, a rollback, no resources, an operator's hand."""
    if not isinstance(exc, DatabaseError | InterfaceError):
        return False
    return (getattr(exc.__cause__, "sqlstate", None) or "08")[:2] in _AWAY


def _renew(keys: list[Any]) -> dict[Any, str]:
    try:
        return desk.renew(keys)
    finally:
        close_old_connections()


def _resolve(future: "asyncio.Future[bool]", *, value: bool) -> None:
    if not future.done():
        future.set_result(value)


@lru_cache(maxsize=1)
def _runner() -> _Runner:
    return _Runner()


os.register_at_fork(after_in_child=_loop.cache_clear)
os.register_at_fork(after_in_child=_runner.cache_clear)
