"""Whatever ends in one message, in whatever order: the rows are those of settling one ending after another."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from credits import reconciliation
from tests.properties.settling import LIVE, Kind, both_ways, make

RESULTS = st.sampled_from(["done", "done", "done", "done", "failed", "canceled", None])
KINDS = st.builds(
    Kind,
    results=st.lists(RESULTS, min_size=1, max_size=3) | st.lists(st.just("done"), min_size=1, max_size=3),
    owner=st.integers(0, 1),
    sandbox=st.booleans(),
    graph=st.sampled_from(["none", "none", "none", "chain", "optional"]),
    stop=st.sampled_from(["", "", "", "", "cancel", "deadline"]),
    hold=st.sampled_from(["open", "open", "open", "expired"]),
    flaw=st.sampled_from(["", "", "", "", "overtaken", "twice", "leased", "expired"]),
    outputs=st.booleans(),
    before=st.sampled_from(["", "", "", "done", "failed"]),
    cost=st.sampled_from([0, 0, 1_200]),
)


def compare(world):
    answers, others, left, wanted = both_ways(world)
    assert [row[:2] for row in answers] == [row[:2] for row in others]
    for (_, outcome, state, seq), (_, _, other_state, other_seq) in zip(answers, others, strict=True):
        if outcome == "finished":
            assert (state if state not in LIVE else "", seq) == (
                other_state if other_state not in LIVE else "",
                other_seq,
            )
    for name, rows in wanted.items():
        assert left[name] == rows, name
    assert reconciliation.violations() == []


@pytest.mark.slow
@pytest.mark.django_db
class TestAnyMessage(TestCase):
    @settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(kinds=st.lists(KINDS, min_size=1, max_size=8), late=st.booleans(), debt=st.booleans(),
           shuffle=st.integers(0, 1000))  # fmt: skip
    def test_leaves_the_rows_of_one_ending_after_another(self, kinds, late, debt, shuffle):
        compare(make(kinds, late=late, debt=debt, shuffle=shuffle))


MESSAGES = {
    "one wallet": [Kind(["done"]) for _ in range(6)],
    "four wallets": [Kind(["done"], owner=number % 2, sandbox=number % 3 == 0, cost=70) for number in range(8)],
    "pictures": [
        Kind(["done", "done", "done"]), Kind(["done", None, "done"]), Kind(["done", "done"], before="done"),
        Kind(["done", "done"], before="failed"), Kind(["done", "done"], outputs=False),
    ],
    "ends": [Kind(["done"]), Kind(["failed"]), Kind(["done", "failed"]), Kind(["canceled"], stop="cancel")],
    "stops": [
        Kind(["done", "done"], stop="cancel"), Kind(["done", None], stop="deadline"), Kind(["done"], stop="deadline"),
    ],
    "fences": [
        Kind(["done"], flaw="overtaken"), Kind(["done", "done"], flaw="twice"), Kind(["done"], flaw="leased"),
        Kind(["done"], flaw="expired"),
    ],
    "expired holds": [Kind(["done"], hold="expired"), Kind(["done"]), Kind(["done", "done"], hold="expired")],
    "a hold captured in part": [Kind(["done", "done"], hold="partly")],
    "graphs": [Kind(["done", "done"], graph="chain"), Kind(["failed", "done"], graph="optional"), Kind(["done"])],
}  # fmt: skip


@pytest.mark.django_db
class TestSomeMessages:
    @pytest.mark.parametrize("name", MESSAGES)
    @pytest.mark.parametrize("late", [False, True], ids=["in time", "late"])
    def test_leave_the_rows_of_one_ending_after_another(self, name, late):
        compare(make(MESSAGES[name], late=late, shuffle=len(name)))


@dataclass(frozen=True)
class Mutant:
    """`old` becomes `new` in a function that settles a message; the messages that show it."""

    name: str
    function: str
    old: str
    new: str
    shown_by: str


_MANY, _PLAIN = "generation_finish_many", "generation_finish_plain"
_ENDS, _LEDGER = "generation_conclude_many", "ledger_settle_many"
MUTANTS = (
    Mutant("lets no child go", _MANY, "('waiting', ", "(", "graphs"),
    Mutant("overlooks what failed before", _MANY, "'failed', ", "", "pictures"),
    Mutant("takes what failed for done", _MANY, "bool_and(f.result = 'done') AND", "", "ends"),
    Mutant("lets an overtaken attempt end its step", _PLAIN, "AND s.attempt_no = e.attempt", "", "fences"),
    Mutant("sweeps what has its lease", _PLAIN, "AND (NOT e.only_expired OR s.lease_expires_at < now())", "", "fences"),
    Mutant("forgets what other attempts cost", _PLAIN, "AND a.no <> x.attempt_no", "AND false", "four wallets"),
    Mutant("meters for nothing", _PLAIN, "x.quantity, x.settled", "x.quantity, 0", "one wallet"),
    Mutant("turns outputs round", _PLAIN, "(output ORDER BY nth)", "(output ORDER BY -nth)", "pictures"),
    Mutant("tells an output with the number of another", _PLAIN, "j.seq - x.outputs", "j.seq", "pictures"),
    Mutant("leaves a job without a hold", _ENDS, "t.hold <> ALL (settled)", "false", "expired holds"),
    Mutant("settles an expired hold", _LEDGER, "h.state || '' = 'held' AND", "", "expired holds"),
    Mutant("captures a part again", _LEDGER, "h.captured = 0 AND", "", "a hold captured in part"),
    Mutant("runs no balance", _LEDGER, "d.wallet_id ORDER BY d.nth", "d.wallet_id", "one wallet"),
    Mutant("mixes wallets", _LEDGER, "PARTITION BY d.wallet_id ORDER", "ORDER", "four wallets"),
    Mutant("writes one lot of several", _LEDGER, "WHERE t.amount <> 0", "WHERE t.nth = 1", "pictures"),
    Mutant("goes on holding", _LEDGER, "held = w.held - s.amount,", "", "one wallet"),
    Mutant("keeps no draw", _LEDGER, "lot_captured = d.lot_amounts,", "", "one wallet"),
)  # fmt: skip
SQL = [path for app in ("credits", "generation") for path in (Path(__file__).parents[2] / app / "sql").glob("*.sql")]


@pytest.mark.django_db
class TestNotices:
    @pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
    def test_a_function_that(self, mutant):
        """A mistake in what settles a message shows in the rows, or the database refuses it."""
        text = "\n".join(path.read_text() for path in SQL)
        found = re.search(rf"^CREATE OR REPLACE FUNCTION {mutant.function}\(.*?^END \$\$;$", text, re.M | re.S)
        assert found and mutant.old in found[0]
        world = make(MESSAGES[mutant.shown_by], late=True)
        with connection.cursor() as cursor:
            cursor.execute(found[0].replace(mutant.old, mutant.new))
        with pytest.raises((AssertionError, DatabaseError)), transaction.atomic():
            compare(world)
