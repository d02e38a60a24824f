"""A job that was sent away by its provider, or has no place any more, waits: it is told so, and has not started."""

from datetime import timedelta

import pytest
from django.utils import timezone

from core.ids import to_public
from generation import cards, desk, execution, outlook, recovery, selectors
from generation.models import Event, Job, Step
from generation.verdicts import Doubt, Park
from providers.errors import NotYet, Overloaded, ProviderFailed, RateLimited
from tests.factories import outlook as told
from tests.factories.generation import claim, submit, work_off

pytestmark = pytest.mark.django_db

NO_ROOM = [(NotYet(), False), (RateLimited(), True), (Overloaded(), True)]


def park(batch, error=None, *, counts=False):
    for step in execution.begin(batch=batch, owner="test", at=timezone.now()):
        desk.apply([Park(step, error or NotYet(), 60.0, counts=counts)], at=timezone.now())


def let_go():
    Step.objects.filter(state="parked").update(next_run_at=timezone.now() - timedelta(hours=1))
    recovery.sweep(at=timezone.now())


def view(person, job_id):
    return selectors.get_job(workspace_id=person.workspace_id, job_id=job_id, sandbox=False)


def expect(person, job_id, *, at=None):
    return outlook.of([view(person, job_id)], at=at or timezone.now())[job_id]


def card(person, job_id):
    return cards.cards([view(person, job_id)], at=timezone.now())[0]


def goes_on(job_id):
    job = Job.objects.get(id=job_id)
    return (job.state, job.stop_cause) == ("running", "")


@pytest.fixture
def crowd(person):
    """Six jobs of somebody with two places; their provider had no room for any of them once."""
    person.limit(max_running=2)
    jobs = [submit(person) for _ in range(6)]
    for _ in range(3):
        park(claim(limit=2))
    let_go()
    told.slots(2)
    told.look(timezone.now())
    return jobs


class TestOutlook:
    def test_goes_by_where_its_steps_wait(self, person, crowd):
        found = [expect(person, job_id) for job_id in crowd]
        assert set(Job.objects.values_list("state", flat=True)) == {"running"}
        assert [item.reason for item in found] == [None, None, *["own_limit"] * 4]
        assert [item.position for item in found] == [1, 2, None, None, None, None]
        assert all(item.starts and item.ends.p90 > item.starts.p90 for item in found[:2])
        assert all(item.ends is None for item in found[2:])

    def test_calls_nothing_slow_that_only_waits(self, person, crowd):
        later = timezone.now() + timedelta(minutes=5)
        assert {expect(person, job_id, at=later).slow_until for job_id in crowd} == {None}

    def test_of_what_goes_on_at_last_counts_from_then(self, person):
        job_id = submit(person, n=2)
        long_ago = timezone.now() - timedelta(minutes=10)
        (first, second) = claim(limit=2)
        execution.run_batch(batch=[first], clock=lambda: long_ago)
        park([second])
        Job.objects.update(started_at=long_ago)
        let_go()
        execution.begin(batch=claim(), owner="w", at=timezone.now())
        found = expect(person, job_id, at=timezone.now() + timedelta(seconds=1))
        assert (found.slow_until, found.reason) == (None, None)
        assert 0 < found.ends.p90 < 5

    def test_of_a_started_job_in_line_says_when_it_is_done_and_not_when_it_starts(self, person):
        job_id = submit(person, n=2)
        execution.run_batch(batch=claim(limit=1))
        told.slots(1)
        told.look(timezone.now())
        found = expect(person, job_id)
        assert (found.position, found.starts, found.reason) == (1, None, None)
        assert found.ends.p90 > 0
        assert card(person, job_id).stage_label == "1 of 2 ready. Next in line"

    def test_of_work_at_a_provider_is_no_place_in_line(self, person):
        job_id = submit(person)
        (begun,) = execution.begin(batch=claim(), owner="w", at=timezone.now())
        # Its provider works on, and somebody is about to ask it.
        Step.objects.update(state="ready", token=begun.token, lease_owner="", lease_expires_at=None)
        assert expect(person, job_id).position is None
        assert card(person, job_id).state_label == "Generating"


class TestCard:
    def test_says_that_it_waits(self, person, crowd):
        first, last = card(person, crowd[0]), card(person, crowd[-1])
        assert (first.state_label, first.stage_label) == ("Waiting", "Next in line")
        assert (last.state_label, last.stage_label) == ("Waiting", "Waits for your running jobs")
        assert {slot.status for slot in last.slots} == {"pending"}
        assert (first.has_place, last.has_place) == (True, False)

    def test_page_counts_the_places(self, person, crowd):
        page = person.browser().get("/studio").content.decode()
        assert "<span data-running>2</span>/2 slots used" in page
        assert "<span data-queued>4</span> waiting" in page
        assert page.count('data-place="held"') == 2


class TestCancel:
    def test_of_a_job_in_doubt_is_offered_and_works(self, person):
        job_id = submit(person)
        (begun,) = execution.begin(batch=claim(), owner="w", at=timezone.now())
        desk.apply([Doubt(begun, 60.0)], at=timezone.now())
        assert (Job.objects.get(id=job_id).state, card(person, job_id).can_cancel) == ("reconciling", True)
        browser = person.browser()
        address = f"/studio/jobs/{to_public('gen', job_id)}/cancel"
        assert f'action="{address}"' in browser.get("/studio").content.decode()
        assert browser.post(address).status_code == 302
        job = Job.objects.get(id=job_id)
        assert (job.state, job.stop_cause) == ("canceling", "cancel")
        assert not card(person, job_id).can_cancel


class TestApi:
    def test_counts_the_slots_in_use_by_place(self, person, crowd):
        queue = person.api().get("/queue").json()
        assert queue["slots"] == {"used": 2, "allowed": 2, "waiting": 4}
        assert sorted(item["queue"]["reason"] or "in line" for item in queue["generations"]) == [
            "in line", "in line", *["own_limit"] * 4,
        ]  # fmt: skip

    def test_says_queued_and_not_started(self, person, crowd):
        found = person.api().get(f"/generations/{to_public('gen', crowd[-1])}").json()
        assert (found["status"], found["stage"], found["started_at"]) == ("running", "queued", None)
        assert found["queue"]["eta_s"] is None

    def test_never_tells_a_state_again_or_goes_back(self, person, crowd):
        work_off()
        for job_id in crowd:
            events = Event.objects.filter(job_id=job_id).order_by("seq")
            assert [event.seq for event in events] == list(range(1, len(events) + 1))
            assert [event.data.get("status") for event in events if event.type != "output"] == [
                "queued", "running", "succeeded",
            ]  # fmt: skip


class TestStart:
    @pytest.mark.parametrize(("error", "counts"), NO_ROOM)
    def test_deadline_ends_a_job_that_nothing_was_begun_of(self, person, error, counts):
        before = person.available()
        job_id = submit(person, n=2, start_deadline_seconds=5)
        park(claim(), error, counts=counts)
        now = timezone.now()
        recovery.sweep(at=now + timedelta(seconds=4))
        assert Job.objects.get(id=job_id).completed_at is None
        recovery.sweep(at=now + timedelta(seconds=6))
        job = Job.objects.get(id=job_id)
        assert (job.state, job.captured, job.released, job.charge_reason) == ("aborted", 0, 10, "start_deadline")
        assert person.available() == before
        states = [event.data["status"] for event in Event.objects.order_by("seq")]
        assert states == ["queued", "running", "aborted"]

    def test_deadline_ends_it_in_line_too(self, person, crowd):
        Job.objects.update(start_deadline_at=timezone.now())
        recovery.sweep(at=timezone.now() + timedelta(seconds=1))
        assert set(Job.objects.values_list("state", flat=True)) == {"aborted"}

    def test_deadline_spares_a_job_of_which_anything_was_begun(self, person):
        job_id = submit(person, n=2, start_deadline_seconds=5)
        first, second = claim(limit=2)
        execution.begin(batch=[first], owner="w", at=timezone.now())
        park([second])
        recovery.sweep(at=timezone.now() + timedelta(seconds=6))
        assert goes_on(job_id)

    def test_deadline_spares_a_job_that_its_provider_failed(self, person):
        job_id = submit(person, start_deadline_seconds=5)
        park(claim(), ProviderFailed(), counts=True)
        recovery.sweep(at=timezone.now() + timedelta(seconds=6))
        assert goes_on(job_id)

    def test_deadline_spares_a_job_that_began_at_a_later_try(self, person):
        job_id = submit(person, start_deadline_seconds=5)
        park(claim())
        let_go()
        execution.begin(batch=claim(), owner="w", at=timezone.now())
        recovery.sweep(at=timezone.now() + timedelta(seconds=6))
        assert goes_on(job_id)

    def test_is_when_it_really_began(self, person):
        job_id = submit(person)
        park(claim())
        assert Job.objects.get(id=job_id).started_at is None
        let_go()
        began = timezone.now() + timedelta(minutes=1)
        execution.begin(batch=claim(), owner="w", at=began)
        assert Job.objects.get(id=job_id).started_at == began

    def test_is_known_to_workers_of_the_release_before(self, person):
        from django.db import connection

        job_id = submit(person, start_deadline_seconds=5)
        park(claim())
        let_go()
        steps = claim()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM generation_start(%s::uuid[], %s::integer[], 'old', interval '15 s', %s)",
                [[step for step, _ in steps], [number for _, number in steps], timezone.now()],
            )
        recovery.sweep(at=timezone.now() + timedelta(seconds=6))
        assert goes_on(job_id)
