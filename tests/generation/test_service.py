"""The service closes in the right order, opens again by itself, and says so to everybody."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import AuditEvent
from generation import conductor, service
from generation.dispatch import Dispatcher
from generation.errors import ServiceBusy
from generation.models import Service, Step
from generation.service import Pressure
from tests.factories import outlook as told
from tests.factories.accounts import make_person
from tests.factories.generation import submit

BODY = {"pipeline": "image", "input": {"prompt": "a red fox", "width": 64, "height": 64}}
PIPELINES = ("image", "video", "music", "song", "ad_creative", "product_photo", "text", "speech")
LONG = timedelta(minutes=5)


def pin(level, reason="a test"):
    service.pin(level=level, actor="test", reason=reason, at=timezone.now())


def audited():
    return AuditEvent.objects.filter(action__startswith="service.")


def taken(lane, pipeline):
    try:
        service.admit(lane=lane, pipeline=pipeline, model="m", at=timezone.now())
    except ServiceBusy:
        return False
    return True


class TestSteps:
    @pytest.mark.parametrize(("drain", "level"), [(299, 0), (300, 1), (100_000, 1)])
    def test_rise_by_one_from_the_threshold_on(self, drain, level):
        assert service.step_to(0, LONG, Pressure(drain)) == level

    def test_reach_the_last_level_for_work_alone_and_not_for_errors(self):
        assert service.step_to(3, LONG, Pressure(7200)) == 4
        assert service.step_to(3, LONG, Pressure(0, attempts=100, failed=100)) == 3
        assert service.step_to(2, LONG, Pressure(0, attempts=100, failed=100)) == 3

    def test_believe_no_rate_of_a_few_attempts(self):
        assert service.step_to(0, LONG, Pressure(0, attempts=19, failed=19)) == 0
        assert service.step_to(0, LONG, Pressure(0, attempts=20, failed=6)) == 1

    def test_do_not_flap_around_a_threshold(self):
        level, changes = 0, 0
        held = timedelta()
        for second in range(0, 3600, 5):
            drain = 290 + (second // 5 % 2) * 20
            after = service.step_to(level, held, Pressure(drain))
            held = timedelta() if after != level else held + timedelta(seconds=5)
            changes += after != level
            level = after
        assert (level, changes) == (1, 1)

    def test_fall_once_the_load_is_well_below_and_a_minute_has_passed(self):
        assert service.step_to(1, timedelta(seconds=59), Pressure(0)) == 1
        assert service.step_to(1, timedelta(seconds=60), Pressure(0)) == 0
        assert service.step_to(1, LONG, Pressure(200)) == 1


@pytest.mark.django_db
class TestOrder:
    @pytest.mark.parametrize(
        ("level", "closed"),
        [
            (0, set()), (1, {"video"}), (2, {"video", "music", "song", "product_photo"}), (3, set(PIPELINES)),
            (4, set(PIPELINES)),
        ],
    )  # fmt: skip
    def test_closes_film_then_heavy_work_then_the_free_lane_then_all(self, level, closed):
        pin(level)
        assert {name for name in PIPELINES if not taken("free", name)} == closed
        for lane in ("pro", "enterprise"):
            assert [taken(lane, name) for name in PIPELINES] == [level < 4] * len(PIPELINES)

    def test_refuses_with_a_sentence_and_a_time_and_holds_nothing(self, person):
        pin(3)
        answer = person.api().post("/generations", BODY)
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["retryable"]) == (429, "queue_full", True)
        assert "only paid plans can start new work" in problem["detail"]
        assert int(answer["Retry-After"]) >= 30
        assert person.held() == 0
        paying = make_person()
        paying.limit(lane="pro")
        assert paying.api().post("/generations", BODY).status_code == 201

    def test_answers_what_was_accepted_before_as_before(self, api):
        first = api.post("/generations", BODY, **{"Idempotency-Key": "one"})
        pin(4)
        again = api.post("/generations", BODY, **{"Idempotency-Key": "one"})
        assert (again.status_code, again.content) == (201, first.content)
        assert api.post("/generations", BODY, **{"Idempotency-Key": "two"}).status_code == 429

    def test_lets_what_was_accepted_go_on(self, person):
        submit(person)
        pin(4)
        told.slots(1)
        assert Dispatcher(name="test").run_once() == 1

    def test_closes_one_model_and_leaves_its_jobs(self, person):
        submit(person)
        service.close(lanes=[], models=["sketch-image"], actor="test", reason="", at=timezone.now())
        answer = person.api().post("/generations", BODY)
        assert answer.status_code == 429
        assert "no new work for sketch-image" in answer.json()["detail"]
        assert Step.objects.get().state == "ready"


@pytest.mark.django_db
class TestPause:
    def test_lets_a_lanes_work_wait_and_no_other(self, person):
        paying = make_person()
        paying.limit(lane="pro")
        submit(person)
        submit(paying)
        told.slots(4)
        service.close(lanes=["free"], models=[], actor="test", reason="", at=timezone.now())
        Dispatcher(name="test").run_once()
        assert dict(Step.objects.values_list("lane", "state")) == {"free": "ready", "pro": "claimed"}
        service.close(lanes=[], models=[], actor="test", reason="", at=timezone.now())
        Dispatcher(name="test").run_once()
        assert set(Step.objects.values_list("state", flat=True)) == {"claimed"}


@pytest.mark.django_db
class TestDecide:
    def test_moves_the_level_and_says_why(self):
        now = timezone.now()
        for number in range(3):
            at = now + timedelta(seconds=20 * number)
            stand = service.decide(pressure=Pressure(1000), at=at)
        assert (stand.level, stand.cause) == (2, "More work waits than can be done soon.")
        assert service.current(at=at).level == 2

    def test_opens_again_when_the_conductor_that_closed_is_gone(self):
        now = timezone.now()
        service.decide(pressure=Pressure(1000), at=now)
        assert service.current(at=now + timedelta(seconds=59)).level == 1
        assert service.current(at=now + timedelta(seconds=61)).level == 0

    def test_does_not_move_what_an_operator_pinned(self):
        pin(1, "Maintenance of the film provider.")
        now = timezone.now()
        for number in range(4):
            stand = service.decide(pressure=Pressure(1_000_000), at=now + timedelta(seconds=20 * number))
        assert (stand.level, stand.pinned, stand.cause) == (1, True, "Maintenance of the film provider.")

    def test_is_the_leaders_from_what_waits(self, person, settings):
        settings.GENERATION_BROWNOUT_SECONDS = (1, 2, 3, 4)
        person.grant(500)
        for _ in range(5):
            submit(person, n=4, input={"width": 1024, "height": 1024})
        told.slots(2)
        leader = told.look(timezone.now())
        leader.weigh(at=timezone.now())
        # Twenty seconds of work for two slots.
        assert (Service.objects.get().drain_seconds, Service.objects.get().level) == (10, 1)

    def test_happens_in_a_conductor_that_leads(self):
        one, other = conductor.Conductor(name="a"), conductor.Conductor(name="b")
        other._scheduled_at = float("inf")
        other.turn(Dispatcher(name="b"))
        assert not Service.objects.exists()
        one.turn(Dispatcher(name="a"))
        assert Service.objects.get().checked_at is not None


@pytest.mark.django_db
class TestOperators:
    def test_pin_pause_and_close_by_command_and_it_is_audited(self, capsys):
        call_command(
            "set_service_level", "--level", "2", "--pause-lane", "free", "--close-model", "sketch-image",
            "--reason", "an incident",
        )  # fmt: skip
        said = capsys.readouterr().out
        assert "level 2, pinned" in said
        assert "paused lanes: free" in said
        assert set(audited().values_list("action", "target", "reason")) == {
            ("service.pinned", "level:2", "an incident"), ("service.lane_closed", "lane:free", "an incident"),
            ("service.model_closed", "model:sketch-image", "an incident"),
        }  # fmt: skip
        call_command("set_service_level", "--automatic", "--resume-lane", "free", "--open-model", "sketch-image")
        assert "level 0:" in capsys.readouterr().out
        call_command("set_service_level")
        assert audited().count() == 6

    @pytest.mark.parametrize("wrong", [("--level", "5"), ("--pause-lane", "slow"), ("--close-model", "nothing")])
    def test_are_told_what_does_not_exist(self, wrong):
        with pytest.raises(CommandError):
            call_command("set_service_level", *wrong)
        assert not audited().exists()

    def test_do_the_same_in_the_admin(self):
        browser = make_person(staff=True).browser()
        page = browser.get("/admin/generation/service/set/").content.decode()
        assert "Overloaded: only paid plans" in page
        answer = browser.post(
            "/admin/generation/service/set/", {"pinned": "3", "paused_lanes": ["free"], "reason": "an incident"}
        )
        assert answer.status_code == 302
        stand = service.current(at=timezone.now())
        assert (stand.level, stand.pinned, stand.paused_lanes) == (3, True, frozenset({"free"}))
        assert audited().count() == 2
        browser.post("/admin/generation/service/set/", {"pinned": "", "reason": "over"})
        assert service.current(at=timezone.now()).level == 0
        assert browser.get("/admin/generation/service/").status_code == 200

    def test_alone_may(self, person):
        assert person.browser().get("/admin/generation/service/set/").status_code == 302
        assert person.browser().get("/admin/operations/").status_code == 302
