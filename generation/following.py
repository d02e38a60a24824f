"""Those who are told what happens to jobs while it happens: the sockets and streams of this process.

Each follower has a place in every job it knows, the `seq` it was told last, and is told the next one only: what it
heard before is dropped, and a gap is read from the event table. Hearing is a matter of milliseconds and may fail; a
look at the tables every few seconds finds whatever was not heard, so that a dead Redis only delays.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

import orjson
import structlog
from channels.db import database_sync_to_async
from django.db import Error
from django.utils import timezone

from core import ids, push
from generation import events, selectors
from generation.selectors import Standing
from generation.state import LIVE

_log = structlog.get_logger(__name__)
LOOK_EVERY_SECONDS = 5.0
# After listening begins anew, many processes look: not all at once, and not for each of many short outages.
_LOOK_SOONEST_SECONDS = 0.5
# How far back a job is looked for that nobody here has heard of, and how long one that ended is remembered.
_RECENT_SECONDS, _REMEMBER_SECONDS = 30.0, 120.0
_PROGRESS_EVERY_SECONDS = 0.5
_MOST_WAITING = 100
# Readers get their turn after so many messages of a burst.
_BURST = 32
_CROWDED_SECONDS = 0.01
_GATHER_SECONDS = 0.002

Clock = Callable[[], datetime]
T = TypeVar("T")
# Apart from the threads of requests, and few: a storm of reconnecting sockets waits here and not in the database.
_readers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="following")


async def in_thread(deed: Callable[[], T]) -> T:
    """Runs something that needs the database; no connection is held afterwards."""
    run: Any = database_sync_to_async(deed, thread_sensitive=False, executor=_readers)
    found: T = await run()
    return found


class Overflowed(Exception):
    """This follower read too slowly and has missed something; it should come back and ask."""


@dataclass(frozen=True, slots=True)
class Told:
    """Something that happened to a job. `seq` is 0 for progress; `text` is the JSON that people get."""

    job_id: UUID
    kind: str
    seq: int
    text: str


class Follower:
    """One reader. With `job_id` it is told of that job alone, from `seq` on; else of all of its workspace's."""

    def __init__(self, *, workspace_id: UUID, sandbox: bool, job_id: UUID | None = None, seq: int = 0) -> None:
        self.space = (workspace_id, sandbox)
        self.key: str | UUID = job_id or push.group_of(workspace_id, sandbox=sandbox)
        self._seen: dict[UUID, int] = {} if job_id is None else {job_id: seq}
        self._ended: dict[UUID, float] = {}
        self._waiting: dict[tuple[UUID, int], Told] = {}
        self._progress_at: dict[UUID, float] = {}
        self._overflowed = False
        self._woken = asyncio.Event()

    def knows(self, job_id: UUID) -> bool:
        return job_id in self._seen

    def places(self) -> dict[UUID, int]:
        """The seq told last of each job that has not ended yet, as far as this reader knows."""
        return {job_id: seq for job_id, seq in self._seen.items() if job_id not in self._ended}

    @property
    def is_crowded(self) -> bool:
        return len(self._waiting) > _MOST_WAITING // 2

    def put(self, told: Told) -> None:
        """Queues it. Progress that waits is replaced by newer; too many that may not be replaced are an overflow."""
        key = (told.job_id, told.seq)
        if not told.seq:
            self._waiting.pop(key, None)
        if len(self._waiting) >= _MOST_WAITING:
            self._overflowed = self._overflowed or bool(told.seq)
            return
        self._waiting[key] = told
        self._woken.set()

    def wake(self) -> None:
        """Lets `next` return, for a reader that has something else to do."""
        self._woken.set()

    def place(self, found: Iterable[Standing]) -> None:
        """Takes over where jobs stand, as somebody just told this reader."""
        for job in found:
            if job.seq >= self._seen.get(job.job_id, 0):
                self._note(job.job_id, job.seq, ended=job.state not in LIVE)

    async def next(self, desk: "Desk", *, within_seconds: float) -> list[Told]:
        """What is to be said now, in order; empty when there is nothing within the time, or after `wake`."""
        await self._wait(within_seconds)
        if self._overflowed:
            raise Overflowed
        said: list[Told] = []
        for told in self._due():
            known = self._seen.get(told.job_id)
            if told.seq and known is not None and told.seq > known + 1:
                for missed in await desk.missed(told.job_id, known):
                    if self._takes(missed):
                        said.append(missed)
            # What the table did not answer for is left for the next look.
            if self._takes(told):
                said.append(told)
        return said

    def forget(self, *, before: float) -> None:
        """Drops what ended before that moment of the monotonic clock."""
        for job_id in [job_id for job_id, at in self._ended.items() if at < before]:
            del self._ended[job_id]
            self._seen.pop(job_id, None)
            self._progress_at.pop(job_id, None)

    def _takes(self, told: Told) -> bool:
        """Whether it is next. A job that is news begins wherever it is heard of first."""
        if not told.seq:
            return told.job_id not in self._ended
        known = self._seen.get(told.job_id)
        if known is not None and told.seq != known + 1:
            return False
        self._note(told.job_id, told.seq, ended=told.kind == "done")
        return True

    def _note(self, job_id: UUID, seq: int, *, ended: bool) -> None:
        self._seen[job_id] = seq
        if ended:
            self._ended.setdefault(job_id, time.monotonic())

    async def _wait(self, within_seconds: float) -> None:
        until = time.monotonic() + within_seconds
        held = [self._due_at(told) for told in self._waiting.values()]
        # A held progress alone lets this wait until it is due.
        left = min([until, *held]) - time.monotonic()
        if left > 0 and not self._woken.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._woken.wait()
        self._woken.clear()

    def _due(self) -> list[Told]:
        now = time.monotonic()
        due = [told for told in self._waiting.values() if self._due_at(told) <= now]
        for told in due:
            del self._waiting[told.job_id, told.seq]
            if not told.seq:
                self._progress_at[told.job_id] = now
        return due

    def _due_at(self, told: Told) -> float:
        last = self._progress_at.get(told.job_id)
        return 0.0 if told.seq or last is None else last + _PROGRESS_EVERY_SECONDS


class Desk:
    """All followers of this process, the one subscription they share, and the look under it."""

    def __init__(self, clock: Clock = timezone.now) -> None:
        self.clock = clock
        self._index: dict[str | UUID, set[Follower]] = {}
        self._asked: dict[tuple[UUID, int], asyncio.Future[list[Told]]] = {}
        self._look = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    def follow(self, follower: Follower) -> None:
        """From now on it hears. Read what it stands at after this, so that nothing falls between the two."""
        if not self._running:
            self._running = {asyncio.create_task(self._listen()), asyncio.create_task(self._keep_looking())}
        self._index.setdefault(follower.key, set()).add(follower)

    def leave(self, follower: Follower) -> None:
        """It hears no more. Leaving twice is nothing."""
        among = self._index.get(follower.key, set())
        among.discard(follower)
        if not among:
            self._index.pop(follower.key, None)

    async def missed(self, job_id: UUID, seq: int) -> list[Told]:
        """What happened to the job after `seq`. Many who ask at once are one statement; nothing when it fails."""
        asked = self._asked.get((job_id, seq))
        if asked is None:
            asked = self._asked[job_id, seq] = asyncio.get_running_loop().create_future()
            if len(self._asked) == 1:
                task = asyncio.create_task(self._answer())
                self._running.add(task)
                task.add_done_callback(self._running.discard)
        return await asyncio.shield(asked)

    async def _answer(self) -> None:
        await asyncio.sleep(_GATHER_SECONDS)
        asked, self._asked = self._asked, {}
        lowest: dict[UUID, int] = {}
        for job_id, seq in asked:
            lowest[job_id] = min(seq, lowest.get(job_id, seq))
        found: dict[UUID, list[Told]] = {}
        try:
            for told in await _read(lowest):
                found.setdefault(told.job_id, []).append(told)
        except Error as exc:
            _log.warning("push.database.away", kind=type(exc).__name__)
        for (job_id, seq), future in asked.items():
            if not future.done():
                future.set_result([told for told in found.get(job_id, ()) if told.seq > seq])

    async def _listen(self) -> None:
        said = 0
        async with aclosing(push.hear()) as heard:
            async for item in heard:
                if item is None:
                    self._look.set()
                elif told := self._tell(item):
                    said += told
                    if said >= _BURST:
                        said = 0
                        await asyncio.sleep(0)

    def _tell(self, item: push.Heard) -> int:
        """Gives a message to those it concerns; says to how many."""
        try:
            job_id = UUID(hex=item.topic)
        except ValueError:
            return 0
        among = [*self._index.get(item.group, ()), *self._index.get(job_id, ())]
        if not among:
            return 0
        said = orjson.loads(item.body)
        told = Told(job_id, said["type"], said.get("seq", 0), item.body.decode())
        for follower in among:
            follower.put(told)
        return len(among)

    async def _keep_looking(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_SECONDS):
                    await self._look.wait()
            self._look.clear()
            try:
                await self._catch_up()
            except Error as exc:
                _log.warning("push.database.away", kind=type(exc).__name__)
            await asyncio.sleep(_LOOK_SOONEST_SECONDS)

    async def _catch_up(self) -> None:
        """Tells followers what the tables know and they do not."""
        everybody = [follower for among in self._index.values() for follower in among]
        places: dict[UUID, int] = {}
        readers: dict[UUID, list[Follower]] = {}
        for follower in everybody:
            follower.forget(before=time.monotonic() - _REMEMBER_SECONDS)
            for job_id, seq in follower.places().items():
                places[job_id] = min(seq, places.get(job_id, seq))
                readers.setdefault(job_id, []).append(follower)
        # Of a job that a reader knows it is told what it missed; of another, where it stands.
        if places:
            await _put_all(await _read(places), readers)
        spaces = list({follower.space for follower in everybody if isinstance(follower.key, str)})
        if spaces:
            await self._put_news(spaces)

    async def _put_news(self, spaces: Sequence[tuple[UUID, bool]]) -> None:
        since = recent(self.clock())
        for workspace_id, sandbox, job in await in_thread(lambda: selectors.lately(groups=spaces, since=since)):
            for follower in self._index.get(push.group_of(workspace_id, sandbox=sandbox), ()):
                if not follower.knows(job.job_id):
                    follower.put(_standing(job))


async def _put_all(missed: Iterable[Told], readers: Mapping[UUID, Sequence[Follower]]) -> None:
    for count, told in enumerate(missed):
        for follower in readers[told.job_id]:
            follower.put(told)
        if count % _BURST == 0:
            crowded = any(follower.is_crowded for follower in readers[told.job_id])
            await asyncio.sleep(_CROWDED_SECONDS if crowded else 0)


def recent(at: datetime) -> UUID:
    """Jobs with higher ids are looked for, whether they have ended or not."""
    return ids.floor(at - timedelta(seconds=_RECENT_SECONDS))


def told_after(job_id: UUID, seq: int) -> list[Told]:
    """What happened to a job after `seq`, from the table, for somebody who has no event loop."""
    return _told_after({job_id: seq})


async def _read(places: Mapping[UUID, int]) -> list[Told]:
    return await in_thread(lambda: _told_after(places))


def _told_after(places: Mapping[UUID, int]) -> list[Told]:
    rows = selectors.events_after(places.items())
    return [_told(job_id, kind, seq, data) for job_id, seq, kind, data in rows]


def _standing(job: Standing) -> Told:
    return _told(job.job_id, "status" if job.state in LIVE else "done", job.seq, {"status": job.state})


def _told(job_id: UUID, kind: str, seq: int, data: Mapping[str, Any]) -> Told:
    return Told(job_id, kind, seq, orjson.dumps(events.message(job_id, kind, seq, data)).decode())


_desks: WeakKeyDictionary[asyncio.AbstractEventLoop, Desk] = WeakKeyDictionary()


def desk() -> Desk:
    """The desk of the running event loop; a server process has one."""
    loop = asyncio.get_running_loop()
    found = _desks.get(loop)
    if found is None:
        found = _desks[loop] = Desk()
    return found
