"""`GET /generations/{id}/events`, over the real ASGI application."""

import asyncio

import orjson
import pytest
from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async
from django.utils import timezone

from accounts import api_keys
from core import queueing
from core.ids import to_public
from generation import following, submission
from generation.api import stream
from generation.models import Job
from tests.factories.generation import submit, work_off
from tests.generation.test_socket import cookie_of, listening
from tests.generation.test_socket import run as run_in_loop
from wildmind.asgi import application

pytestmark = pytest.mark.django_db(transaction=True)


_opened: list["Listener"] = []


def run(work):
    """Runs it, and lets every stream come to its end before the loop does."""

    async def whole():
        try:
            return await work()
        finally:
            for listener in _opened:
                await listener.close()
            _opened.clear()

    return run_in_loop(whole)


class Listener:
    """An open stream: its status and headers, and its events one by one."""

    def __init__(self, path: str, headers: list[tuple[bytes, bytes]]) -> None:
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
            "headers": [(b"host", b"testserver"), *headers], "client": ("127.0.0.1", 1), "server": ("testserver", 80),
        }  # fmt: skip
        self.wire = ApplicationCommunicator(application, scope)
        self.buffer = b""
        self.open, self.closed = True, False
        _opened.append(self)

    async def begin(self) -> "Listener":
        await self.wire.send_input({"type": "http.request", "body": b"", "more_body": False})
        start = await self.wire.receive_output(timeout=5)
        self.status = start["status"]
        self.headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        return self

    async def part(self) -> dict | None:
        """The next event or comment; None at the end of the stream."""
        while b"\n\n" not in self.buffer:
            if not self.open:
                return None
            message = await self.wire.receive_output(timeout=10)
            self.buffer += message.get("body", b"")
            self.open = message.get("more_body", False)
        raw, _, self.buffer = self.buffer.partition(b"\n\n")
        lines = [line.partition(": ") for line in raw.decode().split("\n")]
        return {name: value for name, _, value in lines}

    async def event(self) -> tuple[str, int | None, dict] | None:
        """The next event as (kind, id, data); comments and `retry` are passed over."""
        while (part := await self.part()) is not None:
            if "event" in part:
                return part["event"], int(part["id"]) if "id" in part else None, orjson.loads(part["data"])
        return None

    async def rest(self) -> list[tuple[str, int | None, dict]]:
        found = []
        while (event := await self.event()) is not None:
            found.append(event)
        return found

    async def close(self) -> None:
        if not self.closed:
            self.closed = True
            await self.wire.send_input({"type": "http.disconnect"})
            await self.wire.wait(timeout=5)


def open_stream(job_id, *, secret: str = "", cookie: bytes = b"", last: str = "") -> Listener:
    headers = []
    if secret:
        headers.append((b"authorization", f"Bearer {secret}".encode()))
    if cookie:
        headers.append((b"cookie", cookie))
    if last:
        headers.append((b"last-event-id", last.encode("utf-8")))
    return Listener(f"/api/v1/generations/{to_public('gen', job_id)}/events", headers)


class TestStream:
    def test_tells_a_jobs_whole_life_once_and_ends(self, person, api):
        job_id = submit(person, n=2)

        async def work():
            listener = await open_stream(job_id, secret=api.secret).begin()
            first = await listener.event()
            await listening()
            await database_sync_to_async(work_off)()
            return listener, first, await listener.rest()

        listener, first, rest = run(work)
        assert listener.status == 200
        assert listener.headers["content-type"] == "text/event-stream"
        assert listener.headers["cache-control"] == "no-store"
        assert "content-length" not in listener.headers
        kind, number, whole = first
        assert (kind, number) == ("snapshot", 1)
        assert (whole["object"], whole["id"], whole["status"]) == ("generation", to_public("gen", job_id), "queued")
        assert whole["urls"]["events"].endswith("/events")
        numbered = [(kind, number) for kind, number, _ in rest if kind != "progress"]
        assert numbered == [("status", 2), ("output", 3), ("output", 4), ("done", 5)]
        assert all(number is None for kind, number, _ in rest if kind == "progress")
        assert rest[-1][2] == {
            "type": "done", "generation": to_public("gen", job_id), "seq": 5, "status": "succeeded",
        }  # fmt: skip
        output = next(data for kind, _, data in rest if kind == "output")
        assert output["asset"].startswith("ast_")

    def test_of_an_ended_job_is_the_object_and_its_end(self, person, api):
        job_id = submit(person)
        work_off()

        async def work():
            return await (await open_stream(job_id, secret=api.secret).begin()).rest()

        assert [(kind, number) for kind, number, _ in run(work)] == [("snapshot", 4), ("done", 4)]

    def test_goes_on_after_the_last_event_id_with_what_the_table_has(self, person, api):
        job_id = submit(person, n=2)
        work_off()

        async def work():
            return await (await open_stream(job_id, secret=api.secret, last="2").begin()).rest()

        heard = run(work)
        assert [(kind, number) for kind, number, _ in heard] == [("output", 3), ("output", 4), ("done", 5)]
        assert heard[0][2]["asset"].startswith("ast_")

    def test_says_that_there_is_no_more_to_come(self, person, api):
        job_id = submit(person)
        work_off()

        async def work():
            return (await open_stream(job_id, secret=api.secret, last="4").begin()).status

        assert run(work) == 204

    @pytest.mark.parametrize("last", ["99", "-1", "x", "9" * 40, "\u0661"])
    def test_takes_a_senseless_last_event_id_for_none(self, person, api, last):
        job_id = submit(person)

        async def work():
            listener = await open_stream(job_id, secret=api.secret, last=last).begin()
            first = await listener.event()
            await listener.close()
            return first[0]

        assert run(work) == "snapshot"

    def test_loses_nothing_that_happens_between_the_object_and_the_subscription(self, person, api, monkeypatch):
        """The job ends after the view has read it and before anything is listened to."""
        job_id = submit(person)
        opening = stream._opening

        def slow(job, last):
            found = opening(job, last)
            work_off()
            return found

        monkeypatch.setattr(stream, "_opening", slow)

        async def work():
            return await (await open_stream(job_id, secret=api.secret).begin()).rest()

        assert [number for _, number, _ in run(work)] == [1, 2, 3, 4]

    def test_ends_with_the_truth_although_nothing_is_published(self, person, api, monkeypatch):
        monkeypatch.setattr(following, "LOOK_EVERY_SECONDS", 0.3)
        job_id = submit(person)

        async def work():
            listener = await open_stream(job_id, secret=api.secret).begin()
            await listener.event()
            monkeypatch.setattr(queueing, "_broken_until", float("inf"))
            await database_sync_to_async(work_off)()
            return await listener.rest()

        assert [(kind, number) for kind, number, _ in run(work)] == [("status", 2), ("output", 3), ("done", 4)]

    def test_says_something_while_nothing_happens(self, person, api, monkeypatch):
        monkeypatch.setattr(stream, "_PING_SECONDS", 0.2)
        job_id = submit(person)

        async def work():
            listener = await open_stream(job_id, secret=api.secret).begin()
            parts = [await listener.part() for _ in range(4)]
            await listener.close()
            return parts

        assert run(work)[2:] == [{"": "ping"}, {"": "ping"}]

    def test_holds_no_thread_and_is_forgotten_when_the_client_goes(self, person, api):
        import threading

        job_id = submit(person)

        async def work():
            warm = await open_stream(job_id, secret=api.secret).begin()
            await warm.event()
            before = threading.active_count()
            listeners = [await open_stream(job_id, secret=api.secret).begin() for _ in range(12)]
            for listener in listeners:
                await listener.event()
            await asyncio.sleep(0.2)
            during = threading.active_count()
            for listener in [warm, *listeners]:
                await listener.close()
            return before, during, dict(following.desk()._index)

        before, during, left = run(work)
        # The few readers of the tables may come into being meanwhile.
        assert during - before <= 4
        assert job_id not in left


class TestWhoMayListen:
    def test_is_the_owner_in_a_signed_in_browser_too(self, person):
        job_id, cookie = submit(person), cookie_of(person)

        async def work():
            listener = await open_stream(job_id, cookie=cookie).begin()
            first = await listener.event()
            await listener.close()
            return listener.status, first[0]

        assert run(work) == (200, "snapshot")

    def test_is_nobody_else(self, person, stranger):
        job_id = submit(person)
        key, sandbox = stranger.api(), person.api(sandbox=True)
        narrow = person.api(scopes=("assets:read",))

        async def work():
            asked = [{"secret": key.secret}, {"secret": sandbox.secret}, {"secret": narrow.secret}, {}]
            return [(await open_stream(job_id, **one).begin()) for one in asked]

        answers = run(work)
        assert [answer.status for answer in answers] == [404, 404, 403, 401]
        assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}

    def test_ends_when_a_key_is_revoked(self, person, api, monkeypatch):
        monkeypatch.setattr(stream, "_PING_SECONDS", 0.2)
        job_id = submit(person)
        key_id = api_keys.authenticate(secret=api.secret, at=timezone.now()).key_id

        async def work():
            listener = await open_stream(job_id, secret=api.secret).begin()
            await listener.event()
            assert await listener.part() == {"": "ping"}
            await database_sync_to_async(api_keys.revoke)(
                workspace_id=person.workspace_id, key_id=key_id, actor="test", at=timezone.now()
            )
            return await listener.rest()

        assert run(work) == []

    def test_ends_after_signing_out(self, person, monkeypatch):
        from accounts.sessions import SessionStore

        monkeypatch.setattr(stream, "_PING_SECONDS", 0.2)
        job_id, cookie = submit(person), cookie_of(person)

        async def work():
            listener = await open_stream(job_id, cookie=cookie).begin()
            await listener.event()
            await database_sync_to_async(SessionStore(cookie.decode().split("=")[1]).flush)()
            return await listener.rest()

        assert run(work) == []


class TestWithoutASGI:
    """A server that holds no streams answers with what there is, and the client comes again."""

    def test_the_answer_ends_and_says_when_to_come_again(self, person, api):
        answer = api.get(f"/generations/{to_public('gen', submit(person))}/events")
        assert answer.status_code == 200
        assert answer.content.startswith(b"retry: 2000\n\nevent: snapshot\nid: 1\n")

    def test_coming_again_brings_what_came_since(self, person, api):
        job_id = submit(person)
        path = f"/generations/{to_public('gen', job_id)}/events"
        assert api.get(path, **{"Last-Event-ID": "1"}).content == b"retry: 2000\n\n"
        work_off()
        said = api.get(path, **{"Last-Event-ID": "1"}).content.decode()
        assert [line for line in said.split("\n") if line.startswith("id")] == ["id: 2", "id: 3", "id: 4"]
        assert api.get(path, **{"Last-Event-ID": "4"}).status_code == 204

    def test_a_head_request_is_answered_at_once(self, person, api):
        path = f"/api/v1/generations/{to_public('gen', submit(person))}/events"
        answer = api.client.head(path, headers={"Authorization": f"Bearer {api.secret}"})
        assert (answer.status_code, answer.content) == (200, b"")


def test_a_canceled_job_ends_its_stream(person, api):
    job_id = submit(person)

    async def work():
        listener = await open_stream(job_id, secret=api.secret).begin()
        await listener.event()
        await database_sync_to_async(submission.cancel_job)(
            workspace_id=person.workspace_id, job_id=job_id, at=timezone.now()
        )
        return await listener.rest()

    heard = run(work)
    assert (heard[-1][0], heard[-1][2]["status"]) == ("done", "canceled")
    assert heard[-1][1] == Job.objects.get(id=job_id).seq
