"""Any sequence of grants, holds, captures and voids, some sent twice, some late: every invariant, every lot."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from credits import ledger, selectors
from credits.errors import InsufficientCredits
from credits.models import Lot
from tests.factories.accounts import make_person

START = datetime(2026, 1, 1, tzinfo=UTC)
FEW_DAYS = st.sampled_from([None, 1, 2, 5])


class Model:
    """The same ledger in plain Python: lots as lists, drawn in spend order."""

    def __init__(self) -> None:
        self.lots: list[dict] = []
        self.holds: dict = {}

    def spendable(self, now):
        live = [lot for lot in self.lots if lot["ends"] is None or lot["ends"] > now]
        return sorted(live, key=lambda lot: (lot["priority"], lot["ends"] or datetime.max.replace(tzinfo=UTC),
                                             lot["paid"], lot["nth"]))  # fmt: skip

    def grant(self, amount, ends, priority, paid, name):
        self.lots.append({"name": name, "left": amount, "ends": ends, "priority": priority, "paid": paid,
                          "nth": len(self.lots)})  # fmt: skip

    def hold(self, reference, amount, now):
        lots = self.spendable(now)
        if sum(lot["left"] for lot in lots) < amount:
            return False
        draws = []
        for lot in lots:
            take = min(lot["left"], amount)
            if take:
                lot["left"] -= take
                amount -= take
                draws.append((lot, take))
        self.holds[reference] = draws
        return True

    def settle(self, reference, captured, now):
        draws = self.holds.pop(reference)
        giving = sum(take for _, take in draws) - captured
        far = datetime.max.replace(tzinfo=UTC)
        order = sorted(enumerate(draws), key=lambda item: (item[1][0]["ends"] or far, item[0]), reverse=True)
        for _, (lot, take) in order:
            back = min(giving, take)
            giving -= back
            if back and (lot["ends"] is None or lot["ends"] > now):
                lot["left"] += back
            elif back:
                self.grant(back, now + ledger.GRACE, 50, lot["paid"], None)


class LedgerMachine(RuleBasedStateMachine):
    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.now = START
        self.workspace_id = make_person(credits=0).workspace_id
        self.ids: dict[str, object] = {}

    @rule(amount=st.integers(1, 8), days=FEW_DAYS, priority=st.sampled_from([10, 50]), paid=st.booleans(),
          twice=st.booleans())  # fmt: skip
    def grant(self, amount, days, priority, paid, twice):
        ends = self.now + timedelta(days=days) if days else None
        name = str(uuid4())
        for _ in range(1 + twice):
            ledger.grant(workspace_id=self.workspace_id, amount=amount, origin="goodwill", reference=name, at=self.now,
                         expires_at=ends, priority=priority, paid=paid)  # fmt: skip
        self.model.grant(amount, ends, priority, paid, name)

    @rule(target=held, amount=st.integers(1, 12), twice=st.booleans())
    def hold(self, amount, twice):
        reference = str(uuid4())
        expected = self.model.hold(reference, amount, self.now)
        for _ in range(1 + twice):
            try:
                made = ledger.hold(workspace_id=self.workspace_id, amount=amount, reference=reference, at=self.now)
            except InsufficientCredits:
                assert not expected
            else:
                assert expected
                self.ids[reference] = made.id
        return reference

    @rule(reference=held, share=st.integers(0, 4), twice=st.booleans())
    def settle(self, reference, share, twice):
        if reference not in self.model.holds:
            return
        total = sum(take for _, take in self.model.holds[reference])
        captured = total * share // 4
        for _ in range(1 + twice):
            ledger.capture(hold_id=self.ids[reference], amount=captured, at=self.now)
        self.model.settle(reference, captured, self.now)

    @rule(days=st.sampled_from([1, 2, 31]))
    def time_passes(self, days):
        self.now += timedelta(days=days)

    @invariant()
    def every_lot_is_as_in_the_model(self):
        named = {lot["name"]: lot["left"] for lot in self.model.lots if lot["name"]}
        found = dict(Lot.objects.filter(wallet__workspace_id=self.workspace_id).exclude(origin="grace")
                     .values_list("reference", "remaining"))  # fmt: skip
        assert found == named
        balance = selectors.balance(workspace_id=self.workspace_id, sandbox=False, at=self.now)
        assert balance.available == sum(lot["left"] for lot in self.model.spendable(self.now))
        assert balance.held == sum(take for draws in self.model.holds.values() for _, take in draws)

    @invariant()
    def no_invariant_is_broken(self):
        broken = [row for row in selectors.violations() if row["invariant"] != "open_hold_within_its_time"]
        assert broken == []


@pytest.mark.slow
@pytest.mark.django_db
class TestLedger(TestCase):
    def test_equals_its_model_after_any_sequence(self):
        run_state_machine_as_test(
            LedgerMachine,
            settings=settings(max_examples=25, stateful_step_count=25, deadline=None, derandomize=True,
                              suppress_health_check=list(HealthCheck)),
        )  # fmt: skip
