"""What the contract's suite cannot know of Vertex: its tokens, its places and its buckets."""

import asyncio
import json
from dataclasses import replace
from uuid import uuid4

import pytest
from django.utils import timezone

from core.secrets import Secret
from providers import gateway, http
from providers.adapters.vertex import tokens
from providers.adapters.vertex.adapter import _at
from providers.contracts import Connection, Ctx, Delivered
from providers.errors import AuthFailed, BadOutput, InvalidParams, Overloaded, ProviderFailed, RateLimited
from tests.providers.conformance.case import picture
from tests.providers.conformance.conftest import revision_of
from tests.providers.servers import serving
from tests.providers.servers.vertex import VertexServer

FILM = {"prompt": "a fox", "duration_s": 4}


@pytest.fixture(scope="module")
def _server():
    with serving(VertexServer()) as server:
        yield server


@pytest.fixture
def server(_server):
    _server.reset()
    _server.refuses_tokens = False
    tokens._kept.clear()
    return _server


def connected(server, *, secret="", **options):
    return Connection(uuid4(), "vertex", "test", server.url, Secret(secret or server.secret), options)


def made(connection, params=FILM, slug="vertex-veo-3.1-lite"):
    ctx = Ctx(lambda _: None, directives_allowed=False, connection=connection)

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


def test_a_token_is_asked_for_once_and_kept(server):
    made(connected(server))
    made(connected(server))
    assert len([call for call in server.calls if call.path == "/token"]) == 1


def test_a_token_that_is_refused_is_given_up(server):
    made(connected(server))
    server.tokens.clear()
    with pytest.raises(AuthFailed):
        made(connected(server))
    assert isinstance(made(connected(server)), Delivered)


def test_a_key_that_is_none_is_a_wrong_key_and_says_nothing_of_itself(server):
    broken = json.dumps({**json.loads(server.secret), "private_key": "-----BEGIN secret-words-----"})
    for secret in ("secret-words", '{"client_email": "secret-words"}', broken):
        with pytest.raises(AuthFailed) as failed:
            made(connected(server, secret=secret))
        assert "secret-words" not in repr((failed.value, failed.value.__cause__))
    assert server.billed == []


def test_an_account_that_google_does_not_know_is_a_wrong_key(server):
    server.refuses_tokens = True
    with pytest.raises(AuthFailed) as failed:
        made(connected(server))
    assert failed.value.provider_code == "invalid_grant"
    assert server.billed == []


def test_a_workspaces_key_does_not_lead_us_to_an_address_of_our_own(server):
    """Its token's address is its word, and may be that of a machine beside us."""
    own = replace(connected(server), workspace_id=uuid4(), base_url="https://aiplatform.googleapis.com")
    with pytest.raises(AuthFailed, match="may not be called"):
        made(own)
    assert server.calls == []


def test_project_and_place_are_the_connections_or_the_keys_or_the_models(server):
    made(connected(server))
    assert "/projects/wild-project/locations/us-central1/" in server.billed[-1].path
    made(connected(server, project="other", location="europe-west4"))
    assert "/projects/other/locations/europe-west4/" in server.billed[-1].path
    made(connected(server, location="europe-west4"), {"prompt": "a", "width": 1024, "height": 1024},
         "vertex-nano-banana-2.1")  # fmt: skip
    assert "/locations/global/" in server.billed[-1].path
    usual = replace(connected(server), base_url="https://aiplatform.googleapis.com")
    assert _at(usual, "europe-west4").base_url == "https://europe-west4-aiplatform.googleapis.com"
    assert _at(usual, "global") == usual
    assert _at(connected(server), "europe-west4").base_url == server.url


def test_a_film_in_the_operators_bucket_is_fetched_with_the_token(server):
    route = connected(server, storage_uri="gs://films/here", storage_url=server.url)
    outcome = made(route)
    assert server.billed[-1].body["parameters"]["storageUri"] == "gs://films/here"
    assert outcome.artifacts[0].content
    server.fault("foreign_bucket")
    with pytest.raises(BadOutput, match="does not name"):
        made(route)
    server.fault("not_there_yet")
    with pytest.raises(Overloaded):
        made(route)


@pytest.mark.parametrize(
    ("fault", "error"), [("failed_plainly", ProviderFailed), ("failed_busy", RateLimited), ("invalid", InvalidParams)]
)
def test_what_failed_is_no_refusal(server, fault, error):
    server.fault(fault)
    with pytest.raises(error):
        made(connected(server))


@pytest.mark.parametrize(
    ("slug", "params", "roles", "field"),
    [
        ("vertex-veo-3.1-lite", FILM, ["reference"], "reference"),
        ("vertex-veo-3.1", FILM, ["reference"] * 4, "reference"),
        ("vertex-veo-3.1", FILM, ["first_frame", "input"], "input"),
        ("vertex-veo-3.1", FILM, ["first_frame", "reference"], "reference"),
        ("vertex-veo-3.1-lite", {**FILM, "duration_s": 9}, [], "duration_s"),
        ("vertex-veo-3.1-lite", {**FILM, "style": "noir"}, [], "style"),
    ],
)
def test_what_a_model_cannot_do_is_refused_by_its_name(slug, params, roles, field):
    with pytest.raises(InvalidParams) as refused:
        gateway.plan(revision=revision_of(slug), params=params, deadline=timezone.now(),
                     inputs=tuple(map(picture, roles)))  # fmt: skip
    assert refused.value.field == field


def test_a_length_between_two_is_rounded_up_and_noted():
    plan = gateway.plan(
        revision=revision_of("vertex-veo-3.1"), params={**FILM, "duration_s": 5}, deadline=timezone.now()
    )
    assert plan.payload["parameters"]["durationSeconds"] == 6
    assert [(note.field, note.asked, note.used) for note in plan.notes] == [("duration_s", "5", "6")]
