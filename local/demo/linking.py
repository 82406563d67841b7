"""Story: a user links a KuCoin account."""

import json
import time
from urllib.parse import parse_qs, urlsplit

from local.demo.story import Step, StoryError, World

_ACTIVE_SECONDS = 60.0
_POLL_SECONDS = 0.1


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
