"""A provider may say anything: it costs its own job, and nobody else's."""

import pytest

from generation import runner
from generation.models import Attempt
from tests.generation.test_runner import ended, hurry, submit, until

pytestmark = pytest.mark.django_db(transaction=True)


# Of a name that cannot be kept the provider is asked again, by ours.
@pytest.mark.parametrize(
    ("fault", "end"), [("odd_id", ("succeeded", 5)), ("odd_status", ("failed", 0)), ("dear", ("succeeded", 5))]
)
class TestAnswerThatNoDatabaseTakes:
    def test_costs_nobody_but_its_own_job(self, person, stranger, remote, fault, end):
        odd = submit(person, f"<{fault}> a fox", deadline_seconds=20)
        job = until(lambda: hurry() or ended(odd)(), seconds=40)
        assert (job.state, job.captured, person.held()) == (*end, 0)
        assert until(ended(submit(stranger)), seconds=5).state == "succeeded"
        until(lambda: runner.in_flight() == 0, seconds=2, turning=False)


class TestWordsOfAProvider:
    def test_are_kept_as_far_as_they_can_be(self, person, remote):
        job_id = submit(person, "<odd_status> a fox")
        until(lambda: hurry() or ended(job_id)())
        assert {attempt.provider_code for attempt in Attempt.objects.filter(step__job_id=job_id)} == {"gone?"}
