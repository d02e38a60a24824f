"""Pages without a browser: they answer, they say what happened, and they work without JavaScript."""

import re

import pytest
from django.core import mail
from django.test import Client

from accounts.models import ApiKey, User, Workspace
from assets.models import Asset
from credits import selectors as credits_of
from generation.models import Job
from tests.factories.assets import read
from tests.factories.credits import publish
from tests.factories.generation import submit, work_off

pytestmark = pytest.mark.django_db


def sign_up(client, email="new@example.com"):
    return client.post("/accounts/signup/", {"email": email, "password1": "long-enough-phrase"})


class TestSignUp:
    def test_lands_in_the_studio_with_a_workspace_and_welcome_credits(self, client):
        answer = sign_up(client)
        assert (answer.status_code, answer["Location"]) == (302, "/studio")
        workspace = Workspace.objects.get(memberships__user__email="new@example.com")
        from django.utils import timezone

        for sandbox, amount in ((False, 200), (True, 10_000)):
            wallet = credits_of.balance(workspace_id=workspace.id, sandbox=sandbox, at=timezone.now())
            assert wallet.available == amount
        page = client.get("/studio")
        assert b"200" in page.content

    def test_does_not_tell_whether_an_address_is_known(self, client, person, settings):
        settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
        answer = sign_up(client, email=person.user.email.upper())
        assert User.objects.filter(email__iexact=person.user.email).count() == 1
        assert b"already" not in answer.content
        assert len(mail.outbox) == 1

    def test_can_be_closed(self, client, settings):
        settings.ACCOUNTS_SIGN_UP_OPEN = False
        sign_up(client)
        assert not User.objects.filter(email="new@example.com").exists()


class TestStudio:
    FORM = {"prompt": "a fox", "n": "2", "aspect_ratio": "1:1", "seed": "3", "model": "sketch-image"}

    def test_submits_without_javascript(self, person):
        browser = person.browser()
        answer = browser.post("/studio", self.FORM)
        assert (answer.status_code, answer["Location"]) == (302, "/studio")
        job = Job.objects.get()
        assert job.input == {"prompt": "a fox", "n": 2, "aspect_ratio": "1:1", "seed": 3}
        assert b"a fox" in browser.get("/studio").content

    def test_answers_htmx_with_the_new_card_and_the_balance(self, person):
        answer = person.browser().post("/studio", self.FORM, headers={"HX-Request": "true"})
        assert answer.status_code == 201
        assert b'id="job-gen_' in answer.content
        assert answer["HX-Trigger"] == '{"wm:balance":{"available":190,"held":10}}'

    def test_makes_one_job_of_a_double_click(self, person):
        browser = person.browser()
        for _ in range(2):
            browser.post("/studio", {**self.FORM, "idempotency_key": "same"})
        assert Job.objects.count() == 1

    @pytest.mark.parametrize(("change", "field"), [({"prompt": "  "}, "prompt"), ({"n": "9"}, "n"), ({"n": "x"}, "n")])
    def test_keeps_the_form_and_names_what_is_wrong(self, person, change, field):
        answer = person.browser().post("/studio", {**self.FORM, **change}, headers={"HX-Request": "true"})
        assert answer.status_code == 422
        assert not Job.objects.exists()
        assert b"a fox" in answer.content or field == "prompt"

    def test_says_how_many_credits_are_missing(self, person):
        from tests.factories.accounts import make_person

        poor = make_person(credits=3)
        browser = poor.browser()
        page = browser.post("/studio/quote", self.FORM, headers={"HX-Request": "true"})
        assert b"7" in page.content
        answer = browser.post("/studio", self.FORM, headers={"HX-Request": "true"})
        assert answer.status_code == 422
        assert b"3 are available" in answer.content

    def test_shows_the_price_of_what_the_form_holds(self, person):
        page = person.browser().post("/studio/quote", {**self.FORM, "prompt": "", "n": "4"})
        assert b"20" in page.content

    def test_says_why_a_job_failed_and_that_the_credits_came_back(self, person):
        submit(person, prompt="[[fail:provider]] fox", n=2)
        work_off()
        page = person.browser().get("/studio").content.decode()
        assert "The provider accepted the job and then failed." in page
        assert "10 credits came back to your wallet" in page

    def test_charges_no_more_than_stood_on_the_button(self, person):
        publish(60)
        browser = person.browser()
        answer = browser.post("/studio", {**self.FORM, "max_credits": "10"}, headers={"HX-Request": "true"})
        assert answer.status_code == 422
        page = answer.content.decode()
        assert "The price is 120 credits now, and 10 were agreed to." in page
        assert 'name="max_credits" value="120"' in page
        assert not Job.objects.exists()

    def test_tries_again_once_for_a_double_click_and_at_the_old_price(self, person):
        from core.ids import to_public

        failed = to_public("gen", submit(person, prompt="[[fail:timeout]] fox"))
        work_off()
        browser = person.browser()
        token = re.search(
            r'name="idempotency_key" value="([\w-]+)"', browser.get(f"/studio/jobs/{failed}").content.decode()
        )
        form = {"idempotency_key": token.group(1)}
        path = f"/studio/jobs/{failed}/retry"
        statuses = [browser.post(path, form, headers={"HX-Request": "true"}).status_code for _ in range(2)]
        assert statuses == [201, 204]
        assert Job.objects.count() == 2
        publish(60)
        answer = browser.post(path, {"idempotency_key": "later"}, headers={"HX-Request": "true"})
        assert "The price is 60 credits now" in answer["HX-Trigger"]
        assert Job.objects.count() == 2

    @pytest.mark.parametrize("change", [{"prompt": "a\x00b"}, {"idempotency_key": "a\x00b"}, {"seed": "--5"},
                                        {"seed": "\u0665"}, {"n": "9" * 40}, {"max_credits": "-1"}])  # fmt: skip
    def test_answers_an_odd_form_without_falling_over(self, person, change):
        browser = person.browser()
        for headers in ({}, {"HX-Request": "true"}):
            assert browser.post("/studio", {**self.FORM, **change}, headers=headers).status_code < 500
            assert browser.post("/studio/quote", {**self.FORM, **change}, headers=headers).status_code < 500
        assert browser.get("/studio", change).status_code < 500

    def test_stays_open_to_watch_while_no_model_is_on_offer(self, person):
        from providers import catalog
        from providers.models import ModelCard

        submit(person, prompt="a fox that waits")
        ModelCard.objects.update(status="disabled")
        catalog.forget()
        browser = person.browser()
        page = browser.get("/studio")
        assert page.status_code == 200
        text = page.content.decode()
        assert "No model is on offer right now" in text
        assert "a fox that waits" in text
        assert "procedural, not AI" in text
        assert browser.post("/studio", self.FORM).status_code == 503

    def test_sends_the_whole_page_to_sign_in_when_the_session_is_over(self, client):
        headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/studio?x=1"}
        answer = client.post("/studio/quote", self.FORM, headers=headers)
        assert answer.status_code == 204
        assert answer["HX-Redirect"] == "/accounts/login/?next=%2Fstudio"

    def test_escapes_what_people_type(self, person):
        submit(person, prompt="<script>alert(1)</script>")
        work_off()
        browser = person.browser()
        for path in ("/studio", "/gallery"):
            assert "<script>alert" not in browser.get(path).content.decode()

    def test_fills_the_form_from_the_address(self, person):
        page = person.browser().get("/studio?prompt=blue+whale&seed=77").content.decode()
        assert "blue whale" in page
        assert 'value="77"' in page

    def test_is_for_people_who_are_signed_in(self, client):
        for path in ("/studio", "/gallery", "/wallet", "/settings", "/settings/api-keys", "/settings/connections"):
            answer = client.get(path)
            assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/accounts/login/")

    def test_needs_the_csrf_token(self, person):
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(person.user, backend="django.contrib.auth.backends.ModelBackend")
        assert browser.post("/studio", self.FORM).status_code == 403
        assert not Job.objects.exists()


class TestWorkspace:
    def test_shows_the_plan_and_its_limits_in_words(self, person):
        person.limit(max_live_by_pipeline={"image": 3}, daily_jobs=1000)
        page = person.browser().get("/settings").content.decode()
        for words in ("Free", "Up to 100 jobs under way at once", "Up to 3 image jobs under way at once",
                      "Up to 1,000 jobs a day", "Pictures of up to 4,194,304 pixels"):  # fmt: skip
            assert words in page


class TestGallery:
    def test_shows_what_was_made_newest_first(self, person):
        submit(person, prompt="first")
        submit(person, prompt="second")
        work_off()
        page = person.browser().get("/gallery").content.decode()
        assert page.index("second") < page.index("first")

    def test_searches_by_word(self, person):
        submit(person, prompt="red fox")
        submit(person, prompt="blue whale")
        work_off()
        page = person.browser().get("/gallery?q=WHALE").content.decode()
        assert "blue whale" in page
        assert "red fox" not in page

    def test_pages_without_counting(self, person, django_assert_max_num_queries):
        person.grant(1000)
        for _ in range(11):
            submit(person, n=4)
        work_off(rounds=40)
        browser = person.browser()
        browser.get("/gallery")
        with django_assert_max_num_queries(7):
            page = browser.get("/gallery").content.decode()
        following = re.search(r"/gallery\?cursor=[\w-]+", page)
        assert following
        rest = browser.get(following.group(0), headers={"HX-Request": "true"}).content.decode()
        assert rest.count("/gallery/ast_") >= 4

    def test_opens_downloads_and_trashes(self, person):
        submit(person, prompt="red fox")
        work_off()
        asset = Asset.objects.get()
        browser = person.browser()
        from core.ids import to_public

        path = f"/gallery/{to_public('ast', asset.id)}"
        page = browser.get(path).content.decode()
        assert "red fox" in page
        assert "not an AI model" in page
        link = browser.get(f"{path}/download")
        file = browser.get(link["Location"])
        assert file["Content-Disposition"].startswith('attachment; filename="wildmind-')
        read(file)
        browser.post(f"{path}/trash")
        assert browser.get(path).status_code == 404
        assert "red fox" not in browser.get("/gallery").content.decode()
        assert "In the trash" in browser.get("/studio").content.decode()
        assert "red fox" in browser.get("/gallery/trash").content.decode()
        browser.post(f"{path}/restore")
        assert browser.get(path).status_code == 200

    def test_remembers_what_to_ask_for_again(self, person):
        from core.ids import to_public

        body = {"prompt": "hills", "aspect_ratio": "9:16", "style": "papercut", "n": "1", "seed": "4"}
        browser = person.browser()
        browser.post("/studio", body)
        work_off()
        page = browser.get(f"/gallery/{to_public('ast', Asset.objects.get().id)}").content.decode()
        again = re.search(r'href="(/studio\?prompt=hills[^"]*)"', page).group(1).replace("&amp;", "&")
        assert "aspect_ratio=9%3A16" in again
        assert "style=papercut" in again
        assert "seed" not in again


class TestMedia:
    def link(self, person):
        submit(person)
        work_off()
        return person.api().get("/assets").json()["data"][0]["urls"]["original"]

    def test_is_served_so_that_no_browser_runs_it(self, person, client):
        answer = client.get(self.link(person))
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert "private" in answer["Cache-Control"]
        read(answer)

    def test_shrugs_at_odd_links(self, person, client):
        url = self.link(person)
        for odd in ("/media/%C3%A9/1/x.png", "/media/x/99999999999999999999/x.png"):
            assert client.get(odd).status_code == 404
        whole = client.get(url, headers={"Range": "bytes=0-" + "9" * 5000})
        assert whole.status_code == 200
        read(whole)

    def test_answers_ranges(self, person, client):
        url = self.link(person)
        whole = read(client.get(url))
        part = client.get(url, headers={"Range": "bytes=10-19"})
        assert (part.status_code, part["Content-Range"]) == (206, f"bytes 10-19/{len(whole)}")
        assert b"".join(part.streaming_content) == whole[10:20]
        tail = client.get(url, headers={"Range": "bytes=-5"})
        assert b"".join(tail.streaming_content) == whole[-5:]
        assert client.get(url, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416


class TestApiKeys:
    FORM = {"name": "CI", "environment": "live", "scopes": ["generations:write", "generations:read"]}

    def test_are_shown_once_and_work(self, person):
        browser = person.browser()
        page = browser.post("/settings/api-keys", self.FORM).content.decode()
        secret = re.search(r"wm_live_[\w-]{40,}", page).group(0)
        assert secret not in browser.get("/settings/api-keys").content.decode()
        assert not ApiKey.objects.filter(secret_hash=secret).exists()
        answer = Client().get("/api/v1/generations", headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == 200

    def test_end_when_revoked(self, person):
        browser = person.browser()
        page = browser.post("/settings/api-keys", self.FORM).content.decode()
        secret = re.search(r"wm_live_[\w-]{40,}", page).group(0)
        from core.ids import to_public

        browser.post(f"/settings/api-keys/{to_public('key', ApiKey.objects.get().id)}/revoke")
        assert Client().get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"}).status_code == 401

    def test_are_not_made_again_by_a_reload(self, person):
        browser = person.browser()
        form = {**self.FORM, "token": "t"}
        assert "wm_live_" in browser.post("/settings/api-keys", form).content.decode()
        assert browser.post("/settings/api-keys", form).status_code == 302
        assert ApiKey.objects.count() == 1

    def test_of_others_cannot_be_revoked(self, person, stranger):
        from core.ids import to_public

        person.api()
        answer = stranger.browser().post(f"/settings/api-keys/{to_public('key', ApiKey.objects.get().id)}/revoke")
        assert answer.status_code == 404
        assert ApiKey.objects.get().revoked_at is None


class TestProbes:
    def test_answer(self, client):
        assert client.get("/healthz").content == b"ok"
        assert client.get("/readyz").json()["ready"] is True

    def test_say_what_is_wrong(self, client, monkeypatch):
        from core import health

        monkeypatch.setitem(health._probes, "disk", lambda: "The disk is full.")
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"]["disk"] == "The disk is full."

    def test_expose_the_queue(self, client, person):
        submit(person, n=3)
        text = client.get("/metrics").content.decode()
        assert 'wildmind_steps_ready{lane="free",placement="cpu"} 3.0' in text
        assert "wildmind_backlog_seconds" in text


class TestPages:
    def test_that_are_not_there_are_a_friendly_404(self, client):
        answer = client.get("/nowhere")
        assert answer.status_code == 404
        assert b"<html" in answer.content

    def test_carry_a_strict_policy(self, person):
        policy = person.browser().get("/studio")["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy

    def test_ask_for_nothing_from_another_host_and_have_no_inline_style(self, person):
        submit(person)
        work_off()
        browser = person.browser()
        for path in ("/?stay=1", "/studio", "/gallery", "/wallet", "/settings", "/settings/api-keys", "/styleguide"):
            page = browser.get(path).content.decode()
            assert not re.findall(
                r'(?:src|href)="(?:https?:)?//(?!127\.0\.0\.1|testserver)[^"]*\.(?:js|css|woff2?)', page
            ), path
            assert not re.findall(r"<[^>]+\sstyle=", page), path
            assert not re.findall(r"<[^>]+\son\w+=", page), path
