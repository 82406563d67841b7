"""``make demo``: the whole story without a person, each step with its time.

A story is a list of steps; a step gets the world, does its part, returns what to tell, and raises
if it did not work. ``STORIES`` holds the first story; ``run_demo`` adds
those whose modules build on this one.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests

from local.demo.browser import Browser, Page
from local.gateway.http_api import LOCAL_CALLER
from local.gateway.sigv4 import sign_headers
from local.local_stack import LocalStack


class StoryError(RuntimeError):
    """A step did not work; the message says what was found instead."""


@dataclass
class World:
    """What the steps hand on.

    Attributes:
        user: The broker's user; ``kucoin_user`` is who logs in at KuCoin.
        page: Where the browser is.
    """

    stack: LocalStack
    user: str = "demo-user-1"
    kucoin_user: str = "alice"
    session: dict[str, Any] = field(default_factory=dict)
    connection: dict[str, Any] = field(default_factory=dict)
    page: Page | None = None

    def __post_init__(self) -> None:
        """The browser stops where it would come back to the broker."""
        self.return_url = f"{self.stack.broker_url}/kucoin/return"
        self.browser = Browser(stop_at=self.stack.broker_url)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        expect: int = 200,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """A signed request of the broker's service.

        Raises:
            StoryError: Another status than expected.
        """
        url = self.stack.gateway_url + path
        content = b"" if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} if body is not None else {}
        sent |= headers or {}
        signed = sign_headers(
            method=method, url=url, headers=sent, body=content, caller=LOCAL_CALLER
        )
        answer = requests.request(method, url, data=content, headers=signed, timeout=60)
        if answer.status_code != expect:
            raise StoryError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json()

    def current_page(self) -> Page:
        """Where the browser is.

        Raises:
            StoryError: Nowhere yet.
        """
        if self.page is None:
            raise StoryError("the browser is nowhere yet")
        return self.page


type Step = tuple[str, Callable[[World], str]]


def tell(world: World, steps: list[Step], say: Callable[[str], None]) -> bool:
    """Runs the steps; false at the first that does not work."""
    for name, step in steps:
        begun = time.monotonic()
        try:
            told = step(world)
        except (StoryError, LookupError, requests.RequestException) as error:
            say(f"  FAILED  {name}: {error}")
            return False
        say(f"  {time.monotonic() - begun:6.2f} s  {name}: {told}")
    return True
