"""While much fails, trying again adds little to what a provider is asked anyway."""

from datetime import timedelta

import pytest
from django.utils import timezone

from core import queueing
from generation import retries
from generation.models import Attempt, Job, Step
from tests.generation.test_runner import ended, submit, turn, until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nothing_was_called_yet(db):
    queueing.client().flushdb()


class TestBudget:
    def test_lets_a_few_tries_go_at_once_and_spreads_the_rest(self):
        pauses = [retries.pause_seconds("remote") for _ in range(45)]
        assert pauses[:30] == [0.0] * 30
        # Thirty a minute: each further one waits two seconds more.
        assert pauses[-1] - pauses[31] == pytest.approx(26, abs=1)
        assert max(retries.pause_seconds("remote") for _ in range(60)) == 60.0

    def test_grows_with_the_calls_of_the_last_minute(self):
        retries.called({"remote": 6_000})
        pauses = [retries.pause_seconds("remote") for _ in range(60)]
        assert max(pauses) < 4.0

    def test_of_one_provider_is_not_spent_by_another(self):
        for _ in range(60):
            retries.pause_seconds("remote")
        assert retries.pause_seconds("other") == 0.0


class TestJob:
    def test_that_fails_while_the_budget_is_spent_waits_and_is_not_given_up(self, person, remote):
        for _ in range(60):
            retries.pause_seconds("remote")
        job_id = submit(person, "<status_429> a fox")
        turn()
        step = until(lambda: Step.objects.filter(job_id=job_id, state="parked").first(), turning=False)
        assert step.next_run_at - timezone.now() > timedelta(seconds=25)
        assert Job.objects.get(id=job_id).completed_at is None

    def test_is_counted_when_it_is_begun(self, person, remote):
        job_id = submit(person, n=2)
        until(ended(job_id))
        counted = [int(queueing.client().get(key)) for key in queueing.client().keys("wm:calls:remote:*")]
        assert sum(counted) == Attempt.objects.filter(step__job_id=job_id).count() == 2
