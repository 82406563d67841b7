"""A real chromium (Debian's, or the one that CHROMIUM names) and the whole local stack."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests
from playwright.sync_api import sync_playwright

from local.gateway.http_api import LOCAL_CALLER
from local.gateway.sigv4 import sign_headers
from local.local_stack import LocalStack
from tests.browser.story import Story
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
        context.set_default_timeout(20_000)
        visitors.append(Visitor(context))
        return visitors[-1]

    yield open_visitor
    complaints = [complaint for visitor in visitors for complaint in visitor.complaints]
    for visitor in visitors:
        visitor.context.close()
    assert complaints == []


@dataclass(frozen=True)
class BrowserStack:
    """The stack with the demo broker, as `make run` has it."""

    stack: LocalStack

    @property
    def broker_url(self) -> str:
        return self.stack.broker_url

    @property
    def gateway_url(self) -> str:
        return self.stack.gateway_url

    @property
    def simulator(self):
        return self.stack.simulator

    def call(self, method, path, body=None, **headers: str) -> requests.Response:
        """A signed call, as the broker's service would make it."""
        url = self.gateway_url + path
        content = b"" if body is None else json.dumps(body).encode()
        headers = sign_headers(
            method=method,
            url=url,
            headers={"Content-Type": "application/json", **headers},
            body=content,
            caller=LOCAL_CALLER,
        )
        return requests.request(method, url, headers=headers, data=content, timeout=30)

    def call_with_key(self, path, body, key="key-1") -> requests.Response:
        """A signed POST with its Idempotency-Key."""
        return self.call("POST", path, body, **{"Idempotency-Key": key})

    def find_requests(self, route) -> list[dict]:
        """What our functions asked KuCoin on this route."""
        return [entry for entry in self.simulator.journal() if entry["route"] == route]

    def read_sessions(self) -> list[dict]:
        """The stored linking sessions."""
        table = self.stack.stack.tables["ConnectSessionsTable"]
        return self.stack.aws.client("dynamodb").scan(TableName=table)["Items"]

    def expire_sessions(self) -> None:
        """Every linking session's time is over."""
        table = self.stack.stack.tables["ConnectSessionsTable"]
        for item in self.read_sessions():
            self.stack.aws.client("dynamodb").update_item(
                TableName=table,
                Key={"sessionId": item["sessionId"]},
                UpdateExpression="SET expiresAt = :past",
                ExpressionAttributeValues={":past": {"N": "1"}},
            )


@pytest.fixture(scope="session")
def running_stack(tmp_path_factory):
    with LocalStack(with_broker=True, log_folder=tmp_path_factory.mktemp("logs")) as stack:
        yield stack


@pytest.fixture
def browser_stack(running_stack) -> Iterator[BrowserStack]:
    """The running stack with empty tables and KuCoin as it was at first."""
    running_stack.aws.clear_data()
    running_stack.simulator.reset()
    running_stack.pollers.resume()
    yield BrowserStack(running_stack)
    running_stack.pollers.pause()


@pytest.fixture
def new_story(new_visitor, browser_stack):
    """Opens another person's browser on the stack; the tables are empty, the simulator reset."""
    return lambda **options: Story(new_visitor(**options), browser_stack.broker_url)


@pytest.fixture
def story(new_story):
    return new_story()
