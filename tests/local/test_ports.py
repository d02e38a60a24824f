import socket

import pytest

from wildmind.local import ports
from wildmind.local.problems import LocalProblem


class TestChoose:
    def test_zero_is_any_free_one(self) -> None:
        assert 0 < ports.choose("0") < 65536

    def test_a_free_one_is_taken_as_it_is(self) -> None:
        port = ports.free_port()
        assert ports.choose(str(port)) == port

    def test_a_listener_on_every_address_counts(self) -> None:
        with socket.create_server(("", 0)) as taken, pytest.raises(LocalProblem, match="is in use"):
            ports.choose(str(taken.getsockname()[1]))

    @pytest.mark.parametrize("wanted", ["http", "-1", "65536", "8000 ", "²"])
    def test_anything_else_is_a_sentence(self, wanted: str) -> None:
        with pytest.raises(LocalProblem, match="WILDMIND_PORT must be a number"):
            ports.choose(wanted)
