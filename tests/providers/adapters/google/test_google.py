"""What the contract's suite cannot know of Gemini's API."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from django.utils import timezone

from core.secrets import Secret
from providers import gateway, http, registry
from providers.contracts import Connection, Ctx, Delivered, Handle
from providers.errors import BadOutput, InvalidParams, ModelGone, ProviderFailed, QuotaExhausted, UnknownOutcome
from tests.providers.conformance.case import picture
from tests.providers.conformance.conftest import revision_of
from tests.providers.servers import serving
from tests.providers.servers.google import GoogleServer

IMAGE = {"prompt": "a fox", "width": 1024, "height": 1024}
FILM = {"prompt": "a fox", "duration_s": 4}


@pytest.fixture(scope="module")
def _server():
    with serving(GoogleServer()) as server:
        yield server


@pytest.fixture
def server(_server):
    _server.reset()
    return _server


def planned(slug, params, *inputs, task=""):
    params = {**params, **({"operation": task} if task else {})}
    return gateway.plan(revision=revision_of(slug), params=params, deadline=timezone.now(), inputs=inputs)


def made(server, slug, params, *, hook="", **options):
    """What comes of a request, looked at until it ends."""
    url = Connection(uuid4(), "google", "test", server.url, Secret(server.secret), options, ("127.0.0.1",))
    ctx = Ctx(lambda _: None, directives_allowed=False, connection=url, webhook_url=hook)

    async def run():
        revision = revision_of(slug)
        try:
            outcome = await gateway.submit(
                ctx=ctx, revision=revision, params=params, deadline=timezone.now(), token="attempt-1"
            )
            while hasattr(outcome, "handle"):
                outcome = await gateway.check(ctx=ctx, revision=revision, handle=outcome.handle, params=params)
            return outcome
        finally:
            await http.close()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("width", "height", "shape", "tier", "noted"),
    [
        (1024, 1024, "1:1", "1K", []),
        # A little short is not worth the next tier's price.
        (1040, 1040, "1:1", "1K", ["1024x1024"]),
        (1184, 880, "4:3", "1K", ["1200x896"]),
        (1200, 628, "16:9", "1K", ["16:9"]),
        (2000, 2000, "1:1", "2K", ["2048x2048"]),
        (4096, 4096, "1:1", "4K", []),
    ],
)
def test_a_picture_is_asked_for_in_the_smallest_tier_that_holds_it(width, height, shape, tier, noted):
    plan = planned("gemini-nano-banana-2.1", {"prompt": "a fox", "width": width, "height": height})
    assert plan.payload["generationConfig"]["imageConfig"] == {"aspectRatio": shape, "imageSize": tier}
    assert [note.used for note in plan.notes] == noted


@pytest.mark.parametrize(
    ("slug", "more", "field"),
    [
        ("gemini-nano-banana-2.1", {"seed": 7}, "seed"),
        ("gemini-nano-banana-2.1", {"negative_prompt": "rain"}, "negative_prompt"),
        ("gemini-nano-banana-2.1", {"width": 3000, "height": 300}, "width"),
        ("gemini-nano-banana-2.1", {"operation": "edit"}, "image"),
        ("gemini-omni-1.2-flash", {"audio": False}, "audio"),
        ("gemini-omni-1.2-flash", {"duration_s": 16}, "duration_s"),
        ("lyria-3.5", {"duration_s": 60}, "duration_s"),
        ("lyria-3.5", {"instrumental": True, "lyrics": "la"}, "lyrics"),
        ("gemini-3.8-flash-tts", {"text": "a", "voice": "Kore", "speed": 1.5}, "speed"),
    ],
)
def test_what_a_model_cannot_do_is_refused_by_its_name(slug, more, field):
    with pytest.raises(InvalidParams) as refused:
        planned(slug, {**IMAGE, **more})
    assert refused.value.field == field


def test_pictures_go_in_where_the_model_takes_them_and_nowhere_else():
    plan = planned("gemini-omni-1.2-flash", FILM, picture("reference"), picture("reference"))
    assert plan.payload["generation_config"]["video_config"] == {"task": "reference_to_video"}
    assert len(plan.files) == 2
    for roles, field in ((["last_frame"], "last_frame"), (["first_frame", "reference"], "references"),
                         (["reference"] * 7, "references")):  # fmt: skip
        with pytest.raises(InvalidParams) as refused:
            planned("gemini-omni-1.2-flash", FILM, *map(picture, roles))
        assert refused.value.field == field


def test_what_music_has_no_field_for_is_said_in_the_prompt_and_noted():
    plan = planned("lyria-3.5", {"prompt": "a waltz", "lyrics": "la la"})
    assert plan.payload["input"] == "a waltz\n\nLyrics:\nla la"
    assert [(note.code, note.field) for note in plan.notes] == [("emulated", "lyrics")]


@pytest.mark.parametrize(
    ("slug", "params", "fault", "error"),
    [
        ("gemini-nano-banana-2.1", IMAGE, "cut_short", BadOutput),
        ("gemini-nano-banana-2.1", IMAGE, "bad_json", BadOutput),
        # A safety setting that is wrong is a mistake of ours, and no refusal.
        ("gemini-nano-banana-2.1", IMAGE, "invalid", InvalidParams),
        ("gemini-nano-banana-2.1", IMAGE, "timed_out", UnknownOutcome),
        ("gemini-omni-1.2-flash", FILM, "bad_json", UnknownOutcome),
        ("gemini-omni-1.2-flash", FILM, "failed_plainly", ProviderFailed),
        ("gemini-omni-1.2-flash", FILM, "budget", QuotaExhausted),
    ],
)
def test_what_failed_is_no_refusal(server, slug, params, fault, error):
    server.fault(fault)
    with pytest.raises(error):
        made(server, slug, params)


@pytest.mark.parametrize(
    ("slug", "params", "fault", "stage", "category"),
    [
        ("gemini-nano-banana-2.1", IMAGE, "blocked_prompt", "input", "prohibited_content"),
        ("gemini-nano-banana-2.1", IMAGE, "image_safety", "output", "image_safety"),
        ("gemini-omni-1.2-flash", FILM, "failed_safety", "output", "output_safety"),
        ("gemini-omni-1.2-flash", FILM, "failed_step", "output", "safety"),
    ],
)
def test_a_refusal_says_whether_it_was_the_words_or_what_came_of_them(server, slug, params, fault, stage, category):
    server.fault(fault)
    refused = made(server, slug, params)
    assert (refused.stage, refused.categories) == (stage, (category,))


def test_the_answer_says_who_made_it(server):
    assert made(server, "gemini-nano-banana-2.1", IMAGE).served_model == "nano-banana-2.1-001"
    assert made(server, "gemini-omni-1.2-flash", FILM).served_model == "gemini-omni-1.2-flash"


def test_google_is_told_where_to_call_only_where_it_can(server):
    hook = "https://wildmind.example/hooks/providers/1"
    made(server, "gemini-omni-1.2-flash", FILM, hook=hook)
    assert server.billed[-1].body["webhook_config"] == {"uris": [hook], "user_metadata": {"attempt": "attempt-1"}}
    for where, options in (("http://localhost/hooks/1", {}), (hook, {"webhooks": "off"})):
        made(server, "gemini-omni-1.2-flash", FILM, hook=where, **options)
        assert "webhook_config" not in server.billed[-1].body
    # Answered at once: there is nothing to call about, and nobody waits for a call.
    made(server, "gemini-nano-banana-2.1", IMAGE, hook=hook)
    assert "webhook_config" not in server.billed[-1].body
    assert not gateway.brings_evidence(revision_of("gemini-nano-banana-2.1"))
    assert gateway.brings_evidence(revision_of("gemini-omni-1.2-flash"))


def test_the_version_of_the_api_is_the_connections(server):
    with pytest.raises(ModelGone):
        made(server, "gemini-omni-1.2-flash", FILM, api_version="v1beta")
    assert server.calls[-1].path == "/v1beta/interactions"


def test_the_key_goes_along_to_googles_own_files_and_no_name_leads_elsewhere(server):
    outcome = made(server, "gemini-omni-1.2-flash", FILM)
    assert isinstance(outcome, Delivered)
    fetched = next(call for call in server.calls if call.path.startswith("/files/"))
    assert fetched.headers["x-goog-api-key"] == server.secret
    adapter = registry.adapter("google")
    connection = Connection(uuid4(), "google", "test", server.url, Secret(server.secret))
    ctx = Ctx(lambda _: None, directives_allowed=False, connection=connection)

    async def cancel():
        try:
            return await adapter.cancel(ctx, Handle(1, {"interaction": "../models/x"}))
        finally:
            await http.close()

    assert asyncio.run(cancel()) == "too_late"
    assert server.calls[-1].path != "/v1/models/x/cancel"
    assert replace(connection).base_url == server.url
