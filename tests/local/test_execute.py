import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.local.launched import GIVEN
from wildmind.local.discover import ROOT

pytestmark = pytest.mark.stack


def _exec(*command: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in GIVEN}
    return subprocess.run(
        [sys.executable, "-m", "wildmind.local", "exec", "--", *command],
        cwd=ROOT,
        env={**inherited, **(environ or {})},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


class TestExec:
    def test_gives_the_command_servers_of_its_own_and_returns_its_code(self) -> None:
        done = _exec("sh", "-c", 'echo "$DATABASE_URL"; echo "$REDIS_URL"; echo "$WILDMIND_DATA_DIR"; exit 7')
        database, broker, data = done.stdout.splitlines()
        assert done.returncode == 7
        assert database.startswith("postgresql://wildmind@/wildmind?host=/")
        assert broker.startswith("redis://:")
        assert not Path(data).parent.exists()

    def test_passes_given_servers_on(self) -> None:
        done = _exec("sh", "-c", 'echo "$DATABASE_URL $REDIS_URL"', environ=GIVEN)
        assert done.stdout.split() == [GIVEN["DATABASE_URL"], GIVEN["REDIS_URL"]]

    def test_a_command_ended_by_a_signal_counts_as_in_a_shell(self) -> None:
        assert _exec("sh", "-c", "kill -9 $$", environ=GIVEN).returncode == 128 + signal.SIGKILL

    def test_a_command_that_is_not_there_is_a_sentence(self) -> None:
        done = _exec("no-such-command", environ=GIVEN)
        assert (done.returncode, done.stderr) == (127, "no-such-command: No such file or directory\n")
