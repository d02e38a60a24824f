"""What ends when: exact balances on exact dates."""

from datetime import UTC, datetime, timedelta

import pytest

from credits import expiry, ledger, selectors
from credits.errors import InsufficientCredits
from credits.ledger import Rollover, Terms
from credits.models import Lot, Posting
from tests.factories.accounts import make_person

pytestmark = pytest.mark.django_db


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def workspace_id():
    return make_person(credits=0).workspace_id


@pytest.fixture(autouse=True)
def _every_invariant_holds():
    yield
    assert [row for row in selectors.violations() if row["invariant"] != "open_hold_within_its_time"] == []


def grant(workspace_id, amount, name, *, on="2026-03-01", until=None, **terms):
    ledger.grant(
        workspace_id=workspace_id, amount=amount, reference=name, at=day(on),
        terms=Terms(terms.pop("origin", "goodwill"), day(until) if until else None, **terms),
    )  # fmt: skip


def hold(workspace_id, amount, name, *, on="2026-03-01"):
    return ledger.hold(workspace_id=workspace_id, amount=amount, reference=name, at=day(on)).id


def balances(workspace_id, *dates):
    found = [selectors.balance(workspace_id=workspace_id, sandbox=False, at=day(date)) for date in dates]
    return [balance.available for balance in found]


def left(*names):
    rows = dict(Lot.objects.values_list("reference", "remaining"))
    return [rows[f"grant:{name}"] for name in names]


class TestSpendOrder:
    """Priority, then soonest to expire, then promotional before paid, then oldest."""

    @pytest.mark.parametrize(
        ("lots", "expected"),
        [
            ([("never", None, 50, False), ("june", "2026-06-01", 50, False)], ["june", "never"]),
            ([("june", "2026-06-01", 50, False), ("april", "2026-04-01", 50, False)], ["april", "june"]),
            ([("april", "2026-04-01", 50, False), ("first", None, 10, False)], ["first", "april"]),
            ([("paid", "2026-04-01", 50, True), ("gift", "2026-04-01", 50, False)], ["gift", "paid"]),
            ([("paid", "2026-04-01", 50, True), ("late gift", "2026-04-02", 50, False)], ["paid", "late gift"]),
            ([("older", "2026-04-01", 50, False), ("newer", "2026-04-01", 50, False)], ["older", "newer"]),
            ([("last", "2026-03-02", 90, False), ("never", None, 50, True)], ["never", "last"]),
        ],
    )  # fmt: skip
    def test_draws(self, workspace_id, lots, expected):
        for name, until, priority, paid in lots:
            grant(workspace_id, 10, name, until=until, priority=priority, paid=paid)
        hold(workspace_id, 12, "job")
        assert left(*expected) == [0, 8]


class TestExpiry:
    def test_takes_what_is_left_and_nothing_that_a_running_job_holds(self, workspace_id):
        grant(workspace_id, 10, "march", until="2026-04-01")
        held = hold(workspace_id, 4, "job", on="2026-03-31")
        assert balances(workspace_id, "2026-03-31", "2026-04-01") == [6, 0]
        assert expiry.expire_due(at=day("2026-04-01")) == (1, 6)
        assert expiry.expire_due(at=day("2026-04-01")) == (0, 0)
        ledger.capture(hold_id=held, amount=4, at=day("2026-04-02"))
        assert balances(workspace_id, "2026-04-02") == [0]
        assert list(Posting.objects.order_by("id").values_list("kind", "amount", "balance_after")) == [
            ("grant", 10, 10), ("expire", -6, 4), ("capture", -4, 0),
        ]  # fmt: skip

    def test_is_exclusive_of_its_moment(self, workspace_id):
        grant(workspace_id, 10, "march", until="2026-04-01")
        last = day("2026-04-01") - timedelta(microseconds=1)
        assert ledger.hold(workspace_id=workspace_id, amount=1, reference="in time", at=last)
        with pytest.raises(InsufficientCredits):
            hold(workspace_id, 1, "too late", on="2026-04-01")

    def test_needs_no_sweeper(self, workspace_id):
        grant(workspace_id, 10, "march", until="2026-04-01")
        with pytest.raises(InsufficientCredits):
            hold(workspace_id, 1, "job", on="2027-01-01")
        assert balances(workspace_id, "2027-01-01") == [0]


class TestReturnToAnExpiredLot:
    @pytest.mark.parametrize("swept", [True, False])
    @pytest.mark.parametrize("verb", ["void", "capture", "refund"])
    def test_lives_on_for_thirty_days_with_the_old_standing(self, workspace_id, verb, swept):
        grant(workspace_id, 10, "march", until="2026-04-01", priority=20, paid=True, applies_to=("image",))
        held = ledger.hold(
            workspace_id=workspace_id, amount=8, reference="job", at=day("2026-03-31"),
            payer=ledger.Payer(pipeline="image"),
        ).id  # fmt: skip
        if verb == "refund":
            ledger.capture(hold_id=held, amount=8, at=day("2026-03-31"))
        if swept:
            expiry.expire_due(at=day("2026-04-02"))
        if verb == "void":
            ledger.void(hold_id=held, at=day("2026-04-03"))
        elif verb == "capture":
            ledger.capture(hold_id=held, amount=3, at=day("2026-04-03"))
        else:
            ledger.refund(hold_id=held, amount=8, reference="r", reason="broken", at=day("2026-04-03"))
        back = 5 if verb == "capture" else 8
        assert balances(workspace_id, "2026-04-03", "2026-05-02", "2026-05-03") == [back, back, 0]
        grace = Lot.objects.get(origin="grace")
        assert (grace.priority, grace.paid, grace.applies_to) == (20, True, ["image"])
        assert expiry.expire_due(at=day("2026-05-03"))[1] == back + (0 if swept else 2)
        assert balances(workspace_id, "2026-05-03") == [0]


class TestPartsThatGoBack:
    @pytest.mark.parametrize(
        ("captured", "expected"),
        [(0, [5, 5, 5]), (3, [2, 5, 5]), (5, [0, 5, 5]), (7, [0, 3, 5]), (11, [0, 0, 4]), (15, [0, 0, 0])],
    )
    def test_return_to_what_lives_longest_whole_or_in_parts(self, workspace_id, captured, expected):
        for name, until in (("april", "2026-04-01"), ("june", "2026-06-01"), ("never", None)):
            grant(workspace_id, 5, name, until=until)
        whole = hold(workspace_id, 15, "whole")
        ledger.capture(hold_id=whole, amount=captured, at=day("2026-03-01"))
        assert left("april", "june", "never") == expected
        if captured:
            assert ledger.refund(hold_id=whole, amount=captured, reference="r", reason="r", at=day("2026-03-01"))
        parts = hold(workspace_id, 15, "parts")
        for number in range(captured):
            ledger.capture(hold_id=parts, amount=1, part=f"step {number}", at=day("2026-03-01"))
        ledger.void(hold_id=parts, at=day("2026-03-01"))
        assert left("april", "june", "never") == expected


class TestRollover:
    @pytest.mark.parametrize(
        ("spent", "rollover", "rolled"),
        [
            (0, Rollover(50), 50),
            (60, Rollover(50), 40),
            (0, Rollover(100, most=30), 30),
            (0, Rollover(1), 1),
            (100, Rollover(100), 0),
            (99, Rollover(50), 1),
            (0, Rollover(100, times=0), 0),
            (0, None, 0),
        ],
    )
    def test_keeps_the_share_that_its_terms_allow_until_its_own_end(self, workspace_id, spent, rollover, rolled):
        grant(workspace_id, 100, "march", until="2026-04-01", origin="plan", rollover=rollover)
        if spent:
            ledger.capture(hold_id=hold(workspace_id, spent, "job"), amount=spent, at=day("2026-03-01"))
        lot = Lot.objects.get(reference="grant:march")
        ended = expiry.retire(lot_id=lot.id, at=day("2026-04-01"), rolls_until=day("2026-05-01"))
        assert ended == (rolled, 100 - spent - rolled)
        assert balances(workspace_id, "2026-04-01", "2026-04-30", "2026-05-01") == [rolled, rolled, 0]
        assert expiry.retire(lot_id=lot.id, at=day("2026-04-01"), rolls_until=day("2026-05-01")) == (0, 0)

    def test_ends_after_its_generations(self, workspace_id):
        grant(workspace_id, 100, "march", until="2026-04-01", origin="plan", rollover=Rollover(100, times=2))
        ends = ["2026-04-01", "2026-05-01", "2026-06-01"]
        kept = []
        for now, following in zip(ends, [*ends[1:], "2026-07-01"], strict=True):
            lot = Lot.objects.get(closed=False)
            kept.append(expiry.retire(lot_id=lot.id, at=day(now), rolls_until=day(following)))
        assert kept == [(100, 0), (100, 0), (0, 100)]

    def test_waits_for_a_late_renewal_before_the_rest_is_booked(self, workspace_id, settings):
        settings.CREDITS_RENEWAL_WAIT_DAYS = 7
        grant(workspace_id, 100, "march", until="2026-04-01", origin="plan", rollover=Rollover(50))
        assert expiry.expire_due(at=day("2026-04-07")) == (0, 0)
        assert balances(workspace_id, "2026-04-07") == [0]
        assert expiry.expire_due(at=day("2026-04-08")) == (1, 100)


class TestForgottenHolds:
    def test_come_back_after_their_time_and_only_then(self, workspace_id):
        grant(workspace_id, 10, "never")
        made = day("2026-03-01")
        held = ledger.hold(workspace_id=workspace_id, amount=6, reference="job", at=made).id
        ends = ledger.hold_expiry(made)
        assert expiry.expire_holds(at=ends) == 0
        assert expiry.expire_holds(at=ends + timedelta(minutes=6)) == 1
        assert expiry.expire_holds(at=ends + timedelta(minutes=6)) == 0
        assert balances(workspace_id, "2026-03-02") == [10]
        with pytest.raises(ledger.LedgerConflict):
            ledger.capture(hold_id=held, amount=6, at=ends)
        void = Posting.objects.get(kind="void")
        assert (void.amount, void.released, void.reason, void.subject) == (0, 6, "hold_expired", "job")
