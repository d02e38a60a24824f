"""The verbs of the ledger, one promise at a time."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import InternalError
from django.utils import timezone

from credits import ledger, selectors
from credits.errors import InsufficientCredits, LedgerConflict
from credits.ledger import Payer, Terms
from credits.models import Entry, Hold, Lot, Posting, Wallet
from tests.factories.accounts import make_person

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture
def workspace_id():
    return make_person(credits=0).workspace_id


@pytest.fixture(autouse=True)
def _every_invariant_holds(request):
    yield
    if "breaks_invariants" not in request.keywords:
        assert selectors.violations() == []


def grant(workspace_id, amount, *, days=None, reference=None, sandbox=False, **terms: Any):
    return ledger.grant(
        workspace_id=workspace_id, amount=amount, reference=reference or str(uuid4()), at=NOW, sandbox=sandbox,
        terms=Terms("goodwill", NOW + timedelta(days=days) if days else None, **terms),
    )  # fmt: skip


def hold(workspace_id, amount, reference="job:1", *, at=NOW, **payer: Any):
    return ledger.hold(workspace_id=workspace_id, amount=amount, reference=reference, at=at, payer=Payer(**payer))


def available(workspace_id, at=NOW):
    return selectors.balance(workspace_id=workspace_id, sandbox=False, at=at).available


def remaining(reference):
    return Lot.objects.get(reference=f"grant:{reference}").remaining


class TestGrant:
    def test_adds_a_lot_that_can_be_used_at_once(self, workspace_id):
        assert grant(workspace_id, 100)
        assert available(workspace_id) == 100

    def test_happens_once_for_a_reference(self, workspace_id):
        assert grant(workspace_id, 100, reference="invoice:1")
        assert not grant(workspace_id, 100, reference="invoice:1")
        assert available(workspace_id) == 100

    def test_refuses_the_same_reference_with_another_amount(self, workspace_id):
        grant(workspace_id, 100, reference="invoice:1")
        with pytest.raises(LedgerConflict):
            grant(workspace_id, 101, reference="invoice:1")
        assert available(workspace_id) == 100

    @pytest.mark.parametrize("amount", [0, -5])
    def test_refuses_nothing_and_less(self, workspace_id, amount):
        with pytest.raises(ValueError, match="at least one"):
            grant(workspace_id, amount)

    def test_keeps_sandbox_and_live_apart(self, workspace_id):
        grant(workspace_id, 100, sandbox=True)
        assert available(workspace_id) == 0


class TestHold:
    def test_sets_credits_aside_and_says_what_is_left(self, workspace_id):
        grant(workspace_id, 100)
        held = hold(workspace_id, 30)
        assert held.available == 70
        assert available(workspace_id) == 70

    def test_refuses_more_than_there_is_and_changes_nothing(self, workspace_id):
        grant(workspace_id, 10)
        with pytest.raises(InsufficientCredits) as refused:
            hold(workspace_id, 11)
        assert refused.value.extra == {"required": 11, "available": 10, "shortfall": 1}
        assert available(workspace_id) == 10
        assert not Hold.objects.exists()

    def test_answers_a_repeated_reference_as_the_first_time(self, workspace_id):
        grant(workspace_id, 100)
        first = hold(workspace_id, 30)
        again = hold(workspace_id, 30)
        assert again.id == first.id
        assert again.replayed
        assert available(workspace_id) == 70

    def test_refuses_a_repeated_reference_with_another_amount(self, workspace_id):
        grant(workspace_id, 100)
        hold(workspace_id, 30)
        with pytest.raises(LedgerConflict):
            hold(workspace_id, 31)

    def test_never_draws_from_a_lot_that_has_expired_swept_or_not(self, workspace_id):
        grant(workspace_id, 100, days=1)
        with pytest.raises(InsufficientCredits):
            hold(workspace_id, 1, at=NOW + timedelta(days=1))

    def test_draws_priority_first_then_soonest_to_expire_then_promotional_before_paid(self, workspace_id):
        grant(workspace_id, 10, reference="never")
        grant(workspace_id, 10, days=30, reference="late")
        grant(workspace_id, 10, days=5, reference="soon")
        grant(workspace_id, 10, days=90, reference="first", priority=10)
        grant(workspace_id, 10, days=5, reference="soon-paid", paid=True)
        order = []
        for number in range(5):
            before = {lot.reference.removeprefix("grant:"): lot.remaining for lot in Lot.objects.all()}
            hold(workspace_id, 10, f"job:{number}")
            order += [name for name, amount in before.items() if remaining(name) < amount]
        assert order == ["first", "soon", "soon-paid", "late", "never"]

    def test_leaves_lots_of_other_pipelines_alone(self, workspace_id):
        grant(workspace_id, 10, applies_to=["video"])
        with pytest.raises(InsufficientCredits):
            hold(workspace_id, 1, pipeline="image")
        assert hold(workspace_id, 1, "job:2", pipeline="video")


class TestCapture:
    def test_keeps_the_whole_hold(self, workspace_id):
        grant(workspace_id, 100)
        held = hold(workspace_id, 30)
        settled = ledger.capture(hold_id=held.id, amount=30, at=NOW)
        assert (settled.captured, settled.released) == (30, 0)
        assert available(workspace_id) == 70

    def test_gives_the_unused_part_back_to_the_lot_that_lives_longest(self, workspace_id):
        grant(workspace_id, 10, days=30, reference="soon")
        grant(workspace_id, 10, reference="never")
        held = hold(workspace_id, 15)

        ledger.capture(hold_id=held.id, amount=11, at=NOW)

        assert available(workspace_id) == 9
        assert available(workspace_id, NOW + timedelta(days=31)) == 9

    def test_happens_once(self, workspace_id):
        grant(workspace_id, 100)
        held = hold(workspace_id, 30)
        ledger.capture(hold_id=held.id, amount=20, at=NOW)
        assert ledger.capture(hold_id=held.id, amount=20, at=NOW).replayed
        assert available(workspace_id) == 80

    def test_refuses_another_amount_the_second_time(self, workspace_id):
        grant(workspace_id, 100)
        held = hold(workspace_id, 30)
        ledger.capture(hold_id=held.id, amount=20, at=NOW)
        with pytest.raises(LedgerConflict):
            ledger.capture(hold_id=held.id, amount=30, at=NOW)
        with pytest.raises(LedgerConflict):
            ledger.void(hold_id=held.id, at=NOW)

    def test_never_takes_more_than_was_held(self, workspace_id):
        grant(workspace_id, 100)
        held = hold(workspace_id, 30)
        with pytest.raises(LedgerConflict):
            ledger.capture(hold_id=held.id, amount=31, at=NOW)
        assert Hold.objects.get(id=held.id).state == "held"


class TestVoid:
    def test_returns_everything(self, workspace_id):
        grant(workspace_id, 100)
        held = hold(workspace_id, 100)
        assert ledger.void(hold_id=held.id, at=NOW).released == 100
        assert available(workspace_id) == 100

    def test_opens_a_lot_of_thirty_days_for_credits_whose_own_has_expired_meanwhile(self, workspace_id):
        grant(workspace_id, 10, days=1, reference="short")
        held = hold(workspace_id, 10)
        later = NOW + timedelta(days=2)

        ledger.void(hold_id=held.id, at=later)

        assert available(workspace_id, later) == 10
        assert available(workspace_id, later + timedelta(days=29)) == 10
        assert available(workspace_id, later + timedelta(days=31)) == 0


class TestStatement:
    def test_shows_every_movement_with_the_balance_after_it(self, workspace_id):
        grant(workspace_id, 100)
        held = hold(workspace_id, 30)
        ledger.capture(hold_id=held.id, amount=20, at=NOW, reason="delivered")
        wallet = selectors.wallet_of(workspace_id=workspace_id, sandbox=False)
        rows = selectors.statement(wallet_id=wallet.id)
        assert [(row.kind, row.amount, row.balance) for row in rows] == [("capture", -20, 80), ("grant", 100, 100)]


class TestDatabase:
    """What no code path may do, because PostgreSQL refuses it."""

    def posting(self, lot, amount, kind="adjust"):
        return Posting.objects.create(
            kind=kind, reference=str(uuid4()), at=NOW, wallet_id=lot.wallet_id, amount=amount, balance_after=10 + amount
        )

    @pytest.mark.parametrize("lines", [[5], [5, -4], [5, -5, 1], [4, -4]])
    def test_refuses_a_posting_that_does_not_balance(self, workspace_id, lines):
        grant(workspace_id, 10, reference="g")
        lot = Lot.objects.get(reference="grant:g")
        with pytest.raises((IntegrityError, InternalError), match="does not balance"), transaction.atomic():
            posting = self.posting(lot, 5)
            own = Entry(posting=posting, account="wallet", wallet_id=lot.wallet_id, lot=lot, amount=lines[0])
            others = [Entry(posting=posting, account="adjustments", amount=amount) for amount in lines[1:]]
            Entry.objects.bulk_create([own, *others])

    @pytest.mark.parametrize("amounts", [(5,), (5, -5)], ids=["what-is-missing", "what-balances-by-itself"])
    def test_refuses_to_add_to_a_posting_that_stands(self, workspace_id, amounts):
        grant(workspace_id, 10, reference="g")
        posting, lot = Posting.objects.get(reference="grant:g"), Lot.objects.get(reference="grant:g")
        with pytest.raises((IntegrityError, InternalError), match="has its lines"), transaction.atomic():
            Entry.objects.bulk_create(
                [Entry(posting=posting, account="wallet", wallet_id=lot.wallet_id, lot=lot, amount=amount)
                 for amount in amounts]
            )  # fmt: skip

    def test_refuses_lines_of_no_posting_and_a_posting_of_no_lines(self, workspace_id):
        grant(workspace_id, 10, reference="g")
        lot = Lot.objects.get(reference="grant:g")
        with pytest.raises((IntegrityError, InternalError), match="does not balance"), transaction.atomic():
            Entry.objects.bulk_create(
                [Entry(posting_id=10**9, account=account, amount=amount) for account, amount in
                 (("issued", -5), ("breakage", 5))]
            )  # fmt: skip
        with pytest.raises((IntegrityError, InternalError), match="no lines"), transaction.atomic():
            self.posting(lot, 0)
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    @pytest.mark.parametrize(
        "statement", ["DELETE FROM credits_wallet", "DELETE FROM credits_lot", "DELETE FROM credits_hold"]
    )
    def test_keeps_what_the_journal_speaks_of(self, workspace_id, statement):
        grant(workspace_id, 10)
        hold(workspace_id, 5)
        with pytest.raises(IntegrityError, match="is refused"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)

    @pytest.mark.parametrize(
        "statement",
        ["UPDATE credits_entry SET amount = amount + 1", "DELETE FROM credits_entry", "DELETE FROM credits_posting"],
    )
    def test_refuses_to_change_the_past(self, workspace_id, statement):
        grant(workspace_id, 10)
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)

    def test_refuses_to_empty_the_journal(self, workspace_id):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("ALTER TABLE credits_entry ENABLE TRIGGER credits_entry_keep")
            with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
                cursor.execute("TRUNCATE credits_entry")
            cursor.execute("ALTER TABLE credits_entry DISABLE TRIGGER credits_entry_keep")

    def test_refuses_to_hold_more_than_the_balance(self, workspace_id):
        with pytest.raises(IntegrityError), transaction.atomic():
            Wallet.objects.filter(workspace_id=workspace_id, sandbox=False).update(held=1)

    @pytest.mark.breaks_invariants
    def test_names_the_row_that_is_wrong(self, workspace_id):
        grant(workspace_id, 10, reference="g")
        Lot.objects.filter(reference="grant:g").update(remaining=9)
        assert {row["invariant"] for row in selectors.violations()} == {
            "balance_equals_lots_and_holds", "lot_remaining_equals_entries_less_draws",
        }  # fmt: skip

    @pytest.mark.breaks_invariants
    def test_is_looked_over_each_day_and_says_so_in_the_log(self, workspace_id, caplog):
        from credits import tasks

        grant(workspace_id, 10, reference="g")
        tasks.reconcile()
        assert "credits.ledger.broken" not in caplog.text
        Lot.objects.filter(reference="grant:g").update(remaining=9)
        tasks.reconcile()
        assert caplog.text.count("credits.ledger.broken") == 2


class TestClawBack:
    def test_knows_no_lot_of_another_wallet(self, workspace_id):
        grant(workspace_id, 50)
        other = make_person(credits=0)
        other.grant(30, reference="theirs")
        with pytest.raises(Lot.DoesNotExist):
            ledger.claw_back(
                workspace_id=workspace_id, amount=30, reference="c", reason="r", lot_reference="theirs", at=NOW
            )
        assert available(workspace_id) == 50


class TestSchedule:
    def test_sweeps_renews_and_looks_over_the_ledger(self):
        from generation.conductor import SCHEDULE

        assert {"credits.expire_lots", "credits.expire_holds", "credits.renew_allowances", "credits.reconcile"} <= {
            task.name for task, _ in SCHEDULE
        }
