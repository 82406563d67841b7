"""A real chromium: Debian's, or the one that CHROMIUM names."""

import os
import shutil

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.visitor import Visitor


@pytest.fixture(scope="session")
def chromium():
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.fail("no chromium: install Debian's package chromium, or set CHROMIUM to one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def new_visitor(chromium):
    """Opens a new person's browser; at the end of the test none may have complained."""
    visitors = []

    def open_visitor(**options) -> Visitor:
        context = chromium.new_context(**{"viewport": {"width": 1100, "height": 900}, **options})
        context.set_default_timeout(15_000)
        visitors.append(Visitor(context))
        return visitors[-1]

    yield open_visitor
    complaints = [complaint for visitor in visitors for complaint in visitor.complaints]
    for visitor in visitors:
        visitor.context.close()
    assert complaints == []
