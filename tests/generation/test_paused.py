"""Nobody waits for ever behind a lane that is paused, or for a runner that never comes."""

from datetime import timedelta

import pytest
from django.utils import timezone

from credits import ledger
from credits import selectors as credits_of
from generation import fleet, recovery, runner, service, submission
from generation.dispatch import Dispatcher
from generation.execution import run_batch
from generation.models import Attempt, Job, Step
from providers import registry
from tests.generation.test_runner import ended, hurry, lose_leases, state, submit, turn, until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _money_and_state_agree(db, request):
    yield
    if "breaks_invariants" not in request.keywords:
        assert credits_of.violations() == []


@pytest.fixture
def under_way(person, remote):
    """A job that its provider works on, in a lane that was paused since, and that no process waits for."""
    remote.set(seconds=3600)
    job_id = submit(person, deadline_seconds=600)
    turn()
    until(lambda: Step.objects.filter(job_id=job_id, state="awaiting").exists(), turning=False)
    assert runner.drain(within_seconds=5) == 0
    service.close(lanes=["free"], models=[], actor="user:1", reason="a test", at=timezone.now())
    return job_id


def conduct() -> None:
    """A turn of the real dispatcher with one runner; what it sends is run here."""
    fleet.announce(name="r", queues=("generation.free",), slots=4)
    recovery.sweep(at=timezone.now())
    Dispatcher(name="test").run_once()
    run_batch(batch=list(Step.objects.filter(state="claimed").values_list("id", "attempt_no")))


class TestPausedLane:
    def test_lets_a_cancel_through_to_the_provider(self, person, remote, under_way):
        submission.cancel_job(workspace_id=person.workspace_id, job_id=under_way, at=timezone.now())
        assert state(under_way) == "canceling"
        job = until(lambda: conduct() or ended(under_way)(), turning=False)
        assert (job.state, job.captured, person.held()) == ("canceled", 0, 0)
        assert remote.journal()["states"] == {"canceled": 1}

    def test_begins_nothing_new(self, person, remote, under_way):
        other = submit(person)
        for _ in range(3):
            conduct()
        assert Step.objects.get(job_id=other).state == "ready"
        assert state(other) == "queued"


class TestNoRunnerAtAll:
    @pytest.mark.parametrize(("cause", "end"), [("cancel", "canceled"), ("deadline", "failed")])
    def test_ends_what_was_to_stop_some_minutes_after_its_deadline(self, person, remote, under_way, cause, end):
        submission.stop_job(workspace_id=None, job_id=under_way, cause=cause, at=timezone.now())
        deadline = Job.objects.get(id=under_way).deadline_at
        recovery.sweep(at=deadline + timedelta(minutes=9))
        assert ended(under_way)() is None
        recovery.sweep(at=deadline + timedelta(minutes=11))
        job = Job.objects.get(id=under_way)
        assert (job.state, job.captured, person.held()) == (end, 0, 0)
        attempt = Attempt.objects.get(step__job_id=under_way)
        assert (attempt.outcome, attempt.error_code) == ("lost", "abandoned")

    def test_leaves_alone_what_somebody_works_on(self, person, remote):
        remote.set(seconds=3600)
        job_id = submit(person)
        turn()
        until(lambda: Step.objects.filter(job_id=job_id, state="awaiting").exists(), turning=False)
        Job.objects.filter(id=job_id).update(stop_cause="deadline")
        recovery.sweep(at=Job.objects.get(id=job_id).deadline_at + timedelta(minutes=11))
        assert ended(job_id)() is None
        lose_leases()
        recovery.sweep(at=Job.objects.get(id=job_id).deadline_at + timedelta(minutes=11))
        assert state(job_id) == "failed"


class TestAdapterThatThisProcessDoesNotKnow:
    """A package is missing on one machine, or another release brought the adapter."""

    @pytest.fixture
    def unknown(self, settings):
        def forget() -> None:
            settings.PROVIDERS_EXTRA_ADAPTERS = []
            registry._paths.cache_clear()
            registry.adapter.cache_clear()

        return forget

    def test_keeps_nobody_elses_job_from_its_deadline(self, person, stranger, remote, unknown):
        remote.set(seconds=3600)
        lost = submit(person, deadline_seconds=600)
        turn()
        until(lambda: Step.objects.filter(job_id=lost, state="awaiting").exists(), turning=False)
        lose_leases()
        late = submit(stranger, deadline_seconds=5)
        unknown()
        recovery.sweep(at=timezone.now() + timedelta(seconds=6))
        assert state(late) == "failed"
        assert state(lost) == "running"
        recovery.sweep(at=timezone.now() + timedelta(seconds=601))
        recovery.sweep(at=timezone.now() + timedelta(seconds=1300))
        job = Job.objects.get(id=lost)
        assert (job.state, job.captured) == ("failed", 0)

    def test_leaves_a_step_to_one_that_does(self, person, remote, unknown, settings):
        job_id = submit(person)
        extra = settings.PROVIDERS_EXTRA_ADAPTERS
        unknown()
        for _ in range(5):
            hurry()
            turn()
        step = Step.objects.get(job_id=job_id)
        assert (step.state, step.tries, step.lost_leases) == ("parked", 0, 0)
        settings.PROVIDERS_EXTRA_ADAPTERS = extra
        registry._paths.cache_clear()
        assert until(lambda: hurry() or ended(job_id)()).state == "succeeded"


class TestRowThatCannotBeMended:
    @pytest.mark.breaks_invariants
    def test_keeps_none_behind_it_from_its_end(self, person, stranger, remote):
        broken, other = (submit(who, deadline_seconds=5) for who in (person, stranger))
        # A hold that was settled behind the job's back: the ledger refuses the job's end.
        ledger.capture(hold_id=Job.objects.get(id=broken).hold_id, amount=5, at=timezone.now())
        recovery.sweep(at=timezone.now() + timedelta(seconds=6))
        assert state(other) == "failed"
