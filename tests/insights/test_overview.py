"""The status page, the operators' page and the metrics tell the same figures."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from generation import execution, lookout, service
from generation.models import Punctuality
from insights import metrics, overview
from tests.factories import outlook as told
from tests.factories.accounts import make_person
from tests.factories.generation import claim, submit

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(person):
    """Somebody whose plan lets all of these jobs run at once."""
    person.limit(max_running=100)
    return person


def pin(level):
    service.pin(level=level, actor="test", reason="A storm in the data centre.", at=timezone.now())
    overview.forget()


class TestStatus:
    def test_is_there_for_everybody_and_calm_when_all_is_well(self, client):
        page = client.get("/status")
        assert page.status_code == 200
        assert "max-age=5" in page["Cache-Control"]
        assert "All work is taken." in page.content.decode()
        found = client.get("/status.json").json()
        assert (found["level"], found["cause"]) == (0, None)
        assert [lane["lane"] for lane in found["lanes"]] == ["enterprise", "pro", "free"]

    def test_says_what_is_closed_and_why(self, client):
        pin(3)
        page = client.get("/status").content.decode()
        assert "Overloaded: only paid plans can start new work." in page
        assert "A storm in the data centre." in page
        assert client.get("/status.json").json()["level"] == 3

    def test_is_read_once_in_five_seconds(self, client):
        client.get("/status.json")
        with CaptureQueriesContext(connection) as asked:
            client.get("/status.json")
        assert len(asked) == 0

    def test_is_a_line_in_the_studio_while_something_is_closed(self, person):
        browser = person.browser()
        assert b"service-line" not in browser.get("/studio").content
        pin(1)
        page = browser.get("/studio").content.decode()
        assert "Busy: free plans wait before they can start new video." in page
        assert 'href="/status"' in page

    def test_refusal_is_shown_by_the_form(self, person):
        pin(3)
        form = {"prompt": "a fox", "n": "1", "aspect_ratio": "1:1", "model": "sketch-image"}
        answer = person.browser().post("/studio", form, headers={"HX-Request": "true"})
        assert answer.status_code == 422
        assert "only paid plans can start new work. Nothing was charged." in answer.content.decode()


class TestOperations:
    def test_shows_lanes_and_kept_words_in_a_fixed_number_of_statements(self, person):
        hour = timezone.now().replace(minute=0, second=0, microsecond=0)
        Punctuality.objects.create(hour=hour, lane="free", bucket=0, jobs=20, inside=14, late=6)
        browser = make_person(staff=True).browser()
        asked = []
        for more in (1, 10):
            for _ in range(more):
                submit(person)
            told.slots(1)
            told.look(timezone.now())
            service.forget()
            with CaptureQueriesContext(connection) as queries:
                page = browser.get("/admin/operations/").content.decode()
            asked.append(len(queries))
        assert asked[0] == asked[1]
        assert "70 % of 20, below the goal of 80 %" in page

    @pytest.mark.parametrize(
        ("jobs", "inside", "said"),
        [
            (1, 0, "0 % of 1, too few to say"), (19, 19, "100 % of 19, too few to say"),
            (20, 15, "75 % of 20, below the goal of 80 %"), (20, 16, "80 % of 20</td>"),
        ],
    )  # fmt: skip
    def test_give_no_verdict_on_a_few_starts(self, jobs, inside, said):
        hour = timezone.now().replace(minute=0, second=0, microsecond=0)
        Punctuality.objects.create(hour=hour, lane="free", bucket=0, jobs=jobs, inside=inside, late=jobs - inside)
        assert said in make_person(staff=True).browser().get("/admin/operations/").content.decode()


class TestMetrics:
    def test_have_the_level_the_waits_and_the_share_of_kept_words(self, person):
        hour = timezone.now().replace(minute=0, second=0, microsecond=0)
        Punctuality.objects.create(hour=hour, lane="free", bucket=0, jobs=10, inside=9, late=1)
        pin(2)
        leader = lookout.Lookout()
        told.slots(1)
        submit(person, n=2)
        now = timezone.now()
        execution.begin(batch=claim(limit=1), owner="w", at=now)
        leader.measure(at=now + timedelta(seconds=1))
        leader.look(at=now + timedelta(seconds=9))
        text = metrics.exposition().decode()
        assert "wildmind_service_level 2.0" in text
        assert 'wildmind_starts_inside_band_ratio{lane="free"} 0.9' in text
        assert 'wildmind_start_wait_seconds{lane="free",quantile="0.9"}' in text
        oldest = next(line for line in text.splitlines() if line.startswith('wildmind_oldest_wait_seconds{lane="free"'))
        assert float(oldest.rpartition(" ")[2]) >= 9
