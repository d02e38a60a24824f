"""The page's socket, over real Redis and PostgreSQL."""

import asyncio
from uuid import uuid4

import orjson
import pytest
from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings

from accounts.sessions import SessionStore
from core import push, queueing
from core.ids import to_public
from generation import events, following
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


async def begin(cookie: bytes) -> tuple[WebsocketCommunicator, dict]:
    """A socket and the snapshot that it began with."""
    socket = connect(cookie)
    assert (await socket.connect())[0]
    return socket, await hear(socket)


async def listening() -> None:
    """Until this process's subscription stands."""
    probe = following.Follower(workspace_id=uuid4(), sandbox=False)
    following.desk().follow(probe)
    for _ in range(100):
        await database_sync_to_async(say)(probe.key, uuid4(), "status", 1, {"status": "queued"})
        if await probe.next(following.desk(), within_seconds=0.1):
            return
    raise AssertionError("nothing is heard")


def say(group, job_id, kind, seq, data) -> None:
    push.send(push.command(group, job_id.hex, events.message(job_id, kind, seq, data)))


@pytest.fixture
def quick_look(monkeypatch):
    """The look under the bus, without its patience."""
    monkeypatch.setattr(following, "LOOK_EVERY_SECONDS", 0.3)


@pytest.fixture
def silence(monkeypatch):
    """Nothing that is published arrives, as while Redis is away."""

    def begin() -> None:
        monkeypatch.setattr(queueing, "_broken_until", float("inf"))

    def end() -> None:
        monkeypatch.setattr(queueing, "_broken_until", 0.0)

    return begin, end


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

    def test_ends_after_leaving_the_workspace(self, person, monkeypatch):
        from accounts.models import Membership
        from generation import consumers

        monkeypatch.setattr(consumers, "_PING_SECONDS", 0.3)
        cookie = cookie_of(person)

        async def work():
            socket, _ = await begin(cookie)
            await database_sync_to_async(Membership.objects.filter(user=person.user).delete)()
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
        assert all(0 < item["progress"] <= 1.0 for item in heard if item["type"] == "progress")
        assert any(item["type"] == "progress" for item in heard)

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
        group, job_id = push.group_of(person.workspace_id, sandbox=False), uuid4()

        async def work():
            socket, _ = await begin(cookie)
            await listening()
            said = [push.command(group, job_id.hex, events.message(job_id, "output", n, {})) for n in range(1, 301)]
            await database_sync_to_async(push.send)(*said)
            heard = [(await hear(socket))["seq"] for _ in range(300)]
            await socket.disconnect()
            return heard

        assert run(work) == list(range(1, 301))

    def test_of_progress_come_twice_a_second_at_most_and_the_latest_is_never_lost(self, person):
        cookie = cookie_of(person)
        group, job_id = push.group_of(person.workspace_id, sandbox=False), uuid4()

        async def work():
            socket, _ = await begin(cookie)
            await listening()
            for number in range(1, 11):
                told = events.message(job_id, "progress", 0, {"progress": number / 10})
                await database_sync_to_async(push.send)(push.command(group, job_id.hex, told))
                await asyncio.sleep(0.05)
            heard = [(await hear(socket))["progress"]]
            while heard[-1] < 1.0:
                heard.append((await hear(socket))["progress"])
            await socket.disconnect()
            return heard

        heard = run(work)
        assert heard[0] == 0.1
        assert heard[-1] == 1.0
        assert len(heard) <= 3, heard


class TestWhatWasNotHeard:
    def test_is_read_from_the_table_in_order_when_a_later_event_arrives(self, person, silence):
        job_id = submit(person, n=2)
        cookie, (hush, end_hush) = cookie_of(person), silence
        group = push.group_of(person.workspace_id, sandbox=False)

        async def work():
            socket, snapshot = await begin(cookie)
            await listening()
            hush()
            await database_sync_to_async(work_off)()
            end_hush()
            await database_sync_to_async(say)(group, job_id, "done", 5, {"status": "succeeded"})
            heard = [await hear(socket) for _ in range(4)]
            # Late and doubled messages are no news.
            await database_sync_to_async(say)(group, job_id, "status", 2, {"status": "running"})
            await database_sync_to_async(say)(group, job_id, "done", 5, {"status": "succeeded"})
            nothing = await socket.receive_nothing(timeout=0.5)
            await socket.disconnect()
            return snapshot, heard, nothing

        snapshot, heard, nothing = run(work)
        assert snapshot["generations"][0]["seq"] == 1
        assert [(item["type"], item["seq"]) for item in heard] == [
            ("status", 2), ("output", 3), ("output", 4), ("done", 5),
        ]  # fmt: skip
        assert nothing

    def test_is_found_by_a_look_when_nothing_ever_arrives(self, person, silence, quick_look):
        submit(person)
        cookie, (hush, _) = cookie_of(person), silence

        async def work():
            socket, _ = await begin(cookie)
            hush()
            await database_sync_to_async(work_off)()
            heard = [await hear(socket) for _ in range(3)]
            await socket.disconnect()
            return heard

        assert [(item["type"], item["seq"]) for item in run(work)] == [("status", 2), ("output", 3), ("done", 4)]

    def test_of_a_job_that_came_and_went_is_its_end(self, person, silence, quick_look):
        cookie, (hush, _) = cookie_of(person), silence

        async def work():
            socket, _ = await begin(cookie)
            hush()
            job_id = await database_sync_to_async(submit)(person)
            await database_sync_to_async(work_off)()
            heard = await hear(socket)
            while heard["type"] != "done":
                heard = await hear(socket)
            nothing = await socket.receive_nothing(timeout=1)
            await socket.disconnect()
            return job_id, heard, nothing

        job_id, heard, nothing = run(work)
        assert (heard["generation"], heard["status"], heard["seq"]) == (to_public("gen", job_id), "succeeded", 4)
        assert nothing

    def test_while_the_socket_was_lost_is_in_the_answer_to_a_resume(self, person):
        known, later = submit(person), None
        cookie = cookie_of(person)

        async def work():
            nonlocal later
            later = await database_sync_to_async(submit)(person)
            await database_sync_to_async(work_off)()
            socket, snapshot = await begin(cookie)
            await socket.send_to(orjson.dumps({"resume": {to_public("gen", known): 1}}).decode())
            answer = await hear(socket)
            await socket.send_to(
                orjson.dumps({"resume": {to_public("gen", known): 4, to_public("gen", later): 4}}).decode()
            )
            again = await hear(socket)
            await socket.disconnect()
            return snapshot, answer, again

        snapshot, answer, again = run(work)
        assert snapshot["generations"] == []
        assert answer == {
            "type": "snapshot",
            "generations": [{"id": to_public("gen", job), "seq": 4, "status": "succeeded"} for job in (later, known)],
        }
        assert again["generations"] == []

    def test_is_not_what_ended_before_the_socket_came(self, person, quick_look):
        submit(person)
        work_off()
        cookie = cookie_of(person)

        async def work():
            socket, snapshot = await begin(cookie)
            nothing = await socket.receive_nothing(timeout=1.5)
            await socket.disconnect()
            return snapshot, nothing

        snapshot, nothing = run(work)
        assert snapshot["generations"] == []
        assert nothing

    def test_of_a_stranger_stays_unknown_to_who_asks_for_it(self, person, stranger):
        job_id = submit(person)
        cookie = cookie_of(stranger)

        async def work():
            socket, _ = await begin(cookie)
            await socket.send_to(orjson.dumps({"resume": {to_public("gen", job_id): 0}}).decode())
            answer = await hear(socket)
            await socket.disconnect()
            return answer

        assert run(work)["generations"] == []

    @pytest.mark.parametrize(
        "said", [" ", "[]", "{", '{"resume": []}', '{"resume": {"gen_x": "a", "7": null}}', "x" * 70_000]
    )
    def test_asked_for_in_another_way_does_no_harm(self, person, said):
        cookie = cookie_of(person)

        async def work():
            socket, _ = await begin(cookie)
            await socket.send_to(said)
            await database_sync_to_async(submit)(person)
            heard = await hear(socket)
            while heard["type"] == "snapshot":
                heard = await hear(socket)
            await socket.disconnect()
            return heard["type"]

        assert run(work) == "status"


class TestSlowReader:
    def test_is_sent_away_to_come_again(self, person):
        cookie = cookie_of(person)

        async def work():
            socket, _ = await begin(cookie)
            (follower,) = following.desk()._index[push.group_of(person.workspace_id, sandbox=False)]
            for number in range(101):
                follower.put(following.Told(uuid4(), "status", 1 + number, "{}"))
            while (said := await socket.receive_output(timeout=5))["type"] != "websocket.close":
                pass
            return said

        assert run(work)["code"] == 4408


def heard_by() -> int:
    """Subscribed connections of this test's own Redis database."""
    own = settings.REDIS_URL.rsplit("/", 1)[1]
    return sum(client["db"] == own for client in queueing.client().client_list(_type="pubsub"))


class TestManySockets:
    def test_share_one_connection_to_redis(self, person):
        cookie = cookie_of(person)

        async def work():
            before = heard_by()
            sockets = [(await begin(cookie))[0] for _ in range(12)]
            await listening()
            during = heard_by()
            for socket in sockets:
                await socket.disconnect()
            return before, during, following.desk()._index.get(push.group_of(person.workspace_id, sandbox=False))

        before, during, left = run(work)
        assert during == before + 1
        assert left is None

    def test_open_while_redis_is_away(self, person, settings):
        submit(person)
        cookie = cookie_of(person)
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": settings.REDIS_URL}}

        async def work():
            socket, snapshot = await begin(cookie)
            await socket.disconnect()
            return snapshot

        assert [item["status"] for item in run(work)["generations"]] == ["queued"]


def test_a_session_store_is_not_enough(person):
    """A cookie that names no session is nobody."""
    assert not SessionStore("0" * 32).exists("0" * 32)

    async def work():
        socket = connect(b"wildmind_session=" + b"0" * 32)
        await socket.connect()
        return await socket.receive_output(timeout=5)

    assert run(work)["code"] == 4401
