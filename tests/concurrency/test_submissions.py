"""Real threads, real connections, real locks: what many callers at once may not break."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import connection, connections

from credits import selectors as credits_of
from credits.models import Hold
from generation.models import Job
from tests.factories.accounts import make_person
from tests.factories.generation import work_off

pytestmark = pytest.mark.django_db(transaction=True)
BODY = {"pipeline": "image", "input": {"prompt": "fox", "width": 64, "height": 64, "seed": 1}}


def at_once(number, call):
    """Runs `call(i)` in that many threads which all start together."""
    gate = threading.Barrier(number)

    def one(index):
        gate.wait()
        try:
            return call(index)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))


class TestFiftyAtOnce:
    def test_against_credits_for_fourteen_give_exactly_fourteen_jobs(self):
        person = make_person(credits=14 * 5 + 2)
        api = person.api()

        answers = at_once(50, lambda _: api.post("/generations", BODY))

        codes = sorted(answer.status_code for answer in answers)
        assert codes == [201] * 14 + [402] * 36
        assert Job.objects.count() == Hold.objects.count() == 14
        assert (person.available(), person.held()) == (2, 70)
        assert credits_of.violations() == []
        work_off(rounds=30)
        assert (person.available(), person.held()) == (2, 0)
        assert credits_of.violations() == []


class TestTheSameKeyTwentyTimes:
    def test_is_one_job_one_hold_and_twenty_equal_answers(self):
        person = make_person(credits=100)
        api, key = person.api(), str(uuid4())

        answers = at_once(20, lambda _: api.post("/generations", BODY, **{"Idempotency-Key": key}))

        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert sum("Idempotent-Replayed" in answer for answer in answers) == 19
        assert Job.objects.count() == Hold.objects.count() == 1
        assert person.held() == 5
        assert json.loads(answers[0].content)["charge"]["held"] == 5


class TestCancelAndWorkAtOnce:
    @pytest.mark.parametrize("attempt", range(5))
    def test_money_and_state_agree_whoever_wins(self, attempt):
        person = make_person(credits=100)
        api = person.api()
        made = [api.post("/generations", BODY).json()["id"] for _ in range(6)]

        def act(index):
            if index % 2:
                return api.post(f"/generations/{made[index // 2 * 2]}/cancel").status_code
            work_off(rounds=2)
            return 200

        assert set(at_once(6, act)) == {200}
        work_off(rounds=5)
        for job in Job.objects.select_related("hold"):
            assert job.state in {"succeeded", "canceled"}
            assert job.captured == (5 if job.state == "succeeded" else 0)
            assert job.hold.captured == job.captured
        assert credits_of.violations() == []
        assert person.held() == 0


class TestEndingsOfBothWallets:
    def test_of_one_workspace_never_wait_for_each_other(self):
        from django.utils import timezone

        from generation import execution, settlement
        from tests.factories.generation import claim

        person = make_person(credits=1_000)
        person.grant(1_000, sandbox=True)
        apis = [person.api(), person.api(sandbox=True)]
        for _ in range(10):
            # Four jobs, live and sandbox in turn: sorted by job alone, two workers would cross.
            for number in (0, 1, 1, 0):
                apis[number].post("/generations", BODY)
            begun = execution.begin(batch=claim(), owner="test", at=timezone.now())
            begun.sort(key=lambda step: step.job_id)
            halves = [[begun[0], begun[1]], [begun[2], begun[3]]]

            def end(index, halves=halves):
                endings = [settlement.Ending(step, "canceled") for step in halves[index]]
                settlement.finish(endings, at=timezone.now())

            at_once(2, end)
        assert not Job.objects.filter(completed_at=None).exists()
        assert credits_of.violations() == []


class TestTwoConductors:
    def test_never_claim_the_same_step(self):
        from generation import dispatch

        person = make_person(credits=1000)
        person.limit(max_running=40)
        api = person.api()
        for _ in range(40):
            api.post("/generations", BODY)

        def claim(index):
            taken = []
            while step := dispatch.claim(placement="cpu", lane="free", limit=3, owner=f"c{index}"):
                taken += [item.id for item in step]
            return taken

        claimed = [step for part in at_once(4, claim) for step in part]
        assert len(claimed) == len(set(claimed)) == 40


class TestGrantAtOnce:
    def test_with_one_reference_adds_one_lot(self):
        person = make_person(credits=0)

        def grant(_):
            try:
                person.grant(10, reference="invoice:1")
            finally:
                connection.close()

        at_once(8, grant)
        assert person.available() == 10
        assert credits_of.violations() == []
