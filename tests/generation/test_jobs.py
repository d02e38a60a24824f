"""The life of a job, through the real functions and the real engine, without a broker."""

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils import timezone

from assets import library
from assets.models import Asset
from core.errors import NotFound, StateConflict
from credits import selectors as credits_of
from credits.models import Hold
from generation import dispatch, execution, recovery, selectors, submission
from generation.models import Attempt, Event, Job, Step
from providers.contracts import Usage
from tests.factories.generation import claim, submit, work_off

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _money_and_state_agree(db):
    yield
    assert credits_of.violations() == []
    for job in Job.objects.select_related("hold"):
        assert (job.hold.state == "held") == (job.completed_at is None)
        if job.completed_at:
            assert job.captured + job.released == job.quoted == job.hold.amount


class TestSubmit:
    def test_holds_the_price_and_queues_one_step_for_each_picture(self, person):
        job = Job.objects.get(id=submit(person, n=3))
        assert (job.state, job.quoted, person.held()) == ("queued", 15, 15)
        assert [step.state for step in job.steps.all()] == ["ready"] * 3
        assert [event.type for event in job.events.all()] == ["status"]

    def test_gives_each_picture_a_seed_of_its_own(self, person):
        job = Job.objects.get(id=submit(person, n=3))
        assert [step.params["seed"] for step in job.steps.order_by("position")] == [1, 2, 3]


class TestDeliver:
    def test_ends_with_files_and_exactly_the_price(self, person):
        job_id = submit(person, n=2)
        before = person.available()
        work_off()
        job = selectors.get_job(workspace_id=person.workspace_id, job_id=job_id, sandbox=False)
        assert (job.state, job.captured, job.released, job.progress) == ("succeeded", 10, 0, 1.0)
        assert [output["status"] for output in job.outputs] == ["succeeded", "succeeded"]
        assert person.held() == 0
        assert person.available() == before
        made = Asset.objects.filter(source_id=job_id)
        assert [default_storage.exists(asset.storage_key) for asset in made] == [True, True]

    def test_numbers_its_events_without_a_gap(self, person):
        job_id = submit(person, n=2)
        work_off()
        events = list(Event.objects.filter(job_id=job_id).order_by("seq"))
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert [event.type for event in events] == ["status", "status", "output", "output", "done"]

    def test_makes_the_same_picture_for_the_same_words_and_seed(self, person):
        first, second = submit(person), submit(person)
        work_off()
        hashes = {Asset.objects.get(source_id=job_id).sha256 for job_id in (first, second)}
        assert len(hashes) == 1


class TestFail:
    def test_gives_every_credit_back_and_says_why(self, person):
        before = person.available()
        job_id = submit(person, prompt="[[fail:provider]] fox", n=2)
        work_off()
        job = Job.objects.get(id=job_id)
        assert (job.state, job.captured, job.released) == ("failed", 0, 10)
        assert job.error["refunded"] == 10
        assert job.error["category"] == "provider"
        assert person.available() == before

    def test_tries_a_failing_provider_once_more_before_it_gives_up(self, person):
        job_id = submit(person, prompt="[[fail:provider]]")
        work_off()
        assert [a.outcome for a in Attempt.objects.filter(step__job_id=job_id)] == ["failed", "failed"]

    def test_charges_for_the_part_that_was_delivered(self, person):
        job_id = submit(person, prompt="[[fail:partial]] fox", n=4)
        work_off()
        job = Job.objects.get(id=job_id)
        assert (job.state, job.captured, job.released) == ("partially_succeeded", 15, 5)
        assert sorted(output["status"] for output in job.outputs) == ["failed", "succeeded", "succeeded", "succeeded"]

    def test_is_blocked_and_free_when_the_model_refuses(self, person):
        job_id = submit(person, prompt="[[fail:content]]")
        work_off()
        job = Job.objects.get(id=job_id)
        assert (job.state, job.captured, job.error["category"]) == ("blocked", 0, "moderation")
        assert Attempt.objects.filter(step__job_id=job_id).count() == 1

    @pytest.mark.parametrize(("directive", "code"), [("timeout", "timeout"), ("rate_limit", "rate_limited")])
    def test_names_the_cause(self, person, directive, code):
        job_id = submit(person, prompt=f"[[fail:{directive}]]")
        work_off()
        assert Job.objects.get(id=job_id).error["code"] == code

    def test_ignores_directives_outside_the_sandbox(self, person, settings):
        settings.GENERATION_DIRECTIVES_OUTSIDE_SANDBOX = False
        job_id = submit(person, prompt="[[fail:provider]] fox")
        work_off()
        assert Job.objects.get(id=job_id).state == "succeeded"


class TestCancel:
    def test_ends_a_queued_job_at_once_and_free(self, person):
        before = person.available()
        job_id = submit(person, n=2)
        submission.cancel_job(workspace_id=person.workspace_id, job_id=job_id, at=timezone.now())
        job = Job.objects.get(id=job_id)
        assert (job.state, job.released) == ("canceled", 10)
        assert person.available() == before
        assert claim() == []

    def test_makes_a_message_under_way_find_nothing_to_do(self, person):
        job_id = submit(person)
        batch = claim()
        submission.cancel_job(workspace_id=person.workspace_id, job_id=job_id, at=timezone.now())
        execution.run_batch(batch=batch)
        assert Job.objects.get(id=job_id).state == "canceled"
        assert not Asset.objects.filter(source_id=job_id).exists()

    def test_asks_running_work_to_stop_and_pays_for_what_was_delivered(self, person):
        job_id = submit(person, n=2)
        first = claim(limit=1)
        execution.run_batch(batch=first)
        begun = execution.begin(batch=claim(limit=1), owner="w", at=timezone.now())
        submission.cancel_job(workspace_id=person.workspace_id, job_id=job_id, at=timezone.now())
        assert Job.objects.get(id=job_id).state == "canceling"
        from generation.settlement import Ending, finish

        finish([Ending(begun[0], "canceled")], at=timezone.now())
        job = Job.objects.get(id=job_id)
        assert (job.state, job.captured, job.released) == ("canceled", 5, 5)

    def test_changes_nothing_when_it_comes_too_late(self, person):
        job_id = submit(person)
        work_off()
        submission.cancel_job(workspace_id=person.workspace_id, job_id=job_id, at=timezone.now())
        assert Job.objects.get(id=job_id).state == "succeeded"

    def test_does_not_reach_somebody_elses_job(self, person, stranger):
        job_id = submit(person)
        with pytest.raises(NotFound):
            submission.cancel_job(workspace_id=stranger.workspace_id, job_id=job_id, at=timezone.now())
        assert Job.objects.get(id=job_id).state == "queued"


class TestRetry:
    def test_runs_the_same_input_again_as_a_child(self, person):
        from generation import presenter

        failed = submit(person, prompt="[[fail:timeout]]")
        work_off()
        again = submission.retry_job(
            caller=person.principal, job_id=failed, key="r",
            render=presenter.encoded, at=timezone.now(),
        )  # fmt: skip
        assert again.job is not None
        assert Job.objects.get(id=again.job.id).parent_id == failed

    def test_refuses_a_job_that_delivered(self, person):
        from generation import presenter

        done = submit(person)
        work_off()
        with pytest.raises(StateConflict):
            submission.retry_job(
                caller=person.principal, job_id=done, key="r",
                render=presenter.encoded, at=timezone.now(),
            )  # fmt: skip


class TestRecover:
    def test_makes_a_claimed_step_ready_again_when_no_worker_began_it(self, person):
        job_id = submit(person)
        lost = claim()
        Step.objects.filter(job_id=job_id).update(lease_expires_at=timezone.now() - timedelta(hours=1))
        recovery.sweep(at=timezone.now())
        again = claim()
        assert [step for step, _ in again] == [step for step, _ in lost]
        execution.run_batch(batch=lost)
        assert Job.objects.get(id=job_id).state == "queued", "the late message must find nothing to do"
        execution.run_batch(batch=again)
        assert Job.objects.get(id=job_id).state == "succeeded"

    def test_runs_again_what_a_killed_worker_had_begun(self, person):
        job_id = submit(person)
        execution.begin(batch=claim(), owner="killed", at=timezone.now())
        Step.objects.filter(job_id=job_id).update(lease_expires_at=timezone.now() - timedelta(hours=1))
        work_off()
        job = Job.objects.get(id=job_id)
        assert (job.state, job.captured) == ("succeeded", 5)
        assert [a.outcome for a in Attempt.objects.filter(step__job_id=job_id).order_by("no")] == ["lost", "done"]

    def test_gives_up_on_what_kills_every_worker_and_returns_the_credits(self, person, settings):
        before = person.available()
        job_id = submit(person)
        for _ in range(settings.GENERATION_MAX_LOST_LEASES):
            execution.begin(batch=claim(), owner="killed", at=timezone.now())
            Step.objects.filter(job_id=job_id).update(lease_expires_at=timezone.now() - timedelta(hours=1))
            recovery.sweep(at=timezone.now())
        job = Job.objects.get(id=job_id)
        assert (job.state, job.error["code"]) == ("failed", "internal")
        assert person.available() == before

    def test_cancels_what_a_killed_worker_had_begun_when_the_job_was_to_stop(self, person):
        job_id = submit(person)
        execution.begin(batch=claim(), owner="killed", at=timezone.now())
        submission.cancel_job(workspace_id=person.workspace_id, job_id=job_id, at=timezone.now())
        Step.objects.filter(job_id=job_id).update(lease_expires_at=timezone.now() - timedelta(hours=1))
        recovery.sweep(at=timezone.now())
        job = Job.objects.get(id=job_id)
        assert (job.state, job.captured) == ("canceled", 0)

    def test_does_not_wait_to_try_again_what_was_to_stop(self, person):
        from generation import desk
        from generation.verdicts import Park
        from providers.errors import Overloaded

        job_id = submit(person)
        begun = execution.begin(batch=claim(), owner="w", at=timezone.now())
        submission.cancel_job(workspace_id=person.workspace_id, job_id=job_id, at=timezone.now())
        desk.apply([Park(begun[0], Overloaded(), 60.0)], at=timezone.now())
        assert Job.objects.get(id=job_id).state == "canceled"

    def test_drops_the_result_of_an_attempt_that_was_overtaken(self, person):
        from generation.settlement import Ending, finish

        job_id = submit(person)
        slow = execution.begin(batch=claim(), owner="slow", at=timezone.now())
        Step.objects.filter(job_id=job_id).update(lease_expires_at=timezone.now() - timedelta(hours=1))
        work_off()
        finish([Ending(slow[0], "failed")], at=timezone.now())
        assert Job.objects.get(id=job_id).state == "succeeded"
        asset = Asset.objects.get(source_id=job_id)

        with default_storage.open(asset.storage_key) as file:
            content = file.read()
        source = library.Source(person.workspace_id, sandbox=False, source_id=job_id, index=0)
        late = library.store_output(source=source, content=content, media_type="image/png", meta={})
        finish([Ending(slow[0], "done", stored=late, usage=Usage(4200, "provider"))], at=timezone.now())
        assert Asset.objects.get(source_id=job_id).id == asset.id
        attempt = Attempt.objects.get(id=slow[0].token)
        assert (attempt.outcome, attempt.cost_usd_micros) == ("lost", 4200)

    def test_aborts_for_free_what_did_not_start_in_time(self, person):
        job_id = submit(person, start_deadline_seconds=5)
        recovery.sweep(at=timezone.now() + timedelta(seconds=6))
        job = Job.objects.get(id=job_id)
        assert (job.state, job.released) == ("aborted", 5)

    def test_fails_for_free_what_is_past_its_deadline(self, person):
        job_id = submit(person, deadline_seconds=5)
        recovery.sweep(at=timezone.now() + timedelta(seconds=6))
        job = Job.objects.get(id=job_id)
        assert (job.state, job.error["code"], job.captured) == ("failed", "timeout", 0)


class TestOrder:
    def test_serves_a_newcomer_before_the_rest_of_a_flood(self, person, stranger):
        person.grant(1000)
        for _ in range(20):
            submit(person)
        small = submit(stranger)
        claimed = [step for step, _ in claim(limit=3)]
        assert Step.objects.get(job_id=small).id in claimed

    def test_uses_the_index_and_a_literal_limit(self, person):
        from django.db import connection

        submit(person)
        sql, given = dispatch.claim_statement(placement="cpu", lane="free", limit=5, owner="x")
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(f"EXPLAIN {sql}", given)
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "generation_step_fair_order" in plan
        assert "Sort" not in plan.split("CTE due")[1].split("CTE taken")[0]


class TestDatabase:
    def test_refuses_to_bring_a_finished_job_back(self, person):
        job_id = submit(person)
        work_off()
        with pytest.raises(IntegrityError), transaction.atomic():
            Job.objects.filter(id=job_id).update(state="running", completed_at=None)

    def test_refuses_a_terminal_job_that_is_not_settled(self, person):
        job_id = submit(person)
        with pytest.raises(IntegrityError), transaction.atomic():
            Job.objects.filter(id=job_id).update(state="failed", completed_at=timezone.now())
        assert Hold.objects.get(reference=f"job:{job_id}").state == "held"
