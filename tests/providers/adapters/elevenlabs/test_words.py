"""What ElevenLabs says in its own way, and what a song is made of."""

import hashlib
import hmac
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.secrets import Secret
from providers.adapters.elevenlabs.adapter import ElevenLabsAdapter
from providers.contracts import CanonicalRequest, Connection, Refused
from providers.errors import AuthFailed, InvalidParams, Overloaded, QuotaExhausted, RateLimited
from providers.wire import Reply
from tests.providers.conformance.conftest import revision_of

ADAPTER = ElevenLabsAdapter()
SONG = revision_of("eleven-song-2.5")


def plan(revision, **params):
    return ADAPTER.plan(revision, CanonicalRequest(revision.spec["task"], params, datetime.now(UTC)))


def said(status, body):
    return ADAPTER.classify(Reply(status, {}, body), billable=True)


def test_an_empty_account_does_not_look_like_a_wrong_key():
    assert isinstance(said(401, b'{"detail":{"status":"quota_exceeded","message":"1"}}'), QuotaExhausted)
    assert isinstance(said(401, b'{"detail":{"status":"invalid_api_key","message":"1"}}'), AuthFailed)


def test_our_own_limit_is_waited_for_and_their_overload_goes_elsewhere():
    assert isinstance(said(429, b'{"detail":{"status":"too_many_concurrent_requests"}}'), RateLimited)
    assert isinstance(said(429, b'{"detail":{"status":"system_busy"}}'), Overloaded)
    assert isinstance(said(429, b"what?"), RateLimited)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"detail":{"status":"voice_not_found"}}', "voice"),
        (b'{"detail":{"code":"voice_not_found","param":"voice_id"}}', "voice"),
        (b'{"detail":{"code":"invalid_parameters","param":"language_code"}}', "language"),
        (b'{"detail":{"status":"max_character_limit_exceeded"}}', "text"),
        (b'{"detail":[{"loc":["body","composition_plan","chunks",0],"msg":"no","type":"x"}]}', "lyrics"),
    ],
)
def test_a_person_reads_which_setting_was_wrong(body, field):
    found = said(400, body)
    assert isinstance(found, InvalidParams)
    assert found.field == field


def test_a_suggestion_of_another_prompt_means_that_this_one_was_refused_and_is_not_repeated_to_anyone():
    found = said(400, b'{"detail":{"status":"bad_prompt","message":"like Famous","data":{"prompt_suggestion":"x"}}}')
    assert found == Refused("input", ("bad_prompt",), "bad_prompt")


def test_each_part_of_a_song_gets_time_by_its_lines():
    lyrics = "[Verse]\none\ntwo\nthree\n[Chorus]\nlove"
    chunks = plan(SONG, prompt="folk", lyrics=lyrics, duration_s=60).payload["composition_plan"]["chunks"]
    assert [chunk["text"] for chunk in chunks] == ["[Verse]\none\ntwo\nthree", "[Chorus]\nlove"]
    assert [chunk["duration_ms"] for chunk in chunks] == [39_000, 21_000]


@settings(deadline=None, database=None)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=12), st.data())
def test_a_song_is_exactly_as_long_as_was_paid_for(parts, data):
    seconds = data.draw(st.integers(len(parts) * 3, len(parts) * 120))
    lyrics = "\n".join(f"[{number}]\n" + "la\n" * lines for number, lines in enumerate(parts))
    chunks = plan(SONG, prompt="folk", lyrics=lyrics, duration_s=seconds).payload["composition_plan"]["chunks"]
    assert sum(chunk["duration_ms"] for chunk in chunks) == seconds * 1_000
    assert all(3_000 <= chunk["duration_ms"] <= 120_000 for chunk in chunks)


@pytest.mark.parametrize(
    ("lyrics", "seconds", "field"),
    [("[A]\nla", 180, "duration_s"), ("[A]\nla\n[B]\nla", 5, "duration_s"), ("la\n" * 31, 60, "lyrics"),
     ("la" * 101, 60, "lyrics"), (" \n ", 60, "lyrics")],
)  # fmt: skip
def test_lyrics_that_do_not_fit_are_refused_before_anything_is_paid(lyrics, seconds, field):
    with pytest.raises(InvalidParams) as refused:
        plan(SONG, prompt="folk", lyrics=lyrics, duration_s=seconds)
    assert refused.value.field == field


def test_a_voice_cannot_lead_to_another_path():
    assert plan(revision_of("eleven-v4"), text="x", voice="../music").path == "/v1/text-to-speech/..%2Fmusic"


def test_a_signature_of_an_older_key_beside_the_right_one_does_not_matter():
    at, body = datetime(2026, 11, 28, tzinfo=UTC), b"{}"
    stamp = int(at.timestamp())
    digest = hmac.new(b"s", f"{stamp}.{{}}".encode(), hashlib.sha256).hexdigest()
    connection = Connection(uuid4(), "elevenlabs", "x", "https://x", Secret("k"), {"webhook_secret": "s"})
    said = {"elevenlabs-signature": f"t={stamp}, v0=ab, v0={digest}"}
    assert ADAPTER.verify_webhook(connection, said, body, at) is None
