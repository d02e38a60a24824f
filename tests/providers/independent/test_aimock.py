"""The adapters beside an emulator that others wrote (npm: @copilotkit/aimock, 1.43 or later; MIT).

Where its command is installed: `npm install @copilotkit/aimock` somewhere, then
`WILDMIND_AIMOCK=…/node_modules/.bin/llmock pytest tests/providers/independent`.
"""

import base64
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen
from uuid import uuid4

import pytest
from django.utils import timezone

from core.secrets import Secret
from providers import gateway, registry
from providers.contracts import Connection, Ctx, Delivered, Delta, Done, Handle, Refused, Running
from providers.errors import AuthFailed, Overloaded, RateLimited
from tests.providers.conformance.case import picture, reading
from tests.providers.conformance.conftest import revision_of, run
from tests.providers.servers import mp3, mp4, png

_COMMAND = os.environ.get("WILDMIND_AIMOCK") or shutil.which("llmock")
pytestmark = pytest.mark.skipif(not _COMMAND, reason="the emulator aimock is not installed: set WILDMIND_AIMOCK")
_TALK = {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What does the fox do?"}]}
_FILTERED = {"messages": [{"role": "user", "content": "something else"}]}


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _fixtures() -> list[dict[str, Any]]:
    return [
        {"match": {"userMessage": "busy"}, "response": {"error": {"message": "x", "type": "requests"}, "status": 429,
                                                        "retryAfter": 9}},
        {"match": {"userMessage": "full"}, "response": {"error": {"message": "x", "type": "overloaded_error"},
                                                        "status": 529}},
        {"match": {"userMessage": "something else"}, "response": {"error": {
            "message": "x", "code": "403", "metadata": {"reasons": ["violence"]}}, "status": 403}},
        {"match": {"userMessage": "What does the fox do"}, "response": {"content": "The fox sleeps in the snow."}},
        {"match": {"endpoint": "image"}, "response": {"image": {"b64Json": _text(png(width=1024, height=1024))}}},
        {"match": {"endpoint": "speech"}, "response": {"audio": _text(mp3())}},
        {"match": {"endpoint": "video"}, "response": {"video": {
            "id": "video_1", "status": "completed", "b64": _text(mp4()), "cost": 0.25, "duration": 8}}},
    ]  # fmt: skip


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path: Path = tmp_path_factory.mktemp("aimock") / "fixtures.json"
    path.write_text(json.dumps({"fixtures": _fixtures()}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(_COMMAND), "--port", str(port), "--fixtures", str(path), "--log-level", "warn"]
    with subprocess.Popen(command) as server:
        address = f"http://127.0.0.1:{port}"
        for _ in range(100):
            try:
                urlopen(f"{address}/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield address
        server.terminate()


class Way:
    """A model over an emulated provider."""

    def __init__(self, url: str, slug: str, path: str = "", **options: Any) -> None:
        self.revision = revision_of(slug)
        connection = Connection(
            uuid4(), self.revision.adapter, "emulated", url + path, Secret("sk-emulated"), options, ("127.0.0.1",)
        )
        self.ctx = Ctx(progress=lambda _: None, directives_allowed=False, connection=connection, read=reading)

    def make(self, params: dict[str, Any], inputs: Any = ()) -> Any:
        return run(self._make(params, inputs))

    async def _make(self, params: dict[str, Any], inputs: Any) -> Any:
        try:
            found = await gateway.submit(ctx=self.ctx, revision=self.revision, params=params, deadline=timezone.now(),
                                         token=str(uuid4()), inputs=inputs)  # fmt: skip
            for _ in range(50):
                if not isinstance(found, Running):
                    break
                handle = Handle(found.handle.version, json.loads(json.dumps(dict(found.handle.data))))
                found = await gateway.check(ctx=self.ctx, revision=self.revision, handle=handle, params=params)
            return found
        finally:
            await gateway.close()

    def look(self, params: dict[str, Any]) -> Any:
        """What the adapter makes of a film, before it is fetched."""
        return run(self._look(params))

    async def _look(self, params: dict[str, Any]) -> Any:
        adapter = registry.adapter(self.revision.adapter)
        plan = gateway.plan(revision=self.revision, params=params, deadline=timezone.now())
        try:
            found = await adapter.submit(self.ctx, plan, str(uuid4()))
            while isinstance(found, Running):
                found = await adapter.check(self.ctx, found.handle)
            return found
        finally:
            await gateway.close()

    def stream(self, params: dict[str, Any]) -> list[Any]:
        return run(self._stream(params))

    async def _stream(self, params: dict[str, Any]) -> list[Any]:
        adapter: Any = registry.adapter(self.revision.adapter)
        plan = gateway.plan(revision=self.revision, params=params, deadline=timezone.now())
        try:
            return [part async for part in adapter.stream(self.ctx, plan, str(uuid4()))]
        finally:
            await gateway.close()


_TEXTS = [("gpt-6-luna", "/v1"), ("claude-haiku-5-5", ""), ("own-text", "/v1"), ("own-text", "/api/v1")]


@pytest.mark.parametrize(("slug", "path"), _TEXTS)
def test_a_text_comes_whole_and_in_pieces(url: str, slug: str, path: str) -> None:
    way = Way(url, slug, path)
    whole, (*pieces, end) = way.make(_TALK), way.stream(_TALK)
    assert isinstance(whole, Delivered)
    assert isinstance(end, Done)
    assert whole.artifacts[0].content == end.artifacts[0].content == b"The fox sleeps in the snow."
    assert len(pieces) > 1
    assert all(isinstance(piece, Delta) for piece in pieces)


@pytest.mark.parametrize(("slug", "path"), _TEXTS[:3])
def test_a_provider_that_is_busy_says_so(url: str, slug: str, path: str) -> None:
    way = Way(url, slug, path)
    with pytest.raises(RateLimited) as limited:
        way.make({"messages": [{"role": "user", "content": "busy"}]})
    assert limited.value.retry_after_seconds == 9
    with pytest.raises(Overloaded):
        way.make({"messages": [{"role": "user", "content": "full"}]})


def test_a_router_s_moderation_is_a_refusal_and_never_a_wrong_key(url: str) -> None:
    try:
        refused = Way(url, "own-text", "/api/v1").make(_FILTERED)
    except AuthFailed:
        pytest.fail("a refusal was taken for a wrong key")
    assert isinstance(refused, Refused)
    assert refused.categories == ("violence",)


def test_pictures_and_edits(url: str) -> None:
    way = Way(url, "gpt-image-2.5-flare", "/v1")
    asked = {"prompt": "a fox", "width": 1024, "height": 1024, "quality": "low"}
    for found in (way.make(asked), way.make({**asked, "operation": "edit"}, (picture(),))):
        assert isinstance(found, Delivered)
        assert found.artifacts[0].media_type == "image/png"


def test_speech_and_judgements(url: str) -> None:
    spoken = Way(url, "gpt-4o-mini-tts", "/v1").make({"text": "The fox sleeps.", "voice": "marin"})
    assert spoken.artifacts[0].media_type == "audio/mpeg"
    judged = Way(url, "omni-moderation", "/v1").make({"text": "a fox"})
    assert json.loads(judged.artifacts[0].content)["flagged"] is False


def test_a_film_by_way_of_a_router_with_its_bill(url: str) -> None:
    film = Way(url, "routed-video", "/api/v1", usage_cost=True).make({"prompt": "a fox", "duration_s": 5})
    assert film.artifacts[0].media_type == "video/mp4"
    assert (film.usage.cost_usd_micros, film.usage.source) == (250_000, "provider")


def test_a_film_in_openais_words_is_taken_and_ends(url: str) -> None:
    way = Way(url, "own-video", "/v1")
    done = way.look({"prompt": "a fox", "duration_s": 8})
    assert isinstance(done, Done)
    # The emulator keeps no film to be fetched.
    assert done.artifacts[0].url.endswith("/content")
