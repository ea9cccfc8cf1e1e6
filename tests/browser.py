"""A page in headless Chromium, driven by Playwright: what it shows, says and asks for."""

import os
import shutil

import pytest

CHROMIUM = os.environ.get("SITING_CHROMIUM") or next(
    (p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None
)
in_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
SIZES = {"desktop": (1400, 900), "phone": (390, 844)}


class Opened:
    """A page, what its console said, and what it asked for."""

    def __init__(self, browser, path, size="desktop"):
        width, height = SIZES[size]
        # A page that glides to where it is asked for would move under a click.
        self.page = browser.new_page(
            viewport={"width": width, "height": height}, reduced_motion="reduce"
        )
        self.page.set_default_timeout(20_000)
        self.said, self.asked = [], []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())

    def count(self, selector):
        return self.page.locator(selector).count()

    def text(self, selector):
        return " ".join(self.page.locator(selector).inner_text().split())

    def ask(self, code):
        return self.page.evaluate(code)

    def centre(self):
        """Return where the map's first station stands on the screen."""
        return self.ask(
            "() => { const b = document.querySelector('.site').getBoundingClientRect();"
            " return [b.x, b.y]; }"
        )
