"""Many workers that settle messages at once, while credits move by other doors too."""

import random
from itertools import count
from uuid import uuid4

import pytest
from django.utils import timezone

from credits import ledger, reconciliation
from generation import execution, submission
from generation.models import Job
from generation.settlement import Ending, Fault, finish
from tests.concurrency.test_submissions import at_once
from tests.factories.accounts import make_person
from tests.factories.generation import claim

pytestmark = pytest.mark.django_db(transaction=True)
WORKERS, OTHERS = 6, 3
_FAULT = Fault("timeout", "timeout", "Too slow.", retryable=True)


def messages(begun, chance):
    """Every step in some message, steps of one job in several, some in two of them, in no order."""
    parts = [[] for _ in range(WORKERS)]
    for step in begun:
        for part in chance.sample(parts, chance.choice([1, 1, 2])):
            result = chance.choice(["done", "done", "done", "failed"])
            part.append(Ending(step, result, fault=_FAULT if result == "failed" else None))
    for part in parts:
        chance.shuffle(part)
    return parts


class TestMessagesAtOnce:
    def test_never_wait_for_each_other_and_leave_every_sum_true(self):
        chance = random.Random(7)  # noqa: S311 - an order, not a secret
        people = [make_person(credits=5_000) for _ in range(6)]
        for person in people:
            person.grant(5_000, sandbox=True)
            person.limit(max_queued=1_000, max_live_by_pipeline={"image": 1_000})
        apis = [person.api(sandbox=sandbox) for person in people for sandbox in (False, True)]
        numbers = count()
        for _ in range(4):
            for api in apis * 2:
                body = {"prompt": "fox", "width": 64, "height": 64, "seed": 1, "n": chance.choice([1, 1, 2])}
                assert api.post("/generations", {"pipeline": "image", "input": body}).status_code == 201
            parts = messages(execution.begin(batch=claim(limit=200), owner="test", at=timezone.now()), chance)
            jobs = list(Job.objects.filter(completed_at=None).values_list("id", flat=True))

            def act(index, parts=parts, jobs=jobs):
                if index < WORKERS:
                    return finish(parts[index], at=timezone.now())
                for person, job_id in zip(people, jobs[index::OTHERS], strict=False):
                    person.grant(3, reference=f"{uuid4()}")
                    held = ledger.hold(workspace_id=person.workspace_id, amount=2, reference=f"h{next(numbers)}",
                                       at=timezone.now())  # fmt: skip
                    submission.stop_job(workspace_id=None, job_id=job_id, cause="cancel", at=timezone.now())
                    ledger.capture(hold_id=held.id, amount=1, at=timezone.now())
                return None

            at_once(WORKERS + OTHERS, act)
            assert not Job.objects.filter(completed_at=None).exists()
            assert reconciliation.violations() == []
        assert {person.held() for person in people} == {0}
        assert {"delivered", "timed_out"} <= set(Job.objects.values_list("charge_reason", flat=True))
