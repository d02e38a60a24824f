"""Spend limits: what they count, when they begin anew, what gives them back."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.core.management import call_command

from accounts import api_keys
from core.errors import FieldsRejected
from core.ids import to_public
from credits import ledger, quotas, selectors
from credits.errors import SpendLimitReached
from credits.ledger import Payer
from tests.factories.accounts import make_person
from tests.factories.generation import work_off

pytestmark = pytest.mark.django_db


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NOON = at("2026-03-31T12:00")
NOBODY = "01a2148b-809b-70d4-b6f7-43c201bc72d4"


@pytest.fixture
def person():
    return make_person(credits=1_000)


@pytest.fixture
def workspace_id(person):
    return person.workspace_id


def make_key(person):
    return api_keys.create(
        workspace_id=person.workspace_id, user_id=person.user.id, name="key", sandbox=False, actor="test", at=NOON
    ).id  # fmt: skip


@pytest.fixture(autouse=True)
def _every_invariant_holds():
    yield
    assert [row for row in selectors.violations() if row["invariant"] != "open_hold_within_its_time"] == []


def limit(workspace_id, amount, scope="wallet", subject="", period="day", on=NOON):
    quotas.set_limit(workspace_id=workspace_id, scope=scope, subject=subject, period=period, amount=amount, at=on)


def hold(workspace_id, amount, on=NOON, **payer):
    # The lot began today, the clock of these tests is in spring: it is drawn from all the same.
    from credits.models import Lot

    Lot.objects.update(effective_at=at("2026-01-01"))
    payer = Payer(**payer)
    return ledger.hold(workspace_id=workspace_id, amount=amount, reference=str(uuid4()), at=on, payer=payer).id


def used(workspace_id, on=NOON):
    return [item.used for item in quotas.limits(workspace_id=workspace_id, at=on)]


class TestLimit:
    def test_refuses_what_would_pass_it_and_says_which_and_until_when(self, workspace_id):
        limit(workspace_id, 10)
        hold(workspace_id, 7)
        with pytest.raises(SpendLimitReached) as refused:
            hold(workspace_id, 4)
        assert refused.value.extra == {
            "required": 4, "available": 3, "shortfall": 1, "scope": "wallet", "period": "day", "limit": 10, "used": 7,
            "resets_at": "2026-04-01T00:00:00Z",
        }  # fmt: skip
        assert hold(workspace_id, 3)

    @pytest.mark.parametrize(
        ("period", "free_again", "still_full"),
        [("day", "2026-04-01T00:00", "2026-03-31T23:59:59"), ("month", "2026-04-01T00:00", "2026-03-31T23:59:59"),
         ("total", None, "2030-01-01")],
    )  # fmt: skip
    def test_begins_anew_at_midnight_utc(self, workspace_id, period, free_again, still_full):
        limit(workspace_id, 10, period=period, on=at("2026-03-01"))
        hold(workspace_id, 10)
        with pytest.raises(SpendLimitReached):
            hold(workspace_id, 1, on=at(still_full))
        if free_again:
            assert hold(workspace_id, 10, on=at(free_again))

    def test_of_a_month_lasts_from_its_first_day_to_its_last(self, workspace_id):
        limit(workspace_id, 10, period="month", on=at("2026-03-01"))
        hold(workspace_id, 10, on=at("2026-03-02"))
        with pytest.raises(SpendLimitReached):
            hold(workspace_id, 1, on=at("2026-03-31T23:59:59"))
        assert hold(workspace_id, 10, on=at("2026-04-01"))

    def test_counts_what_is_captured_and_gives_back_the_rest(self, workspace_id):
        limit(workspace_id, 10)
        held = hold(workspace_id, 10)
        ledger.capture(hold_id=held, amount=4, at=NOON)
        assert used(workspace_id) == [4]
        ledger.refund(hold_id=held, amount=3, reference="r", reason="broken", at=NOON)
        assert used(workspace_id) == [1]
        ledger.void(hold_id=hold(workspace_id, 9), at=NOON)
        assert used(workspace_id) == [1]

    def test_gives_back_to_the_period_it_was_taken_from(self, workspace_id):
        limit(workspace_id, 10)
        held = hold(workspace_id, 10)
        hold(workspace_id, 6, on=at("2026-04-01"))
        ledger.void(hold_id=held, at=at("2026-04-01T01:00"))
        assert used(workspace_id) == [0]
        assert used(workspace_id, at("2026-04-01")) == [6]

    @pytest.mark.parametrize("scope", ["key", "member", "model"])
    @pytest.mark.parametrize("public", [True, False])
    def test_of_one_leaves_the_others_alone(self, person, workspace_id, scope, public):
        ids = {"key": make_key(person), "member": person.user.id, "model": "sketch-image"}
        prefix = {"key": "key", "member": "usr"}.get(scope)
        limit(
            workspace_id,
            5,
            scope,
            to_public(prefix, ids[scope]) if public and prefix else str(ids[scope]).upper() if prefix else ids[scope],
        )
        whose = {"key": {"key_id": ids["key"]}, "member": {"member_id": ids["member"]},
                 "model": {"model": ids["model"]}}[scope]  # fmt: skip
        with pytest.raises(SpendLimitReached):
            hold(workspace_id, 6, **whose)
        assert hold(workspace_id, 6)
        assert hold(workspace_id, 6, key_id=uuid4(), member_id=uuid4(), model="another")
        assert hold(workspace_id, 5, **whose)

    def test_of_the_plan_counts_the_whole_wallet_by_day(self, workspace_id):
        hold(workspace_id, 8, daily_credits=10)
        with pytest.raises(SpendLimitReached) as refused:
            hold(workspace_id, 3, daily_credits=10)
        assert refused.value.extra["scope"] == "plan"
        assert hold(workspace_id, 3, daily_credits=20)

    def test_of_the_plan_counts_what_the_day_used_before_it_was_set(self, workspace_id):
        kept = hold(workspace_id, 8)
        ledger.capture(hold_id=kept, amount=6, at=NOON)
        hold(workspace_id, 3)
        hold(workspace_id, 50, on=at("2026-03-30T23:00"))
        with pytest.raises(SpendLimitReached) as refused:
            hold(workspace_id, 2, daily_credits=10)
        assert refused.value.extra["used"] == 9
        assert hold(workspace_id, 1, daily_credits=10)

    def test_set_in_the_middle_of_a_period_counts_what_the_period_used(self, workspace_id):
        kept = hold(workspace_id, 4, on=at("2026-03-31T01:00"))
        ledger.capture(hold_id=kept, amount=3, at=at("2026-03-31T02:00"))
        hold(workspace_id, 2, on=at("2026-03-31T03:00"))
        before = hold(workspace_id, 50, on=at("2026-03-30T23:00"))
        limit(workspace_id, 10)
        assert used(workspace_id) == [5]
        ledger.capture(hold_id=before, amount=50, at=NOON)
        assert used(workspace_id) == [5]
        ledger.refund(hold_id=kept, amount=3, reference="r", reason="broken", at=NOON)
        assert used(workspace_id) == [2]

    def test_can_be_raised_lowered_and_removed(self, workspace_id):
        limit(workspace_id, 10)
        hold(workspace_id, 10)
        limit(workspace_id, 12)
        assert hold(workspace_id, 2)
        limit(workspace_id, 3)
        with pytest.raises(SpendLimitReached):
            hold(workspace_id, 1)
        limit(workspace_id, None)
        assert hold(workspace_id, 100)

    @pytest.mark.parametrize(
        ("scope", "subject", "amount"),
        [("wallet", "x", 1), ("key", "", 1), ("wallet", "", -1), ("key", "nonsense", 1), ("key", NOBODY, 1),
         ("member", NOBODY, 1), ("model", "sketch-image@1", 1), ("model", "m" * 81, 1)],
    )  # fmt: skip
    def test_refuses_what_makes_no_sense(self, workspace_id, scope, subject, amount):
        with pytest.raises(FieldsRejected):
            limit(workspace_id, amount, scope, subject)


class TestApi:
    def test_answers_402_with_the_limit_and_holds_nothing(self):
        person = make_person(credits=100)
        api = person.api()
        call_command("set_spend_limit", "--email", person.user.email, "--scope", "model", "--subject", "sketch-image",
                     "--period", "month", "--amount", "12")  # fmt: skip
        body = {"pipeline": "image", "input": {"prompt": "a fox", "n": 2, "width": 64, "height": 64}}
        assert api.post("/generations", body).status_code == 201
        answer = api.post("/generations", body)
        assert (answer.status_code, answer.json()["code"]) == (402, "spend_limit_reached")
        assert (answer.json()["used"], answer.json()["limit"], answer.json()["shortfall"]) == (10, 12, 8)
        assert person.held() == 10
        work_off()
        assert quotas.limits(workspace_id=person.workspace_id, at=datetime.now(UTC))[0].used == 10

    def test_keeps_the_plans_daily_credits_in_the_live_wallet_alone(self):
        person = make_person(credits=100)
        person.grant(100, sandbox=True)
        person.limit(daily_credits=7)
        body = {"pipeline": "image", "input": {"prompt": "a fox", "width": 64, "height": 64}}
        answers = [person.api().post("/generations", body) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 402]
        assert (answers[1].json()["code"], answers[1].json()["scope"]) == ("spend_limit_reached", "plan")
        assert {person.api(sandbox=True).post("/generations", body).status_code for _ in range(3)} == {201}
