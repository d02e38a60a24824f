"""What goes wrong, and ElevenLabs' sounds, beside an emulator that others wrote (npm: @copilotkit/aimock, MIT).

`npm install @copilotkit/aimock` somewhere, then
`WILDMIND_AIMOCK=…/node_modules/.bin/llmock pytest tests/providers/independent`. It checks no key, meters nothing and
answers ElevenLabs' errors in OpenAI's shape: those stay with our own server.
"""

import asyncio
import base64
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from core.secrets import Secret
from providers import gateway
from providers.contracts import Connection, Ctx, Delivered, Refused
from providers.errors import BadOutput, InvalidParams, Overloaded, QuotaExhausted, RateLimited, UnknownOutcome
from tests.providers.conformance.case import reading
from tests.providers.conformance.conftest import revision_of
from tests.providers.servers import mp3, png

EMULATOR = os.environ.get("WILDMIND_AIMOCK") or shutil.which("llmock")
pytestmark = pytest.mark.skipif(
    not EMULATOR, reason="WILDMIND_AIMOCK names no emulator: npm install @copilotkit/aimock"
)

_PNG, _MP3 = base64.b64encode(png()).decode(), base64.b64encode(mp3()).decode()
_SOUND = {"audio": _MP3, "format": "mp3"}
_ERRORS = {
    "limited": (429, "rate_limit_exceeded", 3),
    "empty account": (429, "insufficient_quota", None),
    "forbidden": (400, "moderation_blocked", None),
    "wrong": (400, "invalid_value", None),
    "broken": (500, "server_error", None),
    "busy": (503, "server_error", None),
}
FIXTURES = [
    *(
        {
            "match": {"endpoint": "image", "userMessage": f"!{words}"},
            "response": {
                "error": {"message": "sorry", "type": "error", "code": code}, "status": status,
                **({"retryAfter": wait} if wait else {}),
            },
        }
        for words, (status, code, wait) in _ERRORS.items()
    ),
    {"match": {"endpoint": "image", "userMessage": "nothing"}, "response": {"images": []}},
    {"match": {"endpoint": "image"}, "response": {"image": {"b64Json": _PNG}}},
    {"match": {"endpoint": "elevenlabs-tts"}, "response": _SOUND},
    {"match": {"endpoint": "audio-gen", "userMessage": "page"}, "response": {
        "audio": {"b64Json": base64.b64encode(b"<html>").decode(), "contentType": "audio/mpeg"}}},
    {"match": {"endpoint": "audio-gen"}, "response": _SOUND},
]  # fmt: skip


@contextmanager
def emulating(folder, *more):
    """An emulator on a free port; its address."""
    fixtures = folder / "fixtures.json"
    fixtures.write_text(json.dumps({"fixtures": FIXTURES}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [EMULATOR, "--port", str(port), "--fixtures", str(fixtures), "--log-level", "silent", *more]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    url = f"http://127.0.0.1:{port}"
    try:
        _until_it_answers(process, url)
        yield url
    finally:
        process.terminate()
        process.communicate(timeout=10)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with emulating(tmp_path_factory.mktemp("aimock")) as url:
        yield url


def _until_it_answers(process, url):
    for _ in range(100):
        if process.poll() is not None:
            pytest.fail(f"the emulator ended: {process.stderr.read()[:500]}")
        try:
            urllib.request.urlopen(f"{url}/health", timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    pytest.fail("the emulator does not answer")


def ctx(address, kind):
    connection = Connection(uuid4(), kind, "emulated", address, Secret("k-1"))
    return Ctx(progress=lambda _: None, directives_allowed=False, connection=connection, read=reading)


def made(address, revision, params):
    base = address + ("/v1" if revision.adapter == "openai" else "")

    async def work():
        try:
            return await gateway.submit(
                ctx=ctx(base, revision.adapter), revision=revision, params=params, token=str(uuid4()),
                deadline=timezone.now() + timedelta(minutes=1),
            )  # fmt: skip
        finally:
            await gateway.close()

    return asyncio.run(work())


PICTURE = revision_of("gpt-image-2.5-flare")
IMAGE = {"prompt": "a fox", "width": 1024, "height": 1024}


def test_a_picture(address):
    found = made(address, PICTURE, IMAGE)
    assert isinstance(found, Delivered)
    assert found.artifacts[0].media_type == "image/png"
    # It meters nothing, so the cost is an estimate and says so.
    assert found.usage.source == "estimate"


def test_no_picture_is_a_refusal(address):
    assert isinstance(made(address, PICTURE, {**IMAGE, "prompt": "nothing"}), Refused)


@pytest.mark.parametrize(
    ("slug", "params"),
    [
        ("eleven-music-2.5", {"prompt": "a waltz", "duration_s": 30}),
        ("eleven-song-2.5", {"prompt": "folk", "lyrics": "[Verse]\nSnow", "duration_s": 30, "seed": 7}),
        ("eleven-v4", {"text": "The fox sleeps.", "voice": "alloy"}),
        ("eleven-sound-v3", {"prompt": "a gate", "duration_s": 2}),
    ],
)
def test_music_songs_speech_and_sounds(address, slug, params):
    found = made(address, revision_of(slug), params)
    assert found.artifacts[0].media_type == "audio/mpeg"
    assert found.usage.source in {"estimate", "formula"}


def test_a_page_instead_of_a_sound_is_no_result(address):
    with pytest.raises(BadOutput):
        made(address, revision_of("eleven-music-2.5"), {"prompt": "a page", "duration_s": 30})


@pytest.mark.parametrize(
    ("words", "kind"),
    [("limited", RateLimited), ("empty account", QuotaExhausted), ("wrong", InvalidParams), ("broken", UnknownOutcome),
     ("busy", Overloaded)],
)  # fmt: skip
def test_each_failure_is_what_it_is(address, words, kind):
    with pytest.raises(kind) as failed:
        made(address, PICTURE, {**IMAGE, "prompt": f"!{words}"})
    if kind is RateLimited:
        assert failed.value.retry_after_seconds == 3.0


def test_a_blocked_prompt_is_a_refusal(address):
    assert isinstance(made(address, PICTURE, {**IMAGE, "prompt": "!forbidden"}), Refused)


@pytest.mark.parametrize(
    ("chaos", "kinds"),
    [("disconnect", (UnknownOutcome,)), ("malformed", (UnknownOutcome, BadOutput)), ("ratelimit", (RateLimited,))],
)
@pytest.mark.parametrize("slug", ["gpt-image-2.5-flare", "eleven-music-2.5"])
def test_what_breaks_on_the_way_is_no_result(tmp_path, chaos, kinds, slug):
    params = IMAGE if slug.startswith("gpt") else {"prompt": "a waltz", "duration_s": 30}
    with emulating(tmp_path, f"--chaos-{chaos}", "1") as url, pytest.raises(kinds):
        made(url, revision_of(slug), params)
