"""Servers that speak nearly the same words are spoken to as each wants it, by the options of its connection."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from core.secrets import Secret
from providers import gateway, registry
from providers.contracts import Connection, Ctx, Delivered, Delta, Done, Media, Refused, Running
from providers.errors import (
    AuthFailed,
    BadOutput,
    InvalidParams,
    ModelGone,
    Overloaded,
    ProviderFailed,
    QuotaExhausted,
    RateLimited,
    UnknownOutcome,
)
from tests.providers.adapters.streaming import Talk
from tests.providers.conformance.case import picture, reading
from tests.providers.conformance.conftest import revision_of
from tests.providers.servers import serving
from tests.providers.servers.openai_compatible import CompatibleServer, Dialect

_ASKED = {"messages": [{"role": "user", "content": "What does the fox do?"}], "max_tokens": 100}


@contextmanager
def speaking(dialect: Dialect, slug: str = "own-text", **options: Any) -> Iterator[tuple[CompatibleServer, Talk]]:
    with serving(CompatibleServer(dialect)) as server:
        yield server, Talk(server, slug, base_path="/v1", **options)


class Desk:
    """A model on a server, whole answers only."""

    def __init__(self, server: CompatibleServer, slug: str, **options: Any) -> None:
        self.revision = revision_of(slug)
        connection = Connection(
            uuid4(), "openai_compatible", "test", f"{server.url}/v1", Secret(server.secret), options
        )
        self.ctx = Ctx(progress=lambda _: None, directives_allowed=False, connection=connection, read=reading)

    def submit(self, params: dict[str, Any], inputs: tuple[Media, ...] = ()) -> Any:
        deadline = timezone.now() + timedelta(minutes=5)
        return self._run(gateway.submit(ctx=self.ctx, revision=self.revision, params=params, deadline=deadline,
                                        token=str(uuid4()), inputs=inputs))  # fmt: skip

    def check(self, running: Running) -> Any:
        return self._run(gateway.check(ctx=self.ctx, revision=self.revision, handle=running.handle, params={}))

    def cancel(self, running: Running) -> Any:
        return self._run(gateway.cancel(ctx=self.ctx, revision=self.revision, handle=running.handle))

    def _run(self, work: Any) -> Any:
        async def closing() -> Any:
            try:
                return await work
            finally:
                await gateway.close()

        return asyncio.run(closing())


@pytest.mark.parametrize(
    ("dialect", "options"),
    [
        pytest.param(Dialect(length="max_completion_tokens"), {"max_tokens": "max_completion_tokens"}, id="length"),
        pytest.param(Dialect(stream_options=False), {"stream_usage": False}, id="no stream_options"),
        pytest.param(Dialect(auth="none"), {"auth": "none"}, id="no key"),
        pytest.param(Dialect(auth="api-key"), {"auth": "api-key"}, id="key in another header"),
        pytest.param(Dialect(query={"api-version": "preview"}), {"query": {"api-version": "preview"}}, id="query"),
    ],
)  # fmt: skip
def test_an_option_is_needed_and_does(dialect: Dialect, options: dict[str, Any]) -> None:
    with speaking(dialect, **options) as (server, talk):
        whole = talk.stream(_ASKED)[-1]
        assert isinstance(whole, Done)
        assert whole.artifacts[0].content == b"The fox sleeps."
        without = Talk(server, "own-text", base_path="/v1")
        with pytest.raises((InvalidParams, AuthFailed)):
            without.stream(_ASKED)


@pytest.mark.parametrize(
    "dialect",
    [
        pytest.param(Dialect(marks_end=False), id="no [DONE]"),
        pytest.param(Dialect(gives_reason=False), id="no reason to finish"),
        pytest.param(Dialect(usage=False), id="no usage"),
        pytest.param(Dialect(streams=False), id="does not stream"),
    ],
)
def test_what_a_server_leaves_out_is_done_without(dialect: Dialect) -> None:
    with speaking(dialect) as (_, talk):
        *pieces, whole = talk.stream(_ASKED)
        assert "".join(piece.text for piece in pieces) == "The fox sleeps."
        assert isinstance(whole, Done)
        assert whole.artifacts[0].content == b"The fox sleeps."
        assert whole.spent.units == ({"tokens_in": 9, "tokens_out": 3} if dialect.usage else {})


def test_a_server_that_neither_finishes_nor_ends_was_cut() -> None:
    with speaking(Dialect(marks_end=False, gives_reason=False)) as (_, talk), pytest.raises(UnknownOutcome):
        talk.stream(_ASKED)


@pytest.mark.parametrize("fault", ["cut_stream", "error_stream"])
def test_an_error_after_the_first_piece_is_an_unknown_outcome(fault: str) -> None:
    with speaking(Dialect()) as (server, talk):
        server.fault(fault)
        with pytest.raises(UnknownOutcome):
            talk.stream(_ASKED)
        assert talk.parts == [Delta("The ")]
        assert len(server.billed) == 1


@pytest.mark.parametrize("errors", ["openai", "vllm", "detail", "string", "openrouter"])
def test_a_failure_is_known_by_its_status_whatever_the_shape_of_its_body(errors: str) -> None:
    kinds = {"unauthorized": AuthFailed, "rate_limited": RateLimited, "quota": QuotaExhausted, "invalid": InvalidParams,
             "overloaded": Overloaded, "gone": ModelGone, "server_error": UnknownOutcome}  # fmt: skip
    with serving(CompatibleServer(Dialect(errors=errors))) as server:
        desk = Desk(server, "own-text")
        for fault, kind in kinds.items():
            server.fault(fault)
            with pytest.raises(kind) as failed:
                desk.submit(_ASKED)
            assert "sorry" not in str(failed.value)


def test_an_error_with_status_200_is_the_error_that_it_names() -> None:
    with speaking(Dialect()) as (server, talk):
        desk = Desk(server, "own-text")
        server.fault("error_200")
        with pytest.raises(RateLimited):
            desk.submit(_ASKED)
        server.fault("error_200")
        with pytest.raises(RateLimited):
            talk.stream(_ASKED)


def test_a_filter_that_refuses_says_what_for() -> None:
    with serving(CompatibleServer()) as server:
        desk = Desk(server, "own-text")
        server.fault("refused_4xx")
        filtered = desk.submit(_ASKED)
        server.fault("refused_routed")
        routed = desk.submit(_ASKED)
    assert isinstance(filtered, Refused)
    assert isinstance(routed, Refused)
    assert filtered.categories == routed.categories == ("violence",)


def test_a_page_in_place_of_an_answer_is_no_refusal() -> None:
    with serving(CompatibleServer()) as server:
        server.fault("bad_json")
        with pytest.raises(BadOutput):
            Desk(server, "own-image").submit({"prompt": "a fox", "width": 512, "height": 512})


def test_a_bill_in_the_usage_is_believed_where_the_connection_says_so() -> None:
    with serving(CompatibleServer(Dialect(cost=0.000_123_4))) as server:
        believed = Desk(server, "own-text", usage_cost=True).submit(_ASKED)
        worked_out = Desk(server, "own-text").submit(_ASKED)
        streamed = Talk(server, "own-text", base_path="/v1", usage_cost=True).stream(_ASKED)[-1]
    assert (believed.usage.cost_usd_micros, believed.usage.source) == (124, "provider")
    assert worked_out.usage.source == "usage"
    assert streamed.spent.usd_micros == 124


def test_a_server_that_wants_no_key_is_shown_none() -> None:
    with speaking(Dialect(auth="none"), auth="none") as (server, talk):
        talk.stream(_ASKED)
        assert not [name for name, value in server.billed[0].headers.items() if server.secret in value]


def test_fields_of_the_connection_go_into_every_request_of_their_task() -> None:
    with serving(CompatibleServer(Dialect(extra=frozenset({"provider"})))) as server:
        options = {"body": {"text": {"provider": {"allow_fallbacks": False}}}, "headers": {"X-Title": "Site"}}
        Desk(server, "own-text", **options).submit(_ASKED)
        assert server.billed[0].body["provider"] == {"allow_fallbacks": False}
        assert server.billed[0].headers["X-Title"] == "Site"


def test_a_film_begins_with_a_picture_and_is_fetched_with_the_key() -> None:
    with serving(CompatibleServer()) as server:
        desk = Desk(server, "own-video")
        running = desk.submit({"prompt": "a fox", "duration_s": 4}, (picture("first_frame"),))
        made = desk.check(running)
        assert isinstance(made, Delivered)
        assert made.artifacts[0].media_type == "video/mp4"
        assert [part[0] for part in server.billed[0].files] == ["input_reference"]
        assert server.billed[0].body["size"] == "1280x720"
        assert made.usage.cost_usd_micros == 40_000
        fetched = next(call for call in server.calls if call.path.endswith("/content"))
        assert fetched.headers["Authorization"] == f"Bearer {server.secret}"


def test_a_film_is_not_deleted_unless_the_connection_says_that_this_cancels() -> None:
    with serving(CompatibleServer()) as server:
        server.seconds = 60.0
        desk = Desk(server, "own-video")
        running = desk.submit({"prompt": "a fox", "duration_s": 4})
        assert desk.cancel(running) == "unsupported"
        assert not [call for call in server.calls if call.method == "DELETE"]
        willing = Desk(server, "own-video", video_cancel=True)
        assert willing.cancel(running) == "requested"
        with pytest.raises(ProviderFailed):
            willing.check(running)


def test_a_film_that_fails_is_no_refusal_and_one_that_is_refused_late_is_no_failure() -> None:
    with serving(CompatibleServer()) as server:
        desk = Desk(server, "own-video")
        server.fault("failed_late")
        with pytest.raises(ProviderFailed) as failed:
            desk.check(desk.submit({"prompt": "a fox", "duration_s": 4}))
        assert failed.value.provider_code == "video_generation_failed"
        server.fault("refused_late")
        refused = desk.check(desk.submit({"prompt": "a fox", "duration_s": 4}))
        assert isinstance(refused, Refused)
        assert refused.stage == "output"


@pytest.mark.parametrize(
    ("slug", "params", "inputs", "field"),
    [
        ("own-video", {"duration_s": 13}, (), "duration_s"),
        ("own-video", {"duration_s": 4, "audio": True}, (), "audio"),
        ("own-video", {"duration_s": 4, "aspect_ratio": "1:1"}, (), "width"),
        ("own-video", {"duration_s": 4}, (picture(), picture()), "image"),
        ("routed-video", {"duration_s": 4}, (picture(),), "image"),
        ("own-image", {"width": 512, "height": 512, "operation": "edit"}, (), "image"),
    ],
)
def test_what_a_model_cannot_do_is_refused_by_name(
    slug: str, params: dict[str, Any], inputs: tuple[Media, ...], field: str
) -> None:
    with pytest.raises(InvalidParams) as refused:
        gateway.plan(
            revision=revision_of(slug), params={"prompt": "a fox", **params}, deadline=timezone.now(), inputs=inputs
        )
    assert refused.value.field == field


def test_an_operators_server_is_asked_for_its_models_to_see_that_it_lives() -> None:
    with serving(CompatibleServer(Dialect(query={"api-version": "preview"}))) as server:
        desk = Desk(server, "own-text", query={"api-version": "preview"})
        health = desk._run(registry.adapter("openai_compatible").probe(desk.ctx))
    assert health.ok
