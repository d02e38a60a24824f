"""The rate card: what it takes, what it refuses, and which price is in force when."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import InternalError
from django.utils import timezone

from accounts.models import AuditEvent
from credits import rates
from credits.errors import NoPrice, RateRefused
from credits.models import Price
from tests.factories.credits import publish

pytestmark = pytest.mark.django_db
MODEL = "sketch-image"


@pytest.fixture
def now():
    return timezone.now()


def credits_at(at, model=MODEL):
    found = rates.in_force(model=model, at=at)
    return found and found.credits


def line(rate=None, **measured):
    return rates.price_line(rate=rate or in_force(), step="s", label="L", measured={"images": 1, **measured})


def in_force():
    return rates.in_force(model=MODEL, at=timezone.now())


class TestInForce:
    def test_is_none_for_a_model_without_a_price(self, now):
        assert rates.in_force(model="unheard-of", at=now) is None

    def test_changes_at_the_second_and_not_before_without_reading_again(self, now, django_assert_num_queries):
        start = now + timedelta(minutes=5)
        publish(9, at=now, from_=start)
        assert credits_at(now) == 5
        with django_assert_num_queries(0):
            assert credits_at(start - timedelta(microseconds=1)) == 5
            assert credits_at(start) == 9

    def test_still_knows_the_price_of_a_request_that_began_before_the_change(self, now):
        publish(9, at=now)
        assert credits_at(now) == 9
        assert credits_at(now - timedelta(milliseconds=1)) == 5

    def test_looks_back_further_than_its_copy_reaches(self, now):
        publish(7, at=now - timedelta(days=2))
        publish(9, at=now)
        assert credits_at(now) == 9
        assert credits_at(now - timedelta(days=1)) == 7
        assert credits_at(now - timedelta(days=3)) == 5
        assert credits_at(now - timedelta(days=31)) is None
        assert credits_at(now) == 9

    def test_takes_the_latest_whatever_its_unit(self, now):
        publish(3, at=now, unit="megapixel", confirmed=True)
        assert rates.in_force(model=MODEL, at=now).unit == "megapixel"

    def test_sees_what_another_process_published_within_two_seconds(self, now, monkeypatch):
        assert credits_at(now) == 5
        Price.objects.create(
            model=MODEL, unit="image", credits=9, effective_from=now, source="operator", actor="x", created_at=now
        )  # fmt: skip
        assert credits_at(now) == 5
        clock = rates.time.monotonic() + 2.01
        monkeypatch.setattr(rates.time, "monotonic", lambda: clock)
        assert credits_at(now) == 9


class TestCard:
    def test_has_credits_cost_and_margin_side_by_side(self, now, settings):
        settings.CREDITS_USD_MICROS = 10_000
        publish(8, at=now, cost_usd_micros=30_000)
        publish(2, at=now, model="acme", cost_usd_micros=20_001, below_cost=True)
        card = {rate.model: (rate.credits, rate.cost_usd_micros, rate.margin_percent) for rate in rates.card(at=now)}
        assert card == {MODEL: (8, 30_000, Decimal("62.5")), "acme": (2, 20_001, Decimal("0.0"))}

    def test_lists_what_is_to_come_soonest_first(self, now):
        for days, credits in ((9, 7), (3, 6)):
            publish(credits, at=now, from_=now + timedelta(days=days))
        assert [rate.credits for rate in rates.upcoming(at=now)] == [6, 7]
        assert [rate.credits for rate in rates.upcoming(at=now + timedelta(days=4), model=MODEL)] == [7]
        assert rates.upcoming(at=now, model="acme") == []


class TestPublish:
    def test_keeps_the_old_price_and_writes_who_did_it(self, now):
        change = publish(6, at=now, note="spring")
        assert (change.before.credits, change.after.credits, change.new) == (5, 6, True)
        assert [price.credits for price in Price.objects.filter(model=MODEL).order_by("id")] == [5, 6]
        told = AuditEvent.objects.get(action="price.published", actor="test")
        assert told.target == "model:sketch-image"
        assert "5 a image -> 6 a image" in told.reason

    def test_happens_once_for_the_same_terms(self, now):
        start = now + timedelta(days=1)
        assert publish(6, at=now, from_=start).new
        assert not publish(6, at=now, from_=start).new
        assert publish(7, at=now).new
        assert not publish(7, at=now + timedelta(hours=1)).new
        # A file is loaded again when its time has passed.
        assert not publish(6, at=start + timedelta(days=1), from_=start).new
        assert Price.objects.filter(model=MODEL).count() == 3

    @pytest.mark.parametrize(
        ("terms", "reason"),
        [
            ({"credits": 0}, "more than nothing"),
            ({"credits": -5}, "more than nothing"),
            ({"credits": "NaN"}, "more than nothing"),
            ({"credits": "Infinity"}, "more than nothing"),
            ({"credits": "0.00001"}, "four decimals"),
            ({"credits": 1_000_001}, "absurd"),
            ({"credits": "1e90"}, "absurd"),
            ({"credits": 100, "expression": "width * 20", "confirmed": True}, "absurd"),
            ({"unit": "furlong"}, "'furlong' is not a unit"),
            ({"unit": ""}, "is not a unit"),
            ({"model": ""}, "names its model"),
            ({"model": "m" * 81}, "80 characters"),
            ({"minimum": 0}, "minimum"),
            ({"minimum": 1_000_001}, "minimum"),
            ({"cost_usd_micros": -1}, "0 or more"),
            ({"note": "n" * 201}, "200 characters"),
            ({"credits": 101}, "5 credits become 101, a change of more than 20 times"),
            ({"credits": "0.24"}, "5 credits become 0.24"),
            ({"expression": "21"}, "5 credits become 105"),
            ({"minimum": 21}, "1 credits become 21"),
            ({"unit": "megapixel"}, "the unit changes from image to megapixel"),
            ({"cost_usd_micros": 50_001}, "brings 50000 micro-dollars and costs 50001"),
            ({"cost_usd_micros": 30_000, "expression": "0.5 if quality == 'draft' else 1"}, "brings 25000"),
            ({"expression": "2 **"}, "is not an expression"),
            ({"expression": "colour"}, "colour: not a measure"),
            ({"expression": "0"}, "a gift"),
            ({"expression": "seconds - 5"}, "a gift"),
            ({"expression": "0 if style == 'flow' else 1"}, "a gift"),
            ({"expression": "1 if width <= 2048 else 0"}, "a gift"),
            ({"expression": "1 / (images - 4)"}, "divides by zero"),
        ],
    )
    def test_refuses_what_is_a_slip_and_says_why(self, now, terms, reason):
        with pytest.raises(RateRefused, match=reason):
            publish(terms.pop("credits", 5), at=now, **terms)
        assert Price.objects.filter(model=MODEL).count() == 1

    @pytest.mark.parametrize("credits", [100, "0.25"])
    def test_takes_a_change_of_exactly_twenty_times(self, now, credits):
        assert publish(credits, at=now).new

    @pytest.mark.parametrize(
        "terms",
        [
            {"credits": 101, "confirmed": True},
            {"unit": "megapixel", "confirmed": True},
            {"cost_usd_micros": 50_001, "below_cost": True},
            {"cost_usd_micros": 50_000},
            {"expression": "1 / width * 1024", "confirmed": True},
            {"expression": "1 + tokens / 1000000"},
        ],
    )
    def test_takes_what_was_meant(self, now, terms):
        assert publish(terms.pop("credits", 5), at=now, **terms).new

    def test_says_no_to_one_thing_when_another_was_confirmed(self, now):
        with pytest.raises(RateRefused, match="a change of more"):
            publish(500, at=now, below_cost=True)
        with pytest.raises(RateRefused, match="micro-dollars"):
            publish(5, at=now, cost_usd_micros=90_000, confirmed=True)

    def test_lets_an_operator_begin_now_and_not_before(self, now):
        with pytest.raises(RateRefused, match="begin in the past"):
            publish(6, at=now, from_=now - timedelta(microseconds=1))
        assert publish(6, at=now, from_=now).new

    def test_refuses_other_terms_for_the_same_moment(self, now):
        start = now + timedelta(days=1)
        publish(6, at=now, from_=start)
        for terms in ({"credits": 7}, {"credits": 6, "minimum": 2}, {"credits": 6, "unit": "megapixel"}):
            with pytest.raises(RateRefused, match="other terms from that very moment"):
                publish(terms.pop("credits"), at=now, from_=start, confirmed=True, **terms)

    def test_compares_with_the_price_that_it_will_take_over_from(self, now):
        publish(50, at=now, from_=now + timedelta(days=1))
        assert publish(900, at=now, from_=now + timedelta(days=2)).before.credits == 50
        with pytest.raises(RateRefused, match="5 credits become 900"):
            publish(900, at=now, from_=now + timedelta(hours=1))

    def test_leaves_nothing_behind_a_preview(self, now):
        change = rates.preview(terms=_terms(6), source=rates.OPERATOR, at=now)
        assert (change.before.credits, change.after.credits) == (5, 6)
        assert Price.objects.filter(model=MODEL).count() == 1
        with pytest.raises(RateRefused):
            rates.preview(terms=_terms(0), source=rates.OPERATOR, at=now)


def _terms(credits):
    from credits.rate_checks import Terms

    return Terms(MODEL, "image", Decimal(credits))


class TestTable:
    @pytest.mark.parametrize("change", [{"credits": 1}, {"note": "x"}, {"effective_from": timezone.now()}])
    def test_refuses_update(self, change):
        with pytest.raises((InternalError, IntegrityError), match="append-only"), transaction.atomic():
            Price.objects.update(**change)

    def test_refuses_delete(self):
        with pytest.raises((InternalError, IntegrityError), match="append-only"), transaction.atomic():
            Price.objects.all().delete()

    def test_refuses_truncate(self):
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE credits_price ENABLE TRIGGER credits_price_keep")
            with pytest.raises((InternalError, IntegrityError), match="append-only"), transaction.atomic():
                cursor.execute("TRUNCATE credits_price")

    @pytest.mark.parametrize(
        "wrong",
        [
            {"credits": 0}, {"credits": -1}, {"credits": 1_000_001}, {"minimum": 0}, {"minimum": 1_000_001},
            {"unit": "job"}, {"source": "rumour"}, {"model": ""}, {"cost_usd_micros": -1},
        ],
    )  # fmt: skip
    def test_has_bounds_of_its_own(self, now, wrong):
        good = {
            "model": "acme", "unit": "image", "credits": 1, "effective_from": now, "source": "operator",
            "actor": "test", "created_at": now,
        }  # fmt: skip
        with pytest.raises(IntegrityError), transaction.atomic():
            Price.objects.create(**{**good, **wrong})
        Price.objects.create(**good)
        with pytest.raises(IntegrityError), transaction.atomic():
            Price.objects.create(**good)


class TestPriceLine:
    @pytest.mark.parametrize(
        ("terms", "measured", "quantity", "credits"),
        [
            ({"credits": 5}, {"images": 3}, "3", 15),
            ({"credits": "0.5"}, {"images": 3}, "3", 2),  # 1.5, half up
            ({"credits": "0.5"}, {"images": 5}, "5", 3),  # 2.5, half up and not to even
            ({"credits": "0.25"}, {"images": 1}, "1", 1),
            ({"credits": "0.26", "minimum": 4}, {"images": 9}, "9", 4),
            ({"credits": "2.5", "unit": "megapixel"}, {"megapixels": Decimal("1.048576")}, "1.048576", 3),
            ({"credits": 7, "unit": "1k_tokens"}, {"tokens": 1500}, "1.5", 11),
            ({"credits": 7, "unit": "1k_tokens"}, {"tokens": 100_000}, "100", 700),
            ({"credits": 1, "unit": "1k_characters"}, {"characters": 1}, "0.001", 1),
            ({"credits": 2, "unit": "second"}, {"seconds": Decimal("7.3")}, "7.3", 15),
            ({"credits": 2, "unit": "call"}, {"calls": 1}, "1", 2),
            ({"credits": 5, "expression": "1 + 0.5 * (style == 'silk')"}, {"style": "silk"}, "1", 8),
            ({"credits": 5, "expression": "1 + 0.5 * (style == 'silk')"}, {"style": "auto"}, "1", 5),
            ({"credits": 5, "expression": "1 + 0.5 * (style == 'silk')"}, {}, "1", 5),
            ({"credits": "3.3", "expression": "0.3"}, {"images": 10}, "10", 10),  # 9.9, not 10 x round(0.99)
        ],
    )
    def test_is_quantity_times_credits_times_expression_rounded_once(self, terms, measured, quantity, credits):
        found = line(publish(terms.pop("credits"), confirmed=True, **terms).after, **measured)
        assert (str(found.quantity), found.credits) == (quantity, credits)

    def test_says_what_the_provider_will_charge_beside_it(self):
        rate = publish(5, cost_usd_micros=1001, expression="2").after
        found = line(rate, images=3)
        assert (found.credits, found.cost_usd_micros, found.credits_each) == (30, 3003, 5)

    def test_is_no_gift_when_the_expression_fails_for_an_input(self):
        # Samples do not find everything: these pass or fail by one size.
        for number, expression in enumerate(("1 / (megapixels - 0.5 - 0.25) + 99", "99 if megapixels * 4 - 3 else 0")):
            rate = replace(in_force(), id=number, expression=expression)
            with pytest.raises(NoPrice, match="cannot be worked out") as refused:
                line(rate, megapixels=Decimal("0.75"))
            assert (refused.value.status, refused.value.code) == (503, "no_provider")
            assert refused.value.retry_after_seconds

    @pytest.mark.parametrize("unit", ["second", "1k_tokens"])
    def test_is_refused_for_work_that_has_none_of_the_unit(self, unit):
        rate = publish(5, unit=unit, confirmed=True).after
        with pytest.raises(NoPrice, match="this work has no"):
            line(rate)

    def test_wants_measures_of_the_vocabulary(self):
        with pytest.raises(ValueError, match="colour is not a measure"):
            line(colour="red")
        with pytest.raises(ValueError, match="seconds is a float"):
            line(seconds=1.5)
