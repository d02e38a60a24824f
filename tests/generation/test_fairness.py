"""Who is served next: shares of lanes, weights inside them, limits of models, and what a wrong guess costs."""

import random
import re

import pytest
from django.db import connection
from django.utils import timezone

from bench import crowd
from bench.crowd import Crowd
from bench.ideals import Ask, Member, fifo, fluid, jain, quantile, served
from core import queueing
from generation import desk, dispatch, execution, fleet, submission, throttle
from generation.fairness import Shares, true_up
from generation.models import Flow, Job, Lane, Step
from generation.room import Busy, room
from generation.throttle import Headroom
from generation.verdicts import Park
from providers import catalog
from providers.errors import Overloaded, ProviderFailed, RateLimited
from providers.models import ModelCard, ModelRevision
from tests.factories import outlook as told
from tests.factories.generation import claim, submit

MODEL = "sketch-image"


def chance():
    return random.Random(7)  # noqa: S311 - arrivals


@pytest.mark.django_db
class TestWeights:
    def test_give_workspaces_that_stay_backlogged_their_share_of_every_minute(self):
        """Two conductors in turn, and neither remembers anything."""
        dice, end = chance(), 45.0
        members = [Member(who, weight=weight) for who, weight in zip(crowd.make(5), (1, 1, 2, 4, 4), strict=True)]

        def again(world, ask):
            if world.now < end:
                world.ask(Ask(ask.who, world.now, dice.uniform(2, 4), expected=3.0))

        world = Crowd(slots=12, model=MODEL, on_end=again, conductors=2, true_up=true_up)
        for member in members:
            for _ in range(10):
                world.ask(Ask(member, 0.0, dice.uniform(2, 4), expected=3.0))
        asks = world.run(until=end)
        had = served([*asks, *world.under_way(until=end)], 0.0, end)
        assert jain([had[member] / member.weight for member in members]) > 0.99

    def test_let_a_film_count_for_what_it_takes(self):
        film, thumbs = (Member(who) for who in crowd.make(2))
        takes, end = {film: 20.0, thumbs: 2.0}, 60.0

        def again(world, ask):
            if world.now < end:
                world.ask(Ask(ask.who, world.now, takes[ask.who]))

        world = Crowd(slots=4, model=MODEL, on_end=again)
        for member in (film, thumbs):
            for _ in range(10):
                world.ask(Ask(member, 0.0, takes[member]))
        asks = world.run(until=end)
        had = served([*asks, *world.under_way(until=end)], 0.0, end)
        # Job by job it would be ten to one.
        assert abs(had[film] - had[thumbs]) <= 2 * takes[film]


@pytest.mark.django_db
class TestFlood:
    def test_delays_nobody_else_by_more_than_two_jobs(self):
        dice = chance()
        flooder, *rest = crowd.make(31)
        light = [Member(who, lane="pro" if index % 5 == 0 else "free") for index, who in enumerate(rest)]
        asks = [Ask(Member(flooder), 0.0, dice.uniform(2, 4), expected=3.0) for _ in range(80)]
        for member in light:
            at = dice.uniform(0, 15)
            asks += [Ask(member, at, dice.uniform(2, 4), expected=3.0) for _ in range(dice.randint(1, 3))]
        world = Crowd(slots=8, model=MODEL)
        for ask in asks:
            world.ask(ask)
        ours, theirs, fair = world.run(), fifo(asks, 8), fluid(asks, 8)

        def waits(done, lane=None):
            return [ask.wait for ask in done if ask.who.id != flooder and lane in (None, ask.who.lane)]

        assert len(ours) == len(asks)
        assert quantile(waits(ours), 0.95) <= quantile(waits(fair), 0.95) + 2 * 3.0
        assert quantile(waits(ours, "pro"), 0.5) <= 0.1 * quantile(waits(theirs, "pro"), 0.5)
        assert max(ask.ended for ask in ours) <= 1.1 * max(ask.ended for ask in theirs)


@pytest.mark.django_db
class TestPaidOverload:
    def test_leaves_free_jobs_a_bounded_wait(self):
        """Two paid workspaces never let a slot go; the free lane has two fifths of the slots all the same."""
        dice, slots, end = chance(), 5, 40.0
        paid = [Member(who, lane="pro") for who in crowd.make(2)]
        free = [Member(who) for who in crowd.make(8)]

        def again(world, ask):
            if ask.who.lane == "pro" and world.now < end:
                world.ask(Ask(ask.who, world.now, dice.uniform(2, 4), expected=3.0))

        world = Crowd(slots=slots, model=MODEL, on_end=again)
        for member in paid:
            for _ in range(10):
                world.ask(Ask(member, 0.0, dice.uniform(2, 4), expected=3.0))
        for member in free:
            world.ask(Ask(member, 5.0, 3.0))
        waits = [ask.wait for ask in world.run() if ask.who.lane == "free"]
        assert len(waits) == 8
        # Position p waits for p jobs on two of five slots, and for two jobs that run when it comes.
        assert max(waits) <= 8 * 3.0 / 2 + 2 * 3.0


class TestShares:
    WEIGHTS = {"enterprise": 5, "pro": 3, "free": 2}

    def test_serve_lanes_in_proportion(self):
        shares, had = Shares(self.WEIGHTS), dict.fromkeys(self.WEIGHTS, 0)
        for _ in range(1000):
            lane = shares.first(self.WEIGHTS)
            shares.charge(lane, 100)
            had[lane] += 1
        assert had == {"enterprise": 500, "pro": 300, "free": 200}

    def test_lend_what_a_lane_does_not_use_and_save_nothing_up_for_it(self):
        shares = Shares(self.WEIGHTS)
        for _ in range(100):
            shares.charge(shares.first({"free"}), 100)
        kept = shares.settle({"enterprise", "pro"})
        assert kept == {"enterprise": 0, "pro": 0, "free": 0}

    def test_keep_what_a_lane_is_behind_across_conductors(self):
        shares = Shares(self.WEIGHTS)
        shares.charge("pro", 600)
        kept = shares.settle({"enterprise"})
        assert kept == {"enterprise": 0, "pro": 600, "free": 0}
        assert Shares(self.WEIGHTS, dict(kept)).first({"pro", "free"}) == "free"

    def test_count_what_runs_longer_than_expected_at_once(self):
        shares = Shares(self.WEIGHTS, overdue={"free": 30_000})
        shares.charge("pro", 20_000)
        assert shares.first({"pro", "free"}) == "pro"

    def test_let_a_lane_take_as_much_as_it_is_behind_before_the_next(self):
        shares = Shares(self.WEIGHTS)
        shares.charge("pro", 300)
        assert shares.turn_ms("free", {"pro"}) == pytest.approx(200 + 8)


def worker(name, slots, *queues):
    return fleet.Worker(name, queues, slots, 0.0)


class TestRoom:
    def test_is_the_free_slots_and_one_to_spare(self):
        crew = [worker("a", 4, "media")]
        assert room(queue="media", crew=crew, busy={"media": Busy(2, 6_000)}, mean_ms=3_000) == 3
        assert room(queue="media", crew=crew, busy={"media": Busy(5, 15_000)}, mean_ms=3_000) == 0

    def test_counts_a_worker_once_that_reads_several_queues(self):
        crew = [worker("a", 4, "generation.pro", "generation.free")]
        busy = {"generation.pro": Busy(4, 12_000)}
        assert room(queue="generation.free", crew=crew, busy=busy, mean_ms=3_000) == 1
        more = [*crew, worker("b", 2, "generation.free")]
        assert room(queue="generation.free", crew=more, busy=busy, mean_ms=3_000) == 3

    def test_is_not_taken_by_what_was_sent_to_workers_that_are_gone(self):
        busy = {"generation.pro": Busy(50, 150_000)}
        assert room(queue="generation.free", crew=[worker("b", 2, "generation.free")], busy=busy, mean_ms=3_000) == 3

    def test_is_none_where_nobody_works(self):
        assert room(queue="generation.free", crew=[worker("a", 4, "media")], busy={}, mean_ms=1) == 0

    def test_is_many_tiny_steps_and_then_none_until_half_of_them_is_done(self):
        crew = [worker("a", 2, "media")]
        assert room(queue="media", crew=crew, busy={}, mean_ms=1) == 120
        assert room(queue="media", crew=crew, busy={"media": Busy(70, 70)}, mean_ms=1) == 0
        assert room(queue="media", crew=crew, busy={"media": Busy(60, 60)}, mean_ms=1) == 60


def second_model(slug="other-image", **spec):
    """A model beside the built-in one."""
    known = catalog.card(MODEL).revision
    row = ModelRevision.objects.create(
        id=f"{slug}-{len(spec)}", slug=slug, version="1", spec={**known.spec, "slug": slug, **spec},
        created_at=timezone.now(),
    )  # fmt: skip
    ModelCard.objects.create(slug=slug, pipeline="image", revision_id=row.id, position=99, updated_at=timezone.now())
    catalog.forget()
    return catalog.revision(row.id)


def of_model(job_ids, revision):
    """Jobs as if they had been ordered of that model."""
    Job.objects.filter(id__in=job_ids).update(revision_id=revision.id, model=revision.pinned)
    Step.objects.filter(job_id__in=job_ids).update(revision_id=revision.id)


class Turns(dispatch.Dispatcher):
    """A conductor whose messages are kept."""

    def _publish(self, claimed, crew):
        self.sent = [step for steps in claimed.values() for step in steps]


def turn(slots=50):
    fleet.announce(name="here", queues=("media",), slots=slots)
    conductor = Turns(name="test")
    conductor.sent = []
    conductor.run_once()
    return conductor.sent


@pytest.mark.django_db
class TestModelLimits:
    def test_hold_a_model_back_and_nothing_else_in_its_lane(self, person, stranger):
        person.limit(max_running=50)
        limited = second_model(limits={"concurrency": 2})
        of_model([submit(person) for _ in range(6)], limited)
        others = {submit(stranger) for _ in range(3)}
        assert sum(step.revision_id == limited.id for step in turn()) == 2
        assert Step.objects.filter(job_id__in=others, state="claimed").count() == 3
        assert turn() == []

    def test_count_from_rows_so_that_an_end_makes_room(self, person):
        person.limit(max_running=50)
        limited = second_model(limits={"concurrency": 2})
        of_model([submit(person) for _ in range(4)], limited)
        first = turn()
        execution.run_batch(batch=[(first[0].id, first[0].attempt_no)])
        assert len(turn()) == 1

    def test_are_not_held_by_what_is_parked(self, person):
        person.limit(max_running=50)
        limited = second_model(limits={"concurrency": 1})
        of_model([submit(person) for _ in range(2)], limited)
        [step] = turn()
        [begun] = execution.begin(batch=[(step.id, step.attempt_no)], owner="test", at=timezone.now())
        desk.apply([Park(begun, RateLimited(), 60.0)], at=timezone.now())
        assert len(turn()) == 1

    def test_of_an_adapter_span_its_models_and_keep_their_fair_order(self, person, stranger, settings):
        settings.GENERATION_ADAPTER_CONCURRENCY = {"sketch": 3}
        person.limit(max_running=50)
        of_model([submit(person) for _ in range(5)], second_model())
        submit(stranger)
        sent = turn()
        assert len(sent) == 3
        assert sum(step.revision_id == catalog.card(MODEL).revision.id for step in sent) == 1

    def test_read_no_backlog_of_what_is_at_its_limit(self, person):
        """Also with statistics of a time when there was one model only: a plan that filters would read it all."""
        person.limit(max_running=500, max_queued=500)
        limited = second_model(limits={"concurrency": 1})
        template = submit(person)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE generation_step")
            cursor.execute(_MORE_STEPS, {"job": template, "revision": limited.id, "count": 3_000, "tag": 1})
            cursor.execute(_MORE_STEPS, {"job": template, "revision": catalog.card(MODEL).revision.id, "count": 3,
                                         "tag": 10**12})  # fmt: skip
        headroom = Headroom({limited.id: 1}, {})
        revisions = dispatch._ready_revisions("cpu", "free")
        assert set(revisions) == {limited.id, catalog.card(MODEL).revision.id}
        assert headroom.is_tight(5)
        sql, given = dispatch.claim_statement(
            placement="cpu", lane="free", limit=5, owner="x", among=headroom.groups(revisions, 5)
        )
        with connection.cursor() as cursor:
            cursor.execute(dispatch.IN_INDEX_ORDER)
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", given)
            plan = str(cursor.fetchone()[0])
        assert "generation_step_by_model" in plan
        assert max(map(int, re.findall(r"'(?:Actual Rows|Rows Removed by Filter)': (\d+)", plan))) <= 5


_MORE_STEPS = """
INSERT INTO generation_step (id, job_id, name, kind, position, depends_on, optional, revision_id, placement, lane,
    params, price, unit, quantity, settled, state, vtag, cost, attempt_no, tries, lost_leases, lease_owner)
SELECT gen_random_uuid(), job_id, n || '-' || %(tag)s, kind, 1, depends_on, optional, %(revision)s, placement,
    lane, params, price, unit, quantity, settled, 'ready', %(tag)s + n, cost, 0, 0, 0, ''
FROM generation_step, generate_series(1, %(count)s) n WHERE job_id = %(job)s AND output_index = 0
"""


@pytest.mark.django_db
class TestThrottle:
    @pytest.fixture(autouse=True)
    def _nothing_learned(self):
        queueing.client().delete("wm:throttle")
        throttle.forget()

    def under_way(self, person, revision, steps):
        person.limit(max_running=50)
        of_model([submit(person) for _ in range(steps)], revision)
        execution.begin(batch=claim(limit=steps), owner="test", at=timezone.now())

    def test_halves_what_was_under_way_once_for_a_burst_of_refusals(self, person):
        revision = second_model()
        self.under_way(person, revision, 8)
        for _ in range(8):
            throttle.report(revision, RateLimited())
        assert throttle.learned() == {"other-image": 4}

    def test_grows_by_one_with_as_many_successes_and_never_falls_below_one(self, person):
        revision = second_model()
        self.under_way(person, revision, 2)
        throttle.report(revision, Overloaded())
        assert throttle.learned() == {"other-image": 1}
        throttle.report(revision, None)
        assert throttle.learned() == {"other-image": 2}
        throttle.report(revision, None)
        throttle.report(revision, None)
        assert throttle.learned() == {"other-image": 3}

    def test_learns_nothing_from_other_failures_or_from_models_that_were_never_refused(self):
        revision = catalog.card(MODEL).revision
        throttle.report(revision, ProviderFailed())
        throttle.report(revision, None)
        assert throttle.learned() == {}

    def test_is_obeyed_by_the_next_turn(self, person):
        revision = second_model()
        self.under_way(person, revision, 4)
        throttle.report(revision, RateLimited())
        of_model([submit(person) for _ in range(4)], revision)
        assert turn() == []


@pytest.mark.django_db
class TestTrueUp:
    def test_lets_later_jobs_pay_for_what_one_really_took(self, person, stranger):
        long = Step.objects.get(job_id=submit(person))
        execution.begin(batch=claim(limit=1), owner="test", at=timezone.now())
        true_up({long.id: 30_000})
        flow = Flow.objects.get(workspace_id=person.workspace_id)
        assert flow.vfin_cpu == long.vtag + (30_000 - long.cost) * 1000
        assert Lane.objects.get(name="free").served_cpu == 30_000 - long.cost
        mine, theirs = submit(person), [submit(stranger) for _ in range(3)]
        claimed = [step for step, _ in claim(limit=3)]
        assert Step.objects.get(job_id=mine).id not in claimed
        assert set(Step.objects.filter(job_id__in=theirs).values_list("id", flat=True)) == set(claimed)

    def test_gives_back_what_a_change_of_mind_never_used(self, person, stranger):
        for job_id in [submit(person) for _ in range(4)]:
            submission.cancel_job(workspace_id=person.workspace_id, job_id=job_id, at=timezone.now())
        theirs, mine = [submit(stranger) for _ in range(4)], submit(person)
        assert Step.objects.get(job_id=mine).id in [step for step, _ in claim(limit=2)]
        assert Flow.objects.get(workspace_id=person.workspace_id).vfin_cpu == Step.objects.get(job_id=mine).vtag
        assert len(theirs) == 4

    def test_keeps_what_was_begun_before_a_change_of_mind(self, person):
        job_id = submit(person, n=2)
        execution.begin(batch=claim(limit=1), owner="test", at=timezone.now())
        submission.cancel_job(workspace_id=person.workspace_id, job_id=job_id, at=timezone.now())
        begun = Step.objects.get(job_id=job_id, tries=1)
        assert Flow.objects.get(workspace_id=person.workspace_id).vfin_cpu == begun.vtag

    def test_gives_back_what_was_charged_too_much(self, person):
        step = Step.objects.get(job_id=submit(person))
        execution.begin(batch=claim(limit=1), owner="test", at=timezone.now())
        true_up({step.id: 0})
        assert Flow.objects.get().vfin_cpu == step.vtag - step.cost * 1000

    def test_charges_all_of_another_try_and_nothing_for_the_wire(self, person):
        step = Step.objects.get(job_id=submit(person))
        Step.objects.update(tries=2)
        true_up({step.id: 500})
        assert Flow.objects.get().vfin_cpu == step.vtag + 500_000
        Step.objects.update(placement="io")
        true_up({step.id: 500})
        assert Flow.objects.get().vfin_cpu == step.vtag + 500_000


@pytest.mark.django_db
class TestDispatcher:
    def test_sends_what_was_there_when_a_worker_died_alone(self, person):
        told.slots(1)
        steps = [Step.objects.get(job_id=submit(person)) for _ in range(4)]
        Step.objects.update(cost=1)
        Step.objects.filter(id=steps[1].id).update(lost_leases=1)
        claimed = dispatch.claim(placement="cpu", lane="free", limit=4, owner="test")
        sent = dispatch._batches("media", claimed, fleet.workers())
        assert [[step.id for step in message] for message in sent] == [
            [steps[1].id], [steps[0].id, steps[2].id, steps[3].id],
        ]  # fmt: skip

    def test_gives_back_what_it_could_not_send(self, person, monkeypatch):
        from generation.queues import RUN_STEPS

        submit(person)
        fleet.announce(name="here", queues=("media",), slots=4)

        def away(self, **_):
            raise ConnectionError

        monkeypatch.setattr(type(RUN_STEPS), "send", away)
        with pytest.raises(ConnectionError):
            dispatch.Dispatcher(name="test").run_once()
        assert Step.objects.get().state == "ready"

    def test_minutes_of_lanes_are_shared_however_often_conductors_change(self):
        """Every turn is another conductor's, and three lanes are always full."""
        members = [
            Member(who, lane=lane) for who, lane in zip(crowd.make(3), ("enterprise", "pro", "free"), strict=True)
        ]
        end = 60.0

        def again(world, ask):
            world._dispatchers[0] = type(world._dispatchers[0])(world, name=f"new-{len(world.done)}")
            if world.now < end:
                world.ask(Ask(ask.who, world.now, 3.0))

        world = Crowd(slots=10, model=MODEL, on_end=again)
        for member in members:
            for _ in range(16):
                world.ask(Ask(member, 0.0, 3.0))
        asks = world.run(until=end)
        had = served([*asks, *world.under_way(until=end)], 0.0, end)
        assert [had[member] / (10 * end) for member in members] == pytest.approx([0.5, 0.3, 0.2], abs=0.03)
