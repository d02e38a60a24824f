"""A text of Anthropic's, whole and piece by piece, and how the connection introduces itself."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from providers import gateway
from providers.contracts import Delta, Done, Refused
from providers.errors import AuthFailed, InvalidParams, Overloaded, QuotaExhausted, RateLimited, UnknownOutcome
from tests.providers.adapters.streaming import Talk
from tests.providers.conformance.conftest import revision_of
from tests.providers.servers import serving
from tests.providers.servers.anthropic import AnthropicServer

_SLUG = "claude-haiku-5-5"
_ASKED = {"messages": [{"role": "user", "content": "What does the fox do?"}]}


@pytest.fixture(scope="module")
def _served() -> Iterator[AnthropicServer]:
    with serving(AnthropicServer()) as server:
        yield server


@pytest.fixture
def server(_served: AnthropicServer) -> AnthropicServer:
    _served.reset()
    return _served


@pytest.fixture
def talk(server: AnthropicServer) -> Talk:
    return Talk(server, _SLUG, base_path="")


def test_pieces_come_and_the_whole_ends_them_with_what_it_took(talk: Talk, server: AnthropicServer) -> None:
    *pieces, whole = talk.stream(_ASKED)
    # What the model thinks to itself is not among them.
    assert pieces == [Delta("The "), Delta("fox "), Delta("sleeps.")]
    assert isinstance(whole, Done)
    assert whole.artifacts[0].content == b"The fox sleeps."
    # The count at the end is the whole of what came out, not what is to be added to the first.
    assert whole.spent.units["tokens_in"] == Decimal(11)
    assert whole.spent.units["tokens_out"] == Decimal(4)
    assert whole.spent.served_model == _SLUG
    assert len(server.billed) == 1


@pytest.mark.parametrize("fault", ["cut_stream", "error_stream"])
def test_a_stream_that_breaks_is_an_unknown_outcome_after_what_came(
    talk: Talk, server: AnthropicServer, fault: str
) -> None:
    server.fault(fault)
    with pytest.raises(UnknownOutcome):
        talk.stream(_ASKED)
    assert talk.parts == [Delta("The ")]
    assert len(server.billed) == 1


def test_a_stream_that_ends_without_saying_so_is_no_text(talk: Talk, server: AnthropicServer) -> None:
    server.fault("unfinished_stream")
    with pytest.raises(UnknownOutcome):
        talk.stream(_ASKED)
    assert not [part for part in talk.parts if isinstance(part, Done)]


def test_a_refusal_names_its_kind_and_what_it_took(talk: Talk, server: AnthropicServer) -> None:
    server.fault("refused_200")
    (refused,) = talk.stream(_ASKED)
    assert isinstance(refused, Refused)
    assert refused.categories == ("bio",)
    assert refused.spent.units["tokens_in"] == 11


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("overloaded", Overloaded), ("rate_limited", RateLimited), ("spend_limit", QuotaExhausted),
        ("timeout", UnknownOutcome), ("too_large", InvalidParams),
    ],
)  # fmt: skip
def test_what_fails_before_the_first_piece_is_told_apart(
    talk: Talk, server: AnthropicServer, fault: str, kind: type[Exception]
) -> None:
    server.fault(fault)
    with pytest.raises(kind) as failed:
        talk.stream(_ASKED)
    assert type(failed.value) is kind


def test_an_older_wire_is_spoken_to_with_its_own_headers() -> None:
    with serving(AnthropicServer(auth="x-api-key", version="2023-06-01")) as server:
        older = Talk(server, _SLUG, base_path="", auth="x-api-key", version="2023-06-01")
        assert isinstance(older.stream(_ASKED)[-1], Done)
        assert "Authorization" not in server.billed[0].headers
        with pytest.raises(AuthFailed):
            Talk(server, _SLUG, base_path="").stream(_ASKED)


def _planned(messages: list[dict[str, str]], **more: Any) -> Any:
    return gateway.plan(revision=revision_of(_SLUG), params={"messages": messages, **more}, deadline=timezone.now())


def test_what_the_site_says_beforehand_goes_beside_the_talk() -> None:
    plan = _planned([
        {"role": "system", "content": "Be brief."}, {"role": "system", "content": "Speak 日本語."},
        {"role": "user", "content": "狐 🦊?"}, {"role": "assistant", "content": "はい"},
        {"role": "user", "content": "?"},
    ])  # fmt: skip
    assert plan.payload["system"] == "Be brief.\n\nSpeak 日本語."
    assert [message["role"] for message in plan.payload["messages"]] == ["user", "assistant", "user"]


def test_a_length_is_sent_though_none_was_asked_for() -> None:
    assert _planned(_ASKED["messages"]).payload["max_tokens"] == 8192
    assert _planned(_ASKED["messages"], max_tokens=50).payload["max_tokens"] == 50


@pytest.mark.parametrize("roles", [("user", "assistant"), ("user", "system", "user"), ("system",)])
def test_a_talk_that_the_wire_does_not_take_is_refused_by_name(roles: tuple[str, ...]) -> None:
    with pytest.raises(InvalidParams) as refused:
        _planned([{"role": role, "content": "a fox"} for role in roles])
    assert refused.value.field == "messages"
