"""Quotes: stored line by line, honoured as they were, forgotten in time."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from credits import pricing
from credits.errors import QuoteExpired
from credits.models import Quote
from credits.pricing import Line

pytestmark = pytest.mark.django_db
LINES = (
    Line("lyrics", "Words", "1k_tokens", Decimal("0.512"), Decimal("3.5"), 2, 700),
    Line("track", "Tune", "second", Decimal(30), Decimal("0.25"), 8),
)


@pytest.fixture
def now():
    return timezone.now()


def offer(person, at, lines=LINES):
    return pricing.offer(workspace_id=person.workspace_id, request_hash="h", lines=lines, at=at)


def honour(person, quote_id, at):
    return pricing.honour(workspace_id=person.workspace_id, quote_id=quote_id, request_hash="h", at=at)


class TestHonour:
    def test_gives_the_very_lines_that_were_promised(self, person, now):
        made = offer(person, now)
        assert honour(person, made.id, now) == LINES
        assert made.total == 10

    def test_ends_at_the_second_named(self, person, now):
        made = offer(person, now)
        honour(person, made.id, made.expires_at - timedelta(microseconds=1))
        with pytest.raises(QuoteExpired):
            honour(person, made.id, made.expires_at)

    def test_does_not_guess_how_a_quote_without_steps_is_divided(self, person, now):
        made = offer(person, now)
        Quote.objects.update(lines=[{"label": "Sketch", "unit": "image", "quantity": 4, "credits": 20}])
        with pytest.raises(QuoteExpired):
            honour(person, made.id, now)


class TestGrouped:
    def test_adds_up_equal_work_at_an_equal_price_and_keeps_the_rest_apart(self):
        same = [Line(f"s{number}", "Sketch", "image", Decimal(1), Decimal(5), 5, 9) for number in range(3)]
        dear = Line("s3", "Sketch", "image", Decimal(1), Decimal(6), 6)
        assert pricing.grouped([*same, *LINES, dear]) == [
            Line("", "Sketch", "image", Decimal(3), Decimal(5), 15, 27),
            *(Line("", *_after_step(line)) for line in LINES),
            Line("", "Sketch", "image", Decimal(1), Decimal(6), 6),
        ]

    def test_changes_no_total(self):
        lines = [Line(f"s{number}", "S", "image", Decimal(1), Decimal("0.4"), 1) for number in range(4)]
        assert pricing.total(pricing.grouped(lines)) == pricing.total(lines) == 4


def _after_step(line):
    return line.label, line.unit, line.quantity, line.credits_each, line.credits, line.cost_usd_micros


class TestShown:
    @pytest.mark.parametrize(
        ("number", "wanted"),
        [("1", 1), ("100", 100), ("1E+2", 100), ("5.0000", 5), ("1.048576", "1.048576"), ("0.2500", "0.25"),
         ("0.000001", "0.000001")],
    )  # fmt: skip
    def test_is_a_number_when_whole_and_else_a_text(self, number, wanted):
        assert pricing.shown(Decimal(number)) == wanted


class TestForgetExpired:
    def test_deletes_what_expired_more_than_seven_days_ago(self, person, now):
        old, new = offer(person, now), offer(person, now)
        Quote.objects.filter(id=old.id).update(expires_at=now - timedelta(days=7, seconds=1))
        Quote.objects.filter(id=new.id).update(expires_at=now - timedelta(days=6, hours=23))
        assert pricing.forget_expired(at=now) == 1
        assert list(Quote.objects.values_list("id", flat=True)) == [new.id]

    def test_is_on_the_conductors_schedule(self):
        from credits.queues import FORGET_QUOTES
        from generation.conductor import SCHEDULE

        assert dict(SCHEDULE)[FORGET_QUOTES] == 3600.0
