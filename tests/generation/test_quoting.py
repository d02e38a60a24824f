"""A price is made of its steps."""

from decimal import Decimal

import pytest
from django.utils import timezone

from generation import quoting, submission
from tests.factories.credits import publish

pytestmark = pytest.mark.django_db
GIVEN = {"prompt": "a fox", "width": 1000, "height": 500, "n": 2, "seed": 1, "style": "silk"}


def priced(**more):
    return quoting.price(pipeline="image", model="auto", given={**GIVEN, **more}, at=timezone.now())


class TestPrice:
    def test_has_a_line_for_each_step_by_its_name(self):
        found = priced()
        assert [line.step for line in found.lines] == [step.name for step in found.plan.steps]
        assert [(line.unit, line.quantity, line.credits) for line in found.lines] == [("image", 1, 5)] * 2

    def test_is_worked_out_from_the_measures_of_each_step(self):
        publish(4, unit="megapixel", confirmed=True, expression="2 if style == 'silk' and width > 999 else 1")
        (line, _) = priced().lines
        assert (line.quantity, line.credits) == (Decimal("0.5"), 4)
        (line, _) = priced(style="auto").lines
        assert line.credits == 2

    @pytest.mark.parametrize("unit", ["image", "megapixel", "call"])
    def test_can_be_by_every_unit_that_a_picture_has(self, unit):
        publish(5, unit=unit, confirmed=True)
        assert {line.unit for line in priced().lines} == {unit}


class TestStepRows:
    def test_carry_their_own_price_and_what_will_be_metered(self, person):
        publish("2.5", unit="megapixel", confirmed=True)
        found = priced()
        rows = submission._step_rows(person.principal, found, found.lines)
        assert [(row["price"], row["unit"], row["quantity"]) for row in rows] == [(1, "megapixel", "0.5")] * 2
