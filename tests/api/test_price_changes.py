"""A price is promised, changes, and is kept: through the API, as an integrator meets it."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from core.ids import from_public
from credits import rates
from credits import selectors as credits_of
from credits.models import Hold, Price, Quote
from generation.models import Step
from tests.factories.credits import publish
from tests.factories.generation import work_off

pytestmark = pytest.mark.django_db
BODY = {"pipeline": "image", "input": {"prompt": "a red fox", "width": 64, "height": 64, "seed": 7, "n": 3}}


@pytest.fixture(autouse=True)
def _every_invariant_holds(db):
    yield
    assert credits_of.violations() == []


def steps_of(generation):
    return list(Step.objects.filter(job_id=from_public("gen", generation["id"])).order_by("position"))


class TestQuoted:
    @pytest.mark.parametrize("credits", [1, 50])
    def test_is_what_is_held_and_captured_when_the_price_changes_before_the_submission(self, api, person, credits):
        quote = api.post("/quotes", BODY).json()
        publish(credits)
        made = api.post("/generations", {**BODY, "quote_id": quote["id"]})
        assert made.status_code == 201
        assert made.json()["charge"]["held"] == quote["total_credits"] == 15
        assert [step.price for step in steps_of(made.json())] == [5, 5, 5]
        work_off()
        done = api.get(f"/generations/{made.json()['id']}").json()
        assert done["charge"]["captured"] == 15
        assert person.available() == 200 - 15

    def test_is_not_kept_for_a_submission_without_the_quote(self, api):
        api.post("/quotes", BODY)
        publish(6)
        assert api.post("/generations", BODY).json()["charge"]["quoted"] == 18

    def test_ends_with_409_after_its_time_and_holds_nothing(self, api, person):
        quote = api.post("/quotes", BODY).json()
        publish(50)
        with time_machine.travel(timezone.now() + timedelta(seconds=901), tick=False):
            answer = api.post("/generations", {**BODY, "quote_id": quote["id"]})
        assert (answer.status_code, answer.json()["code"]) == (409, "quote_expired")
        assert person.held() == 0
        assert not Hold.objects.exists()

    def test_is_a_ceiling_that_max_credits_can_only_lower(self, api):
        quote = api.post("/quotes", BODY).json()
        publish(1)
        body = {**BODY, "quote_id": quote["id"]}
        refused = api.post("/generations", {**body, "max_credits": 14})
        assert (refused.status_code, refused.json()["code"]) == (402, "spend_limit_reached")
        assert (refused.json()["required"], refused.json()["available"]) == (15, 14)
        made = api.post("/generations", {**body, "max_credits": 15}).json()
        assert made["charge"]["held"] == 15

    def test_pays_for_what_was_delivered_at_the_quoted_price(self, api, person):
        body = {**BODY, "input": {**BODY["input"], "prompt": "[[fail:partial]] fox"}}
        quote = api.post("/quotes", body).json()
        publish(50)
        made = api.post("/generations", {**body, "quote_id": quote["id"]}).json()
        work_off()
        done = api.get(f"/generations/{made['id']}").json()
        delivered = sum(output["status"] == "succeeded" for output in done["outputs"])
        assert 0 < delivered < 3
        assert done["charge"]["captured"] == 5 * delivered
        assert done["charge"]["captured"] + done["charge"]["released"] == 15

    def test_is_kept_step_by_step(self, api):
        quote = api.post("/quotes", BODY).json()
        row = Quote.objects.get()
        for line, credits in zip(row.lines, (7, 4, 4), strict=True):
            line["credits"] = credits
        row.save()
        made = api.post("/generations", {**BODY, "quote_id": quote["id"]}).json()
        assert [step.price for step in steps_of(made)] == [7, 4, 4]

    def test_is_over_when_the_steps_are_others_now(self, api):
        quote = api.post("/quotes", BODY).json()
        row = Quote.objects.get()
        row.lines[0]["step"] = "paint[0]"
        row.save()
        answer = api.post("/generations", {**BODY, "quote_id": quote["id"]})
        assert (answer.status_code, answer.json()["code"]) == (409, "quote_expired")


class TestRunning:
    def test_keeps_the_price_it_was_accepted_at(self, api, person):
        made = api.post("/generations", BODY).json()
        publish(50)
        work_off()
        assert api.get(f"/generations/{made['id']}").json()["charge"]["captured"] == 15
        assert person.available() == 185

    def test_steps_add_up_to_the_quote_whatever_the_rounding(self, api):
        publish("0.7", unit="megapixel", confirmed=True, expression="3 if style == 'flow' else 1")
        for size, style in ((64, "flow"), (1000, "auto"), (2048, "flow"), (1365, "flow")):
            given = {**BODY["input"], "width": size, "height": size, "style": style, "n": 4}
            body = {**BODY, "input": given}
            quote = api.post("/quotes", body).json()
            made = api.post("/generations", {**body, "quote_id": quote["id"]}).json()
            assert sum(line["credits"] for line in quote["lines"]) == quote["total_credits"]
            assert sum(step.price for step in steps_of(made)) == made["charge"]["quoted"] == quote["total_credits"]
            assert len({step.price for step in steps_of(made)}) == 1


class TestStart:
    def test_of_a_price_is_at_its_second(self, api):
        start = timezone.now() + timedelta(hours=3)
        publish(9, from_=start)
        prices = []
        for moment in (start - timedelta(milliseconds=1), start):
            with time_machine.travel(moment, tick=False):
                prices.append((
                    api.get("/models/sketch-image").json()["prices"][0]["credits"],
                    api.post("/quotes", BODY).json()["total_credits"],
                ))  # fmt: skip
        assert prices == [(5, 15), (9, 27)]


class TestShape:
    def test_of_a_quote_groups_equal_steps(self, api):
        quote = api.post("/quotes", BODY).json()
        assert quote["lines"] == [{"label": "Sketch", "unit": "image", "quantity": 3, "credits": 15}]

    def test_of_a_fraction_is_a_decimal_text(self, api):
        publish("2.5", unit="megapixel", confirmed=True)
        body = {**BODY, "input": {**BODY["input"], "width": 1024, "height": 1024, "n": 2}}
        quote = api.post("/quotes", body).json()
        # 1.048576 x 2.5 = 2.62, which is 3 for each of the two.
        assert quote["lines"] == [{"label": "Sketch", "unit": "megapixel", "quantity": "2.097152", "credits": 6}]
        assert api.get("/models/sketch-image").json()["prices"] == [{"unit": "megapixel", "credits": "2.5"}]
        assert api.get("/models").json()["data"][0]["prices"] == [{"unit": "megapixel", "credits": "2.5"}]


class TestNoPrice:
    @pytest.fixture(autouse=True)
    def _unpriced(self):
        # The trigger refuses it, as it should: what is asked here is how a model without a price looks.
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE credits_price DISABLE TRIGGER credits_price_append_only")
            Price.objects.all().delete()
            cursor.execute("ALTER TABLE credits_price ENABLE TRIGGER credits_price_append_only")
        rates.forget()

    @pytest.mark.parametrize("model", ["auto", "sketch-image", "sketch-image@1"])
    def test_is_no_gift(self, api, person, model):
        for path in ("/quotes", "/generations"):
            answer = api.post(path, {**BODY, "model": model})
            assert (answer.status_code, answer.json()["code"]) == (503, "no_provider")
            assert answer.json()["retryable"] is True
            assert answer["Retry-After"] == "60"
        assert person.held() == 0

    def test_is_not_on_offer(self, api, person):
        assert api.get("/models").json()["data"] == []
        assert api.get("/models/sketch-image").status_code == 503
        page = person.browser().get("/studio")
        assert "No model is on offer right now" in page.content.decode()
