"""The page's socket, over the real channel layer."""

import asyncio

import orjson
import pytest
from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.sessions.backends.cached_db import SessionStore

from core import push
from core.ids import to_public
from generation.models import Job
from tests.factories.generation import submit, work_off
from wildmind.asgi import application

pytestmark = pytest.mark.django_db(transaction=True)
ORIGIN = (b"origin", b"http://testserver")


def cookie_of(person) -> bytes:
    """A signed-in session's cookie, as the browser would send it."""
    from django.test import Client

    client: Client = person.browser()
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}".encode()


def connect(cookie: bytes | None, origin: tuple[bytes, bytes] = ORIGIN) -> WebsocketCommunicator:
    headers = [origin, (b"host", b"testserver")]
    if cookie:
        headers.append((b"cookie", cookie))
    return WebsocketCommunicator(application, "/ws/generations/", headers=headers)


async def hear(socket: WebsocketCommunicator) -> dict:
    return orjson.loads(await socket.receive_from(timeout=5))


def run(work):
    return asyncio.run(asyncio.wait_for(work(), 30))


class TestConnect:
    def test_begins_with_what_is_under_way(self, person):
        job_id = submit(person)
        cookie = cookie_of(person)

        async def work():
            socket = connect(cookie)
            assert (await socket.connect())[0]
            snapshot = await hear(socket)
            await socket.disconnect()
            return snapshot

        assert run(work) == {
            "type": "snapshot", "generations": [{"id": to_public("gen", job_id), "seq": 1, "status": "queued"}],
        }  # fmt: skip

    def test_turns_away_who_is_not_signed_in(self):
        async def work():
            socket = connect(None)
            await socket.connect()
            return await socket.receive_output(timeout=5)

        assert run(work)["code"] == 4401

    def test_turns_away_a_page_of_another_site(self, person):
        cookie = cookie_of(person)

        async def work():
            return await connect(cookie, (b"origin", b"https://evil.example")).connect()

        assert run(work)[0] is False

    def test_turns_away_a_deactivated_person(self, person):
        cookie = cookie_of(person)
        person.user.is_active = False
        person.user.save()

        async def work():
            socket = connect(cookie)
            await socket.connect()
            return await socket.receive_output(timeout=5)

        assert run(work)["code"] == 4401

    def test_ends_after_signing_out(self, person, monkeypatch):
        from generation import consumers

        monkeypatch.setattr(consumers, "_PING_SECONDS", 0.3)
        cookie = cookie_of(person)

        async def work():
            socket = connect(cookie)
            await socket.connect()
            await hear(socket)
            assert (await hear(socket))["type"] == "ping"
            await database_sync_to_async(SessionStore(cookie.decode().split("=")[1]).flush)()
            while (said := await socket.receive_output(timeout=5))["type"] != "websocket.close":
                pass
            return said

        assert run(work)["code"] == 4401


class TestEvents:
    def test_tell_the_whole_story_of_a_job_in_order(self, person):
        cookie = cookie_of(person)

        async def work():
            socket = connect(cookie)
            await socket.connect()
            await hear(socket)
            job_id = await database_sync_to_async(submit)(person, n=2)
            await database_sync_to_async(work_off)()
            heard = []
            while not heard or heard[-1]["type"] != "done":
                heard.append(await hear(socket))
            await socket.disconnect()
            return job_id, heard

        job_id, heard = run(work)
        told = [item for item in heard if item["type"] != "progress"]
        assert [(item["type"], item.get("status")) for item in told] == [
            ("status", "queued"), ("status", "running"), ("output", "succeeded"), ("output", "succeeded"),
            ("done", "succeeded"),
        ]  # fmt: skip
        assert [item["seq"] for item in told] == [1, 2, 3, 4, 5]
        assert {item["generation"] for item in heard} == {to_public("gen", job_id)}
        assert told[-1]["seq"] == Job.objects.get(id=job_id).seq
        assert any(item["type"] == "progress" and item["progress"] == 1.0 for item in heard)

    def test_of_somebody_else_are_never_heard(self, person, stranger):
        cookie = cookie_of(stranger)

        async def work():
            socket = connect(cookie)
            await socket.connect()
            assert (await hear(socket))["generations"] == []
            await database_sync_to_async(submit)(person)
            await database_sync_to_async(work_off)()
            nothing = await socket.receive_nothing(timeout=1)
            await socket.disconnect()
            return nothing

        assert run(work)

    def test_of_the_sandbox_do_not_reach_the_site(self, person):
        cookie = cookie_of(person)
        sandbox = person.api(sandbox=True)

        async def work():
            socket = connect(cookie)
            await socket.connect()
            await hear(socket)
            body = {"pipeline": "image", "input": {"prompt": "a", "width": 64, "height": 64}}
            await database_sync_to_async(sandbox.post)("/generations", body)
            nothing = await socket.receive_nothing(timeout=1)
            await socket.disconnect()
            return nothing

        assert run(work)

    @pytest.mark.slow
    def test_still_arrive_after_ten_idle_seconds(self, person):
        cookie = cookie_of(person)

        async def work():
            socket = connect(cookie)
            await socket.connect()
            await hear(socket)
            await asyncio.sleep(10.5)
            await database_sync_to_async(submit)(person)
            heard = await hear(socket)
            await socket.disconnect()
            return heard

        assert run(work)["status"] == "queued"

    def test_survive_more_than_a_hundred_at_once(self, person):
        cookie = cookie_of(person)
        group = push.group_of(person.workspace_id, sandbox=False)

        async def work():
            socket = connect(cookie)
            await socket.connect()
            await hear(socket)
            messages = [{"event": "progress", "generation": "gen_x", "progress": number} for number in range(300)]
            await database_sync_to_async(push.send)(group, *messages)
            heard = [(await hear(socket))["progress"] for _ in range(300)]
            await socket.disconnect()
            return heard

        assert run(work) == list(range(300))


def test_a_session_store_is_not_enough(person):
    """A cookie that names no session is nobody."""
    assert not SessionStore("0" * 32).exists("0" * 32)

    async def work():
        socket = connect(b"wildmind_session=" + b"0" * 32)
        await socket.connect()
        return await socket.receive_output(timeout=5)

    assert run(work)["code"] == 4401
