"""A machine whose clock is wrong runs jobs like any other."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from generation import clock, tasks
from generation.models import Job, Step
from tests.generation.test_runner import dispatch_all, ended, submit, until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _asked_by_nobody_yet():
    yield
    clock._measured.asked_at, clock._measured.off = float("-inf"), timedelta(0)


@pytest.mark.parametrize("minutes", [10, -10])
class TestClockThatIsWrong:
    def test_is_put_right_by_the_databases(self, db, minutes):
        right = timezone.now()
        with time_machine.travel(right + timedelta(minutes=minutes)):
            clock.ask()
            assert abs(clock.now() - right) < timedelta(seconds=5)

    def test_ends_no_job_before_its_deadline_and_forgets_none(self, person, remote, minutes):
        remote.set(seconds=1.0)
        job_id = submit(person, deadline_seconds=60)
        batch = [(str(step_id), number) for step_id, number in dispatch_all()]
        with time_machine.travel(timezone.now() + timedelta(minutes=minutes)):
            tasks.run_steps(batch=batch)
            until(ended(job_id), turning=False)
        job = Job.objects.get(id=job_id)
        assert (job.state, job.captured) == ("succeeded", 5)
        assert abs(Step.objects.get(job_id=job_id).finished_at - job.created_at) < timedelta(seconds=30)
