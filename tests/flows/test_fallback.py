"""A provider fails: another way makes it within what was quoted, the receipt says so, and a refusal is final."""

import time

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image

from assets.models import Asset
from core import queueing
from core.ids import to_public
from credits import selectors as credits_of
from generation import dispatch, diversion, throttle
from generation.models import Attempt, Step
from providers import connecting, connections
from providers.models import Connection
from tests.generation.test_runner import ended, hurry, submit, turn, until
from tests.providers.servers import serving
from tests.providers.servers.bfl import BFLServer, signed
from tests.providers.servers.openai import OpenAIServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _money_and_state_agree(db):
    yield
    assert credits_of.violations() == []


def order(person, **more):
    return submit(person, model="painter", **more)


def finished(job_id):
    return until(lambda: hurry() or ended(job_id)())


class TestWhenTheProviderFails:
    @pytest.mark.parametrize("fault", ["overloaded", "unauthorized", "quota", "gone", "bad_json"])
    def test_another_makes_it_for_its_own_price_and_the_receipt_says_so(self, person, houses, fault):
        houses.first.always(fault)
        job = finished(order(person))
        assert (job.state, job.quoted, job.captured, job.released) == ("succeeded", 10, 7, 3)
        step = Step.objects.get(job=job)
        assert step.revision.slug == "painter-cousin"
        assert step.route_reason
        assert len(houses.cousin.billed) == 1

    def test_a_refusal_is_asked_nowhere_else(self, person, houses):
        houses.first.always("refused_4xx")
        job = finished(order(person))
        assert (job.state, job.captured) == ("blocked", 0)
        assert len(houses.first.billed) == 1
        assert houses.cousin.calls == []

    def test_nothing_else_is_asked_when_the_order_says_so(self, person, houses):
        houses.first.always("unauthorized")
        job = finished(order(person, allow_fallback=False))
        assert (job.state, job.captured) == ("failed", 0)
        assert houses.cousin.calls == []

    def test_nothing_else_makes_a_pinned_model(self, person, houses):
        houses.first.always("unauthorized")
        job = finished(submit(person, model="painter@1"))
        assert (job.state, job.captured) == ("failed", 0)
        assert houses.cousin.calls == []

    def test_its_second_account_comes_before_another_model(self, person, houses):
        houses.first.always("unauthorized")
        with serving(OpenAIServer()) as second:
            houses.connect("openai", second, name="second account")
            job = finished(submit(person, model="painter@1"))
            assert (job.state, job.captured) == ("succeeded", 10)
            assert len(second.billed) == 1
        assert houses.cousin.calls == []

    def test_a_request_that_was_lost_on_the_way_is_never_paid_twice(self, person, houses):
        houses.first.always("cut")
        job = finished(order(person))
        # Nobody can say what became of it: it is not made again there, and what it may cost is in the books.
        assert len(houses.first.billed) == 1
        assert (job.state, job.captured) == ("succeeded", 7)
        lost = Attempt.objects.get(step__job=job, revision__slug="painter")
        assert (lost.error_code, lost.cost_usd_micros, lost.cost_source) == ("unknown_outcome", 20_000, "estimate")

    def test_a_dear_request_that_was_lost_is_not_bought_again(self, person, houses, settings):
        settings.GENERATION_UNKNOWN_MOST_USD_MICROS = 10_000
        houses.first.always("cut")
        job = finished(order(person))
        assert (job.state, job.captured, job.charge_reason) == ("failed", 0, "outcome_unknown")
        assert houses.cousin.calls == []

    def test_what_the_others_cannot_do_ends_there(self, person, houses):
        houses.cousin.always("unauthorized")
        houses.first.always("unauthorized")
        job = finished(order(person))
        assert (job.state, job.captured) == ("failed", 0)
        assert [a.revision.slug for a in Attempt.objects.filter(step__job=job).order_by("no")] == [
            "painter", "painter-cousin",
        ]  # fmt: skip


class TestReceipt:
    def test_says_what_was_asked_for_who_made_it_and_why(self, person, houses):
        houses.first.always("quota")
        job = finished(order(person))
        shown = person.api().get(f"/generations/{to_public('gen', job.id)}").json()
        assert shown["model"] == {
            "requested": "painter", "resolved": "painter-cousin", "version": "1", "fallback_from": "painter",
            "fallback_reason": "provider_quota",
        }  # fmt: skip


class TestOneMatter:
    def test_of_a_batch_leaves_the_others_where_they_were(self, person, houses):
        houses.first.fault("unauthorized", times=1)
        job = finished(order(person, n=3))
        assert job.state == "succeeded"
        by = sorted(step.revision.slug for step in Step.objects.filter(job=job))
        assert by.count("painter-cousin") >= 1
        assert job.captured == 10 * by.count("painter") + 7 * by.count("painter-cousin")


class TestOpenCircuit:
    def test_sends_what_waits_another_way_and_lets_one_call_try_again(self, person, houses):
        houses.first.always("unauthorized")
        first = finished(order(person))
        assert first.captured == 7
        asked = len(houses.first.billed)
        waiting = [order(person) for _ in range(3)]
        # The conductor's part: nothing is claimed for the model that is shut, and what waits for it goes elsewhere.
        assert dispatch.Dispatcher(name="test").run_once() == 0
        assert diversion.divert(at=timezone.now()) == 3
        jobs = [finished(job_id) for job_id in waiting]
        assert {(job.state, job.captured) for job in jobs} == {("succeeded", 7)}
        assert len(houses.first.billed) == asked
        assert {step.route_reason for step in Step.objects.filter(job__in=jobs)} == {"circuit_open"}


class TestFullModel:
    def test_gives_what_it_cannot_take_to_one_that_has_room(self, person, houses):
        queueing.client().hset("wm:throttle", "painter", f"1 0 {int(time.time() * 1000)}")
        throttle.forget()
        houses.first.seconds = 3.0
        busy = order(person)
        turn()
        until(lambda: Step.objects.filter(job_id=busy, state="submitting").exists(), turning=False)
        waiting = [order(person) for _ in range(3)]
        assert diversion.divert(at=timezone.now()) == 2
        jobs = [finished(job_id) for job_id in (busy, *waiting)]
        assert sorted(job.captured for job in jobs) == [7, 7, 10, 10]


class TestAnswerThatWasLost:
    def test_is_made_good_by_the_providers_webhook_and_nothing_is_ordered_twice(self, person, houses, client):
        secret = "a secret of ours"
        Connection.objects.filter(id=houses.ids["later"]).update(options={"webhook_secret": secret})
        connections.forget()
        houses.later.fault("cut_after")
        job_id = submit(person, model="painter-later")
        turn()
        until(lambda: Step.objects.filter(job_id=job_id, state="reconciling").exists(), turning=False)
        attempt = Attempt.objects.get(step__job_id=job_id)
        assert attempt.handle is None
        headers, body = signed(secret, next(iter(houses.later.works)), timezone.now())
        told = client.post(f"/hooks/providers/{attempt.id}", body, content_type="application/json", headers=headers)
        assert told.status_code == 204
        job = finished(job_id)
        assert (job.state, job.captured) == ("succeeded", 10)
        assert len(houses.later.billed) == 1
        assert houses.cousin.calls == []


class TestPausedConnection:
    def test_gets_nothing_new_and_is_still_asked_about_what_it_has(self, person, houses):
        houses.later.seconds = 1.5
        under_way = submit(person, model="painter-later")
        turn()
        until(lambda: Attempt.objects.filter(step__job_id=under_way, handle__isnull=False).exists(), turning=False)
        with serving(BFLServer()) as second:
            houses.connect("bfl", second, name="second account")
            connecting.switch(
                connection_id=houses.ids["later"], workspace_id=None, on=False, actor="test", at=timezone.now()
            )  # fmt: skip
            next_one = submit(person, model="painter-later")
            jobs = [finished(job_id) for job_id in (under_way, next_one)]
            assert [(job.state, job.captured) for job in jobs] == [("succeeded", 10)] * 2
            assert (len(houses.later.billed), len(second.billed)) == (1, 1)


class TestSize:
    def test_is_what_was_asked_for_though_the_model_knows_others_only(self, person, houses):
        job = finished(order(person, given={"width": 200, "height": 120}))
        asset = Asset.objects.get(source_id=job.id)
        assert (asset.width, asset.height) == (200, 120)
        with default_storage.open(asset.storage_key) as stored:
            assert Image.open(stored).size == (200, 120)
        assert asset.meta["notes"] == [{"code": "adjusted", "field": "size", "asked": "200x120", "used": "208x128"}]

    def test_that_no_model_makes_is_refused_before_anything_is_held(self, person, houses):
        answer = person.api().post(
            "/generations",
            {"pipeline": "image", "model": "painter", "input": {"prompt": "a fox", "width": 1024, "height": 64}},
        )  # fmt: skip
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "input.width")
        assert person.held() == 0
