"""The wallet's page without a browser: what it says, its files and its form."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Membership
from core.ids import to_public
from credits import ledger, notices, selectors
from credits.ledger import Terms
from generation.models import Job
from tests.factories.generation import submit, work_off

pytestmark = pytest.mark.django_db


def text_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.content.decode()))


class TestWallet:
    def test_says_why_credits_came_back_and_links_to_the_job(self, person):
        failed = submit(person, prompt="[[fail:provider]] fox")
        work_off()
        page = person.browser().get("/wallet")
        assert "Returned: The model failed 5 returned 200" in text_of(page)
        assert (
            f'<a href="/studio/jobs/{to_public("gen", failed)}">Returned: The model failed</a>' in page.content.decode()
        )

    def test_has_no_dead_link_to_a_job_in_the_trash(self, person):
        job = submit(person)
        work_off()
        Job.objects.filter(id=job).update(trashed_at=timezone.now())
        page = person.browser().get("/wallet").content.decode()
        assert "Generation: Delivered" in page
        assert to_public("gen", job) not in page

    def test_shows_what_one_pays_when(self, person):
        text = text_of(person.browser().get("/wallet"))
        assert "Canceled before it began Nothing Everything came back." in text
        assert "Settled too late by us" in text

    def test_shows_what_repaid_a_debt_and_what_lived_on(self, person):
        now = timezone.now()
        person.grant(10, terms=Terms("goodwill", now + timedelta(hours=1)))
        held = ledger.hold(workspace_id=person.workspace_id, amount=4, reference="job:x", at=timezone.now())
        ledger.void(hold_id=held.id, at=now + timedelta(hours=2), reason="timed_out")
        ledger.claw_back(workspace_id=person.workspace_id, amount=400, reference="c", reason="Dispute", at=now)
        person.grant(500)
        text = text_of(person.browser().get("/wallet"))
        assert "Kept for 30 more days The credits had expired while they were held 4 kept" in text
        assert "Owed credits repaid 190 repaid" in text

    def test_filters_the_statement_and_remembers_it_while_paging(self, person):
        for number in range(33):
            person.grant(1, reason=f"gift {number}")
        submit(person)
        work_off()
        browser = person.browser()
        page = browser.get("/wallet?kind=added").content.decode()
        assert "Generation: Delivered" not in page
        assert "gift 32" in page
        (following,) = re.findall(r'hx-get="([^"]+)"', page)
        assert "kind=added&amp;before=" in following
        rest = browser.get(following.replace("&amp;", "&"), headers={"HX-Request": "true"}).content.decode()
        assert "gift 2<" in rest
        assert "<html" not in rest
        assert "Welcome" in rest

    @pytest.mark.parametrize("query", ["kind=nonsense", "before=-1", "before=%00", "kind=added&before=9x"])
    def test_answers_an_odd_address(self, person, query):
        assert person.browser().get(f"/wallet?{query}").status_code < 500

    def test_warns_of_low_and_ending_credits(self, person):
        person.grant(30, terms=Terms("goodwill", timezone.now() + timedelta(days=3)))
        assert "30 credits will expire within a week" in text_of(person.browser().get("/wallet"))
        assert "Credits run low" not in text_of(person.browser().get("/wallet"))
        held = ledger.hold(workspace_id=person.workspace_id, amount=190, reference="job:x", at=timezone.now())
        ledger.capture(hold_id=held.id, amount=190, at=timezone.now(), reason="delivered")
        text = text_of(person.browser().get("/wallet"))
        assert "Credits run low Fewer than 50 are left." in text

    def test_escapes_reasons(self, person):
        person.grant(1, reason="<script>alert(1)</script>")
        assert "<script>alert" not in person.browser().get("/wallet").content.decode()

    def test_asks_the_same_questions_however_much_there_is(self, person):
        browser = person.browser()
        counts = []
        for many in (2, 12):
            for _ in range(many):
                submit(person, prompt="[[fail:provider]] fox")
                person.grant(5)
            work_off()
            submit(person)
            # What a process keeps for a while (the matrix, the catalogue) is read by this one.
            browser.get("/wallet")
            with CaptureQueriesContext(connection) as asked:
                browser.get("/wallet")
            counts.append(len(asked))
        assert counts[0] == counts[1]


class TestFiles:
    def read(self, answer):
        return b"".join(answer.streaming_content).decode()

    def test_hold_every_line_of_the_period_as_an_attachment(self, person):
        answer = person.browser().get("/wallet/statement.csv")
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        assert answer["Content-Disposition"].startswith('attachment; filename="statement-')
        assert answer["Cache-Control"] == "private, no-store"
        lines = self.read(answer).splitlines()
        assert lines[0] == "id,time,kind,what,subject,credits,returned,moved,balance"
        assert [line.split(",", 2)[2] for line in lines[1:]] == ["grant,Credits added: Welcome,,200,0,0,200"]

    def test_are_of_the_own_workspace_alone(self, person, stranger):
        stranger.grant(77, reason="a secret")
        assert "secret" not in self.read(person.browser().get("/wallet/statement.csv"))

    def test_end_with_the_last_day(self, person):
        yesterday = timezone.now().date() - timedelta(days=1)
        lines = self.read(person.browser().get(f"/wallet/statement.csv?to={yesterday}")).splitlines()
        assert len(lines) == 1
        today = timezone.now().date()
        assert len(self.read(person.browser().get(f"/wallet/statement.csv?from={today}&to={today}")).splitlines()) == 2

    @pytest.mark.parametrize("query", ["from=x", "to=2026-02-30", "from=\u0661"])
    def test_refuse_a_day_that_is_none(self, person, query):
        assert person.browser().get(f"/wallet/statement.csv?{query}").status_code == 400

    def test_of_the_farthest_days_do_not_fall_over(self, person):
        answer = person.browser().get("/wallet/statement.csv?from=0001-01-01&to=9999-12-31")
        assert len(self.read(answer).splitlines()) == 2

    def test_stream_under_asgi_as_well(self, person):
        client = AsyncClient()
        client.cookies = person.browser().cookies

        async def read():
            answer = await client.get("/wallet/statement.csv")
            assert answer.is_async
            return b"".join([piece async for piece in answer.streaming_content])

        from asgiref.sync import async_to_sync

        assert async_to_sync(read)().count(b"\r\n") == 2

    def test_of_usage_have_a_line_for_each_step(self, person):
        submit(person, n=2)
        work_off()
        lines = self.read(person.browser().get("/wallet/usage.csv")).splitlines()
        assert lines[0] == "time,generation,pipeline,model,unit,quantity,credits,key,member"
        assert [line.split(",", 2)[2] for line in lines[1:]] == [
            f"image,sketch-image,image,1,5,,{person.user.email}"
        ] * 2
        assert person.browser().get("/wallet/usage.csv?from=2020-01-01").status_code == 400

    def test_are_for_people_who_are_signed_in(self, client):
        for path in ("/wallet/statement.csv", "/wallet/usage.csv"):
            assert client.get(path)["Location"].startswith("/accounts/login/")


class TestNotices:
    def wishes(self, person):
        wallet = selectors.wallet_of(workspace_id=person.workspace_id, sandbox=False)
        return notices.wishes(wallet_id=wallet.id)

    def test_are_changed_by_a_form(self, person):
        browser = person.browser()
        answer = browser.post("/wallet/notices", {"low_below": "120"})
        assert (answer.status_code, answer["Location"]) == (302, "/wallet#notices")
        assert self.wishes(person) == notices.Wishes(120, by_mail=False)
        assert 'value="120"' in browser.get("/wallet").content.decode()
        browser.post("/wallet/notices", {"low_below": "0", "by_mail": "on"})
        assert self.wishes(person) == notices.Wishes(0, by_mail=True)

    @pytest.mark.parametrize("value", ["", "-1", "x", "9" * 30])
    def test_refuse_an_odd_threshold(self, person, value):
        assert person.browser().post("/wallet/notices", {"low_below": value}).status_code == 400
        assert self.wishes(person) == notices.Wishes(50, by_mail=True)

    def test_are_the_owners_and_admins_to_change(self, person):
        Membership.objects.update(role="member")
        browser = person.browser()
        assert browser.post("/wallet/notices", {"low_below": "1"}).status_code == 403
        page = browser.get("/wallet").content.decode()
        assert 'action="/wallet/notices"' not in page
        assert "Owners and admins can change it" in page

    def test_need_the_csrf_token(self, person):
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(person.user, backend="django.contrib.auth.backends.ModelBackend")
        assert browser.post("/wallet/notices", {"low_below": "1"}).status_code == 403
