"""``make demo``: the whole story without a person, each step with its time.

A story is a list of steps; a step gets the world, does its part, returns what to tell, and raises
if it did not work. Further stories are appended to ``STORIES``.
"""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from local.browser import Browser, Page
from local.http_api import LOCAL_CALLER
from local.lambda_runtime import LOG_FOLDER
from local.local_stack import LocalStack, Ports
from local.sigv4 import sign_headers

_ACTIVE_SECONDS = 60.0
_POLL_SECONDS = 0.1


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


def open_session(world: World) -> str:
    """The broker's service opens a linking session."""
    world.session = world.call(
        "POST",
        "/v1/connect-sessions",
        {
            "userId": world.user,
            "accountLabel": "Demo user",
            "permissions": {"offered": ["SPOT", "FUTURES"], "required": ["SPOT"]},
            "returnUrl": world.return_url,
        },
        expect=201,
    )
    return f"session {world.session['sessionId']}, until {world.session['expiresAt']}"


def give_consent(world: World) -> str:
    """The user opens the link and chooses."""
    consent = world.browser.open(world.session["connectUrl"])
    form = consent.find_form(with_field="permissions")
    chosen = sorted({value for name, value in form.choices if name == "permissions"})
    world.page = world.browser.submit(consent, form, permissions=chosen)
    if not world.page.url.startswith(world.stack.simulator_url):
        raise StoryError(f"the browser is not at KuCoin but at {urlsplit(world.page.url).path}")
    return f"chose {', '.join(chosen) or 'what is required'}; now at KuCoin's login"


def log_in(world: World) -> str:
    """The user logs in at KuCoin."""
    page = world.current_page()
    form = page.find_form(with_button=world.kucoin_user)
    world.page = world.browser.submit(page, form, button=("user", world.kucoin_user))
    return f"as {world.kucoin_user}"


def authorize(world: World) -> str:
    """The user authorizes at KuCoin; Kubroker exchanges the code and sends the browser back."""
    page = world.current_page()
    form = page.find_form(with_button="allow")
    world.page = world.browser.submit(page, form, button=("decision", "allow"))
    if not world.page.url.startswith(world.return_url):
        raise StoryError(f"not back at the broker: {world.page.status} {world.page.text[:500]}")
    query = parse_qs(urlsplit(world.page.url).query)
    if query.get("status") != ["authorized"]:
        raise StoryError(f"came back with {query}")
    world.session["completionCode"] = query["completionCode"][0]
    return "back at the broker with a completion code"


def redeem(world: World) -> str:
    """The broker's service redeems the completion code for the user who is logged in."""
    path = f"/v1/connect-sessions/{world.session['sessionId']}/complete"
    body = {"userId": world.user, "completionCode": world.session["completionCode"]}
    redeemed = world.call("POST", path, body)
    return f"status {redeemed['connection']['status']}"


def wait_active(world: World) -> str:
    """The queue delivers, the key is created, stored and checked."""
    deadline = time.monotonic() + _ACTIVE_SECONDS
    while time.monotonic() < deadline:
        world.connection = world.call("GET", f"/v1/connections/{world.user}")
        if world.connection["status"] == "ACTIVE":
            facts = world.connection["apiKey"]["facts"]
            return f"key {facts['name']} with {', '.join(facts['permissions'])}"
        if world.connection["status"] == "FAILED":
            break
        time.sleep(_POLL_SECONDS)
    raise StoryError(f"not active: {json.dumps(world.connection)}")


def show_connection(world: World) -> str:
    """What the broker's service sees; never a secret."""
    return "\n" + json.dumps(world.connection, indent=2)


LINKING: list[Step] = [
    ("open a session (signed)", open_session),
    ("consent", give_consent),
    ("log in at KuCoin", log_in),
    ("authorize at KuCoin", authorize),
    ("redeem the completion code (signed)", redeem),
    ("wait for the API key", wait_active),
    ("the connection", show_connection),
]

STORIES: dict[str, list[Step]] = {"A user links a KuCoin account": LINKING}


def run_demo(say: Callable[[str], None] = print) -> int:
    """Starts a stack on free ports, tells the stories, stops.

    Returns:
        The exit code: 0 only if every step worked.
    """
    started = time.monotonic()
    ports = Ports.find_free()
    log_folder = LOG_FOLDER / str(ports.gateway)
    with LocalStack(ports=ports, log_folder=log_folder, say=say) as stack:
        say(f"Ready after {time.monotonic() - started:.1f} s: {stack.gateway_url}")
        world = World(stack)
        from local.demo_payment import PaymentStory
        from local.demo_rotation import ROTATION  # it builds on this module
        from local.demo_trade import TRADE
        from local.demo_withdrawal import WithdrawalStory

        withdrawal = WithdrawalStory()
        stories = {
            **STORIES,
            "Tokens are rotated, and a worker dies": ROTATION,
            "The user trades, and is paid": TRADE,
            "A withdrawal with two codes, to its end": withdrawal.steps(),
            "The user pays with KuCoin": PaymentStory(withdrawal).steps(),
        }
        for title, steps in stories.items():
            say(f"\n{title}")
            if not tell(world, steps, say):
                errors = [line for line in stack.pool.read_logs().splitlines() if "ERROR" in line]
                say("\n".join([f"The functions' logs are in {log_folder}.", *errors[-3:]]))
                return 1
    shutil.rmtree(log_folder)
    say(f"\nAll of it worked, {time.monotonic() - started:.1f} s.")
    return 0


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
