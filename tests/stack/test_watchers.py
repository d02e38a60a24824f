"""Whoever watches ends with the truth: sockets and streams break off, Valkey forgets and dies, the web dies."""

import asyncio
import json
import random
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from uuid import uuid4

import pytest
import redis
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from core.ids import to_public
from tests.stack.running import Caller, Stack

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.slow]
PEOPLE, JOBS_EACH, SOCKETS_EACH, STREAMS_EACH = 5, 31, 4, 4
ENDED = {"succeeded", "partially_succeeded", "failed", "canceled", "aborted", "blocked", "expired"}
# One process for all of them: each start of one costs seconds.
MAKE = """
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.utils import timezone
from accounts import api_keys, workspaces
from accounts.models import User
from accounts.sessions import SessionStore
from credits import ledger
from credits.ledger import Terms
now = timezone.now()
for email in {emails!r}:
    user_id, workspace_id = workspaces.ensure_person(email=email, at=now)
    key = api_keys.create(
        workspace_id=workspace_id, user_id=user_id, name="watcher", sandbox=False, actor="test", at=now
    )
    ledger.grant(workspace_id=workspace_id, amount=500, terms=Terms("goodwill"), reference=email, at=now)
    user, session = User.objects.get(id=user_id), SessionStore()
    session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user_id), user.get_session_auth_hash()
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session.create()
    print("made", key.secret, session.session_key)
"""


@dataclass
class Person:
    caller: Caller
    cookie: str
    jobs: list[str] = field(default_factory=list)


@dataclass
class Watcher:
    """What it was told, and what it was told in the wrong order or twice."""

    person: Person
    stack: Stack
    dice: random.Random
    seqs: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    states: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    connections: int = 0
    calm: bool = False

    def told(self, job: str, seq: int, status: str | None, *, snapshot: bool) -> None:
        known = self.seqs[job]
        if seq < known or (seq == known and not snapshot):
            self.wrong.append(f"{job}: {seq} after {known}")
        self.seqs[job] = max(known, seq)
        if status is not None:
            self.states[job] = status

    def patience(self) -> float:
        return 3600.0 if self.calm else self.dice.uniform(1.0, 6.0)


@dataclass
class SocketWatcher(Watcher):
    """As the page does: it says what it knows of the jobs it has cards for."""

    async def watch(self) -> None:
        headers = {"Cookie": f"wildmind_session={self.person.cookie}", "Origin": self.stack.url}
        url = f"ws://127.0.0.1:{self.stack.port}/ws/generations/"
        while True:
            with suppress(OSError, WebSocketException, TimeoutError):
                async with asyncio.timeout(self.patience()), connect(url, additional_headers=headers) as socket:
                    self.connections += 1
                    open_jobs = {job: self.seqs[job] for job in self.person.jobs if self.states.get(job) not in ENDED}
                    await socket.send(json.dumps({"resume": open_jobs}))
                    async for text in socket:
                        self.hear(json.loads(text))
            await asyncio.sleep(self.dice.uniform(0, 0.4))

    def hear(self, said: dict) -> None:
        if said["type"] == "snapshot":
            for job in said["generations"]:
                self.told(job["id"], job["seq"], job["status"], snapshot=True)
        elif "seq" in said:
            status = said["status"] if said["type"] in {"status", "done"} else None
            self.told(said["generation"], said["seq"], status, snapshot=False)


@dataclass
class StreamWatcher(Watcher):
    """As an integrator does: one job after another, with the last id it had."""

    which: int = 0

    async def watch(self) -> None:
        number = self.which
        while True:
            if number >= len(self.person.jobs):
                await asyncio.sleep(0.1)
                continue
            job = self.person.jobs[number]
            with suppress(OSError, TimeoutError, EOFError):
                async with asyncio.timeout(self.patience()):
                    await self.follow(job)
            if self.states.get(job) in ENDED:
                number += STREAMS_EACH
            else:
                await asyncio.sleep(self.dice.uniform(0, 0.4))

    async def follow(self, job: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.stack.port)
        try:
            last = f"Last-Event-ID: {self.seqs[job]}\r\n" if self.seqs[job] else ""
            writer.write(
                f"GET /api/v1/generations/{job}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n{last}"
                f"Connection: close\r\nAuthorization: Bearer {self.person.caller.secret}\r\n\r\n".encode()
            )
            status = await reader.readline()
            if not status:
                return
            assert b" 200 " in status, status
            head = await reader.readuntil(b"\r\n\r\n")
            self.connections += 1
            heard = b""
            async for part in _parts(reader, chunked=b"transfer-encoding: chunked" in head.lower()):
                *blocks, heard = (heard + part).split(b"\n\n")
                for block in blocks:
                    self.hear(job, block.decode())
        finally:
            writer.close()

    def hear(self, job: str, block: str) -> None:
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        if "id" not in lines:
            return
        data, kind = json.loads(lines["data"]), lines["event"]
        ended = kind == "done" and self.states.get(job) in ENDED
        status = data["status"] if kind != "output" else None
        # An ended job's `done` repeats the number of the object before it.
        self.told(job, int(lines["id"]), status, snapshot=kind == "snapshot" or ended)


async def _parts(reader: asyncio.StreamReader, *, chunked: bool) -> AsyncIterator[bytes]:
    """The body of an answer as it comes: an ended job's has a length, a stream that goes on has chunks."""
    if not chunked:
        yield await reader.read()
        return
    while size := int(await reader.readline() or b"0", 16):
        yield (await reader.readexactly(size + 2))[:-2]


class TestWatchers:
    @pytest.mark.timeout(900)
    def test_all_end_with_the_true_state_of_every_job(self, stack):
        asyncio.run(self.storm(stack, self.people(stack)))

    def people(self, stack: Stack) -> list[Person]:
        emails = [f"watcher-{uuid4().hex[:8]}@example.com" for _ in range(PEOPLE)]
        said = stack.manage("shell", "-c", MAKE.format(emails=emails))
        made = [line.split()[1:] for line in said.splitlines() if line.startswith("made ")]
        return [Person(Caller(stack.port, secret), cookie) for secret, cookie in made]

    async def storm(self, stack: Stack, people: list[Person]) -> None:
        dice = random.Random(4)  # noqa: S311
        watchers: list[Watcher] = []
        for person in people:
            for _ in range(SOCKETS_EACH):
                watchers.append(SocketWatcher(person, stack, random.Random(dice.random())))  # noqa: S311
            for number in range(STREAMS_EACH):
                watchers.append(StreamWatcher(person, stack, random.Random(dice.random()), which=number))  # noqa: S311
        tasks = [asyncio.create_task(watcher.watch()) for watcher in watchers]
        try:
            await asyncio.to_thread(self.chaos, stack, people)
            truth = await asyncio.to_thread(self.truth, stack, people)
            for watcher in watchers:
                watcher.calm = True
            await self.until_all_know(watchers, truth, tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert [wrong for watcher in watchers for wrong in watcher.wrong] == []
        assert sum(watcher.connections for watcher in watchers) > 3 * len(watchers)

    def chaos(self, stack: Stack, people: list[Person]) -> None:
        """Submits everything while Valkey forgets, dies and comes back, and the web dies and comes back."""
        submitters = [threading.Thread(target=self.submit, args=(person,)) for person in people]
        for one in submitters:
            one.start()
        time.sleep(3)
        with closing(redis.Redis.from_url(stack.broker.url)) as client:
            client.flushall()
        time.sleep(1)
        stack.kill("valkey")
        time.sleep(4)
        stack.start("valkey")
        time.sleep(2)
        stack.kill("web")
        stack.start("web")
        for one in submitters:
            one.join()

    def submit(self, person: Person) -> None:
        for number in range(JOBS_EACH):
            size = {"width": 64, "height": 64, "seed": number}
            words = "[[fail:content]] a fox" if number % 10 == 7 else "a fox"
            order = {"pipeline": "image", "input": {"prompt": words, **size}}
            key, made = str(uuid4()), None
            while made is None:
                try:
                    code, answer = person.caller.post("/generations", order, key=key)
                except (OSError, ValueError):
                    code, answer = 0, None
                made = answer if code == 201 else None
                if made is None:
                    time.sleep(0.3)
            person.jobs.append(made["id"])
            if number % 10 == 3:
                with suppress(OSError, ValueError):
                    person.caller.post(f"/generations/{made['id']}/cancel", {})
            time.sleep(0.25)

    def truth(self, stack: Stack, people: list[Person]) -> dict[str, str]:
        jobs = {job for person in people for job in person.jobs}

        def ended() -> dict[str, str] | None:
            rows = stack.sql("SELECT id, state FROM generation_job WHERE completed_at IS NOT NULL")
            found = {to_public("gen", job_id): state for job_id, state in rows}
            return found if jobs <= found.keys() else None

        found = stack.wait(ended, "every job ends", seconds=150)
        return {job: found[job] for job in jobs}

    async def until_all_know(self, watchers: list[Watcher], truth: dict[str, str], tasks: list[asyncio.Task]) -> None:
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            for task in tasks:
                if task.done():
                    task.result()
            left = [lacking for watcher in watchers for lacking in self.lacking(watcher, truth)]
            if not left:
                return
            await asyncio.sleep(0.2)
        raise AssertionError(f"{len(left)} final states are not known: {left[:10]}")

    def lacking(self, watcher: Watcher, truth: dict[str, str]) -> list[tuple[str, str | None, str]]:
        jobs = watcher.person.jobs
        if isinstance(watcher, StreamWatcher):
            jobs = jobs[watcher.which :: STREAMS_EACH]
        return [(job, watcher.states.get(job), truth[job]) for job in jobs if watcher.states.get(job) != truth[job]]
