"""Who writes about several jobs at once never waits for somebody who waits for it."""

import threading
import time

import pytest
from django.db import connections, transaction
from django.utils import timezone

from generation import desk, execution, settlement
from generation.verdicts import Accepted
from tests.factories.generation import delivered
from tests.generation.test_runner import dispatch_all, submit

pytestmark = pytest.mark.django_db(transaction=True)
SECONDS = 5.0


class Crossing:
    """Two workspaces whose jobs came in the other order than they did, with two steps each, all under way."""

    def __init__(self, low, high) -> None:
        jobs = submit(high, n=2), submit(low, n=2)
        steps = execution.begin(batch=dispatch_all(), owner="test", at=timezone.now())
        self.ours, self.theirs = ([step for step in steps if step.job_id == job] for job in jobs)
        self.mistakes: list[Exception] = []
        self.done: dict[str, int] = {}

    def run(self) -> None:
        deeds = (self.finish, self.accept, self.renew, self.collect)
        threads = [threading.Thread(target=self.again_and_again, args=(deed,)) for deed in deeds]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def again_and_again(self, deed) -> None:
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            try:
                deed()
                self.done[deed.__name__] = self.done.get(deed.__name__, 0) + 1
            except Exception as mistake:  # noqa: BLE001 - told by the test's own thread
                self.mistakes.append(mistake)
        connections.close_all()

    def finish(self) -> None:
        with transaction.atomic():
            settlement.finish([delivered(self.ours[0]), delivered(self.theirs[0])], at=timezone.now())
            transaction.set_rollback(True)

    def accept(self) -> None:
        handle = {"version": 1, "data": {"id": "x"}}
        accepted = [Accepted(self.theirs[1], handle), Accepted(self.ours[1], handle)]
        desk.keep_handles(accepted, owner="test", at=timezone.now())

    def renew(self) -> None:
        desk.renew([(step.step_id, step.attempt_no) for step in (*self.theirs, *self.ours)])

    def collect(self) -> None:
        with transaction.atomic():
            desk.collecting([(step, delivered(step).usage) for step in (self.theirs[0], self.ours[0])])
            transaction.set_rollback(True)


def test_jobs_in_the_other_order_than_their_workspaces(person, stranger, models):
    crossing = Crossing(*sorted([person, stranger], key=lambda one: one.workspace_id))
    crossing.run()
    assert crossing.mistakes == []
    assert min(crossing.done.values()) > 10
    assert len(crossing.done) == 4
