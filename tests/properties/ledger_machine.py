"""Random sequences of every verb, many of them sent twice, against the model. Sweepers come late or never."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from accounts import api_keys, workspaces
from credits import expiry, ledger, quotas, selectors
from credits.errors import InsufficientCredits, LedgerConflict, SpendLimitReached, WalletInDebt
from credits.ledger import Payer, Rollover, Terms
from credits.models import Lot as LotRow
from tests.factories.accounts import make_person
from tests.properties import ledger_model
from tests.properties.ledger_model import Model, days

START = datetime(2026, 1, 1, tzinfo=UTC)
REFUSALS = {InsufficientCredits: "insufficient", WalletInDebt: "debt", SpendLimitReached: "limited"}
# Small amounts and few dates, so that lots tie, run dry and expire together.
LIVES = st.sampled_from([None, 1, 2, 5])
ROLLS = st.sampled_from([None, None, (50, None, 1), (100, 3, 2), (100, None, 0)])


class LedgerMachine(RuleBasedStateMachine):
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.savepoint()
        self.model = Model()
        self.now = START
        person = make_person(credits=0)
        self.member = person.user.id
        self.keys = {name: self.make_key(person, name) for name in ("k1", "k2")}
        self.workspace_id = workspaces.default_for(user_id=person.user.id)
        self.ids: dict[str, UUID] = {}
        self.lot_references: dict[str, ledger_model.Lot] = {}
        self.parts = 0

    def make_key(self, person, name):
        return api_keys.create(workspace_id=person.workspace_id, user_id=person.user.id, name=name, sandbox=False,
                               actor="test", at=START).id  # fmt: skip

    def teardown(self):
        transaction.savepoint_rollback(self.savepoint)

    def pick(self, items, index):
        return items[index % len(items)]

    @property
    def open_holds(self):
        return [reference for reference, hold in self.model.holds.items() if hold.open]

    @property
    def refundable(self):
        return [name for name, hold in self.model.holds.items() if not hold.open and hold.captured > hold.refunded]

    @rule(amount=st.integers(1, 8), life=LIVES, wait=st.sampled_from([0, 0, 0, 0.5]), roll=ROLLS,
          priority=st.sampled_from([10, 50]), paid=st.booleans(), video=st.booleans(), twice=st.booleans())  # fmt: skip
    def grant(self, amount, life, wait, priority, paid, video, roll, twice):
        starts, ends = self.now + days(wait), self.now + days(life) if life else None
        pipelines = ("video",) if video else ()
        terms = Terms("goodwill", ends, starts, priority, paid, pipelines, Rollover(*roll) if roll else None)
        name = str(uuid4())
        send = {"workspace_id": self.workspace_id, "reference": name, "terms": terms, "at": self.now}
        assert ledger.grant(amount=amount, **send)
        if twice:
            assert not ledger.grant(amount=amount, **send)
            with pytest.raises(LedgerConflict):
                ledger.grant(amount=amount + 1, **send)
        lot = ledger_model.Lot("goodwill", amount, amount, starts, ends, priority, paid, pipelines, roll)
        self.lot_references[name] = lot
        self.model.add(lot, self.now)

    @rule(amount=st.integers(-6, 6).filter(bool), twice=st.booleans())
    def adjust(self, amount, twice):
        name = str(uuid4())
        for attempt in range(1 + twice):
            try:
                booked = ledger.adjust(workspace_id=self.workspace_id, amount=amount, reference=name, reason="test",
                                       actor="test", at=self.now)  # fmt: skip
            except InsufficientCredits:
                assert not self.model.adjust_down(-amount, self.now)
                return
            assert booked == (attempt == 0)
        if amount > 0:
            self.model.add(ledger_model.Lot("adjustment", amount, amount, self.now, None), self.now)
        else:
            assert self.model.adjust_down(-amount, self.now)

    @rule(amount=st.integers(1, 10), which=st.integers(0, 9), bought=st.booleans(), twice=st.booleans())
    def claw_back(self, amount, which, bought, twice):
        name = str(uuid4())
        lot = self.pick(list(self.lot_references), which) if bought and self.lot_references else ""
        for attempt in range(1 + twice):
            answer = ledger.claw_back(workspace_id=self.workspace_id, amount=amount, reference=name, reason="test",
                                      lot_reference=lot, at=self.now)  # fmt: skip
            if attempt == 0:
                taken = self.model.take(amount, self.now, self.lot_references.get(lot))
            assert (answer.taken, answer.owed, answer.replayed) == (taken, amount - taken, attempt == 1)

    @rule(amount=st.integers(1, 12), video=st.booleans(), key=st.sampled_from(["k1", "k2"]),
          model=st.sampled_from(["m1", "m2"]), twice=st.booleans())  # fmt: skip
    def hold(self, amount, video, key, model, twice):
        name, pipeline = str(uuid4()), "video" if video else "image"
        expected = self.model.hold(name, amount, pipeline, str(self.keys[key]), model, self.now)
        send = {"workspace_id": self.workspace_id, "reference": name, "at": self.now,
                "payer": Payer(pipeline, model, self.keys[key], self.member)}  # fmt: skip
        for attempt in range(1 + twice):
            try:
                made = ledger.hold(amount=amount, **send)
            except (InsufficientCredits, WalletInDebt, SpendLimitReached) as refused:
                assert REFUSALS[type(refused)] == expected
                return
            assert expected == "held"
            assert made.replayed == (attempt == 1)
            assert self.ids.setdefault(name, made.id) == made.id
        if twice:
            with pytest.raises(LedgerConflict):
                ledger.hold(amount=amount + 1, **send)

    @precondition(lambda self: self.open_holds)
    @rule(which=st.integers(0, 9), amount=st.integers(1, 6), twice=st.booleans())
    def capture_part(self, which, amount, twice):
        name = self.pick(self.open_holds, which)
        hold = self.model.holds[name]
        self.parts += 1
        part = f"part-{self.parts}"
        if hold.captured + amount > hold.amount:
            with pytest.raises(LedgerConflict):
                ledger.capture(hold_id=self.ids[name], amount=amount, part=part, at=self.now)
            return
        self.model.keep(hold, amount)
        for _ in range(1 + twice):
            assert (
                ledger.capture(hold_id=self.ids[name], amount=amount, part=part, at=self.now).captured == hold.captured
            )

    @precondition(lambda self: self.open_holds)
    @rule(which=st.integers(0, 9), share=st.integers(0, 4), twice=st.booleans())
    def capture(self, which, share, twice):
        name = self.pick(self.open_holds, which)
        hold = self.model.holds[name]
        total = hold.captured + (hold.amount - hold.captured) * share // 4
        with pytest.raises(LedgerConflict):
            ledger.capture(hold_id=self.ids[name], amount=hold.amount + 1, at=self.now)
        self.model.settle(name, total, self.now)
        for attempt in range(1 + twice):
            settled = ledger.capture(hold_id=self.ids[name], amount=total, at=self.now)
            assert (settled.captured, settled.released, settled.replayed) == (total, hold.amount - total, attempt == 1)

    @precondition(lambda self: self.open_holds)
    @rule(which=st.integers(0, 9), forgotten=st.booleans(), twice=st.booleans())
    def void(self, which, forgotten, twice):
        name = self.pick(self.open_holds, which)
        verb = ledger.expire_hold if forgotten else ledger.void
        hold = self.model.holds[name]
        self.model.settle(name, hold.captured, self.now)
        for _ in range(1 + twice):
            assert verb(hold_id=self.ids[name], at=self.now).released == hold.amount - hold.captured
        with pytest.raises(LedgerConflict):
            ledger.capture(hold_id=self.ids[name], amount=hold.amount, at=self.now)

    @precondition(lambda self: self.refundable)
    @rule(which=st.integers(0, 9), amount=st.integers(1, 8), twice=st.booleans())
    def refund(self, which, amount, twice):
        name, reference = self.pick(self.refundable, which), str(uuid4())
        hold = self.model.holds[name]
        send = {"hold_id": self.ids[name], "reference": reference, "reason": "test", "at": self.now}
        if amount > hold.captured - hold.refunded:
            with pytest.raises(LedgerConflict):
                ledger.refund(amount=amount, **send)
            return
        self.model.refund(name, amount, self.now)
        assert ledger.refund(amount=amount, **send)
        if twice:
            assert not ledger.refund(amount=amount, **send)

    @rule(limit=st.sampled_from([("wallet", "", "day"), ("wallet", "", "total"), ("key", "k1", "month"),
                                 ("model", "m1", "day")]), amount=st.sampled_from([None, 5, 15, 30]))  # fmt: skip
    def set_limit(self, limit, amount):
        scope, subject, period = limit
        subject = str(self.keys[subject]) if scope == "key" else subject
        quotas.set_limit(workspace_id=self.workspace_id, scope=scope, subject=subject, period=period, amount=amount,
                         at=self.now)  # fmt: skip
        self.model.limits.pop((scope, subject, period), None)
        if amount is not None:
            self.model.limits[scope, subject, period] = amount

    @rule(number=st.sampled_from([0.25, 0.5, 1, 2, 31]))
    def time_passes(self, number):
        self.now += days(number)

    @rule()
    def sweep(self):
        expected = [0, 0]
        for lot in self.model.lots:
            waits = days(7) if lot.roll else days(0)
            if lot.left and lot.ends and lot.ends + waits <= self.now:
                expected = [expected[0] + 1, expected[1] + self.model.retire(lot, self.now)[1]]
        assert list(expiry.expire_due(at=self.now)) == expected

    @rule(which=st.integers(0, 9), life=st.sampled_from([1, 5]))
    def renew(self, which, life):
        due = [lot for lot in self.model.lots if lot.expired(self.now) and lot.left]
        if not due:
            return
        lot = self.pick(due, which)
        row = LotRow.objects.filter(wallet__workspace_id=self.workspace_id).order_by("id")[self.model.lots.index(lot)]
        until = self.now + days(life)
        for attempt in range(2):
            expected = self.model.retire(lot, self.now, until) if attempt == 0 else (0, 0)
            assert expiry.retire(lot_id=row.id, at=self.now, rolls_until=until) == expected

    @invariant()
    def every_lot_and_total_is_as_in_the_model(self):
        type(self).steps += 1
        found = LotRow.objects.filter(wallet__workspace_id=self.workspace_id).order_by("id").values_list(
            "origin", "amount", "remaining", "effective_at", "expires_at", "priority", "paid", "applies_to"
        )  # fmt: skip
        assert [(*row[:-1], tuple(row[-1])) for row in found] == [lot.row() for lot in self.model.lots]
        balance = selectors.balance(workspace_id=self.workspace_id, sandbox=False, at=self.now)
        assert (balance.available, balance.held, balance.debt) == (
            self.model.available(self.now), self.model.held, self.model.debt,
        )  # fmt: skip

    @invariant()
    def no_invariant_is_broken(self):
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        assert [row for row in selectors.violations() if row["invariant"] != "open_hold_within_its_time"] == []
