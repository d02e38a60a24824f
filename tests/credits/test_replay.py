"""A wallet rebuilt from its journal: it agrees, or says which row does not."""

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from credits import ledger, selectors
from credits.models import Hold, Lot, Wallet
from tests.factories.accounts import make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def person():
    """Somebody with a lively past: a grant, a capture, a refund, an open hold and a debt that was repaid."""
    person = make_person(credits=50)
    now, workspace_id = timezone.now(), person.workspace_id
    kept = ledger.hold(workspace_id=workspace_id, amount=20, reference="job:1", at=now)
    ledger.capture(hold_id=kept.id, amount=15, at=now)
    ledger.refund(hold_id=kept.id, amount=5, reference="r", reason="broken", at=now)
    ledger.claw_back(workspace_id=workspace_id, amount=60, reference="dispute", reason="lost", at=now)
    person.grant(100)
    ledger.hold(workspace_id=workspace_id, amount=7, reference="job:2", at=now)
    return person


def replay(person, *more):
    call_command("replay_wallet", "--email", person.user.email, *more)


class TestReplay:
    def test_agrees_with_a_wallet_that_is_right(self, person, capsys):
        replay(person)
        out = capsys.readouterr().out
        assert "6 postings give a balance of 80 and a debt of 0, as the rows say" in out
        assert [line.split()[2:5] for line in out.splitlines()[:3]] == [
            ["grant", "+50", "50"], ["capture", "-15", "35"], ["refund", "+5", "40"],
        ]  # fmt: skip

    @pytest.mark.breaks_invariants
    @pytest.mark.parametrize(
        ("damage", "named"),
        [
            (lambda: Wallet.objects.filter(held=7).update(held=6), "held: replayed 7, stored 6"),
            (lambda: Wallet.objects.filter(held=7).update(balance=81), "balance: replayed 80, stored 81"),
            (lambda: Lot.objects.filter(amount=100).update(remaining=1), "remaining: replayed 73, stored 1"),
            (lambda: Lot.objects.filter(amount=100).update(closed=True), "closed: replayed 0, stored 1"),
        ],
    )
    def test_names_the_row_that_is_wrong_and_mends_it_on_demand(self, person, capsys, damage, named):
        damage()
        with pytest.raises(CommandError, match="say otherwise"):
            replay(person, "--quiet")
        assert named in capsys.readouterr().out
        replay(person, "--quiet", "--mend")
        assert selectors.violations() == []
        replay(person, "--quiet")
        assert Hold.objects.filter(state="held").count() == 1

    def test_knows_nobody_else(self):
        with pytest.raises(CommandError, match="no such workspace"):
            call_command("replay_wallet", "--email", "nobody@example.com")
