"""The linking story as a person walks it: broker, consent, KuCoin, progress, broker."""

import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Request

from tests.browser.visitor import Visitor


class Story:
    """One visitor on the way through the whole local stack.

    Attributes:
        visited: Every document's URL, redirects included, in order.
        requests: Playwright's request of each.
    """

    def __init__(self, visitor: Visitor, broker_url: str) -> None:
        """Listens to where the visitor goes."""
        self.visitor = visitor
        self.page = visitor.page
        self.broker_url = broker_url
        self.visited: list[str] = []
        self.requests: list[Request] = []
        self.page.on("request", self._note)

    def _note(self, request: Request) -> None:
        if request.is_navigation_request():
            self.visited.append(request.url)
            self.requests.append(request)

    def log_in_at_broker(self, user: str = "anna@example.com") -> None:
        """Open the broker's site as this user."""
        self.page.goto(self.broker_url)
        self.page.get_by_label("Logged in as").select_option(label=user)
        self.page.get_by_role("button", name="Switch").click()

    def start(self, user: str = "anna@example.com") -> str:
        """Log in at the broker and press its button; gives the consent page's URL."""
        self.log_in_at_broker(user)
        self.page.get_by_role("button", name="Connect KuCoin").click()
        self.expect("Connect KuCoin to Demo Broker")
        return self.page.url

    def consent(self, *permissions: str) -> None:
        """Tick permissions by their titles and go on to KuCoin."""
        for title in permissions:
            self.page.get_by_label(title, exact=True).check()
        self.page.get_by_role("button", name="Continue to KuCoin").click()
        self.expect("Log in to KuCoin")

    def log_in_at_kucoin(self, user: str) -> None:
        """One of the simulator's demo users."""
        self.page.get_by_role("button", name=f"Log in as {user.capitalize()}").click()

    def authorize(self, *added: str) -> None:
        """Confirm at KuCoin, with more permissions than its page has ticked."""
        for title in added:
            self.page.get_by_role("checkbox", name=re.compile(f"^{title}")).check()
        self.page.get_by_role("button", name="Authorize").click()

    def walk(self, kucoin_user: str = "alice", *permissions: str) -> None:
        """All of it, up to the end's page."""
        self.start()
        self.consent(*permissions)
        self.log_in_at_kucoin(kucoin_user)
        self.authorize()

    def expect(self, heading: str) -> None:
        """Wait for a page by its heading."""
        self.page.get_by_role("heading", level=1, name=heading).wait_for()

    def go_back_to_broker(self) -> dict[str, list[str]]:
        """Press the end's button; gives what the broker is told."""
        self.page.get_by_role("link", name="Back to Demo Broker").click()
        self.expect("Demo Broker")
        return self.find_return_query()

    def find_return_query(self) -> dict[str, list[str]]:
        """The query of the last visit to the broker's return URL."""
        returns = [
            url for url in self.visited if url.startswith(f"{self.broker_url}/kucoin/return")
        ]
        return parse_qs(urlsplit(returns[-1]).query)

    def get_shown_facts(self) -> dict[str, str]:
        """What the broker's page says about the connection."""
        names = self.page.locator("dt").all_inner_texts()
        return dict(zip(names, self.page.locator("dd").all_inner_texts(), strict=True))
