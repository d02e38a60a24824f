"""The people: they submit over HTTP until they are answered, cancel some, and watch what becomes of it.

Runs on an event loop in a thread of its own, so that the main thread is free to break things.
"""

import asyncio
import importlib
import random
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp
import orjson
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model

from bench import people as callers

ENDED = {"succeeded", "partially_succeeded", "failed", "canceled", "aborted", "blocked", "expired"}
_WORKSPACES, _AT_ONCE = 10, 8
_ASK_SECONDS, _BACK_SECONDS = 10.0, 0.5
_SUBMIT_SECONDS = 600.0
# Every fifth job has a stream of its own, where the site has streams.
_STREAMED = 5


@dataclass
class Person:
    """A workspace, its key and its page: `states` and `seqs` are what the page shows, by job."""

    secret: str
    cookie: str
    states: dict[str, str] = field(default_factory=dict)
    seqs: dict[str, int] = field(default_factory=dict)
    heard_at: dict[str, float] = field(default_factory=dict)

    def submitted(self, job: str) -> None:
        if job not in self.states:
            self.states[job], self.seqs[job], self.heard_at[job] = "queued", 1, time.monotonic()

    def tell(self, job: str, seq: int, status: str) -> bool:
        """Whether it was news. What is older than what the page shows is not shown."""
        if job not in self.states or seq <= self.seqs[job]:
            return False
        self.seqs[job], self.states[job], self.heard_at[job] = seq, status, time.monotonic()
        return True

    def live(self) -> list[str]:
        return [job for job, status in self.states.items() if status not in ENDED]


@dataclass
class Crowd:
    """`heard` counts by which way ends became known: socket, snapshot, stream, asked."""

    url: str
    jobs: int
    seed: int
    people: list[Person] = field(default_factory=list)
    heard: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    streams: dict[str, str] = field(default_factory=dict)
    submitted: int = 0
    done_submitting: bool = False
    mistakes: list[str] = field(default_factory=list)
    _over: bool = False
    _numbers: "list[int]" = field(default_factory=list)
    _has_streams: bool | None = None
    _thread: threading.Thread | None = None

    def begin(self) -> None:
        """Needs Django on the site's database: it makes the people and signs them in."""
        dice = random.Random(self.seed)  # noqa: S311 - no secret
        for lane in ("free", "pro"):
            for caller in callers.make(_WORKSPACES // 2, lane=lane):
                self.people.append(Person(caller.secret, _signed_in(caller.principal.user_id)))
        self._numbers = list(range(self.jobs))
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live(dice)), name="crowd", daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._over = True
        if self._thread is not None:
            self._thread.join(30)

    def states(self) -> dict[str, str]:
        return {job: status for person in self.people for job, status in person.states.items()}

    async def _live(self, dice: random.Random) -> None:
        limits = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(self.url, connector=limits, cookie_jar=aiohttp.DummyCookieJar()) as session:
            watching = [asyncio.create_task(deed(session, person)) for person in self.people
                        for deed in (self._watch, self._ask_forever)]  # fmt: skip
            tasks: set[asyncio.Task[None]] = set()
            seeds = [random.Random(dice.randrange(1 << 30)) for _ in range(_AT_ONCE)]  # noqa: S311 - no secret
            await asyncio.gather(*(self._submit_all(session, own, tasks) for own in seeds))
            self.done_submitting = True
            while not self._over:
                await asyncio.sleep(0.1)
            for task in (*watching, *tasks):
                task.cancel()
            for found in await asyncio.gather(*watching, *tasks, return_exceptions=True):
                if isinstance(found, Exception):
                    self.mistakes.append(f"{type(found).__name__}: {found}"[:200])

    async def _submit_all(
        self, session: aiohttp.ClientSession, dice: random.Random, tasks: set[asyncio.Task[None]]
    ) -> None:
        while self._numbers and not self._over:
            number = self._numbers.pop(0)
            person = self.people[number % len(self.people)]
            job = await self._submit(session, person, _order(number, dice))
            if job is None:
                continue
            person.submitted(job)
            self.submitted += 1
            if number % 16 == 3:
                tasks.add(asyncio.create_task(self._cancel(session, person, job, dice.uniform(0, 6))))
            if number % _STREAMED == 0 and self._has_streams is not False:
                self.streams[job] = "queued"
                tasks.add(asyncio.create_task(self._follow(session, person, job)))

    async def _submit(self, session: aiohttp.ClientSession, person: Person, order: dict[str, Any]) -> str | None:
        """The same call with the same key until there is an answer, whatever happens to the site meanwhile."""
        key, until = str(uuid4()), time.monotonic() + _SUBMIT_SECONDS
        while time.monotonic() < until and not self._over:
            status, made = await self._call(session, person, "POST", "/generations", order, key)
            if status == 201:
                return str(made["id"])
            if status not in {0, 429, 500, 502, 503}:
                self.refused[f"{status}"] += 1
                return None
            await asyncio.sleep(_BACK_SECONDS)
        return None

    async def _cancel(self, session: aiohttp.ClientSession, person: Person, job: str, after_seconds: float) -> None:
        await asyncio.sleep(after_seconds)
        for _ in range(20):
            status, _answer = await self._call(session, person, "POST", f"/generations/{job}/cancel", {}, str(uuid4()))
            if status and status < 500:
                return
            await asyncio.sleep(_BACK_SECONDS)

    async def _watch(self, session: aiohttp.ClientSession, person: Person) -> None:
        """A page's socket, as the page does it: again and again, and it says what it knows."""
        while True:
            headers = {"Origin": self.url, "Cookie": person.cookie}
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with session.ws_connect("/ws/generations/", headers=headers, timeout=_WS_TIMEOUT) as socket:
                    await socket.send_str(_resume(person))
                    async for message in socket:
                        if message.type is aiohttp.WSMsgType.TEXT:
                            self._heard(person, orjson.loads(message.data))
            await asyncio.sleep(_BACK_SECONDS)

    def _heard(self, person: Person, message: dict[str, Any]) -> None:
        if message["type"] == "snapshot":
            for shown in message["generations"]:
                self._note(person, shown["id"], shown["seq"], shown["status"], "snapshot")
            listed = {shown["id"] for shown in message["generations"]}
            for job in person.live():
                if job not in listed:
                    # It ended while the page was away, or is newer than the snapshot: the page asks at once.
                    person.heard_at[job] = 0.0
        elif message["type"] in {"status", "done"}:
            self._note(person, message["generation"], message["seq"], message["status"], "socket")

    def _note(self, person: Person, job: str, seq: int, status: str, way: str) -> None:
        if person.tell(job, seq, status) and status in ENDED:
            self.heard[way] += 1

    async def _ask_forever(self, session: aiohttp.ClientSession, person: Person) -> None:
        """A live card of which nothing was heard for a while asks for itself."""
        while True:
            await asyncio.sleep(1.0)
            late = time.monotonic() - _ASK_SECONDS
            for job in [job for job in person.live() if person.heard_at[job] < late]:
                status, found = await self._call(session, person, "GET", f"/generations/{job}", None, "")
                if status != 200:
                    break
                person.heard_at[job] = time.monotonic()
                if person.tell(job, max(person.seqs[job] + 1, found.get("seq", 0)), found["status"]):
                    self.heard["asked"] += found["status"] in ENDED

    async def _follow(self, session: aiohttp.ClientSession, person: Person, job: str) -> None:
        """The job's stream of events from where it broke off, until it says that the job is done."""
        last = "0"
        while self.streams.get(job) not in ENDED:
            headers = {"Authorization": f"Bearer {person.secret}", "Last-Event-ID": last,
                       "Accept": "text/event-stream"}  # fmt: skip
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=60)
                async with session.get(f"/api/v1/generations/{job}/events", headers=headers, timeout=timeout) as answer:
                    if answer.status == 404:
                        self._has_streams = False
                        self.streams.pop(job, None)
                        return
                    if answer.status == 200:
                        self._has_streams = True
                        async for number, event in _events(answer):
                            last = number or last
                            self.streams[job] = event.get("status") or self.streams[job]
                            if event.get("type") == "done":
                                self.heard["stream"] += 1
                                return
            await asyncio.sleep(_BACK_SECONDS)

    async def _call(
        self, session: aiohttp.ClientSession, person: Person, method: str, path: str, body: Any, key: str
    ) -> tuple[int, Any]:
        """Status 0: no answer came."""
        headers = {"Authorization": f"Bearer {person.secret}", "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        data = None if body is None else orjson.dumps(body)
        try:
            async with session.request(
                method, f"/api/v1{path}", data=data, headers=headers, timeout=aiohttp.ClientTimeout(total=20)
            ) as answer:
                raw = await answer.read()
                return answer.status, orjson.loads(raw) if answer.status < 500 else {}
        except (aiohttp.ClientError, OSError, TimeoutError, orjson.JSONDecodeError):
            return 0, {}


_WS_TIMEOUT = aiohttp.ClientWSTimeout(ws_close=2.0)


async def _events(answer: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    number, data, kind = "", "", ""
    async for raw in answer.content:
        line = raw.decode().rstrip("\r\n")
        name, _, value = line.partition(":")
        if name == "id":
            number = value.strip()
        elif name == "event":
            kind = value.strip()
        elif name == "data":
            data += value.strip()
        elif not line and data:
            event = orjson.loads(data)
            yield number, {"type": kind, **event}
            number, data, kind = "", "", ""


def _resume(person: Person) -> str:
    """What a page knows, for a site that wants to hear it."""
    known = dict(list({job: person.seqs[job] for job in person.live()}.items())[-400:])
    return orjson.dumps({"resume": known}).decode()


def _order(number: int, dice: random.Random) -> dict[str, Any]:
    """Sketches and both kinds of remote jobs; some with two pictures, some that must be quick."""
    given: dict[str, Any] = {"prompt": f"a fox, number {number}", "n": 2 if number % 10 == 7 else 1}
    model = dice.choice(("sketch-image", "sketch-image", "remote", "remote", "remote-waiting"))
    if model == "sketch-image":
        given |= {"width": 64, "height": 64, "seed": number}
    order: dict[str, Any] = {"pipeline": "image", "model": model, "input": given}
    if number % 20 == 11:
        order["deadline_s"] = 20
    if number % 20 == 13:
        order["start_deadline_s"] = 20
    return order


def _signed_in(user_id: Any) -> str:
    """The cookie of a browser of this person."""
    user: Any = get_user_model().objects.get(id=user_id)
    session = importlib.import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user_id), user.get_session_auth_hash()
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session.create()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"
