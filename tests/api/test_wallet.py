"""The wallet, its statement and the usage over HTTP."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.ids import to_public
from credits import ledger, quotas, renewals
from credits.models import UsageRecord
from tests.factories.accounts import make_person
from tests.factories.generation import submit, work_off

pytestmark = pytest.mark.django_db


def use(workspace_id, credits=10, *, days=0, sandbox=False, **more):
    UsageRecord.objects.create(
        workspace_id=workspace_id, sandbox=sandbox, at=timezone.now() - timedelta(days=days), job_id=uuid4(),
        step_id=uuid4(), pipeline="image", model=more.pop("model", "sketch-image"), unit="image", quantity=2,
        credits=credits, cost_usd_micros=123_456, **more,
    )  # fmt: skip


class TestWallet:
    def test_tells_the_next_refill_the_forecast_and_the_limits(self, person):
        now = timezone.now()
        renewals.start(
            workspace_id=person.workspace_id, reference="plan", amount=300, anchor_at=now + timedelta(days=2), at=now
        )
        use(person.workspace_id, 140, days=13.5)
        quotas.set_limit(
            workspace_id=person.workspace_id, scope="member", subject=str(person.user.id), period="month", amount=90,
            at=now,
        )  # fmt: skip
        quotas.set_limit(
            workspace_id=person.workspace_id, scope="model", subject="sketch-image", period="day", amount=7, at=now
        )
        body = person.api().get("/wallet").json()
        assert body["next_refill"]["amount"] == 300
        assert body["forecast"] == {"lasts_days": 20, "expires_unused": 0, "used": 140, "days": 14}
        assert body["limits"] == [
            {
                "scope": "member",
                "subject": to_public("usr", person.user.id),
                "period": "month",
                "amount": 90,
                "used": 0,
            },
            {"scope": "model", "subject": "sketch-image", "period": "day", "amount": 7, "used": 0},
        ]

    def test_has_no_refill_and_no_forecast_at_first(self, api):
        body = api.get("/wallet").json()
        assert (body["next_refill"], body["forecast"], body["limits"]) == (None, None, [])

    def test_of_a_sandbox_key_has_a_forecast_of_its_own(self, person):
        use(person.workspace_id, 100, days=10)
        assert person.api(sandbox=True).get("/wallet").json()["forecast"] is None


class TestTransactions:
    def test_tell_what_came_back_and_for_which_generation(self, person):
        failed = submit(person, prompt="[[fail:provider]] fox")
        done = submit(person)
        work_off()
        rows = {row["subject"]: row for row in person.api().get("/wallet/transactions").json()["data"]}
        void = rows[to_public("gen", failed)]
        assert {name: void[name] for name in ("kind", "amount", "released", "balance", "reason")} == {
            "kind": "void", "amount": 0, "released": 5, "balance": void["balance"], "reason": "provider_failed"
        }  # fmt: skip
        assert (rows[to_public("gen", done)]["kind"], rows[to_public("gen", done)]["amount"]) == ("capture", -5)
        assert rows[None]["kind"] == "grant"

    def test_are_filtered_by_kind(self, person):
        submit(person)
        work_off()
        api = person.api()
        kinds = [row["kind"] for row in api.get("/wallet/transactions?kind=grant,void").json()["data"]]
        assert kinds == ["grant"]
        refused = api.get("/wallet/transactions?kind=nonsense")
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "kind")


class TestUsage:
    def test_groups_by_model_if_nothing_is_asked(self, person):
        use(person.workspace_id, 10)
        use(person.workspace_id, 30, model="film")
        today = timezone.now().date()
        assert person.api().get("/usage").json() == {
            "object": "usage", "sandbox": False, "group_by": "model", "from": str(today - timedelta(days=29)),
            "to": str(today), "total_credits": 40,
            "data": [
                {"group": "film", "label": "film", "credits": 30, "count": 1,
                 "units": [{"unit": "image", "quantity": "2"}]},
                {"group": "sketch-image", "label": "sketch-image", "credits": 10, "count": 1,
                 "units": [{"unit": "image", "quantity": "2"}]},
            ],
        }  # fmt: skip

    def test_of_real_jobs_is_what_was_captured_for_them(self, person):
        submit(person, n=2)
        submit(person, prompt="[[fail:provider]] fox")
        work_off()
        (row,) = person.api().get("/usage?group_by=member").json()["data"]
        assert row == {
            "group": to_public("usr", person.user.id), "label": person.user.email, "credits": 10, "count": 2,
            "units": [{"unit": "image", "quantity": "2"}],
        }  # fmt: skip

    @pytest.mark.parametrize("by", ["model", "pipeline", "key", "member", "day"])
    def test_never_shows_what_the_provider_takes(self, person, by):
        use(person.workspace_id, 10, key_id=uuid4(), member_id=uuid4())
        text = person.api().get(f"/usage?group_by={by}").content.decode()
        assert "cost" not in text
        assert "123456" not in text

    def test_names_keys_by_their_public_id(self, person):
        key = uuid4()
        use(person.workspace_id, 10, key_id=key)
        use(person.workspace_id, 5)
        rows = person.api().get("/usage?group_by=key").json()["data"]
        assert [(row["group"], row["label"]) for row in rows] == [
            (to_public("key", key), "A former key"), (None, "On the site")
        ]  # fmt: skip

    def test_keeps_the_sandbox_and_strangers_apart(self, person, stranger):
        use(person.workspace_id, 10, sandbox=True)
        use(stranger.workspace_id, 20)
        assert person.api().get("/usage").json()["data"] == []
        body = person.api(sandbox=True).get("/usage").json()
        assert (body["sandbox"], body["total_credits"]) == (True, 10)

    def test_asks_for_the_scope(self, person):
        refused = person.api(scopes=("models:read",)).get("/usage")
        assert (refused.status_code, refused.json()["required_scope"]) == (403, "wallet:read")

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("group_by=cost", "group_by"),
            ("from=yesterday", "from"),
            ("to=2026-13-01", "to"),
            ("from=2026-01-02&to=2026-01-01", "from"),
            ("from=2026-01-01&to=2026-04-03", "from"),
        ],
    )
    def test_refuses_a_query_by_naming_its_field(self, api, query, field):
        answer = api.get(f"/usage?{query}")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)

    def test_takes_92_days_at_once(self, api):
        assert api.get("/usage?from=2026-01-01&to=2026-04-02").status_code == 200

    def test_asks_the_same_questions_however_much_there_is(self):
        counts = []
        for many in (1, 15):
            made = make_person()
            api = made.api()
            for number in range(many):
                use(made.workspace_id, 5, key_id=uuid4(), model=f"m{number}")
                ledger.hold(workspace_id=made.workspace_id, amount=1, reference=f"job:{uuid4()}", at=timezone.now())
            for path in ("/usage?group_by=key", "/wallet", "/wallet/transactions"):
                with CaptureQueriesContext(connection) as asked:
                    assert api.get(path).status_code == 200
                counts.append(len(asked))
        assert counts[:3] == counts[3:]
