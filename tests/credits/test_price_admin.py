"""Prices in the admin: a list with margins, and a form that shows what it changes before it does."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AuditEvent
from credits import rates
from credits.models import Price
from tests.factories.accounts import make_person
from tests.factories.credits import publish

pytestmark = pytest.mark.django_db
LIST, FORM = "/admin/credits/price/", "/admin/credits/price/publish/"
TERMS = {"model": "sketch-image", "unit": "image", "credits": "6", "minimum": "1", "cost_usd_micros": "15000"}


@pytest.fixture
def operator():
    return make_person(staff=True)


@pytest.fixture
def browser(operator):
    return operator.browser()


def seen(page):
    found = re.search(r'name="seen" value="(\w+)"', page.content.decode())
    return found.group(1) if found else ""


def added():
    return Price.objects.filter(source="operator")


class TestList:
    def test_says_what_is_in_force_upcoming_and_past_with_its_margin(self, browser):
        now = timezone.now()
        publish(8, at=now, cost_usd_micros=20_000)
        publish(9, at=now, from_=now + timedelta(days=1))
        page = browser.get(LIST).content.decode()
        rows = re.findall(r'field-standing">([^<]+)<.*?field-credits">([^<]+)<.*?field-margin">([^<]+)<', page, re.S)
        assert rows == [
            ("upcoming", "9.0000", "100.0 %"), ("in force", "8.0000", "75.0 %"), ("past", "5.0000", "100.0 %"),
        ]  # fmt: skip
        assert f'href="{FORM}"' in page

    def test_asks_no_more_for_many_prices(self, browser, django_assert_max_num_queries):
        now = timezone.now()
        for number in range(30):
            publish(6 + number, at=now, model=f"acme-{number}")
        browser.get(LIST)
        with django_assert_max_num_queries(9):
            browser.get(LIST)

    def test_lets_nobody_edit_or_delete(self, browser):
        price = Price.objects.get()
        for path in (f"{LIST}{price.id}/change/", f"{LIST}{price.id}/delete/", f"{LIST}add/"):
            answer = browser.post(path, {**TERMS, "credits": "1", "post": "yes"})
            assert answer.status_code in {302, 403, 404}, path
        assert Price.objects.get().credits == 5


class TestAdd:
    def test_shows_the_change_and_publishes_at_the_second_press(self, browser, operator):
        page = browser.post(FORM, TERMS)
        text = page.content.decode()
        assert not added().exists()
        assert re.search(r"Before</th>\s*<td>5.0000</td>", text)
        assert re.search(r"After</th>\s*<td>6</td>", text)
        assert "75.0 %" in text
        assert 'value="Publish"' in text
        answer = browser.post(FORM, {**TERMS, "seen": seen(page)})
        assert (answer.status_code, answer["Location"]) == (302, LIST)
        assert rates.in_force(model="sketch-image", at=timezone.now()).credits == 6
        told = AuditEvent.objects.get(action="price.published", actor=f"user:{operator.user.id}")
        assert told.target == "model:sketch-image"

    @pytest.mark.parametrize(
        "change", [{"credits": "7"}, {"unit": "call", "confirmed": "on"}, {"effective_from": "2100-01-01 00:00:00"}]
    )
    def test_shows_again_what_was_changed_after_the_look(self, browser, change):
        token = seen(browser.post(FORM, TERMS))
        page = browser.post(FORM, {**TERMS, **change, "seen": token})
        assert page.status_code == 200
        assert seen(page) not in {"", token}
        assert not added().exists()

    def test_shows_again_when_the_price_underneath_has_changed(self, browser):
        token = seen(browser.post(FORM, TERMS))
        publish(8)
        page = browser.post(FORM, {**TERMS, "seen": token})
        assert page.status_code == 200
        assert re.search(r"Before</th>\s*<td>8.0000</td>", page.content.decode())
        assert added().count() == 1

    def test_publishes_once_for_a_double_click(self, browser):
        token = seen(browser.post(FORM, TERMS))
        for _ in range(2):
            browser.post(FORM, {**TERMS, "seen": token})
        assert added().count() == 1

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"credits": "500"}, "change of more than 20 times"),
            ({"credits": "0"}, "more than nothing"),
            ({"cost_usd_micros": "90000"}, "allow a price below cost"),
            ({"expression": "colour"}, "not a measure"),
            ({"effective_from": "2020-01-01 00:00:00"}, "begin in the past"),
            ({"credits": ""}, "This field is required"),
        ],
    )
    def test_refuses_as_the_rate_card_does(self, browser, change, reason):
        page = browser.post(FORM, {**TERMS, **change})
        assert page.status_code == 200
        assert reason in page.content.decode()
        assert 'value="Show what changes"' in page.content.decode()
        assert not added().exists()

    def test_takes_a_large_change_that_is_meant(self, browser):
        terms = {**TERMS, "credits": "500", "confirmed": "on"}
        browser.post(FORM, {**terms, "seen": seen(browser.post(FORM, terms))})
        assert added().get().credits == 500

    def test_is_for_operators(self, person):
        assert person.browser().get(FORM).status_code == 302
        assert person.browser().post(FORM, TERMS).status_code == 302
        clerk = make_person()
        clerk.user.is_staff = True
        clerk.user.save()
        assert clerk.browser().get(FORM).status_code == 403
