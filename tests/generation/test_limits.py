"""What a plan allows: what is refused, in which words, and that a refusal changes nothing."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from core.idempotency import Once
from credits import reconciliation
from generation import presenter, submission
from generation.errors import ConcurrencyLimit, DailyLimit, PlanForbids, QueueFull
from generation.models import Job, Load, Step
from generation.submission import Order
from tests.factories.generation import SMALL, submit, work_off

pytestmark = pytest.mark.django_db
NOON = (datetime.now(UTC) + timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)


@pytest.fixture(autouse=True)
def _counts_and_money_agree(request, db):
    yield
    if "breaks_invariants" not in request.keywords:
        assert reconciliation.violations() == []


def order(person, *, at=None, key=None, sandbox=False, **given):
    from dataclasses import replace

    return submission.submit_job(
        caller=replace(person.principal, sandbox=sandbox),
        order=Order(pipeline="image", model="auto", input={"prompt": "a fox", **SMALL, **given}),
        once=Once("test", key or str(uuid4()), "test"), render=presenter.encoded, at=at or timezone.now(),
    )  # fmt: skip


def loads():
    return list(Load.objects.order_by("sandbox").values_list("sandbox", "pipeline", "live", "accepted_today"))


class TestCheck:
    def test_refuses_more_pixels_than_the_plan_allows(self, person):
        person.limit(max_pixels=64 * 64)
        order(person)
        with pytest.raises(PlanForbids) as refused:
            order(person, width=64, height=65)
        assert refused.value.detail == (
            "The plan Free allows 4,096 pixels an output (max_pixels); 4,160 pixels were asked for."
        )
        assert refused.value.extra == {"rule": "max_pixels", "plan": "free", "limit": 4096, "asked": 4160}
        assert Job.objects.count() == 1

    def test_refuses_a_shape_by_the_pixels_that_it_means(self, person):
        person.limit(max_pixels=1_000_000)
        with pytest.raises(PlanForbids):
            submission.submit_job(
                caller=person.principal, order=Order("image", "auto", {"prompt": "a fox", "aspect_ratio": "1:1"}),
                once=Once("test", "k", "test"), render=presenter.encoded, at=timezone.now(),
            )  # fmt: skip

    def test_refuses_a_model_that_the_plan_does_not_have(self, person):
        person.limit(models=["other-image"])
        with pytest.raises(PlanForbids) as refused:
            order(person)
        assert refused.value.extra == {
            "rule": "models", "plan": "free", "limit": ["other-image"], "asked": "sketch-image",
        }  # fmt: skip

    def test_refuses_an_output_that_is_longer_than_the_plan_allows(self, person):
        from dataclasses import replace

        from generation import limits, quoting

        priced = quoting.price(pipeline="image", model="auto", given={"prompt": "a fox"}, at=timezone.now())
        step = priced.plan.steps[0]
        long = replace(step, params={**step.params, "duration_s": 61})
        of = replace(priced, plan=replace(priced.plan, steps=(step, long)))
        with pytest.raises(PlanForbids, match=r"60 seconds an output \(max_duration_seconds\); 61 seconds"):
            limits.check(granted=person.principal.entitlements, priced=of)

    def test_answers_what_was_accepted_before_the_plan_changed(self, person):
        first = order(person, key="k")
        person.limit(max_pixels=1)
        assert order(person, key="k").body == first.body


class TestResolve:
    def test_makes_auto_the_first_model_that_the_plan_has(self, person, settings, tmp_path):
        import yaml

        from generation import offers
        from providers import catalog

        spec = yaml.safe_load((catalog._BUILT_IN / "sketch-image.yaml").read_text())
        (tmp_path / "other.yaml").write_text(yaml.safe_dump({**spec, "slug": "other-image", "position": 99}))
        settings.PROVIDERS_CATALOGUE_DIRS = [str(tmp_path)]
        offers.sync(at=timezone.now())
        person.limit(models=["other-image"])
        accepted = order(person)
        assert accepted.job.model == "other-image@1"
        quote = person.api().post("/quotes", {"pipeline": "image", "input": {"prompt": "a fox"}}).json()
        assert quote["model"] == "other-image@1"


class TestCaps:
    def test_stop_at_the_jobs_of_a_pipeline_under_way(self, person):
        person.limit(max_live_by_pipeline={"image": 2, "video": 1})
        submit(person)
        second = submit(person)
        with pytest.raises(ConcurrencyLimit) as refused:
            order(person)
        assert refused.value.extra == {"limit": 2, "plan": "free", "pipeline": "image"}
        assert refused.value.retry_after_seconds == 5
        assert loads() == [(False, "image", 2, 2)]
        submission.cancel_job(workspace_id=person.workspace_id, job_id=second, at=timezone.now())
        submit(person)
        work_off()
        assert loads() == [(False, "image", 0, 3)]

    def test_stop_at_all_jobs_under_way_first(self, person):
        person.limit(max_queued=1, max_live_by_pipeline={"image": 1}, daily_jobs=1)
        submit(person)
        with pytest.raises(QueueFull):
            order(person)

    @pytest.mark.parametrize("caps", [{"daily_jobs": 2}, {"daily_jobs_by_pipeline": {"image": 2}}])
    def test_stop_at_the_jobs_of_a_day_until_the_next_begins(self, person, caps):
        person.limit(**caps)
        for _ in range(2):
            order(person, at=NOON)
        work_off()
        with pytest.raises(DailyLimit) as refused:
            order(person, at=NOON + timedelta(hours=11, minutes=59, seconds=59))
        assert refused.value.retry_after_seconds == 2
        assert refused.value.extra["limit"] == 2
        assert refused.value.extra["rule"] == next(iter(caps))
        assert "2 jobs a day" in refused.value.detail or "2 image jobs a day" in refused.value.detail
        order(person, at=NOON + timedelta(hours=12))
        assert loads() == [(False, "image", 1, 1)]

    def test_are_not_begun_again_by_a_clock_that_is_behind(self, person):
        person.limit(daily_jobs=2)
        ahead = NOON + timedelta(days=1)
        order(person, at=ahead)
        order(person, at=NOON)
        for at in (NOON, ahead):
            with pytest.raises(DailyLimit):
                order(person, at=at)

    def test_count_the_sandbox_apart(self, person):
        person.limit(max_queued=1, daily_jobs=1)
        order(person)
        order(person, sandbox=True)
        for sandbox in (False, True):
            with pytest.raises(QueueFull):
                order(person, sandbox=sandbox)
        assert loads() == [(False, "image", 1, 1), (True, "image", 1, 1)]

    def test_count_neither_a_replay_nor_a_refusal(self, person):
        from credits.errors import InsufficientCredits
        from tests.factories.accounts import make_person

        order(person, key="k")
        order(person, key="k")
        person.limit(max_pixels=4096)
        with pytest.raises(PlanForbids):
            order(person, width=65)
        assert loads() == [(False, "image", 1, 1)]
        poor = make_person(credits=3)
        with pytest.raises(InsufficientCredits):
            order(poor)
        assert not Load.objects.filter(workspace_id=poor.workspace_id).exists()

    def test_let_a_repeated_request_through_when_full(self, person):
        person.limit(max_queued=1, daily_jobs=1)
        first = order(person, key="k")
        assert order(person, key="k").body == first.body

    @pytest.mark.parametrize("end", ["succeed", "fail", "cancel", "abort"])
    def test_have_room_again_however_a_job_ends(self, person, end):
        from generation import recovery

        person.limit(max_live_by_pipeline={"image": 1})
        more = {"start_deadline_seconds": 5} if end == "abort" else {}
        job_id = submit(person, prompt="[[fail:timeout]]" if end == "fail" else "a fox", **more)
        if end == "cancel":
            submission.cancel_job(workspace_id=person.workspace_id, job_id=job_id, at=timezone.now())
            submission.cancel_job(workspace_id=person.workspace_id, job_id=job_id, at=timezone.now())
        elif end == "abort":
            recovery.sweep(at=timezone.now() + timedelta(seconds=6))
        else:
            work_off()
        assert loads()[0][2] == 0
        order(person)


class TestOverHttp:
    BODY = {"pipeline": "image", "input": {"prompt": "fox", "width": 64, "height": 64}}

    def test_says_what_the_plan_forbids(self, person):
        person.limit(max_pixels=100)
        answer = person.api().post("/generations", self.BODY)
        assert (answer.status_code, answer.json()["code"]) == (403, "policy_denied")
        assert answer.json()["asked"] == 4096

    def test_always_says_when_to_come_back(self, person):
        person.limit(max_live_by_pipeline={"image": 1})
        api = person.api()
        api.post("/generations", self.BODY)
        full = api.post("/generations", self.BODY)
        assert (full.status_code, full.json()["code"], full["Retry-After"]) == (429, "concurrency_limit", "5")
        person.limit(max_live_by_pipeline={}, daily_jobs=1)
        today = api.post("/generations", self.BODY)
        assert (today.status_code, today.json()["code"], today.json()["retryable"]) == (429, "rate_limited", True)
        assert 1 <= int(today["Retry-After"]) <= 86_401

    def test_shows_the_sentence_in_the_studio(self, person):
        person.limit(max_pixels=100)
        browser = person.browser()
        form = {"prompt": "a fox", "n": "1", "aspect_ratio": "1:1", "model": "sketch-image"}
        for path in ("/studio/quote", "/studio"):
            page = browser.post(path, form, headers={"HX-Request": "true"}).content.decode()
            assert "The plan Free allows 100 pixels an output" in page
        assert not Job.objects.exists()


def recount():
    with connection.cursor() as cursor:
        cursor.execute("SELECT generation_recount(now())")
        return cursor.fetchone()[0]


class TestRecount:
    def test_makes_the_counts_again_from_the_jobs(self, person, stranger):
        submit(person)
        submit(stranger)
        work_off()
        submit(person)
        order(person, sandbox=True)
        before = set(Load.objects.values_list("workspace_id", "sandbox", "pipeline", "live", "day", "accepted_today"))
        Load.objects.all().delete()
        assert recount() == 3
        after = set(Load.objects.values_list("workspace_id", "sandbox", "pipeline", "live", "day", "accepted_today"))
        assert after == before


@pytest.mark.breaks_invariants
class TestViolation:
    def broken(self):
        return [(row["invariant"], row["expected"], row["actual"]) for row in reconciliation.violations()]

    def test_names_a_count_that_is_wrong_or_missing(self, person):
        submit(person)
        Load.objects.update(live=3)
        assert self.broken() == [("load_live_equals_live_jobs", 1, 3)]
        Load.objects.all().delete()
        assert self.broken() == [("load_live_equals_live_jobs", 1, 0)]
        recount()
        assert self.broken() == []

    def test_names_an_open_hold_without_its_job(self, person):
        from generation.models import Event

        job_id = submit(person)
        Event.objects.all().delete()
        Step.objects.all().delete()
        Job.objects.filter(id=job_id).delete()
        assert sorted(self.broken()) == [
            ("load_live_equals_live_jobs", 0, 1), ("open_hold_has_its_job", 0, 5),
            ("window_admitted_equals_jobs_with_a_place", 0, 1),
        ]  # fmt: skip

    def test_names_an_ended_job_whose_hold_is_open_or_says_something_else(self, person):
        job_id = submit(person)
        Job.objects.filter(id=job_id).update(state="failed", completed_at=timezone.now(), captured=1, released=4)
        assert sorted(self.broken()) == [
            ("ended_job_has_no_open_hold", 0, 5), ("job_captured_equals_hold", 0, 1),
            ("job_released_equals_rest_of_hold", 5, 4), ("load_live_equals_live_jobs", 0, 1),
            ("window_admitted_equals_jobs_with_a_place", 0, 1),
        ]  # fmt: skip

    def test_is_printed_by_reconcile_ledger(self, person, capsys):
        from django.core.management import CommandError, call_command

        submit(person)
        Load.objects.update(live=3)
        with pytest.raises(CommandError):
            call_command("reconcile_ledger")
        said = capsys.readouterr().out
        assert f"load_live_equals_live_jobs  load:{person.workspace_id}:image  expected 1, found 3" in said

    def test_does_not_keep_a_job_from_ending(self, person):
        job_id = submit(person)
        Load.objects.update(live=0)
        work_off()
        assert Job.objects.get(id=job_id).state == "succeeded"
