"""From sign-up to gallery, as a person does it, in a real Chromium against real processes."""

import re
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def sign_up(page: Page) -> str:
    email = f"{uuid4().hex[:8]}@example.com"
    page.goto("/accounts/signup/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=False).first.fill("a-good-passphrase")
    page.locator("main form button[type=submit], form button[type=submit]").first.click()
    page.wait_for_url("**/studio")
    return email


def generate(page: Page, prompt: str, count: int) -> None:
    page.locator("#composer textarea[name=prompt]").fill(prompt)
    page.locator(f"#composer input[name=n][value='{count}']").check(force=True)
    button = page.locator("#quote button[type=submit]")
    expect(button).to_contain_text(str(5 * count))
    button.click()


class TestAPerson:
    def test_goes_from_sign_up_to_a_downloaded_picture_without_one_reload(self, watched):
        page = watched.page
        sign_up(page)
        expect(page.locator("header.bar")).to_contain_text("200")
        page.evaluate("window.__stayed = true")

        generate(page, "[[slow:3]] a red fox in a snowy forest", 2)

        card = page.locator("#feed article[data-generation]").first
        expect(card).to_have_attribute("aria-busy", "true")
        expect(card).to_contain_text(re.compile("Queued|Waiting|Generating"))
        # The engine does as if it had no room yet, and the card says so.
        expect(card).to_contain_text(re.compile("Waiting|Generating"))
        expect(card).to_contain_text("Done", timeout=30_000)
        expect(card.locator("img")).to_have_count(2)
        expect(card).to_contain_text("10 credits")
        expect(page.locator("header.bar")).to_contain_text("190")
        assert page.evaluate("window.__stayed") is True

        page.goto("/gallery")
        thumbs = page.locator("main img")
        expect(thumbs).to_have_count(2)
        assert thumbs.first.evaluate("image => image.complete && image.naturalWidth > 0")
        thumbs.first.click()
        page.wait_for_url("**/gallery/ast_*")
        expect(page.locator("body")).to_contain_text("not an AI model")
        with page.expect_download() as arriving:
            page.get_by_role("link", name="Download").click()
        assert arriving.value.suggested_filename.endswith(".png")
        with open(arriving.value.path(), "rb") as file:  # noqa: PTH123 - Playwright gives a path
            assert file.read(8) == b"\x89PNG\r\n\x1a\n"

    def test_reads_why_it_failed_and_gets_the_credits_back(self, watched):
        page = watched.page
        sign_up(page)
        generate(page, "[[fail:provider]] a fox", 2)
        card = page.locator("#feed article[data-generation]").first
        expect(card).to_contain_text("Failed", timeout=30_000)
        expect(card).to_contain_text("The provider accepted the job and then failed.")
        expect(card).to_contain_text("10 credits came back to your wallet")
        expect(page.locator("header.bar")).to_contain_text("200")

    def test_cancels_a_running_job_and_pays_nothing(self, watched):
        page = watched.page
        sign_up(page)
        generate(page, "[[slow:25]] a fox", 1)
        card = page.locator("#feed article[data-generation]").first
        expect(card).to_contain_text(re.compile("Waiting|Generating"), timeout=20_000)
        card.get_by_role("button", name="Cancel").click()
        expect(card).to_contain_text("Canceled", timeout=20_000)
        expect(card).to_contain_text("came back")

    def test_signs_in_as_the_demo_user_and_finds_a_filled_gallery(self, watched):
        page = watched.page
        page.goto("/accounts/login/")
        page.get_by_label("Email").fill("demo@wildmind.local")
        page.get_by_label("Password").fill("wildmind-demo")
        page.keyboard.press("Enter")
        page.wait_for_url("**/studio")
        page.goto("/gallery")
        assert page.locator("main img").count() >= 12

    def test_makes_a_key_that_works(self, watched, stack):
        from tests.stack.running import Caller

        page = watched.page
        sign_up(page)
        page.goto("/settings/api-keys")
        page.get_by_label("Name").fill("My script")
        page.get_by_label("Name").press("Enter")
        expect(page.locator("main")).to_contain_text("wm_live_")
        secret = re.search(r"wm_live_[\w-]{40,}", page.content())
        assert secret is not None
        assert Caller(stack.port, secret.group(0)).get("/me")["workspace"]["id"].startswith("wsp_")


class TestAPersonAtTheKeyboard:
    def test_generates_with_keys_alone(self, watched):
        page = watched.page
        sign_up(page)
        page.keyboard.press("/")
        page.keyboard.type("a lighthouse in a storm")
        page.keyboard.press("Control+Enter")
        card = page.locator("#feed article[data-generation]").first
        expect(card).to_contain_text("Done", timeout=30_000)


class TestWithoutJavaScript:
    def test_submits_and_sees_the_result_by_reloading(self, chromium, stack):
        context = chromium.new_context(base_url=stack.url, java_script_enabled=False)
        page = context.new_page()
        sign_up(page)
        page.locator("#composer textarea[name=prompt]").fill("dunes under stars")
        page.locator("#quote button[type=submit]").click()
        page.wait_for_url("**/studio")

        def shows_a_picture() -> bool:
            page.reload()
            return page.locator("#feed img").count() == 1

        stack.wait(shows_a_picture, "the picture is in the feed", seconds=30)
        context.close()


class TestTwoTabs:
    def test_both_show_the_truth(self, watched, context):
        first = watched.page
        sign_up(first)
        second = context.new_page()
        second.goto("/studio")
        generate(first, "[[slow:1]] a boat", 1)
        card = first.locator("#feed article[data-generation]").first
        expect(card).to_contain_text("Done", timeout=30_000)
        second.reload()
        expect(second.locator("#feed article[data-generation]").first).to_contain_text("Done")

    def test_one_learns_of_a_job_that_the_other_submitted(self, context, stack):
        first, second = context.new_page(), context.new_page()
        sign_up(first)
        second.goto("/studio")
        second.wait_for_timeout(1500)
        generate(first, "a boat", 1)
        expect(second.locator("#feed article[data-generation]")).to_have_count(1, timeout=15_000)
        expect(second.locator("#feed article[data-generation]")).to_contain_text("Done", timeout=20_000)
        expect(first.locator("#feed article[data-generation]")).to_have_count(1)

    def test_a_server_that_was_away_leaves_no_stale_card(self, context, stack):
        page = context.new_page()
        sign_up(page)
        generate(page, "[[slow:3]] a fox", 1)
        card = page.locator("#feed article[data-generation]").first
        expect(card).to_contain_text(re.compile("Waiting|Generating"), timeout=20_000)
        stack.kill("web")
        page.wait_for_timeout(3000)
        stack.start("web")
        expect(card).to_contain_text("Done", timeout=40_000)


class TestAccess:
    @pytest.mark.parametrize("theme", ["dark", "light"])
    def test_every_page_is_free_of_axe_violations(self, chromium, stack, theme):
        context = chromium.new_context(base_url=stack.url, color_scheme=theme, viewport={"width": 390, "height": 844})
        page = context.new_page()
        found = {}
        axe = Axe()
        for path in ("/", "/accounts/login/", "/accounts/signup/", "/nowhere"):
            page.goto(path)
            found[path] = [item["id"] for item in axe.run(page).response["violations"]]
        sign_up(page)
        generate(page, "a fox", 1)
        expect(page.locator("#feed article[data-generation]").first).to_contain_text("Done", timeout=30_000)
        for path in (
            "/studio",
            "/gallery",
            "/wallet",
            "/settings",
            "/settings/api-keys",
            "/settings/connections",
            "/styleguide",
            "/accounts/2fa/",
        ):
            page.goto(path)
            found[path] = [item["id"] for item in axe.run(page).response["violations"]]
        context.close()
        assert {path: ids for path, ids in found.items() if ids} == {}
