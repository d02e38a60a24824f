"""The ledger under many threads, and under `kill -9`: no credit lost or made, nothing held for ever."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from credits import expiry, selectors
from credits.models import Entry, Hold, Lot, Posting, Wallet
from tests.concurrency.ledger_storm import storm
from tests.factories.accounts import make_person
from tests.properties.test_mutants import Mutant, source_of

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).parent.parent.parent

_OF_WORKSPACE, _OF_HOLD = "AND sandbox = p_sandbox FOR UPDATE", "WHERE id = w.id FOR UPDATE"
_FIND = "SELECT wallet_id INTO w.id FROM credits_hold WHERE id = p_hold"
MUTANTS = (
    Mutant("does not lock the wallet to hold", "ledger_hold", _OF_WORKSPACE, "AND sandbox = p_sandbox"),
    Mutant("does not lock the wallet to grant", "ledger_grant", _OF_WORKSPACE, "AND sandbox = p_sandbox"),
    Mutant("does not lock the wallet to take", "ledger_take", _OF_WORKSPACE, "AND sandbox = p_sandbox"),
    Mutant("does not lock the wallet to settle", "ledger_settle", _OF_HOLD, "WHERE id = w.id"),
    Mutant("does not lock the wallet to refund", "ledger_refund", _OF_HOLD, "WHERE id = w.id"),
    Mutant("locks the hold before the wallet", "ledger_settle", _FIND, f"{_FIND} FOR UPDATE"),
)


def install(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


class TestThreads:
    def test_leave_every_invariant_true(self):
        person = make_person(credits=200)
        assert storm(person.workspace_id, threads=64, steps=25, seed=1, tell=lambda _: None) == []
        assert selectors.violations() == []

    @pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
    def test_show_up_a_ledger_that(self, mutant):
        source = source_of(mutant.function)
        assert mutant.old in source
        install(source.replace(mutant.old, mutant.new))
        try:
            for seed in range(12):
                person = make_person(credits=200)
                faults = storm(person.workspace_id, threads=16, steps=25, seed=seed, tell=lambda _: None)
                if faults or selectors.violations():
                    return
        finally:
            install(source)
        pytest.fail("nothing noticed it")


@pytest.mark.slow
class TestKilledProcess:
    def test_of_64_threads_loses_no_credit_and_makes_none(self, tmp_path):
        person = make_person(credits=500)
        told = tmp_path / "told"
        chance = random.Random(5)  # noqa: S311 - when to kill
        parts = urlsplit(os.environ["DATABASE_URL"])
        url = urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))
        environ = {**os.environ, "DATABASE_URL": url, "WILDMIND_DATABASE_POOL": "32",
                   "DJANGO_SETTINGS_MODULE": "wildmind.settings.test"}  # fmt: skip
        for number in range(5):
            before = told.stat().st_size if told.exists() else 0
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.concurrency.ledger_storm", str(person.workspace_id), str(number),
                 str(told)], cwd=ROOT, env=environ, start_new_session=True,
            )  # fmt: skip
            deadline = time.monotonic() + 60
            while not (told.exists() and told.stat().st_size > before + 6_000) and time.monotonic() < deadline:
                time.sleep(0.02)
            time.sleep(chance.uniform(0, 0.5))
            os.killpg(process.pid, signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        self.wait_until_the_database_has_noticed()

        call_command("reconcile_ledger")
        self.assert_what_was_told_is_there(told.read_text().splitlines(), at_most_more=64 * 5)
        self.assert_the_books_close(person.workspace_id)
        wallet = Wallet.objects.get(workspace_id=person.workspace_id, sandbox=False)
        assert wallet.held > 0
        later = timezone.now() + timedelta(hours=3)
        assert expiry.expire_holds(at=later) == Hold.objects.filter(state="expired").count()
        wallet.refresh_from_db()
        assert wallet.held == 0
        assert not Hold.objects.filter(state="held").exists()
        call_command("reconcile_ledger")
        self.assert_the_books_close(person.workspace_id)

    def wait_until_the_database_has_noticed(self):
        for _ in range(200):
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                               "AND backend_type = 'client backend' AND pid <> pg_backend_pid()")  # fmt: skip
                if cursor.fetchone()[0] == 0:
                    return
            time.sleep(0.05)

    def assert_what_was_told_is_there(self, lines, *, at_most_more):
        told = [line.split(" ", 1) for line in lines if line.count(" ") == 1]
        names = {name for kind, name in told if kind != "hold"}
        assert len(names) > 200
        assert Posting.objects.filter(reference__in=names).count() == len(names)
        holds = {name for kind, name in told if kind == "hold"}
        assert Hold.objects.filter(id__in=holds).count() == len(holds)
        kinds = Counter(kind for kind, _ in told)
        for kind in ("grant", "refund", "claw_back"):
            assert 0 <= Posting.objects.filter(kind=kind).count() - kinds[kind] <= at_most_more + 1

    def assert_the_books_close(self, workspace_id):
        """What was issued is what is left, what was used and what expired: added up from other rows each time."""
        wallet = Wallet.objects.get(workspace_id=workspace_id, sandbox=False)
        accounts = dict(Entry.objects.values_list("account").annotate(Sum("amount")))
        assert sum(accounts.values()) == 0
        assert wallet.balance == Posting.objects.filter(wallet=wallet).aggregate(total=Sum("amount"))["total"]
        in_lots = Lot.objects.filter(wallet=wallet).aggregate(total=Sum("remaining"))["total"]
        assert wallet.balance == in_lots + wallet.held - wallet.debt
        used = Hold.objects.aggregate(total=Sum("captured") - Sum("refunded"))["total"]
        assert accounts.get("consumed", 0) == used
