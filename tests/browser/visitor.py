"""One person's browser, and what it complained about."""

import re
from collections.abc import Callable
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Page

PHONE = {"viewport": {"width": 360, "height": 740}}
# Chromium reports every navigation that is answered with an error status; our ends are such.
_STATUS_REPORT = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")

Visitors = Callable[..., "Visitor"]


class Visitor:
    """A browser context with one page; every complaint of the console is kept.

    Attributes:
        page: Playwright's page.
        complaints: Errors and warnings of the console, uncaught exceptions, policy violations.
    """

    def __init__(self, context: BrowserContext) -> None:
        """Opens the page and listens."""
        self.context = context
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, message: ConsoleMessage) -> None:
        reported = _STATUS_REPORT.match(message.text)
        is_document = reported and message.location.get("url") == self.page.url
        if message.type in ("error", "warning") and not is_document:
            self.complaints.append(message.text)

    @property
    def heading(self) -> str:
        """The page's ``h1``."""
        return self.page.locator("h1").inner_text()

    @property
    def has_horizontal_scroll(self) -> bool:
        """Whether anything is wider than the window."""
        return bool(
            self.page.evaluate(
                "document.documentElement.scrollWidth > document.documentElement.clientWidth"
            )
        )

    def find_accessibility_faults(self) -> list[str]:
        """axe's serious and critical findings, in light and in dark."""
        faults = []
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            answer: dict[str, Any] = Axe().run(self.page).response
            faults += [
                f"{scheme}: {found['id']}: {node['target']} {node.get('failureSummary')}"
                for found in answer["violations"]
                if found["impact"] in ("serious", "critical")
                for node in found["nodes"]
            ]
        self.page.emulate_media(color_scheme="light")
        return faults
