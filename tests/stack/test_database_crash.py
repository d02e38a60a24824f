"""The database dies under load, as in a power cut: what was acknowledged is there, and the books close."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from bench.stand import ROOT, opened
from core.ids import from_public

pytestmark = [pytest.mark.stack, pytest.mark.slow]


class TestDatabaseThatDies:
    def test_under_64_threads_forgets_nothing_that_it_acknowledged(self, tmp_path):
        with opened() as stand:
            stand.admin("CREATE DATABASE storm")
            self.environ = {
                **stand.environ, "DATABASE_URL": stand.database_url("storm"), "WILDMIND_DATABASE_POOL": "32",
            }  # fmt: skip
            stand.step("manage.py", "prepare", env=self.environ)
            made = stand.step("manage.py", "create_api_key", "--email", "storm@example.com", "--credits", "500",
                              "--json", env=self.environ)  # fmt: skip
            workspace = from_public("wsp", json.loads(made.splitlines()[-1])["workspace"])
            told = tmp_path / "told"
            for number in range(2):
                self.storm_until_the_database_dies(stand, workspace, number, told)
                stand.start_postgres()
                assert "every invariant holds" in stand.step("manage.py", "reconcile_ledger", env=self.environ)
                stand.step("manage.py", "replay_wallet", "--email", "storm@example.com", "--quiet", env=self.environ)
            lines = [line.split(" ", 1) for line in told.read_text().splitlines() if line.count(" ") == 1]
            names = {name for kind, name in lines if kind != "hold"}
            holds = {name for kind, name in lines if kind == "hold"}
            assert len(names) > 100
            with psycopg.connect(self.environ["DATABASE_URL"]) as connection:
                there = "SELECT count(*) FROM {} WHERE {} = ANY(%s)"
                assert connection.execute(
                    there.format("credits_posting", "reference"), [list(names)]
                ).fetchone() == (len(names),)  # fmt: skip
                assert connection.execute(
                    there.format("credits_hold", "id::text"), [list(holds)]
                ).fetchone() == (len(holds),)  # fmt: skip

    def storm_until_the_database_dies(self, stand, workspace, number, told):
        before = told.stat().st_size if told.exists() else 0
        storm = subprocess.Popen(
            [sys.executable, "-m", "tests.concurrency.ledger_storm", str(workspace), str(number), str(told)],
            cwd=ROOT, env=self.environ, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            stand.wait(lambda: told.exists() and told.stat().st_size > before + 8_000, "the storm rages")
            time.sleep(0.5)
            data = next(Path(stand.room).glob("**/postmaster.pid"))
            os.kill(int(data.read_text().splitlines()[0]), signal.SIGQUIT)
            stand.running["postgres"].wait(30)
        finally:
            storm.kill()
            storm.wait()
        del stand.running["postgres"]
