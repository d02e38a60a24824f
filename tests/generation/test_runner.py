"""Waiting for a provider: what a person is promised while somebody else works."""

import asyncio
import hashlib
import hmac
import threading
import time
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from bench.remote.server import SECRET
from core.idempotency import Once
from credits import selectors as credits_of
from generation import dispatch, execution, hearing, presenter, recovery, runner, submission
from generation.models import Attempt, Event, Job, Step
from generation.submission import Order

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _money_and_state_agree(db):
    yield
    assert credits_of.violations() == []


def submit(person, prompt="a fox", *, model="remote", n=1, given=None, **more) -> UUID:
    asked = {"prompt": prompt, "n": n, **(given or {})}
    accepted = submission.submit_job(
        caller=person.principal, order=Order(pipeline="image", model=model, input=asked, **more),
        once=Once("test", str(uuid4()), "test"), render=presenter.encoded, at=timezone.now(),
    )  # fmt: skip
    assert accepted.job is not None
    return accepted.job.id


def dispatch_all() -> list[tuple[UUID, int]]:
    claimed = dispatch.claim(placement="io", lane="free", limit=200, owner="test")
    return [(step.id, step.attempt_no) for step in claimed]


def turn() -> None:
    """What the conductor and a runner's worker do, once."""
    recovery.sweep(at=timezone.now())
    if batch := dispatch_all():
        execution.run_batch(batch=batch)


def until(condition, *, seconds=15.0, turning=True):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if turning:
            turn()
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("not in time")


def state(job_id) -> str:
    return Job.objects.get(id=job_id).state


def ended(job_id):
    return lambda: Job.objects.filter(id=job_id, completed_at__isnull=False).first()


def accepted(job_id):
    return lambda: Attempt.objects.filter(step__job_id=job_id, handle__isnull=False).first()


def hurry() -> None:
    """Lets what waits in the table wait no longer."""
    Step.objects.filter(next_run_at__isnull=False).update(next_run_at=timezone.now() - timedelta(hours=1))


def lose_leases() -> None:
    Step.objects.exclude(lease_owner="").update(lease_expires_at=timezone.now() - timedelta(hours=1))


class TestDeliver:
    def test_takes_no_thread_while_the_provider_works(self, person, remote):
        remote.set(seconds=2.0)
        job_id = submit(person, n=4)
        began = time.monotonic()
        execution.run_batch(batch=dispatch_all())
        assert time.monotonic() - began < 1.8
        until(lambda: Step.objects.filter(state="awaiting").count() == 4, turning=False)
        job = until(ended(job_id))
        assert (job.state, job.captured) == ("succeeded", 20)
        assert sorted(remote.journal()["billed"].values()) == [1] * 4
        until(lambda: runner.in_flight() == 0, turning=False)

    def test_counts_our_cost_from_the_providers_word(self, person, remote):
        job_id = submit(person)
        until(ended(job_id))
        attempt = Attempt.objects.get(step__job_id=job_id)
        assert (attempt.outcome, attempt.cost_usd_micros, attempt.cost_source) == ("done", 4000, "provider")

    def test_works_with_a_provider_that_answers_when_it_is_done(self, person, remote):
        job_id = submit(person, model="remote-waiting")
        assert until(ended(job_id)).state == "succeeded"

    def test_gives_everything_back_when_the_provider_fails(self, person, remote):
        job_id = submit(person, "<fail> a fox")
        job = until(lambda: hurry() or ended(job_id)())
        assert (job.state, job.captured, job.charge_reason) == ("failed", 0, "provider_failed")


class TestWebhook:
    def signed(self, token, body=b'{"id": "x"}', secret=SECRET):
        signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
        return Client().post(
            f"/hooks/providers/{token}", body, content_type="application/json", headers={"X-Signature": signature}
        )

    def test_makes_us_look_at_once(self, person, remote):
        remote.set(seconds=0.2, silent_webhook=1.0)
        job_id = submit(person)
        turn()
        token = until(accepted(job_id)).id
        time.sleep(0.3)
        assert remote.journal()["calls"].get("check", 0) <= 1
        assert self.signed(token).status_code == 204
        # The next look of its own would come a second after the first.
        assert until(ended(job_id), seconds=0.6, turning=False).state == "succeeded"

    def test_of_a_provider_that_keeps_its_word_saves_looks(self, person, remote):
        remote.set(seconds=30, silent_webhook=1.0)
        token = self.under_way(submit(person))
        until(lambda: self.signed(token) and hearing.patience(adapter="remote") > 1, turning=False)
        remote.set(seconds=2.4, silent_webhook=1.0)
        job_id = submit(person)
        token = self.under_way(job_id)
        before = remote.journal()["calls"].get("check", 0)
        time.sleep(2.5)
        # Unheard, it would have been looked at twice by now.
        assert remote.journal()["calls"].get("check", 0) <= before + 1
        self.signed(token)
        assert until(ended(job_id), seconds=0.8, turning=False).state == "succeeded"

    def under_way(self, job_id):
        turn()
        return until(accepted(job_id)).id

    def test_that_is_lost_delays_a_result_by_seconds(self, person, remote):
        hearing.note(adapter="remote")
        remote.set(seconds=0.2, silent_webhook=1.0)
        assert until(ended(submit(person)), seconds=8).state == "succeeded"

    def test_is_not_believed(self, person, remote):
        remote.set(seconds=30, silent_webhook=1.0)
        job_id = submit(person)
        turn()
        token = until(accepted(job_id)).id
        body = b'{"id": "x", "status": "succeeded", "result": "all yours"}'
        assert self.signed(token, body).status_code == 204
        time.sleep(0.3)
        assert state(job_id) == "running"
        submission.cancel_job(workspace_id=person.workspace_id, job_id=job_id, at=timezone.now())
        until(ended(job_id))

    def test_with_a_wrong_signature_and_of_an_unknown_attempt_get_the_same_answer(self, person, remote):
        job_id = submit(person)
        turn()
        token = until(lambda: Attempt.objects.filter(step__job_id=job_id).first()).id
        answers = [self.signed(token, secret=b"not theirs"), self.signed(uuid4())]
        assert [(answer.status_code, answer.content) for answer in answers] == [(404, b"")] * 2
        until(ended(job_id))


class TestUnknownOutcome:
    def test_is_looked_up_and_never_submitted_again(self, person, remote):
        job_id = submit(person, "<reset_after> a fox")
        turn()
        until(lambda: state(job_id) == "reconciling", turning=False)
        assert Step.objects.get(job_id=job_id).state == "reconciling"
        job = until(lambda: hurry() or ended(job_id)())
        assert (job.state, job.captured) == ("succeeded", 5)
        assert list(remote.journal()["billed"].values()) == [1]
        told = [event.data["status"] for event in Event.objects.filter(job_id=job_id, type="status").order_by("seq")]
        assert told == ["queued", "running", "reconciling", "running"]

    def test_of_what_provably_never_arrived_is_tried_again(self, person, remote):
        job_id = submit(person, "<reset_before> a fox")
        job = until(lambda: hurry() or ended(job_id)())
        assert (job.state, job.captured) == ("failed", 0)
        assert remote.journal()["billed"] == {}
        assert 1 < Attempt.objects.filter(step__job_id=job_id).count() <= 4

    def test_that_nobody_can_tell_gives_the_credits_back(self, person, remote):
        job_id = submit(person, model="remote-waiting")
        execution.begin(batch=dispatch_all(), owner="killed", at=timezone.now())
        lose_leases()
        job = until(ended(job_id))
        assert (job.state, job.charge_reason, job.captured) == ("failed", "outcome_unknown", 0)


class TestKilledWorker:
    def test_is_followed_by_another_that_goes_on_from_the_providers_handle(self, person, remote):
        remote.set(seconds=1.0, silent_webhook=1.0)
        job_id = submit(person)
        turn()
        token = until(accepted(job_id)).id
        lose_leases()
        job = until(ended(job_id))
        assert (job.state, job.captured) == ("succeeded", 5)
        assert remote.journal()["billed"] == {str(token): 1}
        assert Attempt.objects.get(step__job_id=job_id).id == token

    def test_before_the_answer_came_is_followed_by_a_question_and_not_by_a_second_order(self, person, remote):
        job_id = submit(person)
        begun = execution.begin(batch=dispatch_all(), owner="killed", at=timezone.now())
        # The order arrived; its answer and its worker did not.
        import requests

        requests.post(
            f"{remote.url}/v1/jobs",
            json={"prompt": "a fox", "token": str(begun[0].token), "webhook_url": ""},
            timeout=5,
        )
        lose_leases()
        job = until(lambda: hurry() or ended(job_id)())
        assert job.state == "succeeded"
        assert remote.journal()["billed"] == {str(begun[0].token): 1}

    def test_twice_and_a_third_time_is_poison(self, person, remote):
        job_id = submit(person)
        for _ in range(3):
            recovery.sweep(at=timezone.now())
            hurry()
            recovery.sweep(at=timezone.now())
            execution.begin(batch=dispatch_all(), owner="killed", at=timezone.now())
            lose_leases()
        job = until(ended(job_id))
        assert (job.state, job.charge_reason) == ("failed", "our_fault")


class TestCancel:
    def test_tells_the_provider_and_costs_nothing(self, person, remote):
        remote.set(seconds=30)
        job_id = submit(person)
        turn()
        until(lambda: Step.objects.filter(job_id=job_id, state="awaiting").exists(), turning=False)
        submission.cancel_job(workspace_id=person.workspace_id, job_id=job_id, at=timezone.now())
        job = until(ended(job_id), seconds=3, turning=False)
        assert (job.state, job.captured) == ("canceled", 0)
        assert remote.journal()["states"] == {"canceled": 1}

    def test_that_comes_too_late_delivers_and_charges(self, person, remote):
        remote.set(seconds=0.0, silent_webhook=1.0)
        job_id = submit(person)
        turn()
        # The provider is done, and we would look in a second.
        until(lambda: Attempt.objects.filter(step__job_id=job_id, handle__isnull=False).exists(), turning=False)
        submission.cancel_job(workspace_id=person.workspace_id, job_id=job_id, at=timezone.now())
        job = until(ended(job_id))
        assert (job.state, job.captured) == ("succeeded", 5)
        assert remote.journal()["states"] == {"succeeded": 1}

    def test_of_what_no_worker_holds_tells_the_provider_too(self, person, remote):
        remote.set(seconds=30)
        job_id = submit(person)
        turn()
        until(lambda: Step.objects.filter(job_id=job_id, state="awaiting").exists(), turning=False)
        lose_leases()
        recovery.sweep(at=timezone.now())
        assert Step.objects.get(job_id=job_id).state == "ready"
        submission.cancel_job(workspace_id=person.workspace_id, job_id=job_id, at=timezone.now())
        assert state(job_id) == "canceling"
        job = until(ended(job_id))
        assert (job.state, job.captured) == ("canceled", 0)
        assert remote.journal()["states"] == {"canceled": 1}


class TestDeadline:
    def test_ends_what_the_provider_never_finishes_and_cancels_it_there(self, person, remote):
        remote.set(seconds=3600)
        job_id = submit(person, deadline_seconds=5)
        turn()
        until(lambda: Step.objects.filter(job_id=job_id, state="awaiting").exists(), turning=False)
        job = until(ended(job_id), seconds=12)
        assert (job.state, job.captured) == ("failed", 0)
        assert job.charge_reason in {"deadline", "timed_out"}
        assert remote.journal()["states"] == {"canceled": 1}


class TestLease:
    def test_is_kept_while_hundreds_of_results_wait_to_be_stored(self, person, remote):
        remote.set(seconds=30)
        job_id = submit(person)
        turn()
        until(lambda: Step.objects.filter(job_id=job_id, state="awaiting").exists(), turning=False)
        disk = threading.Event()

        async def store() -> None:
            await asyncio.gather(*(asyncio.to_thread(disk.wait, 20) for _ in range(200)))

        storing = runner.start(store())
        before = Step.objects.get(job_id=job_id).lease_expires_at
        try:
            until(lambda: Step.objects.get(job_id=job_id).lease_expires_at > before, seconds=8, turning=False)
        finally:
            disk.set()
            storing.result(timeout=5)
        submission.cancel_job(workspace_id=person.workspace_id, job_id=job_id, at=timezone.now())
        until(ended(job_id))

    def test_of_a_result_that_is_being_stored_is_kept_for_as_long_as_that_takes(self, person, remote, slow_disk):
        job_id = submit(person)
        until(lambda: Step.objects.filter(job_id=job_id, state="collecting").exists())
        # Should this process die now, what the provider takes is known.
        assert Attempt.objects.get(step__job_id=job_id).cost_usd_micros == 4000
        assert [flight.step.job_id for flight in runner._runner().flights.values()].count(job_id) == 1
        job = until(ended(job_id))
        assert (job.state, job.captured) == ("succeeded", 5)
        assert Attempt.objects.filter(step__job_id=job_id).count() == 1
        assert list(remote.journal()["billed"].values()) == [1]


@pytest.fixture
def slow_disk(settings):
    """Storing takes twice as long as a lease."""
    settings.GENERATION_LEASE_SECONDS = 2
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": "tests.fakes.storage.SlowStorage"}}


class TestDeadProcess:
    def test_is_blamed_on_nobody_who_only_waited_in_it(self, person, remote):
        remote.set(seconds=3600)
        job_id = submit(person)
        for _ in range(5):
            turn()
            until(lambda: Step.objects.filter(job_id=job_id, state="awaiting").exists(), turning=False)
            lose_leases()
            recovery.sweep(at=timezone.now())
            assert Step.objects.get(job_id=job_id).state == "ready"
        remote.set(seconds=0)
        submission.cancel_job(workspace_id=person.workspace_id, job_id=job_id, at=timezone.now())
        assert until(ended(job_id)).state == "canceled"


class TestShutdown:
    def test_waits_for_a_result_that_is_being_stored(self, person, remote, slow_disk):
        job_id = submit(person)
        until(lambda: Step.objects.filter(job_id=job_id, state="collecting").exists())
        assert runner.drain(within_seconds=10) == 0
        assert state(job_id) == "succeeded"

    def test_hands_what_a_provider_works_on_to_another_process_at_once(self, person, remote):
        remote.set(seconds=1.0, silent_webhook=1.0)
        job_id = submit(person)
        turn()
        until(lambda: Step.objects.filter(job_id=job_id, state="awaiting").exists(), turning=False)
        assert runner.drain(within_seconds=5) == 0
        step = Step.objects.get(job_id=job_id)
        assert (step.state, step.lease_owner) == ("awaiting", "")
        job = until(ended(job_id))
        assert job.state == "succeeded"
        assert list(remote.journal()["billed"].values()) == [1]


class TestConnections:
    def test_to_the_database_are_not_held_while_a_provider_works(self, person, remote):
        remote.set(seconds=2.0)
        job_id = submit(person, n=4)
        turn()
        until(lambda: Step.objects.filter(job_id=job_id, state="awaiting").count() == 4, turning=False)
        time.sleep(0.5)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle' "
                "AND pid <> pg_backend_pid()"
            )
            assert cursor.fetchone() == (0,)
        submission.cancel_job(workspace_id=person.workspace_id, job_id=job_id, at=timezone.now())
        until(ended(job_id))
