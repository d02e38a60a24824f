"""A cancel that comes at the same time as anything else: money and state agree, whoever is first.

200 jobs; `CANCEL_RACES=1000` in the environment makes it that many, `CANCEL_SEED` another order.
"""

import os
import random
import threading
import time
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connections, transaction
from django.utils import timezone

from core.errors import DomainError
from core.idempotency import Once
from credits import selectors as credits_of
from generation import desk, dispatch, execution, presenter, recovery, submission
from generation.models import Attempt, Event, Job, Step
from generation.settlement import Ending, Fault, Started
from generation.submission import Order
from generation.verdicts import Accepted, Doubt, Park
from providers.errors import NotYet, Overloaded
from tests.factories.accounts import make_person
from tests.factories.generation import delivered

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]
RACES = int(os.environ.get("CANCEL_RACES", "200"))
SEED = int(os.environ.get("CANCEL_SEED", str(time.time_ns() % 100_000)))
AT_ONCE, PRICE = 8, 5
MODELS = ("sketch-image", "remote", "remote-waiting")
FAULT = Fault("provider_failed", "provider", "It failed.", retryable=True)


def submit(person, dice: random.Random) -> UUID:
    model, n = dice.choice(MODELS), dice.choice((1, 1, 2))
    given = {"prompt": "a fox", "n": n, **({"width": 64, "height": 64} if model == "sketch-image" else {})}
    order = Order(
        pipeline="image", model=model, input=given, start_deadline_seconds=dice.choice((None, 60)),
        deadline_seconds=600,
    )  # fmt: skip
    accepted = submission.submit_job(
        caller=person.principal, order=order, once=Once("test", str(uuid4()), "test"), render=presenter.encoded,
        at=timezone.now(),
    )  # fmt: skip
    return accepted.job.id


class Race:
    """Some jobs, and everybody who has a say in them, each in a thread of its own."""

    def __init__(self, people, dice: random.Random) -> None:
        self.owners = {submit(person, dice): person for _ in range(AT_ONCE // len(people)) for person in people}
        self.jobs = list(self.owners)
        self.mistakes: list[BaseException] = []
        # A draw of one thread must not depend on how far the others are.
        self.seeds = [dice.randrange(1 << 30) for _ in range(6)]

    def run(self) -> None:
        actors = (self.worker, self.worker, self.sweeper, self.canceler, self.clock, self.retrier)
        threads = [
            threading.Thread(target=self.guarded, args=(actor, random.Random(seed)))  # noqa: S311 - no secret
            for actor, seed in zip(actors, self.seeds, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for mistake in self.mistakes:
            raise mistake

    def guarded(self, actor, dice: random.Random) -> None:
        try:
            actor(dice)
        except BaseException as mistake:  # noqa: BLE001 - told by the test's own thread
            self.mistakes.append(mistake)
        finally:
            connections.close_all()

    def worker(self, dice: random.Random) -> None:
        """Claims, begins and says at random what came of it, sometimes nothing and sometimes twice."""
        owner, held = f"worker-{dice.random()}", []
        for _ in range(6):
            begun = begin(owner, dice.randint(1, 6), dice)
            held += begun
            dice.shuffle(held)
            said = [self.verdict(held.pop(), dice) for _ in range(min(len(held), dice.randint(1, 4)))]
            verdicts = [verdict for verdict in said if verdict is not None]
            desk.apply(verdicts, at=timezone.now())
            if dice.random() < 0.2:
                desk.apply(verdicts, at=timezone.now())
            if held and dice.random() < 0.5:
                desk.renew([(step.step_id, step.attempt_no) for step in held])
            nap(dice)

    def verdict(self, step: Started, dice: random.Random):
        kind = dice.choice(("done", "done", "failed", "canceled", "handle", "left", "doubt", "park", "full", "silence"))
        if kind == "done":
            return delivered(step)
        if kind in {"failed", "canceled"}:
            return Ending(step, kind, fault=FAULT if kind == "failed" else None)
        if kind == "handle":
            desk.keep_handles([Accepted(step, {"version": 1, "data": {"id": "x"}})], owner="w", at=timezone.now())
            return None
        if kind == "left":
            return Accepted(step, {"version": 1, "data": {"id": "x"}}, 0.0)
        if kind == "doubt":
            return Doubt(step, 0.0)
        if kind == "park":
            return Park(step, Overloaded("busy"), 0.0)
        return Park(step, NotYet("no room"), 0.0, counts=False) if kind == "full" else None

    def sweeper(self, dice: random.Random) -> None:
        for _ in range(5):
            if dice.random() < 0.5:
                expire(self.jobs, dice.choice(("lease", "due")))
            recovery.sweep(at=timezone.now())
            nap(dice)

    def canceler(self, dice: random.Random) -> None:
        wanted = [*self.jobs, *dice.sample(self.jobs, 3)]
        dice.shuffle(wanted)
        for job_id in wanted:
            nap(dice)
            submission.cancel_job(workspace_id=self.owners[job_id].workspace_id, job_id=job_id, at=timezone.now())

    def clock(self, dice: random.Random) -> None:
        for job_id in dice.sample(self.jobs, 4):
            nap(dice)
            cause = dice.choice(("deadline", "start_deadline"))
            submission.stop_job(workspace_id=None, job_id=job_id, cause=cause, at=timezone.now())

    def retrier(self, dice: random.Random) -> None:
        for job_id in dice.sample(self.jobs, 3):
            nap(dice)
            with suppress(DomainError):
                again = submission.retry_job(
                    caller=self.owners[job_id].principal, job_id=job_id, key=str(uuid4()), render=presenter.encoded,
                    at=timezone.now(),
                )  # fmt: skip
                self.jobs.append(again.job.id)

    def finish(self, dice: random.Random) -> None:
        """Lets everything end that still can."""
        for _ in range(60):
            expire(self.jobs, "lease")
            expire(self.jobs, "due")
            recovery.sweep(at=timezone.now())
            for step in begin("last", 50, dice):
                ending = Ending(step, "canceled") if step.stop_cause else delivered(step)
                desk.apply([ending], at=timezone.now())
            if not Job.objects.filter(id__in=self.jobs, completed_at=None).exists():
                return
        left = Step.objects.filter(job_id__in=self.jobs).exclude(state__in=("done", "failed", "canceled", "skipped"))
        raise AssertionError(f"never ended: {list(left.values_list('state', 'token', 'lease_owner', 'job__state'))}")

    def assert_whole(self) -> None:
        for job in Job.objects.filter(id__in=self.jobs).select_related("hold"):
            made = list(Step.objects.filter(job=job).values_list("state", flat=True))
            shown = [output for output in job.outputs if output["status"] == "succeeded"]
            story = (job.state, job.stop_cause, job.captured, made, job.charge_reason)
            assert job.captured == job.hold.captured == PRICE * made.count("done") == PRICE * len(shown), story
            assert job.captured + job.released == job.quoted, story
            assert (job.state == "succeeded") == (made.count("done") == len(made)), story
            assert job.hold.state != "held", story
            events = list(Event.objects.filter(job=job).order_by("seq"))
            assert [event.seq for event in events] == list(range(1, job.seq + 1)), story
            assert (events[-1].type, events[-1].data["status"]) == ("done", job.state), story
            assert [event.type for event in events].count("done") == 1, story
        open_tries = Attempt.objects.filter(step__job_id__in=self.jobs, finished_at=None)
        assert list(open_tries.values_list("outcome", "step__state", "step__token", "no", "step__attempt_no")) == []


def begin(owner: str, limit: int, dice: random.Random) -> list[Started]:
    claimed = []
    for placement in ("cpu", "io"):
        claimed += dispatch.claim(placement=placement, lane="free", limit=limit, owner=owner)
    if claimed and dice.random() < 0.1:
        dispatch.give_back([claimed.pop().id], owner=owner)
    batch = [(step.id, step.attempt_no) for step in claimed]
    return execution.begin(batch=batch, owner=owner, at=timezone.now())


def expire(jobs: list[UUID], what: str) -> None:
    """The time comes for what waits in the table, or runs out for whoever works."""
    column = "lease_expires_at" if what == "lease" else "next_run_at"
    with transaction.atomic():
        steps = Step.objects.select_for_update(skip_locked=True).filter(job_id__in=jobs, **{f"{column}__isnull": False})
        found = list(steps.order_by("id").values_list("id", flat=True))
        Step.objects.filter(id__in=found).update(**{column: timezone.now() - timedelta(hours=1)})


def nap(dice: random.Random) -> None:
    time.sleep(dice.choice((0.0, 0.001, 0.004, 0.012)))


class TestCancel:
    def test_at_the_same_time_as_anything_else_leaves_money_and_state_in_agreement(self, models):
        dice, ends = random.Random(SEED), Counter()  # noqa: S311 - no secret
        people = [make_person(credits=1_000_000) for _ in range(2)]
        for person in people:
            person.limit(max_queued=10_000)
        for number in range(-(-RACES // AT_ONCE)):
            race = Race(people, dice)
            try:
                race.run()
                race.finish(dice)
                race.assert_whole()
            except Exception as mistake:
                raise AssertionError(f"race {number} of CANCEL_SEED={SEED}") from mistake
            ends.update(Job.objects.filter(id__in=race.jobs).values_list("state", flat=True))
        assert credits_of.violations() == []
        # Unless cancels were sometimes too late and sometimes in time, nothing was raced.
        assert ends["succeeded"] > 0, ends
        assert ends["canceled"] > RACES / 10, ends
