"""Several of everything at once: workers with different queues, two conductors, and one of them dies."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.ids import from_public
from tests.stack import running
from tests.stack.running import Caller, Stack
from tests.stack.test_nothing_lost import assert_whole, body
from wildmind.local.children import QUEUES

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.slow, pytest.mark.timeout(420)]
LEADER = "SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database() " \
    "WHERE l.locktype = 'advisory' AND l.objid = 2003657583 AND l.granted"  # fmt: skip
PAID = "generation.pro,generation.enterprise,media"


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """The first conductor leads; the second stands by."""
    made = running.create(tmp_path_factory.mktemp("scale"))
    made.queues |= {"worker:paid": PAID, "worker:all": QUEUES}
    try:
        made.start("web", "worker:paid", "worker:all", "scheduler:1")
        made.wait_until_ready(workers=2)
        made.wait(lambda: made.sql(LEADER), "a conductor leads")
        made.start("scheduler:2")
        yield made
    finally:
        running.drop(made)


def people(stack: Stack, *plans: str) -> list[Caller]:
    emails = [f"{plan}-{len(plans)}@example.com" for plan in plans]
    callers = [stack.key(credits=150, email=email) for email in emails]
    for email, plan in zip(emails, plans, strict=True):
        if plan != "free":
            stack.manage("set_plan", "--email", email, "--plan", plan)
    return callers


def submit(caller: Caller, *, times: int) -> list[str]:
    return [caller.post("/generations", body("a fox"))[1]["id"] for _ in range(times)]


def wait_for(stack: Stack, caller: Caller, jobs: list[str]) -> None:
    def left() -> set[str]:
        listed = {made["id"]: made["status"] for made in caller.get("/generations?limit=100")["data"]}
        return {job for job in jobs if listed.get(job) != "succeeded"}

    stack.wait(lambda: not left(), "all succeed", seconds=120)


class TestSeveralOfEach:
    def test_run_sixty_jobs_of_two_lanes_once_each_and_share_them(self, many):
        callers = people(many, "free", "pro")
        with ThreadPoolExecutor(2) as pool:
            made = list(pool.map(lambda caller: submit(caller, times=30), callers))
        for caller, jobs in zip(callers, made, strict=True):
            wait_for(many, caller, jobs)
            assert caller.get("/wallet")["available"] == 0
            assert len(caller.get("/assets?limit=100")["data"]) == 30
        assert_whole(many, callers[1], made[1], each=1)
        ids = [from_public("gen", job) for jobs in made for job in jobs]
        rows = many.sql(
            "SELECT a.outcome, a.worker FROM generation_attempt a JOIN generation_step s ON s.id = a.step_id "
            "WHERE s.job_id = ANY(%s)", ids,
        )  # fmt: skip
        assert [outcome for outcome, _ in rows] == ["done"] * 60
        by_worker = Counter(os.getpgid(int(worker.rpartition(":")[2])) for _, worker in rows)
        names = {process.pid: name for name, process in many.running.items()}
        assert {names[group] for group in by_worker} == {"worker:paid", "worker:all"}


class TestLeader:
    def test_that_is_killed_leaves_the_schedule_to_the_other_conductor_and_jobs_go_on(self, many):
        (first,) = many.sql(LEADER)
        caller = many.key(credits=100)
        (job,) = submit(caller, times=1)
        wait_for(many, caller, [job])
        # Stored answers are kept for two days; the schedule throws older ones away.
        many.execute("UPDATE core_idempotencyrecord SET created_at = now() - interval '3 days'")
        many.kill("scheduler:1")
        jobs = submit(caller, times=10)

        many.wait(lambda: many.sql(LEADER) not in ([], [first]), "the other conductor leads", seconds=30)
        wait_for(many, caller, jobs)
        assert_whole(many, caller, jobs, each=1)
        old = "SELECT 1 FROM core_idempotencyrecord WHERE created_at < now() - interval '2 days'"
        many.wait(lambda: not many.sql(old), "the schedule is kept", seconds=30)
