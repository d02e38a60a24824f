"""Caps under real contention: exactly as many as the plan allows, whoever comes first."""

from collections import Counter
from uuid import uuid4

import pytest

from credits import selectors as credits_of
from generation.models import Job, Load
from tests.concurrency.test_submissions import BODY, at_once
from tests.factories.accounts import make_person
from tests.factories.generation import work_off

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def person():
    return make_person(credits=10_000)


def codes(answers):
    return Counter(answer.json().get("code", "accepted") for answer in answers)


class TestFortyAtOnce:
    def test_against_three_of_a_pipeline_accept_three_and_three_again_when_those_ended(self, person):
        person.limit(max_live_by_pipeline={"image": 3})
        api = person.api()

        answers = at_once(40, lambda _: api.post("/generations", BODY))

        assert codes(answers) == {"accepted": 3, "concurrency_limit": 37}
        assert {answer["Retry-After"] for answer in answers if answer.status_code == 429} == {"5"}
        assert (Job.objects.count(), Load.objects.get().live, person.held()) == (3, 3, 15)
        assert credits_of.violations() == []
        work_off()
        assert codes(at_once(40, lambda _: api.post("/generations", BODY))) == {
            "accepted": 3, "concurrency_limit": 37,
        }  # fmt: skip
        assert (Job.objects.count(), Load.objects.get().live) == (6, 3)
        assert credits_of.violations() == []

    def test_against_a_daily_cap_accept_exactly_that_many_though_some_have_ended(self, person):
        person.limit(daily_jobs=7)
        api = person.api()
        for _ in range(2):
            api.post("/generations", BODY)
        work_off()

        answers = at_once(40, lambda _: api.post("/generations", BODY))

        assert codes(answers) == {"accepted": 5, "rate_limited": 35}
        assert (Job.objects.count(), Load.objects.get().accepted_today) == (7, 7)
        work_off()
        assert api.post("/generations", BODY).json()["code"] == "rate_limited"
        assert credits_of.violations() == []

    def test_with_one_key_count_once(self, person):
        person.limit(daily_jobs=1, max_live_by_pipeline={"image": 1}, max_queued=1)
        api, key = person.api(), str(uuid4())

        answers = at_once(40, lambda _: api.post("/generations", BODY, **{"Idempotency-Key": key}))

        assert {answer.status_code for answer in answers} == {201}
        assert (Job.objects.count(), Load.objects.get().live, Load.objects.get().accepted_today) == (1, 1, 1)


class TestCancelAndSubmitAtOnce:
    def test_never_exceed_the_cap_and_leave_room_for_the_rest(self, person):
        person.limit(max_live_by_pipeline={"image": 4})
        api = person.api()
        made = [api.post("/generations", BODY).json()["id"] for _ in range(4)]

        def act(index):
            if index < 4:
                return api.post(f"/generations/{made[index]}/cancel")
            return api.post("/generations", BODY)

        answers = at_once(24, act)

        accepted = codes(answers[4:])["accepted"]
        assert accepted <= 4
        assert Load.objects.get().live == Job.objects.filter(completed_at=None).count() == accepted
        for _ in range(4 - accepted):
            assert api.post("/generations", BODY).status_code == 201
        assert api.post("/generations", BODY).json()["code"] == "concurrency_limit"
        assert credits_of.violations() == []
