"""What goes wrong on a real site, once, with forty jobs; `make chaos` knows all the ways, with a thousand."""

import json
import subprocess
import sys

import pytest

from tests.stack.running import ROOT

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.slow, pytest.mark.timeout(400)]
FAULTS = ("kill-runner",)


class TestJobs:
    def test_are_neither_lost_nor_paid_for_twice_and_everybody_sees_how_they_ended(self, tmp_path):
        told = tmp_path / "chaos.json"
        chosen = [word for name in FAULTS for word in ("--fault", name)]
        done = subprocess.run(
            [sys.executable, "-m", "bench.chaos", "--jobs", "40", *chosen, "--json", str(told)],
            cwd=ROOT, capture_output=True, text=True, timeout=380, check=False,
        )  # fmt: skip
        assert told.exists(), done.stdout[-2000:] + done.stderr[-2000:]
        reports = json.loads(told.read_text())
        assert [(report["fault"], report["wrong"]) for report in reports] == [(name, []) for name in FAULTS]
        assert [sum(report["reasons"].values()) for report in reports] == [40]
        # Something was broken, and something came of it all the same.
        assert [report["acts"] > 0 for report in reports] == [True]
        assert all(report["reasons"]["delivered"] > 20 for report in reports)
