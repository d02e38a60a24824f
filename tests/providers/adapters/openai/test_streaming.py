"""A text comes piece by piece, and its end is what a whole answer would have been."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from providers.contracts import Delta, Done, Refused
from providers.errors import QuotaExhausted, RateLimited, UnknownOutcome
from tests.providers.adapters.streaming import Talk
from tests.providers.servers import serving
from tests.providers.servers.openai import OpenAIServer

_ASKED = {"messages": [{"role": "user", "content": "What does the fox do?"}]}


@pytest.fixture(scope="module")
def _served() -> Iterator[OpenAIServer]:
    with serving(OpenAIServer()) as server:
        yield server


@pytest.fixture
def server(_served: OpenAIServer) -> OpenAIServer:
    _served.reset()
    return _served


@pytest.fixture
def talk(server: OpenAIServer) -> Talk:
    return Talk(server, "gpt-6-luna", base_path="/v1")


def test_pieces_come_and_the_whole_ends_them_with_what_it_took(talk: Talk, server: OpenAIServer) -> None:
    *pieces, whole = talk.stream(_ASKED)
    assert pieces == [Delta("The "), Delta("fox "), Delta("sleeps.")]
    assert isinstance(whole, Done)
    assert whole.artifacts[0].content == b"The fox sleeps."
    assert whole.spent.units == {"tokens_in": Decimal(9), "tokens_out": Decimal(3)}
    assert whole.spent.served_model == "gpt-6-luna"
    assert len(server.billed) == 1


def test_a_stream_that_is_cut_is_an_unknown_outcome_after_what_came(talk: Talk, server: OpenAIServer) -> None:
    server.fault("cut_stream")
    with pytest.raises(UnknownOutcome):
        talk.stream(_ASKED)
    assert talk.parts == [Delta("The ")]
    assert len(server.billed) == 1


def test_a_stream_that_ends_without_saying_so_is_no_text(talk: Talk, server: OpenAIServer) -> None:
    server.fault("unfinished_stream")
    with pytest.raises(UnknownOutcome):
        talk.stream(_ASKED)
    assert not [part for part in talk.parts if isinstance(part, Done)]


def test_a_refusal_at_the_end_is_a_refusal_of_the_whole(talk: Talk, server: OpenAIServer) -> None:
    server.fault("refused_200")
    refused = talk.stream(_ASKED)[-1]
    assert isinstance(refused, Refused)
    # What it said before is billed all the same.
    assert refused.spent.units["tokens_out"] == 3


def test_a_refusal_in_place_of_a_stream_is_returned(talk: Talk, server: OpenAIServer) -> None:
    server.fault("refused_4xx")
    (refused,) = talk.stream(_ASKED)
    assert isinstance(refused, Refused)
    assert refused.categories == ("violence",)


@pytest.mark.parametrize(("fault", "kind"), [("quota", QuotaExhausted), ("rate_limited", RateLimited)])
def test_what_fails_before_the_first_piece_fails_as_a_whole_answer_does(
    talk: Talk, server: OpenAIServer, fault: str, kind: type[Exception]
) -> None:
    server.fault(fault)
    with pytest.raises(kind):
        talk.stream(_ASKED)
    assert talk.parts == []
