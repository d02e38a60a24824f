"""Every row of the refund matrix, through the real pipeline: the door, the queue, a worker, the ledger."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from core.ids import to_public
from credits import ledger, selectors
from credits.models import Hold, Posting, UsageRecord
from generation import execution, offers, recovery, submission
from generation.models import Job, Step
from moderation.models import Rule
from providers import registry
from tests.factories.accounts import make_person
from tests.factories.generation import claim, work_off

pytestmark = pytest.mark.django_db
SKETCH, SCRIPTED = 5, 7


def matrix():
    with connection.cursor() as cursor:
        cursor.execute("SELECT cause, captures FROM refund_matrix()")
        return dict(cursor.fetchall())


@pytest.fixture(autouse=True)
def scripted(settings):
    """The scripted provider, beside the built-in engine."""
    settings.PROVIDERS_EXTRA_ADAPTERS = ["scripted=tests.fakes.scripted:ScriptedAdapter"]
    settings.PROVIDERS_CATALOGUE_DIRS = [str(Path(__file__).parent.parent / "fakes" / "catalogue")]
    registry._paths.cache_clear()
    assert offers.sync(at=timezone.now()).refusals == ()
    yield
    registry._paths.cache_clear()
    registry.adapter.cache_clear()


class Case:
    """One job of a person with 100 sandbox credits, who sends what the case says."""

    def __init__(self) -> None:
        self.person = make_person(credits=0)
        self.person.grant(100, sandbox=True)
        self.api = self.person.api(sandbox=True)
        self.before = self.person.available(sandbox=True)

    def send(self, prompt, *, n=1, model="sketch-image", **more):
        size = {"width": 64, "height": 64} if model == "sketch-image" else {}
        return self.api.post(
            "/generations", {"pipeline": "image", "model": model, "input": {"prompt": prompt, "n": n, **size}, **more}
        )

    @property
    def job(self):
        return Job.objects.get(workspace_id=self.person.workspace_id)

    def sweep(self, **ahead):
        recovery.sweep(at=timezone.now() + timedelta(**ahead))

    def let_its_lease_run_out(self):
        Step.objects.filter(state="submitting").update(lease_expires_at=timezone.now() - timedelta(seconds=1))


def delivered(case):
    case.send("a fox", n=2)
    work_off()
    return 2 * SKETCH


def partly_delivered(case):
    case.send("[[fail:partial]] foxes", n=4)
    work_off()
    return 3 * SKETCH


def canceled_before_start(case):
    case.send("a fox", n=2)
    submission.cancel_job(workspace_id=case.person.workspace_id, job_id=case.job.id, at=timezone.now())
    return 0


def canceled_while_running(case):
    case.send("a fox", n=3)
    execution.run_batch(batch=claim(limit=1))
    submission.cancel_job(workspace_id=case.person.workspace_id, job_id=case.job.id, at=timezone.now())
    work_off()
    return SKETCH


def start_deadline(case):
    case.send("a fox", start_deadline_s=30)
    case.sweep(seconds=31)
    return 0


def deadline(case):
    case.send("a fox", deadline_s=60)
    batch = claim()
    execution.begin(batch=batch, owner="test", at=timezone.now())
    case.sweep(seconds=61)
    case.let_its_lease_run_out()
    case.sweep(seconds=62)
    return 0


def timed_out(case):
    case.send("[[fail:timeout]] a fox")
    work_off()
    return 0


def provider_failed(case):
    case.send("[[fail:provider]] a fox", n=2)
    work_off()
    return 0


def no_capacity(case):
    case.send("[[fail:rate_limit]] a fox")
    work_off()
    return 0


def invalid_input(case):
    case.send("invalid", model="scripted")
    work_off()
    return 0


def our_fault(case):
    case.send("crash", model="scripted")
    work_off()
    return 0


def outcome_unknown(case):
    case.send("a fox", model="scripted")
    execution.begin(batch=claim(), owner="a worker that dies", at=timezone.now())
    case.let_its_lease_run_out()
    case.sweep(seconds=1)
    return 0


def refused_before(case):
    Rule.objects.create(phrase="forbidden thing", created_at=timezone.now())
    answer = case.send("a forbidden thing")
    assert (answer.status_code, answer.json()["code"]) == (403, "content_blocked")
    return None


def refused_after(case):
    case.send("refuse", model="scripted")
    work_off()
    return 0


def hold_expired(case):
    case.send("a fox")
    ledger.expire_hold(hold_id=case.job.hold_id, at=timezone.now())
    work_off()
    assert [output["status"] for output in case.job.outputs] == ["succeeded"]
    return 0


CASES = (
    delivered, partly_delivered, canceled_before_start, canceled_while_running, start_deadline, deadline, timed_out,
    provider_failed, no_capacity, invalid_input, our_fault, outcome_unknown, refused_before, refused_after,
    hold_expired,
)  # fmt: skip


class TestRefundMatrix:
    def test_has_a_case_for_each_row(self):
        assert {case.__name__ for case in CASES} == set(matrix())

    @pytest.mark.parametrize("play", CASES, ids=lambda play: play.__name__)
    def test_captures_exactly_what_its_row_says(self, play):
        case = Case()

        captured = play(case)

        assert case.person.held(sandbox=True) == 0
        assert selectors.violations() == []
        if captured is None:
            assert not Hold.objects.exists()
            assert case.person.available(sandbox=True) == case.before
            return
        job = case.job
        rule = matrix()[play.__name__]
        assert job.charge_reason == play.__name__
        assert (job.captured, job.released) == (captured, job.quoted - captured)
        assert captured == 0 or rule == "delivered"
        assert case.person.available(sandbox=True) == case.before - captured
        # The statement tells it, with the same cause, in the transaction that ended the job.
        line = Posting.objects.get(subject=f"job:{job.id}", kind__in=["capture", "void"])
        assert (line.kind, -line.amount) == ("capture" if captured else "void", captured)
        assert line.released == job.released
        # What was metered adds up to what was paid.
        assert sum(UsageRecord.objects.filter(job_id=job.id).values_list("credits", flat=True)) == captured
        shown = case.api.get(f"/generations/{to_public('gen', job.id)}").json()["charge"]
        assert (shown["captured"], shown["released"], shown["held"]) == (captured, job.released, 0)
        assert shown["reason"] == play.__name__


class TestMetering:
    def test_keeps_raw_units_price_and_our_cost_apart(self):
        case = Case()
        case.send("a fox", n=3, model="scripted")
        work_off()
        rows = UsageRecord.objects.filter(job_id=case.job.id)
        assert {(row.model, row.unit, int(row.quantity), row.credits, row.cost_usd_micros, row.cost_source)
                for row in rows} == {("scripted", "image", 1, SCRIPTED, 4_200, "provider")}  # fmt: skip
        assert rows.count() == 3
        assert {row.member_id for row in rows} == {case.person.user.id}
        assert None not in {row.key_id for row in rows}
