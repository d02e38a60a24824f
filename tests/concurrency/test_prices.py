"""Several operators at once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from credits import rates
from credits.errors import RateRefused
from credits.models import Price
from tests.concurrency.test_submissions import at_once
from tests.factories.credits import publish

pytestmark = pytest.mark.django_db(transaction=True)
ROOM = timedelta(days=1)


class TestTenAtOnce:
    def test_publish_the_same_price_once(self):
        start = timezone.now() + ROOM
        changes = at_once(10, lambda _: publish(6, from_=start))
        assert sum(change.new for change in changes) == 1
        assert Price.objects.filter(effective_from=start).count() == 1

    def test_agree_on_one_of_several_prices_for_a_moment(self):
        start = timezone.now() + ROOM

        def one(number):
            try:
                return publish(
                    6 + number, from_=start, unit=("image", "call")[number % 2], confirmed=True
                ).after.credits
            except RateRefused as exc:
                return exc.detail

        answers = at_once(10, one)
        refused = [answer for answer in answers if isinstance(answer, str)]
        assert len(refused) == 9
        assert all("other terms from that very moment" in answer for answer in refused)
        (price,) = Price.objects.filter(effective_from=start)
        assert rates.in_force(model="sketch-image", at=start).credits == price.credits

    def test_never_pass_a_check_by_a_price_that_is_gone(self):
        """Each may go up to twenty times as high as the one before it, and no further."""
        now = timezone.now()

        def one(number):
            try:
                return publish(5 * 19**number, from_=now + ROOM * (number + 1), at=now).new
            except RateRefused:
                return False

        done = at_once(4, one)
        prices = list(Price.objects.order_by("effective_from").values_list("credits", flat=True))
        assert sum(done) == len(prices) - 1
        ordered = list(Price.objects.order_by("id"))
        for price in ordered[1:]:
            before = [old for old in ordered if old.id < price.id and old.effective_from <= price.effective_from]
            latest = max(before, key=lambda old: old.effective_from)
            assert latest.credits * 20 >= price.credits
