"""What people are told of their place and their time, and why they are sometimes told nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from generation import cards, execution, lines, outlook, pace, selectors, service
from generation.models import Attempt, Job
from generation.selectors import StepView
from insights import metrics
from tests.factories import outlook as told
from tests.factories.generation import claim, submit, work_off

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(person):
    """Somebody whose plan lets all of these jobs run at once."""
    person.limit(max_running=100)
    return person


def view(person, job_id):
    return selectors.get_job(workspace_id=person.workspace_id, job_id=job_id, sandbox=False)


def expect(person, job_id, *, at=None):
    return outlook.of([view(person, job_id)], at=at or timezone.now())[job_id]


def card(person, job_id, *, at=None):
    return cards.cards([view(person, job_id)], at=at or timezone.now())[0]


def crowd(job_id, number):
    """So many steps of somebody else, in front of everybody."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO generation_step (id, job_id, name, kind, position, depends_on, optional, revision_id, "
            "placement, lane, params, price, unit, quantity, settled, state, vtag, cost, attempt_no, tries, "
            "lost_leases, lease_owner) SELECT gen_random_uuid(), job_id, 'x' || n, kind, 9, '{}', true, revision_id, "
            "placement, lane, params, 0, '', 0, 0, 'ready', 0, 50, 0, 0, 0, '' "
            "FROM generation_step, generate_series(1, %s) n WHERE job_id = %s",
            [number, job_id],
        )


def entries():
    """How many waiting steps this transaction has read in fair order."""
    index = "'generation_step_fair_order'::regclass"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_stat_get_xact_tuples_returned({index})")
        return cursor.fetchone()[0]


class TestPosition:
    @pytest.mark.parametrize("leader", [True, False], ids=["told by a leader", "counted without one"])
    def test_is_the_jobs_ahead_in_fair_order(self, person, stranger, leader):
        mine = [submit(person) for _ in range(3)]
        theirs = submit(stranger)
        if leader:
            told.slots(1)
            told.look(timezone.now())
        places = [expect(person, job_id).position for job_id in mine]
        # The other's first picture stands beside my first one, not behind all of mine.
        assert (places, expect(stranger, theirs).position) == ([1, 3, 4], 2)

    @pytest.mark.parametrize("leader", [True, False], ids=["told by a leader", "counted without one"])
    def test_is_not_counted_beyond_a_thousand(self, person, stranger, leader):
        crowd(submit(stranger), 1100)
        mine = submit(person)
        if leader:
            told.slots(1)
            told.look(timezone.now())
        assert expect(person, mine).position == 1000
        assert card(person, mine).stage_label == "1000+ in line"

    def test_reads_no_more_rows_than_it_needs_however_many_wait(self, person, stranger):
        # The table was empty when it was last counted: what the planner believes is as wrong as can be.
        crowd(submit(stranger), 6000)
        mine = submit(person)

        def read(work):
            before = entries()
            work()
            return entries() - before

        assert 0 < read(lines.front) < 2000
        assert 0 < read(lambda: lines.count_ahead([mine])) < 2000

    def test_asks_no_more_for_twenty_jobs_than_for_one(self, person, django_assert_num_queries):
        person.limit(max_queued=50)
        ids = [submit(person) for _ in range(20)]
        at = timezone.now()
        jobs = [view(person, job_id) for job_id in ids]
        for some in (jobs[:1], jobs):
            service.forget()
            with django_assert_num_queries(2):
                outlook.of(some, at=at)


class TestDepth:
    PATHS = ("/api/v1/queue", "/status.json", "/metrics")

    def ask(self, person, path):
        if path.startswith("/api"):
            return person.api().get("/queue")
        return Client().get(path)

    @pytest.mark.parametrize("path", PATHS)
    def test_is_counted_once_in_five_seconds_and_never_all_of_it(self, person, stranger, path):
        crowd(submit(stranger), 6000)
        # Whoever reads first also passes what tests before left in the index.
        lines.depths()
        with CaptureQueriesContext(connection) as asked:
            before = entries()
            for _ in range(3):
                assert self.ask(person, path).status_code == 200
            assert 0 < entries() - before < 6000
        counts = [query["sql"] for query in asked if "generation_depth" in query["sql"]]
        assert len(counts) == 1

    def test_is_what_the_leader_told(self, person, stranger):
        crowd(submit(stranger), 6000)
        told.slots(1)
        told.look(timezone.now())
        found = {line.lane: (line.ready, line.running) for line in outlook.lines_now()}
        assert found == {"free": (6001, 0)}
        with CaptureQueriesContext(connection) as asked:
            assert 'wildmind_steps_ready{lane="free",placement="cpu"} 6001.0' in metrics.exposition().decode()
        assert not [query for query in asked if "generation_step" in query["sql"]]

    def test_without_a_leader_is_told_up_to_a_bound(self, person, stranger):
        crowd(submit(stranger), 6000)
        execution.begin(batch=claim(limit=2), owner="w", at=timezone.now())
        (line,) = outlook.lines_now()
        assert (line.ready, line.backlog_seconds, line.running) == (5000, 250, 2)


class TestTimes:
    def test_are_later_the_more_work_is_ahead(self, person):
        ids = [submit(person, n=4) for _ in range(5)]
        told.slots(1)
        told.look(timezone.now())
        found = [expect(person, job_id) for job_id in ids]
        assert all(item.starts.p50 <= item.starts.p90 <= item.ends.p90 for item in found)
        assert found[0].starts.p90 <= 1
        assert found[1].starts.p90 < found[4].starts.p90

    def test_are_sooner_with_more_slots(self, person):
        ids = [submit(person, n=4) for _ in range(5)]
        late = []
        for number in (1, 4):
            told.slots(number)
            told.look(timezone.now())
            late.append(expect(person, ids[-1]).starts.p90)
        assert late[1] < late[0]

    def test_reach_the_card_and_the_api(self, person):
        first, second = submit(person, n=4), submit(person)
        told.slots(1)
        told.look(timezone.now())
        assert (card(person, first).stage_label, card(person, first).queue_note) == (
            "Next in line", "Starts in a moment",
        )  # fmt: skip
        assert card(person, second).stage_label == "2nd in line"
        queue = person.api().get(f"/generations/{card(person, first).id}").json()["queue"]
        assert queue["position"] == 1
        assert queue["eta_s"]["p50"] <= queue["eta_s"]["p90"]
        assert queue["reason"] is None

    def test_of_a_claimed_job_wait_for_a_slot_when_all_are_taken(self, person):
        person.grant(100)
        first, second = submit(person), submit(person)
        told.slots(1)
        claim(limit=2)
        leader = told.look(timezone.now())
        at_once = expect(person, second)
        # Half a minute passes, and nothing begins although a step waits for the only slot.
        for seconds in (10, 20, 30):
            leader.measure(at=timezone.now() + timedelta(seconds=seconds))
            leader.look(at=timezone.now() + timedelta(seconds=seconds))
        assert expect(person, second).starts.p90 > 2 * at_once.starts.p90
        told.slots(2)
        leader.look(at=timezone.now())
        assert expect(person, first).starts.p90 <= 1

    def test_of_a_running_job_count_down_to_its_end(self, person):
        job_id = submit(person)
        execution.begin(batch=claim(), owner="w", at=timezone.now())
        now = timezone.now()
        soon, later = expect(person, job_id, at=now), expect(person, job_id, at=now + timedelta(seconds=2))
        assert soon.ends.p90 - later.ends.p90 == pytest.approx(2, abs=0.1)
        assert soon.position is None

    def test_are_not_told_for_what_is_over(self, person):
        job_id = submit(person)
        work_off()
        assert outlook.of([view(person, job_id)], at=timezone.now()) == {}


class TestReason:
    def test_is_that_nobody_works(self, person):
        job_id = submit(person)
        told.look(timezone.now())
        assert (expect(person, job_id).reason, expect(person, job_id).starts) == ("no_workers", None)
        assert card(person, job_id).stage_label == "Waits for a worker to come online"

    def test_is_that_nobody_leads(self, person):
        assert expect(person, submit(person)).reason == "unknown"

    def test_is_that_the_lane_is_paused(self, person):
        job_id = submit(person)
        told.slots(1)
        told.look(timezone.now())
        service.close(lanes=["free"], models=[], actor="test", reason="a test", at=timezone.now())
        assert (expect(person, job_id).reason, expect(person, job_id).ends) == ("paused", None)

    @pytest.mark.parametrize(("held", "reason"), [("queued", "own_limit"), ("parked", "provider_busy")])
    def test_is_what_holds_the_job_itself_back(self, person, held, reason):
        job = replace(view(person, submit(person)), steps=[StepView("generate[0]", held)])
        assert outlook.of([job], at=timezone.now())[job.id].reason == reason


class TestSlow:
    def test_is_said_with_the_time_at_which_the_credits_come_back(self, person):
        job_id = submit(person)
        execution.begin(batch=claim(), owner="w", at=timezone.now())
        # Half as long again as the catalogue's p95 of 4 s.
        late = timezone.now() + timedelta(seconds=7)
        shown, deadline = card(person, job_id, at=late), Job.objects.get().deadline_at
        assert (shown.state_label, shown.tone, shown.slow_until) == ("Slow", "warning", deadline)
        assert card(person, job_id).state_label == "Generating"
        Attempt.objects.update(started_at=timezone.now() - timedelta(seconds=60))
        page = person.browser().get("/studio").content.decode()
        assert "This takes longer than usual." in page
        assert f"{deadline:%H:%M} UTC</time>, it stops and your credits come back." in page

    def test_does_not_count_a_batch_as_one_picture(self, person):
        job_id = submit(person, n=4)
        execution.begin(batch=claim(), owner="w", at=timezone.now())
        assert card(person, job_id, at=timezone.now() + timedelta(seconds=7)).state_label == "Generating"


class TestPace:
    def took(self, person, seconds, *, jobs=1):
        for _ in range(jobs):
            submit(person, n=4)
        work_off()
        begun = timezone.now() - timedelta(minutes=30)
        Attempt.objects.filter(outcome="done").update(
            started_at=begun, finished_at=begun + timedelta(seconds=seconds)
        )  # fmt: skip
        pace.roll_up(at=timezone.now())
        pace.forget()

    def test_is_the_catalogues_until_enough_was_seen(self, person):
        self.took(person, 9)
        found = pace.of(model="sketch-image", lane="free", at=timezone.now())
        assert (found.p50, found.p95, found.attempts) == (1.0, 4.0, 0)

    def test_is_what_attempts_took_once_there_are_twenty(self, person):
        self.took(person, 9, jobs=5)
        now = timezone.now()
        found = pace.of(model="sketch-image", lane="free", at=now)
        assert found.p50 == pytest.approx(9, rel=0.15)
        assert found.attempts == 20
        assert pace.of(model="sketch-image", lane="pro", at=now).attempts == 0
        assert pace.slow_after_seconds(model="sketch-image", lane="free", at=now) == pytest.approx(13.5, rel=0.2)

    def test_counts_an_attempt_once_however_often_it_is_rolled_up(self, person):
        self.took(person, 9, jobs=5)
        pace.roll_up(at=timezone.now())
        pace.forget()
        assert pace.of(model="sketch-image", lane="free", at=timezone.now()).attempts == 20

    def test_learns_nothing_from_the_sandbox(self, person):
        for _ in range(5):
            submit(person, n=4)
        Job.objects.update(sandbox=True)
        begun = timezone.now() - timedelta(minutes=30)
        started = execution.begin(batch=claim(), owner="w", at=begun)
        Attempt.objects.filter(step_id__in=[item.step_id for item in started]).update(
            outcome="done", finished_at=begun + timedelta(seconds=9)
        )
        assert pace.roll_up(at=timezone.now()) == 0
