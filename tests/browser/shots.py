"""Screenshots of every page and state in both themes: `python -m tests.browser.shots URL FOLDER`."""

import os
import re
import shutil
import sys
from pathlib import Path
from uuid import uuid4

from playwright.sync_api import Browser, Page, expect, sync_playwright

SIZES = {390: 844, 1440: 900}


def main(url: str, folder: Path) -> None:
    """Walks the site as somebody new, and takes pictures on the way."""
    folder.mkdir(parents=True, exist_ok=True)
    browser_path = os.environ.get("WILDMIND_BROWSER") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        for width, height in SIZES.items():
            for theme in ("dark", "light"):
                _walk(browser, url, folder, width, height, theme)
        browser.close()


def _walk(browser: Browser, url: str, folder: Path, width: int, height: int, theme: str) -> None:
    context = browser.new_context(
        base_url=url, viewport={"width": width, "height": height}, color_scheme=theme, device_scale_factor=1
    )
    page = context.new_page()

    def shoot(name: str, *, full: bool = True) -> None:
        page.wait_for_timeout(500)
        page.screenshot(path=folder / f"{name}-{width}-{theme}.png", full_page=full)

    page.goto("/")
    shoot("landing")
    for name, path in (("login", "/accounts/login/"), ("signup", "/accounts/signup/"), ("404", "/nowhere")):
        page.goto(path)
        shoot(name)
    page.goto("/accounts/signup/")
    page.get_by_label("Email").fill(f"{uuid4().hex[:8]}@example.com")
    page.get_by_label("Password", exact=False).first.fill("a-good-passphrase")
    page.keyboard.press("Enter")
    page.wait_for_url("**/studio")
    shoot("studio-empty")
    _generate(page, "[[slow:3]] a red fox in a snowy pine forest at dawn", 4)
    expect(page.locator("#feed article").first).to_contain_text(re.compile("Waiting|Generating"), timeout=20_000)
    shoot("studio-running", full=False)
    expect(page.locator("#feed article").first).to_contain_text("Done", timeout=60_000)
    page.evaluate("document.querySelectorAll('[data-toast]').forEach(t => t.remove())")
    shoot("studio-done")
    _generate(page, "[[fail:provider]] a lighthouse in a storm", 2)
    expect(page.locator("#feed article").first).to_contain_text("Failed", timeout=60_000)
    shoot("studio-failed", full=False)
    for name, path in (
        ("wallet", "/wallet"),
        ("keys", "/settings/api-keys"),
        ("workspace", "/settings"),
        ("connections", "/settings/connections"),
    ):
        page.goto(path)
        shoot(name)
    context.clear_cookies()
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill("demo@wildmind.local")
    page.get_by_label("Password").fill("wildmind-demo")
    page.keyboard.press("Enter")
    page.wait_for_url("**/studio")
    shoot("studio-demo", full=False)
    page.goto("/gallery")
    shoot("gallery")
    page.locator("main img").first.click()
    page.wait_for_url("**/gallery/ast_*")
    shoot("asset")
    context.close()


def _generate(page: Page, prompt: str, count: int) -> None:
    page.locator("#composer textarea[name=prompt]").fill(prompt)
    page.locator(f"#composer input[name=n][value='{count}']").check(force=True)
    page.wait_for_timeout(500)
    page.locator("#quote button[type=submit]").click()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
