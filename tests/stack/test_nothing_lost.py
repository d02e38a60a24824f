"""Killed workers and a broker that is away: no job lost, no credit, no file, nothing twice."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import redis

from tests.stack.running import LEASE_SECONDS, Caller, Stack

pytestmark = [pytest.mark.stack, pytest.mark.slow]


def body(prompt: str, n: int = 1, side: int = 128):
    return {"pipeline": "image", "input": {"prompt": prompt, "n": n, "width": side, "height": side, "seed": 3}}


def large(n: int):
    """Pictures that take their worker a while."""
    return body("a forest in the mountains", n, side=1024)


def status(caller: Caller, job: str) -> str:
    return caller.get(f"/generations/{job}")["status"]


def assert_whole(stack: Stack, caller: Caller, jobs: list[str], *, each: int) -> None:
    """Every job succeeded, was captured once, and has one set of assets; the ledger proves itself."""
    for job in jobs:
        made = caller.get(f"/generations/{job}")
        assert made["status"] == "succeeded", made
        assert made["charge"]["captured"] == 5 * each
        assert [output["status"] for output in made["outputs"]] == ["succeeded"] * each
    stack.manage("reconcile_ledger")


AT_WORK = "SELECT 1 FROM generation_step WHERE state = 'submitting' AND started_at < now() - interval '100 ms'"


class TestKilledWorker:
    def test_leaves_a_job_that_finishes_after_the_restart_with_one_capture_and_one_set_of_assets(self, stack):
        caller = stack.key(credits=100)
        _, made = caller.post("/generations", large(4))
        stack.wait(lambda: status(caller, made["id"]) == "running", "the job runs")
        stack.wait(lambda: stack.sql(AT_WORK), "a picture is being made")

        stack.kill("worker")
        assert status(caller, made["id"]) == "running"
        stack.start("worker")

        stack.wait(lambda: status(caller, made["id"]) == "succeeded", "the job finishes", seconds=60)
        assert_whole(stack, caller, [made["id"]], each=4)
        assert caller.get("/wallet")["available"] == 80
        assert len(caller.get("/assets")["data"]) == 4
        outcomes = [item["outcome"] for item in caller.get(f"/generations/{made['id']}/attempts")["data"]]
        assert outcomes.count("done") == 4
        assert outcomes.count("lost") >= 1

    def test_is_noticed_within_a_lease_and_a_second(self, stack):
        caller = stack.key(credits=100)
        _, made = caller.post("/generations", large(1))
        stack.wait(lambda: stack.sql(AT_WORK), "a picture is being made")
        stack.kill("worker")
        killed = time.monotonic()
        lost = "SELECT 1 FROM generation_attempt WHERE outcome = 'lost' AND finished_at > now() - interval '1 minute'"
        before = len(stack.sql(lost))
        stack.wait(lambda: len(stack.sql(lost)) > before, "the lease ran out", seconds=LEASE_SECONDS + 10)
        took = time.monotonic() - killed
        stack.start("worker")
        caller.post(f"/generations/{made['id']}/cancel", {})
        stack.wait(lambda: status(caller, made["id"]) == "canceled", "the job is canceled", seconds=40)
        assert took < LEASE_SECONDS + 3, f"{took:.1f} s"
        assert caller.get("/wallet")["available"] == 100


class TestKilledConductor:
    def test_delays_jobs_and_loses_none(self, stack):
        caller = stack.key(credits=100)
        stack.kill("scheduler")
        jobs = [caller.post("/generations", body("a boat"))[1]["id"] for _ in range(3)]
        time.sleep(0.5)
        assert {status(caller, job) for job in jobs} == {"queued"}
        stack.start("scheduler")
        stack.wait(lambda: {status(caller, job) for job in jobs} == {"succeeded"}, "all finish", seconds=60)
        assert_whole(stack, caller, jobs, each=1)


class TestBrokerAway:
    def test_while_twenty_jobs_are_submitted_all_twenty_finish_when_it_is_back(self, stack):
        caller = stack.key(credits=100)
        stack.kill("valkey")

        began = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: caller.post("/generations", body("a lighthouse")), range(20)))
        took = time.monotonic() - began

        assert [code for code, _ in answers] == [201] * 20
        assert took < 15, f"twenty submissions took {took:.1f} s without a broker"
        jobs = [made["id"] for _, made in answers]
        assert caller.get("/wallet")["held"] == 100
        stack.start("valkey")
        stack.wait(lambda: {status(caller, job) for job in jobs} == {"succeeded"}, "all twenty finish", seconds=90)
        assert_whole(stack, caller, jobs, each=1)
        assert caller.get("/wallet")["available"] == 0

    def test_and_back_without_what_it_held_loses_nothing(self, stack):
        caller = stack.key(credits=100)
        jobs = [caller.post("/generations", body("[[slow:1]] dunes"))[1]["id"] for _ in range(6)]
        with closing(redis.Redis.from_url(stack.broker.url)) as client:
            client.flushall()
        stack.wait(lambda: {status(caller, job) for job in jobs} == {"succeeded"}, "all finish", seconds=90)
        assert_whole(stack, caller, jobs, each=1)


class TestCancelWhileRunning:
    def test_stops_the_work_and_returns_the_credits(self, stack):
        caller = stack.key(credits=100)
        _, made = caller.post("/generations", body("[[slow:30]] a fox"))
        stack.wait(lambda: status(caller, made["id"]) == "running", "the job runs")
        began = time.monotonic()
        caller.post(f"/generations/{made['id']}/cancel", {})
        stack.wait(lambda: status(caller, made["id"]) == "canceled", "the job is canceled", seconds=10)
        assert time.monotonic() - began < 5
        charge = caller.get(f"/generations/{made['id']}")["charge"]
        # It is sent away until its time has come: between two tries it has not begun.
        assert charge.pop("reason") in {"canceled_while_running", "canceled_before_start"}
        assert charge == {"quoted": 5, "held": 0, "captured": 0, "released": 5}
        assert caller.get("/wallet")["available"] == 100


class TestLogs:
    def test_of_every_process_hold_no_prompt(self, stack):
        """Last in this file, so that kills, outages and failures are in the logs."""
        import os
        from pathlib import Path

        caller = stack.key(credits=100)
        canary = "canary-cobalt-heron"
        for prompt in (canary, f"[[fail:provider]] {canary}", f"[[fail:timeout]] {canary}"):
            _, made = caller.post("/generations", body(prompt))
            stack.wait(
                lambda made=made: caller.get(f"/generations/{made['id']}")["completed_at"], "it ends", seconds=40
            )
        caller.post("/generations", {"pipeline": "image", "input": {"prompt": canary, "n": 77}})
        assert canary not in "".join(path.read_text() for path in stack.folder.glob("*.log"))
        server = Path(os.environ.get("WILDMIND_DATA_DIR", "/nonexistent")) / "log" / "postgres.log"
        if server.exists():
            assert canary not in server.read_text(errors="replace")
