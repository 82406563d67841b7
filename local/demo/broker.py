"""A broker's site in one file: how to connect your users' KuCoin accounts through Kubroker.

Run it with ``python -m local.demo.broker`` beside the local stack, then open
http://localhost:3003. What a broker has to write are the five steps marked below; the rest is a
pretend login and a little HTML. Environment: KUBROKER_URL, KUBROKER_BROKER_PORT, AWS_*.
"""

import json
import os
import secrets
from html import escape
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KUBROKER_URL = os.environ.get("KUBROKER_URL") or (
    f"http://localhost:{os.environ.get('KUBROKER_PORT', '3000')}"
)
PORT = int(os.environ.get("KUBROKER_BROKER_PORT", "3003"))
SITE = f"http://localhost:{PORT}"
REGION = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION", "eu-west-1")
CREDENTIALS = Credentials(
    os.environ.get("AWS_ACCESS_KEY_ID", "local"),
    os.environ.get("AWS_SECRET_ACCESS_KEY", "local"),
    os.environ.get("AWS_SESSION_TOKEN"),
)
USERS = {"demo-anna": "anna@example.com", "demo-ben": "ben@example.com"}
LOGINS: dict[str, dict[str, str]] = {}  # cookie → {"user": …, "session": …}: the broker's own


class KubrokerRefusedError(Exception):
    """Kubroker answered with a problem (RFC 9457): ``code`` is stable, the text is for people."""

    def __init__(self, problem: dict[str, Any]) -> None:
        """Keep what the answer said."""
        super().__init__(problem.get("detail") or problem.get("message") or "no detail")
        self.code = str(problem.get("code"))


# Step 1: sign every call of your service with AWS Signature Version 4.
def call_kubroker(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """One signed call to Kubroker's API."""
    url, data = KUBROKER_URL + path, json.dumps(body) if body is not None else None
    signed = AWSRequest(method, url, headers={"Content-Type": "application/json"}, data=data)
    SigV4Auth(CREDENTIALS, "execute-api", REGION).add_auth(signed)
    answer = requests.request(method, url, headers=dict(signed.headers), data=data, timeout=30)
    content: dict[str, Any] = answer.json()
    if not answer.ok:
        raise KubrokerRefusedError(content)
    return content


# Step 2: open a session for the user who is logged in at your site, and go where it says.
def start_connecting(login: dict[str, str]) -> str:
    """The URL to send the browser to."""
    session = call_kubroker(
        "POST",
        "/v1/connect-sessions",
        {
            "userId": login["user"],
            "accountLabel": USERS[login["user"]],
            "permissions": {
                "offered": ["SPOT", "MARGIN", "FUTURES", "EARN", "WITHDRAWAL"],
                "required": ["SPOT"],
            },
            "returnUrl": f"{SITE}/kucoin/return",
        },
    )
    login["session"] = session["sessionId"]  # ties the way back to this very browser
    return str(session["connectUrl"])


# Step 3: when the browser is back, redeem the code for whoever is logged in NOW. A link that was
# forwarded to someone else comes back in a browser that did not start it, and connects nothing.
def finish_connecting(login: dict[str, str], query: dict[str, str]) -> str:
    """Where to send the browser after it came back from KuCoin."""
    if query.get("status") != "authorized":  # cancelled, expired, failed, or already connected
        told = {name: query.get(name, "") for name in ("status", "code")}
        return f"/?{urlencode(told)}"
    session = login.get("session")
    if session is None or session != query.get("session"):
        return "/?status=failed&code=not_started_here"
    redeemed = call_kubroker(
        "POST",
        f"/v1/connect-sessions/{session}/complete",
        {"userId": login["user"], "completionCode": query.get("completionCode", "")},
    )
    return str(redeemed["statusPageUrl"])  # shows progress, then leads back here


# Step 4: ask how the connection stands; never for a secret, since no answer holds one.
def find_connection(user: str) -> dict[str, Any] | None:
    """The user's connection, or None."""
    try:
        return call_kubroker("GET", f"/v1/connections/{user}")
    except KubrokerRefusedError as error:
        if error.code in ("not_found", "connection_not_found"):
            return None
        raise


# Step 5: end it; the receipt says what the user should still delete at KuCoin.
def disconnect(user: str) -> dict[str, Any]:
    """The receipt."""
    return call_kubroker("DELETE", f"/v1/connections/{user}")


class BrokerSite(BaseHTTPRequestHandler):
    """The pretend site around the five steps."""

    def do_GET(self) -> None:
        """Answer a page, the state as JSON, or the way back from KuCoin."""
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        routes = {
            "/": lambda: self._show_home(query),
            "/kucoin/return": lambda: self._redirect(finish_connecting(self._login(), query)),
            "/kucoin/state": lambda: self._answer(
                200, json.dumps(find_connection(self._login()["user"])), "application/json"
            ),
        }
        self._run(routes.get(url.path))

    def do_POST(self) -> None:
        """Answer a button."""
        form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
        routes = {
            "/login": lambda: self._switch_user(form.get("user", [""])[0]),
            "/kucoin/connect": lambda: self._redirect(start_connecting(self._login())),
            "/kucoin/disconnect": lambda: self._show_receipt(disconnect(self._login()["user"])),
        }
        self._run(routes.get(self.path))

    def _run(self, route: Any) -> None:
        try:
            route() if route else self._answer(404, build_page("<h1>Not found</h1>"))
        except KubrokerRefusedError as error:
            self._answer(
                409,
                build_page(
                    f"<h1>Kubroker refused</h1><p>{escape(str(error))}</p>"
                    f'<p><code>{escape(error.code)}</code></p><p><a href="/">Back</a></p>'
                ),
            )
        except requests.RequestException:
            self._answer(502, build_page("<h1>Kubroker can’t be reached</h1><p>Is it running?</p>"))

    def _login(self) -> dict[str, str]:
        """Who is logged in; a new browser is logged in as the first demo user."""
        cookie = SimpleCookie(self.headers.get("Cookie", "")).get("demo_broker")
        self.cookie = cookie.value if cookie and cookie.value in LOGINS else secrets.token_hex(16)
        return LOGINS.setdefault(self.cookie, {"user": next(iter(USERS))})

    def _switch_user(self, user: str) -> None:
        login = self._login()
        login.clear()  # what the user before has begun is not this one's
        login["user"] = user if user in USERS else next(iter(USERS))
        self._redirect("/")

    def _show_home(self, query: dict[str, str]) -> None:
        login = self._login()
        self._answer(200, build_home(login["user"], find_connection(login["user"]), query))

    def _show_receipt(self, receipt: dict[str, Any]) -> None:
        rows = f"<h1>Disconnected</h1><pre>{escape(json.dumps(receipt, indent=2))}</pre>"
        self._answer(200, build_page(rows + '<p><a href="/">Back</a></p>'))

    def _redirect(self, location: str) -> None:
        self._answer(303, "", location=location)

    def _answer(
        self, status: int, body: str, kind: str = "text/html", *, location: str = ""
    ) -> None:
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        if location:
            self.send_header("Location", location)
        if hasattr(self, "cookie"):
            self.send_header(
                "Set-Cookie", f"demo_broker={self.cookie}; Path=/; HttpOnly; SameSite=Lax"
            )
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Log nothing: the way back carries a code in its URL."""


STYLE = """:root { color-scheme: light dark; --page: #eef0f6; --card: #fff; --main: #3b3fb6 }
@media (prefers-color-scheme: dark) { :root { --page: #10111a; --card: #1a1c29; --main: #5b60dd } }
body { font: 1rem/1.5 system-ui; margin: 0; padding: 2rem 1rem; background: var(--page) }
main { max-width: 34rem; margin: auto; padding: 1.5rem; border-radius: 1rem;
background: var(--card) } h1 { margin: 0 0 1rem } form { margin: .75rem 0 } button, select {
font: inherit; padding: .5rem 1rem; min-height: 2.75rem; border-radius: .6rem;
border: 1px solid #888; cursor: pointer } pre { white-space: pre-wrap } dt { opacity: .8 }
.main { background: var(--main); color: #fff; border: 0; font-weight: 600 }
dd { margin: 0 0 .5rem; font-weight: 600; overflow-wrap: anywhere }"""
POLL = """const first = document.body.dataset.status; setInterval(async () => {
const now = await (await fetch('/kucoin/state')).json();
if (now && now.status !== first) location = '/' }, 1500)"""


def build_home(user: str, connection: dict[str, Any] | None, query: dict[str, str]) -> str:
    """The one page of the site: who is logged in, and how KuCoin stands."""
    status = connection["status"] if connection else "NOT CONNECTED"
    told = f"Back from KuCoin: {query['status']} ({query.get('code')})" if "status" in query else ""
    key = (connection or {}).get("apiKey") or {}
    facts = {"Status": status, "Key": key.get("state"), "Code": key.get("code")}
    facts["Permissions"] = ", ".join((key.get("facts") or {}).get("permissions", []))
    rows = "".join(f"<dt>{n}</dt><dd>{escape(str(v))}</dd>" for n, v in facts.items() if v)
    options = "".join(
        f'<option value="{name}"{" selected" * (name == user)}>{label}</option>'
        for name, label in USERS.items()
    )
    is_connected = status not in ("NOT CONNECTED", "DISCONNECTED")
    end = '<form method="post" action="/kucoin/disconnect"><button>Disconnect</button></form>'
    return build_page(
        f"""<h1>Demo Broker</h1>
<form method="post" action="/login"><label>Logged in as <select name="user">{options}</select>
</label> <button>Switch</button></form>
<p role="status">{escape(told)}</p><dl>{rows}</dl>
<form method="post" action="/kucoin/connect"><button class="main">Connect KuCoin</button></form>
{end if is_connected else ""}{f"<script>{POLL}</script>" if status == "CONNECTING" else ""}""",
        status,
    )


def build_page(content: str, status: str = "") -> str:
    """A page around its content."""
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Demo Broker</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<style>{STYLE}</style></head><body data-status="{escape(status)}"><main>{content}</main></body>
</html>"""


def main() -> None:
    """Serve until stopped."""
    with ThreadingHTTPServer(("127.0.0.1", PORT), BrokerSite) as server:
        print(f"demo broker ready {SITE}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
