"""Holds captured whole by one statement: those that can be, and no other is touched."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from credits import ledger, selectors
from credits.ledger import Terms
from credits.models import Hold, Posting

pytestmark = pytest.mark.django_db


def held(person, amount, *, sandbox=False):
    return ledger.hold(
        workspace_id=person.workspace_id, amount=amount, reference=str(uuid4()), at=timezone.now(), sandbox=sandbox
    ).id


def settle(pairs):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ledger_settle_many(%s::uuid[], %s::bigint[], 'delivered', %s)",
            [[hold for hold, _ in pairs], [amount for _, amount in pairs], timezone.now()],
        )
        return set(cursor.fetchone()[0])


class TestSettleMany:
    def test_pays_from_each_lot_that_was_drawn_and_runs_the_balance_on(self, person, stranger):
        person.grant(3, terms=Terms("goodwill", timezone.now() + timedelta(hours=1)))
        before = person.available()
        holds = [(held(person, 5), 5), (held(stranger, 2), 2), (held(person, 4), 4)]

        assert settle(holds) == {hold for hold, _ in holds}

        assert (person.available(), person.held()) == (before - 9, 0)
        lines = Posting.objects.filter(kind="capture", wallet__workspace_id=person.workspace_id).order_by("id")
        assert [(line.amount, line.balance_after) for line in lines] == [(-5, before - 5), (-4, before - 9)]
        assert [sorted(line.entries.values_list("amount", flat=True)) for line in lines] == [[-3, -2, 5], [-4, 4]]
        assert selectors.violations() == []

    def test_leaves_what_is_over_begun_or_for_another_amount(self, person):
        paid, void, part, less = (held(person, 5) for _ in range(4))
        ledger.capture(hold_id=paid, amount=5, at=timezone.now())
        ledger.void(hold_id=void, at=timezone.now())
        ledger.capture(hold_id=part, amount=1, part="first", at=timezone.now())
        before = list(Hold.objects.order_by("id").values())

        assert settle([(paid, 5), (void, 5), (part, 5), (less, 4), (uuid4(), 5)]) == set()

        assert list(Hold.objects.order_by("id").values()) == before
        assert selectors.violations() == []

    def test_of_nothing_is_nothing(self, person):
        assert settle([]) == set()
