"""How many jobs of a workspace run at once, and what becomes of the others."""

from datetime import timedelta

import pytest
from django.utils import timezone

from credits import reconciliation
from generation import desk, execution, recovery, submission
from generation.models import Flow, Job, Lane, Step, Window
from generation.verdicts import Park
from providers.errors import RateLimited
from tests.factories.generation import claim, submit, work_off
from tests.generation.test_limits import order, recount

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _places_agree(db, request):
    yield
    if not request.node.get_closest_marker("breaks_invariants"):
        assert reconciliation.violations() == []


def places():
    return list(Job.objects.order_by("id").values_list("place", flat=True))


def window():
    return Window.objects.values_list("admitted", "most").get(sandbox=False)


def park(batch):
    """Begins the steps and lets their provider take no more for a minute."""
    for step in execution.begin(batch=batch, owner="test", at=timezone.now()):
        desk.apply([Park(step, RateLimited(), 60.0)], at=timezone.now())


def let_go():
    Step.objects.filter(state="parked").update(next_run_at=timezone.now() - timedelta(seconds=1))
    recovery.sweep(at=timezone.now())


class TestWindow:
    def test_lets_as_many_jobs_run_as_the_plan_says_and_the_oldest_next(self, person):
        person.limit(max_running=2)
        jobs = [submit(person, n=2) for _ in range(4)]
        assert places() == ["held", "held", "wanted", "wanted"]
        assert {step.job_id for step in Step.objects.filter(state="ready")} == set(jobs[:2])
        assert window() == (2, 2)
        first = claim(limit=2)
        execution.run_batch(batch=first)
        assert Job.objects.get(id=jobs[0]).state == "succeeded"
        assert {step.job_id for step in Step.objects.filter(state="ready")} == set(jobs[1:3])
        assert window() == (2, 2)
        work_off()
        assert set(Job.objects.values_list("state", flat=True)) == {"succeeded"}
        assert window() == (0, 2)

    def test_says_queued_of_every_step_that_waits(self, person):
        person.limit(max_running=1)
        submit(person)
        second = submit(person)
        seen = person.api().get(f"/generations/{order_id(second)}").json()
        assert (seen["status"], [step["status"] for step in seen["steps"]]) == ("queued", ["queued"])

    def test_is_one_of_the_sandbox_and_one_of_the_rest(self, person):
        person.limit(max_running=1)
        submit(person)
        order(person, sandbox=True)
        assert places() == ["held", "held"]

    @pytest.mark.parametrize("end", ["cancel", "fail", "deadline"])
    def test_passes_a_place_on_however_a_job_ends(self, person, end):
        person.limit(max_running=1)
        first = submit(person, prompt="[[fail:timeout]]" if end == "fail" else "a fox")
        submit(person)
        if end == "fail":
            execution.run_batch(batch=claim(limit=1))
        else:
            cause = "cancel" if end == "cancel" else "deadline"
            submission.stop_job(workspace_id=None, job_id=first, cause=cause, at=timezone.now())
        assert Job.objects.get(id=first).completed_at is not None
        assert places()[1] == "held"
        assert Step.objects.filter(state="ready").count() == 1

    def test_forgets_a_job_that_is_canceled_while_it_waits(self, person):
        person.limit(max_running=1)
        jobs = [submit(person) for _ in range(3)]
        submission.cancel_job(workspace_id=person.workspace_id, job_id=jobs[1], at=timezone.now())
        assert (Job.objects.get(id=jobs[1]).state, window()) == ("canceled", (1, 1))
        execution.run_batch(batch=claim(limit=1))
        assert Job.objects.get(id=jobs[2]).place == "held"

    def test_grows_with_the_plan_at_the_next_order_and_the_oldest_first(self, person):
        person.limit(max_running=1)
        for _ in range(3):
            submit(person)
        person.limit(max_running=3)
        submit(person)
        assert places() == ["held", "held", "held", "wanted"]

    def test_shrinks_with_the_plan_without_stopping_what_runs(self, person):
        for _ in range(3):
            submit(person)
        person.limit(max_running=1)
        submit(person)
        assert (places(), window()) == (["held", "held", "held", "wanted"], (3, 1))
        for _ in range(2):
            execution.run_batch(batch=claim(limit=1))
        assert (places()[3], window()) == ("wanted", (1, 1))
        execution.run_batch(batch=claim(limit=1))
        assert (places()[3], window()) == ("held", (1, 1))

    def test_of_none_at_all_still_lets_one_run(self, person):
        person.limit(max_running=0)
        submit(person)
        submit(person)
        assert places() == ["held", "wanted"]


class TestStamp:
    def test_is_of_the_time_of_the_place_and_saves_nothing_up(self, person, stranger):
        person.limit(max_running=1)
        jobs = [submit(person) for _ in range(3)]
        assert list(Step.objects.filter(state="queued").values_list("vtag", flat=True)) == [0, 0]
        Lane.objects.filter(name="free").update(v_cpu=10**9)
        execution.run_batch(batch=claim(limit=1))
        step = Step.objects.get(job_id=jobs[1])
        assert step.vtag == 10**9 + step.cost * 1000
        newcomer = submit(stranger)
        assert Step.objects.get(job_id=newcomer).vtag == step.vtag

    def test_leaves_no_debt_for_what_was_canceled_before_it_had_a_place(self, person):
        person.limit(max_running=1)
        submit(person)
        before = Flow.objects.get().vfin_cpu
        for _ in range(5):
            submission.cancel_job(workspace_id=person.workspace_id, job_id=submit(person), at=timezone.now())
        assert Flow.objects.get().vfin_cpu == before

    def test_runs_by_weight_and_a_trial_at_a_quarter(self, person, stranger):
        person.limit(weight=4)
        cost = {}
        for name, who, sandbox in (("four", person, False), ("one", stranger, False), ("trial", stranger, True)):
            job = order(who, sandbox=sandbox).job
            step = Step.objects.get(job_id=job.id)
            cost[name] = step.vtag / step.cost
        assert cost == {"four": 250, "one": 1000, "trial": 4000}

    def test_of_a_sandbox_flood_does_not_delay_the_same_workspaces_live_jobs(self, person):
        person.limit(max_running=100)
        for _ in range(20):
            order(person, sandbox=True)
        live = submit(person)
        assert claim(limit=1)[0][0] == Step.objects.get(job_id=live).id


class TestParked:
    def test_holds_no_place_and_comes_back_before_what_was_ordered_later(self, person):
        person.limit(max_running=1)
        jobs = [submit(person) for _ in range(3)]
        tag = Step.objects.get(job_id=jobs[0]).vtag
        park(claim(limit=1))
        assert (places(), window()) == (["none", "held", "wanted"], (1, 1))
        let_go()
        assert (places(), window()) == (["wanted", "held", "wanted"], (1, 1))
        assert Step.objects.get(job_id=jobs[0]).state == "queued"
        execution.run_batch(batch=claim(limit=1))
        step = Step.objects.get(job_id=jobs[0])
        assert (places()[0], step.state, step.vtag) == ("held", "ready", tag)

    def test_never_lets_more_run_at_once_than_the_plan_says(self, person):
        person.limit(max_running=2)
        for _ in range(6):
            submit(person)
        for _ in range(3):
            park(claim(limit=2))
        assert places() == ["none"] * 6
        let_go()
        assert sorted(places()) == ["held", "held", "wanted", "wanted", "wanted", "wanted"]
        assert window() == (2, 2)
        work_off()
        assert set(Job.objects.values_list("state", flat=True)) == {"succeeded"}

    def test_keeps_the_place_while_another_step_of_the_job_can_run(self, person):
        person.limit(max_running=1)
        submit(person, n=2)
        submit(person)
        one, other = claim(limit=2)
        park([one])
        assert places() == ["held", "wanted"]
        execution.run_batch(batch=[other])
        assert places() == ["none", "held"]

    def test_can_be_canceled(self, person):
        person.limit(max_running=1)
        first = submit(person)
        submit(person)
        park(claim(limit=1))
        submission.cancel_job(workspace_id=person.workspace_id, job_id=first, at=timezone.now())
        assert (Job.objects.get(id=first).state, window()) == ("canceled", (1, 1))


@pytest.mark.breaks_invariants
class TestRecount:
    def test_finds_what_is_wrong_and_puts_it_right(self, person):
        person.limit(max_running=2)
        for _ in range(4):
            submit(person)
        Window.objects.update(admitted=1)
        assert {row["invariant"] for row in reconciliation.violations()} == {
            "window_admitted_equals_jobs_with_a_place", "no_job_waits_beside_a_free_place",
        }  # fmt: skip
        recount()
        assert (window(), reconciliation.violations()) == ((2, 2), [])

    def test_lets_jobs_run_that_a_lost_count_kept_waiting(self, person):
        person.limit(max_running=2)
        for _ in range(3):
            submit(person)
        Window.objects.all().delete()
        Job.objects.update(place="wanted")
        Step.objects.update(state="queued")
        recount()
        assert (places(), reconciliation.violations()) == (["held", "wanted", "wanted"], [])
        work_off()
        assert set(Job.objects.values_list("state", flat=True)) == {"succeeded"}


def order_id(job_id):
    from core.ids import to_public

    return to_public("gen", job_id)
