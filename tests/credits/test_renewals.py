"""Months: their ends, leap years, changed clocks, late renewals. Exact dates, exact balances."""

from datetime import UTC, datetime

import pytest

from credits import expiry, ledger, renewals, selectors
from credits.errors import LedgerConflict
from credits.ledger import Rollover
from credits.models import Allowance, Lot
from tests.factories.accounts import make_person

pytestmark = pytest.mark.django_db


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def workspace_id():
    return make_person(credits=0).workspace_id


@pytest.fixture(autouse=True)
def _every_invariant_holds():
    yield
    assert selectors.violations() == []


def start(workspace_id, anchor, amount=100, **more):
    return renewals.start(
        workspace_id=workspace_id, reference="sub_1", amount=amount, anchor_at=at(anchor), at=at(anchor), **more
    )


def available(workspace_id, moment):
    return selectors.balance(workspace_id=workspace_id, sandbox=False, at=at(moment)).available


class TestBoundary:
    @pytest.mark.parametrize(
        ("anchor", "zone", "expected"),
        [
            ("2026-01-31", "UTC", ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]),
            ("2026-01-30", "UTC", ["2026-01-30", "2026-02-28", "2026-03-30", "2026-04-30"]),
            ("2028-01-31", "UTC", ["2028-01-31", "2028-02-29", "2028-03-31"]),
            ("2028-02-29", "UTC", ["2028-02-29", "2028-03-29", "2028-04-29"]),
            ("2026-11-30T23:59:59", "UTC", ["2026-11-30T23:59:59", "2026-12-30T23:59:59", "2027-01-30T23:59:59",
                                            "2027-02-28T23:59:59"]),
            ("2026-12-15", "UTC", ["2026-12-15", "2027-01-15"]),
            # Midnight in Berlin is 23:00 UTC in winter and 22:00 in summer.
            ("2026-02-14T23:00", "Europe/Berlin", ["2026-02-14T23:00", "2026-03-14T23:00", "2026-04-14T22:00"]),
            # 02:30 on 29 March 2026 does not exist there: it is 03:30. On 29 October it is 02:30 again.
            ("2026-02-28T01:30", "Europe/Berlin", ["2026-02-28T01:30", "2026-03-28T01:30", "2026-04-28T00:30"]),
            ("2026-01-29T01:30", "Europe/Berlin", ["2026-01-29T01:30", "2026-02-28T01:30", "2026-03-29T01:30",
                                                   "2026-04-29T00:30"]),
            # 01:30 on 25 October 2026 happens twice in London: the first of them is meant.
            ("2026-09-25T00:30", "Europe/London", ["2026-09-25T00:30", "2026-10-25T00:30", "2026-11-25T01:30"]),
            # The last of the month in Auckland is still the day before in UTC.
            ("2026-01-30T11:00", "Pacific/Auckland", ["2026-01-30T11:00", "2026-02-27T11:00", "2026-03-30T11:00",
                                                      "2026-04-29T12:00"]),
        ],
    )  # fmt: skip
    def test_is_the_same_day_and_wall_time_or_the_months_last(self, anchor, zone, expected):
        found = [
            renewals.boundary(anchor_at=at(anchor), number=number, timezone=zone) for number in range(len(expected))
        ]
        assert found == [at(text) for text in expected]

    def test_of_a_year_of_a_leap_day_comes_back_to_it(self):
        assert renewals.boundary(anchor_at=at("2028-02-29"), number=12) == at("2029-02-28")
        assert renewals.boundary(anchor_at=at("2028-02-29"), number=48) == at("2032-02-29")


class TestRenewal:
    def test_grants_each_month_what_ends_with_it(self, workspace_id):
        assert start(workspace_id, "2026-01-31")
        for moment in ("2026-01-31", "2026-02-28", "2026-03-31"):
            assert renewals.renew_due(at=at(moment)) == 1
            assert available(workspace_id, moment) == 100
        spans = Lot.objects.order_by("effective_at").values_list("effective_at", "expires_at")
        assert list(spans) == [
            (at("2026-01-31"), at("2026-02-28")), (at("2026-02-28"), at("2026-03-31")),
            (at("2026-03-31"), at("2026-04-30")),
        ]  # fmt: skip

    def test_at_the_same_boundary_twice_grants_once(self, workspace_id):
        start(workspace_id, "2026-01-31")
        assert [renewals.renew_due(at=at("2026-01-31")) for _ in range(3)] == [1, 0, 0]
        send = {"workspace_id": workspace_id, "reference": "sub_1", "amount": 100, "starts_at": at("2026-01-31"),
                "ends_at": at("2026-02-28"), "at": at("2026-02-01")}  # fmt: skip
        assert not renewals.renew(**send)
        with pytest.raises(LedgerConflict):
            renewals.renew(**{**send, "amount": 200})
        assert available(workspace_id, "2026-02-01") == 100

    def test_rolls_over_exactly_what_the_terms_allow(self, workspace_id):
        start(workspace_id, "2026-01-31", rollover=Rollover(50, most=40, times=1))
        renewals.renew_due(at=at("2026-01-31"))
        held = ledger.hold(workspace_id=workspace_id, amount=35, reference="job", at=at("2026-02-10"))
        ledger.capture(hold_id=held.id, amount=35, at=at("2026-02-10"))
        assert available(workspace_id, "2026-02-27") == 65
        # 65 left, at most half of 100 and at most 40: 40 roll over, 25 expire.
        renewals.renew_due(at=at("2026-02-28"))
        assert available(workspace_id, "2026-02-28") == 140
        # A month later what rolled over has had its one time; half of the rest, at most 40, goes on.
        renewals.renew_due(at=at("2026-03-31"))
        assert available(workspace_id, "2026-03-31") == 140
        assert expiry.expire_due(at=at("2026-04-08")) == (0, 0)
        kinds = list(Lot.objects.order_by("id").values_list("origin", "amount", "generation"))
        assert kinds == [("plan", 100, 0), ("plan", 100, 0), ("rolled_over", 40, 1), ("plan", 100, 0),
                         ("rolled_over", 40, 1)]  # fmt: skip

    def test_never_touches_what_was_bought_or_given(self, workspace_id):
        for origin, paid in (("top_up", True), ("welcome", False)):
            ledger.grant(workspace_id=workspace_id, amount=10, reference=origin, at=at("2026-01-31"),
                         terms=ledger.Terms(origin, at("2026-06-01"), paid=paid))  # fmt: skip
        start(workspace_id, "2026-01-31", rollover=Rollover(100))
        renewals.renew_due(at=at("2026-01-31"))
        renewals.renew_due(at=at("2026-02-28"))
        assert set(Lot.objects.filter(origin__in=["top_up", "welcome"]).values_list("remaining")) == {(10,)}

    def test_that_is_months_late_comes_to_the_same_as_one_in_time(self, workspace_id):
        other = make_person(credits=0).workspace_id
        terms = {"rollover": Rollover(50, times=3)}
        start(workspace_id, "2026-01-31", **terms)
        renewals.start(workspace_id=other, reference="sub_2", amount=100, anchor_at=at("2026-01-31"),
                       at=at("2026-01-31"), **terms)  # fmt: skip
        in_time = Allowance.objects.get(reference="sub_1")
        for moment in ("2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"):
            renewals._catch_up(in_time.id, at(moment))
        assert renewals.renew_due(at=at("2026-05-02")) == 4
        assert available(workspace_id, "2026-05-02") == available(other, "2026-05-02") == 100 + 50 + 25 + 12

    def test_ends_with_the_allowance(self, workspace_id):
        start(workspace_id, "2026-01-31", rollover=Rollover(100))
        renewals.renew_due(at=at("2026-01-31"))
        renewals.stop(reference="sub_1", at=at("2026-02-15"))
        assert renewals.renew_due(at=at("2026-03-31")) == 0
        assert available(workspace_id, "2026-02-27") == 100
        assert available(workspace_id, "2026-02-28") == 0
        assert expiry.expire_due(at=at("2026-03-31")) == (1, 100)

    def test_of_a_year_paid_at_once_grants_twelve_times(self, workspace_id):
        start(workspace_id, "2026-01-31", ends_at=at("2027-01-31"))
        months = [renewals.boundary(anchor_at=at("2026-01-31"), number=number) for number in range(15)]
        assert sum(renewals.renew_due(at=moment) for moment in months) == 12

    def test_begins_once_for_its_reference(self, workspace_id):
        assert start(workspace_id, "2026-01-31")
        assert not start(workspace_id, "2026-01-31")
        with pytest.raises(LedgerConflict):
            start(workspace_id, "2026-01-31", amount=200)
