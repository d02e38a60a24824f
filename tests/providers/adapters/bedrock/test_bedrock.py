"""What the contract's suite cannot know of Bedrock: signatures, regions, and what its models do not take."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from django.utils import timezone

from core.secrets import Secret
from providers import gateway, http, registry
from providers.adapters.bedrock import adapter, signing
from providers.contracts import Connection, Ctx, Delivered, Media
from providers.errors import AuthFailed, BadOutput, InvalidParams, ProviderFailed, RateLimited, UnknownOutcome
from tests.providers.conformance.case import picture
from tests.providers.conformance.conftest import revision_of
from tests.providers.servers import serving
from tests.providers.servers.bedrock import BedrockServer

IMAGE = {"prompt": "a fox", "width": 1024, "height": 1024}
TALK = {"messages": [{"role": "user", "content": "Who sleeps?"}]}


@pytest.fixture(scope="module")
def _server():
    with serving(BedrockServer()) as server:
        yield server


@pytest.fixture
def server(_server):
    _server.reset()
    return _server


def connected(server, *, secret="", **options):
    return Connection(uuid4(), "bedrock", "test", server.url, Secret(secret or server.secret), options)


def run(work):
    async def closing():
        try:
            return await work
        finally:
            await http.close()

    return asyncio.run(closing())


def made(connection, params=IMAGE, slug="bedrock-stable-image-ultra"):
    ctx = Ctx(lambda _: None, directives_allowed=False, connection=connection)
    return run(gateway.submit(ctx=ctx, revision=revision_of(slug), params=params, deadline=timezone.now(), token="1"))


@pytest.mark.parametrize("prompt", ["a fox", "狐 🦊", 'quotes " and \\ and \n'])
def test_the_very_bytes_that_are_sent_are_signed(server, prompt):
    assert isinstance(made(connected(server), {**IMAGE, "prompt": prompt}), Delivered)


def test_another_secret_is_no_signature(server):
    access, _, session = server.secret.split(":", 2)
    for secret in (f"{access}:other:{session}", server.secret.rpartition(":")[0], "only-one-word", ":x"):
        with pytest.raises(AuthFailed):
            made(connected(server, secret=secret))


def test_the_region_is_the_connections_or_its_addresss(server):
    made(connected(server, region="eu-west-1"))
    assert "/eu-west-1/bedrock/aws4_request" in server.calls[-1].headers["Authorization"]
    usual = replace(connected(server), base_url=registry.adapter("bedrock").needs.base_url)
    assert signing.region(usual) == "us-west-2"
    assert adapter._at(replace(usual, options={"region": "eu-west-1"})).base_url.endswith(".eu-west-1.amazonaws.com")
    assert signing.region(replace(usual, base_url="https://bedrock-runtime.ap-south-1.amazonaws.com")) == "ap-south-1"


@pytest.mark.parametrize(
    ("slug", "params", "fault", "error"),
    [
        ("bedrock-stable-image-ultra", IMAGE, "rate_limited", RateLimited),
        ("bedrock-stable-image-ultra", IMAGE, "model_error", ProviderFailed),
        ("bedrock-stable-image-ultra", IMAGE, "inference_error", ProviderFailed),
        ("bedrock-stable-image-ultra", IMAGE, "timed_out", UnknownOutcome),
        ("bedrock-stable-image-ultra", IMAGE, "invalid", InvalidParams),
        ("bedrock-stable-image-ultra", IMAGE, "bad_json", BadOutput),
        ("bedrock-nova-2-lite", TALK, "empty", BadOutput),
    ],
)
def test_what_failed_is_no_refusal(server, slug, params, fault, error):
    server.fault(fault)
    with pytest.raises(error):
        made(connected(server), params, slug)


@pytest.mark.parametrize(
    ("fault", "stage", "category"),
    [
        ("filtered_prompt", "input", "filter prompt"), ("filtered_input", "input", "filter input image"),
        ("filtered_output", "output", "filter output image"), ("empty", "output", "empty"),
    ],
)  # fmt: skip
def test_a_refusal_says_whether_it_was_the_words_or_the_picture(server, fault, stage, category):
    server.fault(fault)
    refused = made(connected(server))
    assert (refused.stage, refused.categories) == (stage, (category,))


def test_asking_how_it_is_costs_nothing_and_knows_a_wrong_key(server):
    probe = registry.adapter("bedrock").probe
    for route, ok in ((connected(server), True), (connected(server, secret="AKIA:wrong"), False)):
        ctx = Ctx(lambda _: None, directives_allowed=False, connection=route)
        assert run(probe(ctx)).ok is ok


@pytest.mark.parametrize(
    ("slug", "params", "inputs", "field"),
    [
        ("bedrock-stable-image-core", {**IMAGE, "operation": "variation"}, (picture(),), "image"),
        ("bedrock-stable-image-core", IMAGE, (picture(),), "input"),
        ("bedrock-sd3.5-large", {**IMAGE, "operation": "variation"}, (), "image"),
        ("bedrock-sd3.5-large", {**IMAGE, "style": "noir"}, (), "style"),
        ("bedrock-stable-image-core", {**IMAGE, "width": 1536, "height": 300}, (), "width"),
        ("bedrock-nova-2-lite", {"messages": [{"role": "assistant", "content": "a"}]}, (), "messages"),
        ("bedrock-nova-2-lite", {"messages": [*TALK["messages"], *TALK["messages"]]}, (), "messages"),
        ("bedrock-nova-2-lite", {"messages": [*TALK["messages"], {"role": "system", "content": "b"}]}, (), "messages"),
    ],
)
def test_what_a_model_cannot_do_is_refused_by_its_name(slug, params, inputs: tuple[Media, ...], field):
    with pytest.raises(InvalidParams) as refused:
        gateway.plan(revision=revision_of(slug), params=params, deadline=timezone.now(), inputs=inputs)
    assert refused.value.field == field


def test_pixels_that_cannot_be_asked_for_are_noted():
    for params, notes in ((IMAGE, []), ({**IMAGE, "width": 1376, "height": 768}, ["16:9"])):
        plan = gateway.plan(revision=revision_of("bedrock-stable-image-ultra"), params=params, deadline=timezone.now())
        assert [note.used for note in plan.notes] == notes
