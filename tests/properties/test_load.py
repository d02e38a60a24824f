"""Whatever is submitted, canceled and worked off, in whatever order: the counts are those of the jobs."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from core.errors import DomainError
from core.idempotency import Once
from credits import reconciliation
from generation import execution, presenter, recovery, state, submission
from generation.models import Job, Step
from generation.submission import Order
from providers.errors import RateLimited
from tests.factories.accounts import make_person
from tests.factories.generation import SMALL, claim, work_off


class LoadMachine(RuleBasedStateMachine):
    @initialize(live=st.integers(1, 5), daily=st.one_of(st.none(), st.integers(2, 12)), running=st.integers(1, 3))
    def begin(self, live, daily, running):
        self.live, self.daily = live, daily
        self.person = make_person(credits=60)
        self.person.limit(max_live_by_pipeline={"image": live}, daily_jobs=daily, max_running=running)
        self.running = running
        self.made: list = []
        self.keys: list = []

    @rule(words=st.sampled_from(["a fox", "[[fail:timeout]]", "[[fail:partial]] a fox"]), n=st.integers(1, 2))
    def submit(self, words, n):
        key = str(uuid4())
        under_way = Job.objects.filter(workspace_id=self.person.workspace_id, completed_at=None).count()
        room = under_way < self.live and (self.daily is None or len(self.made) < self.daily)
        affordable = self.person.available() >= 5 * n
        try:
            accepted = self._submit(key, words, n)
        except DomainError as exc:
            assert exc.code in {"concurrency_limit", "rate_limited", "insufficient_credits"}
            assert not (room and affordable)
        else:
            assert room and affordable
            self.made.append(accepted.job.id)
            self.keys.append((key, words, n))

    @rule(which=st.integers(0, 50))
    def repeat(self, which):
        if self.keys:
            assert self._submit(*self.keys[which % len(self.keys)]).replayed

    @rule(which=st.integers(0, 50))
    def cancel(self, which):
        if self.made:
            job_id = self.made[which % len(self.made)]
            submission.cancel_job(workspace_id=self.person.workspace_id, job_id=job_id, at=timezone.now())

    @rule()
    def run_one_step(self):
        execution.run_batch(batch=claim(limit=1))

    @rule()
    def begin_one_step_and_die(self):
        execution.begin(batch=claim(limit=1), owner="killed", at=timezone.now())

    @rule()
    def begin_one_step_and_park(self):
        for step in execution.begin(batch=claim(limit=1), owner="test", at=timezone.now()):
            execution.park(step=step, error=RateLimited(retry_after_seconds=60))

    @rule()
    def let_parked_steps_go(self):
        Step.objects.filter(state="parked").update(next_run_at=timezone.now() - timedelta(seconds=1))
        recovery.sweep(at=timezone.now())

    @rule(running=st.integers(1, 3))
    def change_the_plan(self, running):
        self.person.limit(max_running=running)
        self.running = max(self.running, running)

    @rule()
    def work_off(self):
        work_off()
        recovery.sweep(at=timezone.now())

    @invariant()
    def nothing_disagrees(self):
        assert reconciliation.violations() == []

    @invariant()
    def no_more_jobs_run_than_have_a_place(self):
        can_run = Step.objects.filter(state__in=("ready", *state.STEP_LEASED)).values("job_id")
        mine = Job.objects.filter(workspace_id=self.person.workspace_id)
        running = mine.filter(id__in=can_run)
        assert not running.exclude(place="held").exists()
        assert running.count() <= self.running
        assert not mine.filter(place="held", steps__state="queued").exists()

    def _submit(self, key, words, n):
        return submission.submit_job(
            caller=self.person.principal, order=Order("image", "auto", {"prompt": words, "n": n, "seed": 1, **SMALL}),
            once=Once("test", key, "test"), render=presenter.encoded, at=timezone.now(),
        )  # fmt: skip


@pytest.mark.slow
@pytest.mark.django_db
class TestLoad(TestCase):
    def test_equals_the_jobs_after_any_sequence(self):
        run_state_machine_as_test(
            LoadMachine,
            settings=settings(max_examples=15, stateful_step_count=20, deadline=None, derandomize=True,
                              suppress_health_check=list(HealthCheck)),
        )  # fmt: skip
