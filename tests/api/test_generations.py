"""The API as an integrator meets it."""

import json

import pytest

from core.ids import to_public
from generation.models import Job
from tests.factories.accounts import make_person
from tests.factories.assets import read
from tests.factories.credits import publish
from tests.factories.generation import work_off

pytestmark = pytest.mark.django_db
BODY = {"pipeline": "image", "input": {"prompt": "a red fox", "width": 64, "height": 64, "seed": 7}}


class TestCreate:
    def test_answers_201_with_the_object_and_where_it_is(self, api):
        answer = api.post("/generations", BODY)
        made = answer.json()
        assert answer.status_code == 201
        assert answer["Location"] == f"/api/v1/generations/{made['id']}"
        assert answer["Wildmind-Credits-Held"] == "5"
        assert made["charge"] == {"quoted": 5, "held": 5, "captured": 0, "released": 0, "reason": None}
        assert made["model"] == {
            "requested": "auto", "resolved": "sketch-image", "version": "1",
            "fallback_from": None, "fallback_reason": None,
        }  # fmt: skip

    def test_ends_in_a_file_that_can_be_fetched(self, api):
        made = api.post("/generations", BODY).json()
        work_off()
        done = api.get(f"/generations/{made['id']}").json()
        assert done["status"] == "succeeded"
        assert done["charge"]["captured"] == 5
        found = api.get(f"/assets/{done['outputs'][0]['asset']}/content")
        assert found.status_code == 302
        file = api.client.get(found["Location"])
        content = read(file)
        assert file["Content-Type"] == "image/png"
        assert content.startswith(b"\x89PNG")

    def test_takes_a_pinned_model(self, api):
        assert api.post("/generations", {**BODY, "model": "sketch-image@1"}).status_code == 201
        assert api.post("/generations", {**BODY, "model": "sketch-image@2"}).status_code == 404

    def test_refuses_more_than_the_request_allows(self, api):
        answer = api.post("/generations", {**BODY, "max_credits": 4})
        assert answer.status_code == 402
        assert answer.json()["code"] == "spend_limit_reached"

    def test_says_what_is_lacking(self):
        poor = make_person(credits=3).api()
        answer = poor.post("/generations", BODY)
        assert answer.status_code == 402
        assert {key: answer.json()[key] for key in ("code", "required", "available", "shortfall")} == {
            "code": "insufficient_credits", "required": 5, "available": 3, "shortfall": 2,
        }  # fmt: skip

    def test_stops_at_the_plans_number_of_jobs(self, person):
        person.limit(max_queued=2)
        api = person.api()
        answers = [api.post("/generations", BODY) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [201, 201, 429]
        assert (answers[2].json()["code"], answers[2].json()["limit"]) == ("queue_full", 2)
        assert int(answers[2]["Retry-After"]) == answers[2].json()["retry_after_s"] == 5


class TestIdempotency:
    def test_answers_a_repeated_request_with_the_same_bytes(self, api):
        first = api.post("/generations", BODY, **{"Idempotency-Key": "k"})
        work_off()
        again = api.post("/generations", BODY, **{"Idempotency-Key": "k"})
        assert again.status_code == 201
        assert again.content == first.content
        assert again["Idempotent-Replayed"] == "true"
        assert Job.objects.count() == 1

    def test_refuses_the_key_for_another_body(self, api):
        api.post("/generations", BODY, **{"Idempotency-Key": "k"})
        other = api.post("/generations", {**BODY, "external_id": "x"}, **{"Idempotency-Key": "k"})
        assert other.status_code == 422
        assert other.json()["code"] == "idempotency_key_reused"

    def test_answers_as_before_even_when_it_would_be_refused_today(self, api, person):
        from django.utils import timezone

        from credits.models import Quote

        quote = api.post("/quotes", BODY).json()
        body = {**BODY, "quote_id": quote["id"]}
        first = api.post("/generations", body, **{"Idempotency-Key": "k"})
        Quote.objects.update(expires_at=timezone.now())
        again = api.post("/generations", body, **{"Idempotency-Key": "k"})
        assert (again.status_code, again.content) == (201, first.content)
        changed = api.post("/generations", {**body, "external_id": "x"}, **{"Idempotency-Key": "k"})
        assert changed.status_code == 422

    def test_frees_the_key_of_a_request_that_was_refused(self, api):
        bad = {**BODY, "input": {"prompt": ""}}
        assert api.post("/generations", bad, **{"Idempotency-Key": "k"}).status_code == 400
        assert api.post("/generations", BODY, **{"Idempotency-Key": "k"}).status_code == 201

    def test_is_asked_for(self, api):
        answer = api.post("/generations", BODY, **{"Idempotency-Key": ""})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == "header Idempotency-Key"

    def test_is_separate_for_each_workspace(self, api, stranger):
        one = api.post("/generations", BODY, **{"Idempotency-Key": "k"}).json()
        two = stranger.api().post("/generations", BODY, **{"Idempotency-Key": "k"}).json()
        assert one["id"] != two["id"]

    def test_is_separate_for_the_sandbox(self, person):
        tried = person.api(sandbox=True).post("/generations", BODY, **{"Idempotency-Key": "k"}).json()
        real = person.api().post("/generations", BODY, **{"Idempotency-Key": "k"})
        assert "Idempotent-Replayed" not in real
        assert real.json()["id"] != tried["id"]
        assert person.held() == 5


class TestQuote:
    def test_prices_without_holding(self, api, person):
        answer = api.post("/quotes", BODY)
        assert answer.status_code == 201
        assert answer.json()["total_credits"] == 5
        assert answer.json()["lines"] == [{"label": "Sketch", "unit": "image", "quantity": 1, "credits": 5}]
        assert person.held() == 0

    def test_is_honoured_after_the_price_has_risen(self, api):
        quote = api.post("/quotes", BODY).json()
        publish(50)
        made = api.post("/generations", {**BODY, "quote_id": quote["id"]}).json()
        assert made["charge"]["quoted"] == 5

    def test_does_not_serve_for_another_input(self, api):
        quote = api.post("/quotes", BODY).json()
        other = {**BODY, "input": {**BODY["input"], "n": 4}, "quote_id": quote["id"]}
        answer = api.post("/generations", other)
        assert (answer.status_code, answer.json()["code"]) == (409, "quote_expired")

    def test_does_not_serve_for_somebody_else(self, api, stranger):
        quote = api.post("/quotes", BODY).json()
        answer = stranger.api().post("/generations", {**BODY, "quote_id": quote["id"]})
        assert answer.status_code == 409

    def test_expires(self, api):
        from django.utils import timezone

        from credits.models import Quote

        quote = api.post("/quotes", BODY).json()
        Quote.objects.update(expires_at=timezone.now())
        assert api.post("/generations", {**BODY, "quote_id": quote["id"]}).json()["code"] == "quote_expired"


class TestDeadlines:
    def test_of_a_day_keep_the_hold_alive_as_long(self, api):
        from credits.models import Hold

        made = api.post("/generations", {**BODY, "deadline_s": 86_400}).json()
        hold = Hold.objects.get()
        assert (hold.expires_at - hold.created_at).total_seconds() > 86_400
        assert made["status"] == "queued"


class TestRead:
    def test_says_304_while_nothing_changed(self, api):
        made = api.post("/generations", BODY).json()
        first = api.get(f"/generations/{made['id']}")
        assert api.get(f"/generations/{made['id']}", **{"If-None-Match": first["ETag"]}).status_code == 304
        for known in (f"W/{first['ETag']}", f'"x", {first["ETag"]}', "*"):
            assert api.get(f"/generations/{made['id']}", **{"If-None-Match": known}).status_code == 304
        work_off()
        assert api.get(f"/generations/{made['id']}", **{"If-None-Match": first["ETag"]}).status_code == 200

    def test_pages_newest_first_and_stays_stable_while_jobs_arrive(self, api):
        made = [api.post("/generations", BODY).json()["id"] for _ in range(5)]
        first = api.get("/generations?limit=2").json()
        api.post("/generations", BODY)
        second = api.get(f"/generations?limit=2&cursor={first['next_cursor']}").json()
        third = api.get(f"/generations?limit=2&cursor={second['next_cursor']}").json()
        seen = [item["id"] for item in first["data"] + second["data"] + third["data"]]
        assert seen == made[::-1]
        assert third["has_more"] is False

    def test_filters(self, api):
        one = api.post("/generations", {**BODY, "external_id": "A-1"}).json()["id"]
        two = api.post("/generations", BODY).json()["id"]
        work_off()
        three = api.post("/generations", {**BODY, "input": {**BODY["input"], "prompt": "blue whale"}}).json()["id"]

        def ids(query):
            return [item["id"] for item in api.get(f"/generations?{query}").json()["data"]]

        assert ids("external_id=A-1") == [one]
        assert ids("status=succeeded") == [two, one]
        assert ids("status=queued,running") == [three]
        assert ids("q=whale") == [three]
        assert ids(f"ids={one},{three}") == [three, one]
        assert ids("model=sketch-image&pipeline=image") == [three, two, one]
        assert ids("created_before=2020-01-01T00:00:00Z") == []

    @pytest.mark.parametrize(
        "query", ["limit=0", "limit=101", "limit=x", "cursor=zz!", "status=nope", "ids=gen_x", "created_after=today"]
    )
    def test_refuses_a_query_that_it_does_not_understand(self, api, query):
        answer = api.get(f"/generations?{query}")
        assert answer.status_code == 400
        assert answer["Content-Type"] == "application/problem+json"

    def test_lists_attempts(self, api):
        made = api.post("/generations", BODY).json()
        work_off()
        tries = api.get(f"/generations/{made['id']}/attempts").json()["data"]
        assert [(item["step"], item["outcome"], item["adapter"]) for item in tries] == [
            ("generate[0]", "done", "sketch")
        ]

    def test_needs_the_same_number_of_statements_for_one_job_and_for_twenty(self, api, django_assert_max_num_queries):
        for _ in range(20):
            api.post("/generations", BODY)
        work_off(rounds=30)
        with django_assert_max_num_queries(6):
            assert len(api.get("/generations").json()["data"]) == 20


class TestCancelAndRetry:
    def test_cancels_for_free_and_answers_the_object(self, api, person):
        made = api.post("/generations", BODY).json()
        answer = api.post(f"/generations/{made['id']}/cancel")
        assert answer.status_code == 200
        assert answer.json()["status"] == "canceled"
        assert person.held() == 0
        assert api.post(f"/generations/{made['id']}/cancel").status_code == 200

    def test_retries_what_failed_as_a_child(self, api):
        failing = {**BODY, "input": {**BODY["input"], "prompt": "[[fail:timeout]]"}}
        made = api.post("/generations", failing).json()
        work_off()
        again = api.post(f"/generations/{made['id']}/retry")
        assert again.status_code == 201
        assert again.json()["parent"] == made["id"]

    def test_refuses_to_retry_what_succeeded(self, api):
        made = api.post("/generations", BODY).json()
        work_off()
        answer = api.post(f"/generations/{made['id']}/retry")
        assert (answer.status_code, answer.json()["code"]) == (409, "state_conflict")


class TestSandbox:
    def test_runs_apart_from_the_live_wallet_and_gallery(self, person):
        live, sandbox = person.api(), person.api(sandbox=True)
        before = person.available()
        made = sandbox.post("/generations", BODY).json()
        work_off()
        assert sandbox.get(f"/generations/{made['id']}").json()["status"] == "succeeded"
        assert live.get(f"/generations/{made['id']}").status_code == 404
        assert live.get("/assets").json()["data"] == []
        assert live.post(f"/generations/{made['id']}/cancel").status_code == 404
        assert person.available() == before


class TestWallet:
    def test_shows_what_can_be_used_what_is_held_and_what_moved(self, api):
        made = api.post("/generations", BODY).json()
        wallet = api.get("/wallet").json()
        assert (wallet["available"], wallet["held"]) == (195, 5)
        assert wallet["lots"][0]["origin"] == "welcome"
        work_off()
        moved = api.get("/wallet/transactions").json()["data"]
        assert [(row["kind"], row["amount"], row["balance"]) for row in moved] == [
            ("capture", -5, 195), ("grant", 200, 200),
        ]  # fmt: skip
        assert api.get(f"/generations/{made['id']}").json()["charge"]["held"] == 0


class TestCatalogue:
    def test_says_what_a_model_takes_and_costs_and_that_it_is_procedural(self, api):
        model = api.get("/models/sketch-image").json()
        assert model["procedural"] is True
        assert model["prices"] == [{"unit": "image", "credits": 5}]
        assert model["input"]["required"] == ["prompt"]

    def test_hides_a_disabled_model(self, api):
        from providers import catalog
        from providers.models import ModelCard

        ModelCard.objects.update(status="disabled")
        catalog.forget()
        assert api.get("/models").json()["data"] == []
        answer = api.post("/generations", BODY)
        assert (answer.status_code, answer.json()["code"]) == (503, "no_provider")
        assert answer["Retry-After"]


class TestOperator:
    def test_makes_a_key_with_exactly_the_credits_named(self, capsys):
        from django.core.management import call_command

        call_command("create_api_key", "--email", "ops@example.com", "--credits", "70", "--json")
        made = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
        from tests.factories.accounts import Api

        api = Api(made["key"])
        assert api.get("/wallet").json()["available"] == 70
        assert api.get("/me").json()["workspace"]["id"] == made["workspace"]

    def test_grants_once_for_a_reference(self, person):
        from django.core.management import call_command

        for _ in range(2):
            call_command("grant_credits", "--email", person.user.email, "--amount", "10", "--reference", "x")
        assert person.available() == 210


class TestPrivacy:
    """Somebody else's thing is a thing that does not exist."""

    def test_hides_jobs_assets_and_wallets_of_others(self, api, stranger):
        made = api.post("/generations", BODY).json()
        work_off()
        asset = api.get(f"/generations/{made['id']}").json()["outputs"][0]["asset"]
        other = stranger.api()
        for path in (
            f"/generations/{made['id']}", f"/generations/{made['id']}/attempts", f"/assets/{asset}",
            f"/assets/{asset}/content", f"/assets/{asset}/content?variant=thumb",
        ):  # fmt: skip
            answer = other.get(path)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
        for path in (f"/generations/{made['id']}/cancel", f"/generations/{made['id']}/retry"):
            assert other.post(path).status_code == 404
        assert other.get("/generations").json()["data"] == []
        assert other.get("/assets").json()["data"] == []
        assert other.get("/wallet").json()["available"] == 200

    def test_hides_pages_of_others(self, api, stranger):
        made = api.post("/generations", BODY).json()
        work_off()
        asset = api.get(f"/generations/{made['id']}").json()["outputs"][0]["asset"]
        browser = stranger.browser()
        for path in (
            f"/studio/jobs/{made['id']}", f"/studio/jobs/{made['id']}/card", f"/gallery/{asset}",
            f"/gallery/{asset}/download",
        ):  # fmt: skip
            assert browser.get(path).status_code == 404, path
        for path in (
            f"/studio/jobs/{made['id']}/cancel", f"/studio/jobs/{made['id']}/retry", f"/gallery/{asset}/trash",
        ):  # fmt: skip
            assert browser.post(path).status_code == 404, path

    def test_ends_a_link_that_was_changed_or_is_over(self, api, settings):
        import time_machine as clock

        api.post("/generations", BODY)
        work_off()
        url = api.get("/assets").json()["data"][0]["urls"]["thumb"]
        whole = api.client.get(url)
        assert whole.status_code == 200
        read(whole)
        prefix, signature, until, key = url.split("/", 4)[1:]
        for forged in (
            f"/{prefix}/{signature[:-1]}{'A' if signature[-1] != 'A' else 'B'}/{until}/{key}",
            f"/{prefix}/{signature}/{int(until) + 600}/{key}",
            f"/{prefix}/{signature}/{until}/{key}x", f"/{prefix}/{signature}/{until}/../../settings",
        ):  # fmt: skip
            assert api.client.get(forged).status_code == 404, forged
        with clock.travel(int(until) + 1, tick=False):
            assert api.client.get(url).status_code == 404

    def test_does_not_tell_a_missing_id_from_a_foreign_one(self, api, stranger):
        made = api.post("/generations", BODY).json()
        from core.ids import uuid7

        def shape(answer):
            return {key: value for key, value in answer.json().items() if key not in {"instance", "request_id"}}

        other = stranger.api()
        missing = other.get(f"/generations/{to_public('gen', uuid7())}")
        assert shape(other.get(f"/generations/{made['id']}")) == shape(missing)
