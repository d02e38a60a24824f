"""The proof's own proof: each of these mistakes in the ledger's functions is noticed by the machine.

A mutant is one edit of `credits/sql`: a check left out, an order turned round, a step forgotten. Mistakes with locks,
which one thread cannot notice, are in tests/concurrency/test_ledger.py.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.db import DatabaseError, connection
from hypothesis import Phase

from credits.errors import LedgerConflict
from tests.properties.ledger_machine import LedgerMachine
from tests.properties.test_ledger import run

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
SQL = Path(__file__).parent.parent.parent / "credits" / "sql"


@dataclass(frozen=True)
class Mutant:
    """`old` becomes `new` in one function of the ledger."""

    name: str
    function: str
    old: str
    new: str

    def case(self):
        """Those that take thousands of steps to show are tried by `make test-long`."""
        late = [pytest.mark.long] if self.name in LATE else []
        return pytest.param(self, id=self.name.replace(" ", "-"), marks=late)


MUTANTS = (
    Mutant("draws from lots that have expired", "ledger_draw", "(expires_at IS NULL OR expires_at > p_at)", "true"),
    Mutant("lets a lot live to the end of its last moment", "ledger_draw", "expires_at > p_at", "expires_at >= p_at"),
    Mutant("draws from lots that are not in effect yet", "ledger_draw", "<= greatest(p_at, created_at)", "IS NOT NULL"),
    Mutant("draws from lots of other pipelines", "ledger_draw", "p_pipeline = ANY (applies_to)", "true"),
    Mutant("forgets priority", "ledger_draw", "ORDER BY priority, ", "ORDER BY "),
    Mutant("draws what never expires first", "ledger_draw", "expires_at NULLS LAST", "expires_at NULLS FIRST"),
    Mutant("draws paid before promotional", "ledger_draw", "paid, id", "paid DESC, id"),
    Mutant("draws the newest first", "ledger_draw", "paid, id", "paid, id DESC"),
    Mutant("holds what is not there", "ledger_draw", "IF usable < p_amount AND NOT p_partly", "IF usable = 0"),
    Mutant("holds in debt", "ledger_hold", "IF w.debt > 0", "IF w.debt > 1000"),
    Mutant("answers a repeated hold with another amount", "ledger_hold", "AND h.amount = p_amount", ""),
    Mutant("lets one credit through a limit", "ledger_hold", "+ p_amount > c.amount", "+ p_amount > c.amount + 1"),
    Mutant("never gives a limit back", "ledger_settle", "SET used = s.used - back", "SET used = s.used"),
    Mutant("returns what was drawn first", "ledger_keep", "NULLS LAST, t.nth", "NULLS FIRST, t.nth DESC"),
    Mutant("forgets what parts captured", "ledger_settle", "more := total - h.captured", "more := total"),
    Mutant("settles a settled hold again", "ledger_settle", "IF h.state <> 'held' THEN", "IF false THEN"),
    Mutant("captures more than was held", "ledger_settle", "OR total > h.amount", ""),
    Mutant("gives nothing back", "ledger_settle", "back := h.amount - total", "back := 0"),
    Mutant("revives an expired lot", "ledger_give_back", "AND (expires_at IS NULL OR expires_at > p_at)", ""),
    Mutant("forgets the grace lot", "ledger_give_back", "IF given < ", "IF 0 > "),
    Mutant("widens a grace lot", "ledger_give_back", "old.applies_to, old.id", "'{}', old.id"),
    Mutant("keeps what comes back from a debt", "ledger_give_back", "PERFORM ledger_repay(", "PERFORM ("),
    Mutant("does not repay from a grant", "ledger_grant", "IF w.debt > 0 THEN", "IF false THEN"),
    Mutant("grants twice", "ledger_grant", "CASE WHEN seen = inputs THEN 'replayed' ELSE 'conflict' END", "'granted'"),
    Mutant("forgives what is not there", "ledger_take", "debt = debt + p_amount - d.drawn", "debt = debt"),
    Mutant("claws back from other lots first", "ledger_take", "p_at, p_first, p_kind", "p_at, NULL, p_kind"),
    Mutant("refunds more than was captured", "ledger_refund", "OR p_amount > h.captured - h.refunded", ""),
    Mutant("refunds the same credits again", "ledger_refund", "- h.refunded);\n    after", ");\n    after"),
    Mutant("ends a lot a moment late", "ledger_retire", "l.expires_at > p_at OR", "l.expires_at >= p_at OR"),
    Mutant("rolls over for ever", "ledger_retire", "AND l.generation < l.rollover_times", ""),
)  # fmt: skip
LATE = {
    "lets a lot live to the end of its last moment", "revives an expired lot", "forgets the grace lot",
    "widens a grace lot", "ends a lot a moment late", "rolls over for ever", "lets one credit through a limit",
    "refunds more than was captured", "keeps what comes back from a debt", "never gives a limit back",
    "returns what was drawn first", "refunds the same credits again", "settles a settled hold again",
    "gives nothing back",
}  # fmt: skip
# The first of them that has a long example early, which most mutants do not survive.
SEEDS = (4, 2, 11, 12, 1, 3)


def source_of(function: str) -> str:
    """The statement that creates a function, from its file."""
    for path in SQL.glob("*.sql"):
        found = re.search(rf"^CREATE OR REPLACE FUNCTION {function}\(.*?^END \$\$;$", path.read_text(), re.M | re.S)
        if found:
            return found[0]
    raise LookupError(function)


class TestMachine:
    @pytest.mark.parametrize("seed", [*SEEDS[:1], *(pytest.param(seed, marks=pytest.mark.long) for seed in SEEDS[1:])])
    def test_has_nothing_to_say_against_the_ledger_as_it_is(self, seed):
        """The control: what notices a mutant does not notice the original, with the same seeds."""

        class Machine(LedgerMachine):
            pass

        run(Machine, examples=25, steps=50, seed=seed, phases=[Phase.generate])

    @pytest.mark.parametrize("mutant", [mutant.case() for mutant in MUTANTS])
    def test_notices_a_ledger_that(self, mutant):
        source = source_of(mutant.function)
        assert mutant.old in source
        with connection.cursor() as cursor:
            cursor.execute(source.replace(mutant.old, mutant.new))

        class Machine(LedgerMachine):
            pass

        for seed in SEEDS:
            try:
                run(Machine, examples=25, steps=50, seed=seed, phases=[Phase.generate])
            except (AssertionError, pytest.fail.Exception, DatabaseError, LedgerConflict):
                return
        pytest.fail("nothing noticed it")
