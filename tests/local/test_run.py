import os
import signal
import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.local.launched import GIVEN, Launched
from wildmind.local.processes import identify, wait_until

pytestmark = pytest.mark.stack
Launch = Callable[..., Launched]


class TestRun:
    def test_prepares_serves_announces_and_ends_with_ctrl_c(self, launch: Launch) -> None:
        run = launch()
        run.expect("prepare .*prepared")
        address = run.expect(r"Wildmind is at\s+(http://127\.0\.0\.1:\d+/)").group(1)
        run.expect("demo@wildmind.local / wildmind-demo")
        run.expect("Ctrl-C stops everything")
        assert urllib.request.urlopen(f"{address}readyz", timeout=5).status == 200
        assert run.interrupt() == 0
        assert len(run.pids()) == 2
        assert not any(map(identify, run.pids()))

    def test_a_minimal_seed_has_no_sign_in_to_show(self, launch: Launch) -> None:
        run = launch(environ={**GIVEN, "WILDMIND_SEED": "minimal"})
        run.expect("Ctrl-C stops everything")
        assert "wildmind-demo" not in "\n".join(run.lines)

    def test_starts_a_child_again_that_was_killed(self, launch: Launch) -> None:
        run = launch()
        run.expect("Ctrl-C stops everything")
        killed = run.pids()[-1]
        os.kill(killed, signal.SIGKILL)
        run.expect(r"ended with signal 9; starting it again in 0\.5 s")
        run.expect(r"pid \d+$")
        assert run.pids()[-1] != killed
        assert identify(run.pids()[-1])

    def test_a_taken_port_is_a_sentence_before_anything_starts(self, launch: Launch, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            run = launch(environ={"WILDMIND_PORT": str(port)})
            assert run.end() == 1
        assert run.lines == [
            f"Port {port} is in use. Stop the other program or choose another: WILDMIND_PORT={port + 1} make run"
        ]
        assert not (folder / "log").exists()

    def test_a_second_one_on_the_same_data_is_a_sentence(self, launch: Launch) -> None:
        first = launch()
        first.expect("Ctrl-C stops everything")
        second = launch()
        assert second.end() == 1
        assert second.lines[0].startswith("Wildmind already runs on ")

    def test_a_failed_preparation_stops_everything(self, launch: Launch) -> None:
        run = launch(environ={**GIVEN, "TEST_PREPARE": "raise SystemExit(3)"})
        assert run.end() == 1
        assert "could not be prepared (exit code 3)" in run.lines[-1]
        assert run.pids() == []

    def test_ctrl_c_while_preparing_stops_everything(self, launch: Launch) -> None:
        run = launch(environ={**GIVEN, "TEST_PREPARE": "import time; print('slowly', flush=True); time.sleep(60)"})
        run.expect("slowly")
        assert run.interrupt() == 0

    def test_a_killed_one_leaves_nothing_that_the_next_does_not_end(self, launch: Launch, folder: Path) -> None:
        first = launch(environ={})
        first.expect("Ctrl-C stops everything")
        first.process.kill()
        first.process.wait()
        second = launch(environ={})
        second.expect("Ctrl-C stops everything")
        assert wait_until(lambda: not any(map(identify, first.pids())), seconds=5)
        assert "prepared" in "\n".join(first.lines)
        # The same code on the same database: the second start is a warm one.
        assert "prepared" not in "\n".join(second.lines)
        assert second.interrupt() == 0
        assert not list(folder.glob("services.json"))
