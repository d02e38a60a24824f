"""What is given up is kept, and an operator can make it right."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts import current
from core.errors import FieldsRejected
from core.idempotency import Once
from core.ids import from_public, to_public
from credits import ledger
from credits import selectors as credits_of
from generation import dead_letters, execution, presenter, recovery, submission
from generation.dead_letters import Choice
from generation.models import DeadLetter, Job, Step
from generation.submission import Order
from tests.factories.generation import claim, submit, work_off

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _money_and_state_agree(db):
    yield
    assert credits_of.violations() == []


def resolve(verb, jobs, **more):
    return verb(job_ids=jobs, actor="user:1", reason="an outage", at=timezone.now(), **more)


class TestBury:
    def test_keeps_the_cause_the_trail_and_a_digest_but_no_words(self, person):
        job_id = submit(person, prompt="[[fail:provider]] a secret fox")
        work_off()
        letter = DeadLetter.objects.get(job_id=job_id)
        assert (letter.cause, letter.category, letter.state) == ("provider_failed", "provider", "open")
        assert [line["error_code"] for line in letter.trail] == ["provider_failed", "provider_failed"]
        assert "secret" not in str(vars(letter))

    def test_leaves_out_what_is_nobodys_fault_but_the_persons(self, person):
        submit(person, prompt="[[fail:content]] a fox")
        work_off()
        canceled = submit(person)
        submission.cancel_job(workspace_id=person.workspace_id, job_id=canceled, at=timezone.now())
        assert not DeadLetter.objects.exists()

    def test_leaves_out_what_a_sandbox_plays(self, person):
        submission.submit_job(
            caller=current.of_owner(workspace_id=person.workspace_id, sandbox=True),
            order=Order("image", "sketch-image", {"prompt": "[[fail:provider]] a fox", "n": 1}),
            once=Once("test", "one", "test"), render=presenter.encoded, at=timezone.now(),
        )  # fmt: skip
        work_off()
        assert Job.objects.get().state == "failed"
        assert not DeadLetter.objects.exists()

    def test_gives_equal_orders_the_same_digest(self, person):
        for _ in range(2):
            submit(person, prompt="[[fail:timeout]] a fox")
        work_off()
        assert len(set(DeadLetter.objects.values_list("payload_digest", flat=True))) == 1


class TestReplay:
    def test_runs_all_of_an_incident_again_and_each_job_once(self, person, stranger, settings):
        jobs = [submit(who, prompt="[[fail:provider]] a fox") for who in (person, stranger, person)]
        work_off()
        settings.GENERATION_DIRECTIVES_OUTSIDE_SANDBOX = False
        chosen = dead_letters.job_ids(Choice(cause="provider_failed", model="sketch-image"))
        assert set(chosen) == set(jobs)
        assert resolve(dead_letters.replay, chosen).jobs == 3
        assert resolve(dead_letters.replay, chosen).jobs == 0
        work_off()
        again = Job.objects.filter(parent_id__in=jobs)
        assert [job.state for job in again] == ["succeeded"] * 3
        assert set(DeadLetter.objects.values_list("replayed_as_id", flat=True)) == {job.id for job in again}

    def test_does_not_make_and_charge_twice_what_its_person_had_made_meanwhile(self, person, settings):
        job_id = submit(person, prompt="[[fail:provider]] a fox")
        work_off()
        settings.GENERATION_DIRECTIVES_OUTSIDE_SANDBOX = False
        submission.retry_job(
            caller=person.principal, job_id=job_id, key="mine", render=presenter.encoded, at=timezone.now()
        )
        work_off()
        paid = person.available()
        assert resolve(dead_letters.replay, [job_id]).jobs == 0
        work_off()
        assert (Job.objects.filter(parent_id=job_id).count(), person.available()) == (1, paid)
        letter = DeadLetter.objects.get(job_id=job_id)
        assert (letter.state, letter.replayed_as.state) == ("replayed", "succeeded")
        # A person who was quicker than this is seen by the job that runs.
        DeadLetter.objects.update(state="open", resolved_at=None, replayed_as=None)
        assert "has had it made" in resolve(dead_letters.replay, [job_id]).refused[0][1]

    def test_leaves_open_what_the_workspace_cannot_pay(self, person):
        job_id = submit(person, prompt="[[fail:provider]] a fox")
        work_off()
        ledger.adjust(
            workspace_id=person.workspace_id, amount=-person.available(), reason="a test", reference="a test",
            actor="test", at=timezone.now(),
        )  # fmt: skip
        came = resolve(dead_letters.replay, [job_id])
        assert came.jobs == 0
        assert [job for job, _ in came.refused] == [job_id]
        assert DeadLetter.objects.get(job_id=job_id).state == "open"

    def test_is_not_for_a_job_that_delivered_a_part(self, person):
        job_id = submit(person, prompt="[[fail:partial]] foxes", n=2)
        work_off()
        came = resolve(dead_letters.replay, [job_id])
        assert (came.jobs, len(came.refused)) == (0, 1)


class TestJobUnderWay:
    @pytest.mark.parametrize("verb", [dead_letters.replay, dead_letters.refund, dead_letters.discard])
    def test_is_left_alone_until_it_is_known_what_it_costs(self, person, verb):
        job_id = submit(person, prompt="[[fail:partial]] foxes", n=2)
        Step.objects.filter(output_index=0).update(state="waiting")
        execution.run_batch(batch=claim())
        Step.objects.filter(state="parked").update(next_run_at=timezone.now() - timedelta(hours=1))
        recovery.sweep(at=timezone.now())
        execution.run_batch(batch=claim())
        assert DeadLetter.objects.get(job_id=job_id).state == "open"
        came = resolve(verb, [job_id])
        assert (came.jobs, [job for job, _ in came.refused]) == (0, [job_id])
        assert "still under way" in came.refused[0][1]
        assert DeadLetter.objects.get(job_id=job_id).state == "open"


class TestRefund:
    def test_gives_back_what_a_partial_delivery_captured_and_does_so_once(self, person):
        before = person.available()
        job_id = submit(person, prompt="[[fail:partial]] foxes", n=4)
        work_off()
        assert person.available() == before - 15
        came = resolve(dead_letters.refund, [job_id])
        assert (came.jobs, came.credits) == (1, 15)
        assert resolve(dead_letters.refund, [job_id]).jobs == 0
        assert person.available() == before

    def test_needs_a_reason(self, person):
        with pytest.raises(FieldsRejected):
            dead_letters.refund(job_ids=[], actor="user:1", reason="", at=timezone.now())


class TestCommand:
    def test_counts_before_it_does_anything(self, person, capsys):
        job_id = submit(person, prompt="[[fail:provider]] a fox")
        work_off()
        call_command("dead_letters", "discard", "--cause", "provider_failed", "--reason", "a test")
        assert "would discard 1 jobs" in capsys.readouterr().out
        assert DeadLetter.objects.get(job_id=job_id).state == "open"
        call_command("dead_letters", "discard", "--reason", "a test", "--apply")
        assert DeadLetter.objects.get(job_id=job_id).state == "discarded"

    def test_finds_only_those_of_its_time(self, person):
        submit(person, prompt="[[fail:provider]] a fox")
        work_off()
        now = timezone.now()
        assert dead_letters.job_ids(Choice(until=now - timedelta(hours=1))) == []
        assert len(dead_letters.job_ids(Choice(since=now - timedelta(hours=1)))) == 1


class TestAdmin:
    def test_finds_a_job_by_the_id_that_people_have(self, person, admin_client):
        job_id = submit(person, prompt="[[fail:provider]] a fox")
        work_off()
        for kind in ("job", "deadletter"):
            page = admin_client.get(f"/admin/generation/{kind}/", {"q": to_public("gen", job_id)}).content.decode()
            assert "1 result" in page

    def test_replays_what_is_selected_with_a_reason(self, person, admin_client, settings):
        job_id = submit(person, prompt="[[fail:provider]] a fox")
        work_off()
        settings.GENERATION_DIRECTIVES_OUTSIDE_SANDBOX = False
        letter = DeadLetter.objects.get(job_id=job_id)
        page = "/admin/generation/deadletter/"
        assert b"provider_failed" in admin_client.get(page).content
        form = {"action": "replay", "_selected_action": [str(letter.pk)], "reason": ""}
        answer = admin_client.post(page, form, follow=True)
        assert [str(message) for message in answer.context["messages"]] == ["needs 1 to 200 characters"]
        assert admin_client.post(page, {**form, "reason": "an outage"}, follow=True).status_code == 200
        letter.refresh_from_db()
        assert letter.state == "replayed"

    def test_shows_open_letters_unless_asked_for_others(self, person, admin_client):
        jobs = [to_public("gen", submit(person, prompt="[[fail:provider]] a fox")) for _ in range(2)]
        work_off()
        DeadLetter.objects.filter(job_id=from_public("gen", jobs[0])).update(
            state="discarded", resolved_at=timezone.now()
        )
        page = "/admin/generation/deadletter/"

        def shown(**asked):
            text = admin_client.get(page, asked).content.decode()
            return [job for job in jobs if job in text]

        assert shown() == shown(state="open") == shown(cause="provider_failed") == [jobs[1]]
        assert shown(state="discarded") == [jobs[0]]
        assert shown(state="all") == jobs

    def test_says_of_a_refund_that_it_gave_nothing(self, person, admin_client):
        failed = submit(person, prompt="[[fail:provider]] a fox")
        partly = submit(person, prompt="[[fail:partial]] foxes", n=2)
        work_off()
        letters = [str(pk) for pk in DeadLetter.objects.values_list("pk", flat=True)]
        form = {"action": "refund", "_selected_action": letters, "reason": "an outage"}
        answer = admin_client.post("/admin/generation/deadletter/", form, follow=True)
        assert [str(message) for message in answer.context["messages"]] == [
            "2 jobs: done. 5 credits went back.", "1 of them had captured nothing, so nothing went back for them.",
        ]  # fmt: skip
        assert set(DeadLetter.objects.values_list("job_id", "state")) == {(failed, "refunded"), (partly, "refunded")}
