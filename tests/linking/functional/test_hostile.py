"""Hostile requests against every route: each has its status and code, none is a 500.

A row is one request in a scene. Whatever it gets, it must change nothing: not an item, not a
message, and KuCoin is not asked.
"""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from local.deployment.deployed import DeployedStack
from local.gateway.http_event import HttpRequest, parse_answer
from local.gateway.sigv4 import AllowedCaller, sign_headers
from local.kucoin_simulator.control.client import SimulatorControl
from tests.support.api import ApiClient, ApiResponse
from tests.support.functions import FunctionHarness
from tests.support.linking import Link

SCRIPT = "<script>alert(1)</script>"
BREAK_OUT = "\"'><svg/onload=alert(1)>"
HOSTILE_MARKUP = (SCRIPT, BREAK_OUT, "svg/onload", "alert(1)>", "javascript:alert")
NO_SESSION = "a" * 22
NO_HANDLE = f"{NO_SESSION}.{'b' * 43}"
NO_CODE = "0" * 64
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
OPEN = "/v1/connect-sessions"
LIST = "/v1/connections"
ONE = "/v1/connections/user-1"
KEY = "/v1/connections/user-1/api-key"
CALLBACK = "/oauth/callback"
STRANGER = AllowedCaller("stranger", "secret", user_arn="arn:aws:iam::210987654321:user/stranger")
READER = AllowedCaller("reader", "reader-secret", allowed_routes=("GET/v1/connections*",))


@dataclass
class Scene:
    """Two users, each with a link of their own; `link` is the one that is attacked."""

    link: Link
    other: Link

    @property
    def api(self) -> Any:
        return self.link.api

    @property
    def complete_path(self) -> str:
        return f"/v1/connect-sessions/{self.link.session_id}/complete"

    def open_body(self, **changed: Any) -> dict[str, Any]:
        return {
            "userId": "user-1",
            "accountLabel": "Main account",
            "permissions": {"offered": ["SPOT"], "required": []},
            "returnUrl": self.link.return_url,
            **changed,
        }


# What has happened before the request.


def blank(link: Link, other: Link) -> None:
    """Nothing."""


def opened(link: Link, other: Link) -> None:
    """Both links are open, neither is used."""
    for one in (link, other):
        one.open(permissions={"offered": ["SPOT"], "required": []})


def consented(link: Link, other: Link) -> None:
    """Both browsers are at KuCoin."""
    opened(link, other)
    for one in (link, other):
        one.choose("SPOT")
        one.authorize("alice", permissions=["SPOT"])


def authorized(link: Link, other: Link) -> None:
    """Both are back with a completion code."""
    consented(link, other)
    for one in (link, other):
        one.come_back()


def linked(link: Link, other: Link) -> None:
    """Both are connected; a second session of the first user is at KuCoin."""
    authorized(link, other)
    for one in (link, other):
        one.complete()
    link.create_key()


def mismatched(link: Link, other: Link) -> None:
    """KuCoin refused the permissions; the page offers another try. EARN was required."""
    link.open(permissions={"offered": ["SPOT", "FUTURES"], "required": ["EARN"]})
    link.choose("SPOT", "FUTURES")
    link.authorize("bob", permissions=["SPOT", "FUTURES", "EARN"])
    link.come_back()
    link.complete()
    link.create_key()


type Send = Callable[[Scene], ApiResponse]


@dataclass(frozen=True)
class Row:
    """One hostile request and its answer; `kind` is who answers in which form."""

    kind: str
    name: str
    scene: Callable[[Link, Link], None]
    send: Send
    status: int
    code: str


def post_json(target: str, value: Any, **named: Any) -> Send:
    return lambda scene: scene.api.post(target, json=value, **named)


def post_bytes(target: str, body: bytes, content_type: str = JSON) -> Send:
    return lambda scene: scene.api.post(target, body=body, headers={"Content-Type": content_type})


def open_with(**changed: Any) -> Send:
    return lambda scene: scene.api.post(OPEN, json=scene.open_body(**changed))


def open_without(name: str) -> Send:
    def send(scene: Scene) -> ApiResponse:
        body = scene.open_body()
        del body[name]
        return scene.api.post(OPEN, json=body)

    return send


def open_text(edit: Callable[[str], str]) -> Send:
    """The valid body as text, edited into what no JSON writer makes."""
    return lambda scene: scene.api.post(
        OPEN,
        body=edit(json.dumps(scene.open_body())).encode("utf-8", "surrogatepass"),
        headers={"Content-Type": JSON},
    )


def open_returning_to(edit: Callable[[str], str]) -> Send:
    return lambda scene: scene.api.post(
        OPEN, json=scene.open_body(returnUrl=edit(scene.link.return_url))
    )


def get(target: str, **named: Any) -> Send:
    return lambda scene: scene.api.get(target, **named)


def complete_with(**changed: Any) -> Send:
    return lambda scene: scene.link.complete(**changed)


def choose_form(form: dict[str, Any], **named: Any) -> Send:
    return lambda scene: scene.api.post(scene.link.connect_path, form=form, **named)


def choose_bytes(body: bytes, content_type: str = FORM) -> Send:
    return lambda scene: scene.api.post(
        scene.link.connect_path, body=body, headers={"Content-Type": content_type}
    )


def call_back(edit: Callable[[Scene], dict[str, Any]], **named: Any) -> Send:
    """The callback with another query, in the right browser unless said."""

    def send(scene: Scene) -> ApiResponse:
        query = urlencode(edit(scene), doseq=True)
        return scene.api.get(f"{CALLBACK}?{query}", **{"cookies": scene.link.cookies, **named})

    return send


def send_event(function: str, edit: Callable[[Scene], dict[str, Any]]) -> Send:
    """An event that no client of ours can make: the function is asked without the gateway."""

    def send(scene: Scene) -> ApiResponse:
        answer = scene.link.functions.call(function, edit(scene))
        return ApiResponse(parse_answer(answer))

    return send


def resigned(edit: Callable[[dict[str, str]], Any], method: str = "GET", target: str = ONE) -> Send:
    """A good signature, then the request is changed under it."""

    def send(scene: Scene) -> ApiResponse:
        headers = sign_headers(
            method=method,
            url=scene.api.base_url + target,
            headers={},
            body=b"",
            caller=AllowedCaller("local", "local"),
        )
        edit(headers)
        request = HttpRequest(method, target, tuple(headers.items()))
        return ApiResponse(scene.api.http_api.handle(request))

    return send


def unsigned(method: str, target: str) -> Send:
    body = b"{}" if method == "POST" else None
    return lambda scene: scene.api.request(method, target, signed=False, body=body)


def nest(depth: int) -> str:
    return "[" * depth + "]" * depth


def cursor_of(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def event(method: str, path: str, body: Any, **changed: Any) -> dict[str, Any]:
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": JSON},
        "requestContext": {
            "domainName": "localhost",
            "requestId": "request-1",
            "stage": "$default",
            "http": {"method": method, "path": path},
        },
        "body": body,
        "isBase64Encoded": False,
        **changed,
    }


def problem(name: str, scene: Any, send: Send, status: int, code: str) -> Row:
    """Answered by a function, for code."""
    return Row("problem", name, scene, send, status, code)


def page(name: str, scene: Any, send: Send, status: int, code: str) -> Row:
    """Answered by a function, for a person."""
    return Row("page", name, scene, send, status, code)


def gateway(name: str, scene: Any, send: Send, status: int, code: str) -> Row:
    """Answered before any function is asked; the code is API Gateway's message."""
    return Row("gateway", name, scene, send, status, code)


SIGNATURES = [
    *(
        gateway(f"unsigned {method} {target}", blank, unsigned(method, target), 403, "Forbidden")
        for method, target in [
            ("POST", OPEN), ("POST", f"{OPEN}/{NO_SESSION}/complete"), ("GET", LIST),
            ("GET", ONE), ("DELETE", ONE), ("POST", KEY),
        ]
    ),
    gateway("signed by a stranger", linked, get(ONE, caller=STRANGER), 403, "Forbidden"),
    gateway("signed with the wrong secret", linked, get(ONE, caller=AllowedCaller("local", "wrong")), 403, "Forbidden"),
    gateway("signed with a session token nobody gave", linked, get(ONE, caller=AllowedCaller("local", "local", session_token="made up")), 403, "Forbidden"),
    gateway("signed an hour ago", linked, lambda scene: scene.api.get(ONE, signed_at=datetime.now(UTC) - timedelta(hours=1)), 403, "Forbidden"),
    gateway("signed for an hour hence", linked, lambda scene: scene.api.get(ONE, signed_at=datetime.now(UTC) + timedelta(hours=1)), 403, "Forbidden"),
    gateway("signature of another host", linked, resigned(lambda headers: headers.update(Host="evil.example")), 403, "Forbidden"),
    gateway("signature with one digit changed", linked, resigned(lambda headers: headers.update(Authorization=headers["Authorization"][:-1] + ("0" if headers["Authorization"][-1] != "0" else "1"))), 403, "Forbidden"),
    gateway("signature used for another method", linked, lambda scene: ApiResponse(scene.api.http_api.handle(HttpRequest("DELETE", ONE, tuple(sign_headers(method="GET", url=scene.api.base_url + ONE, headers={}, body=b"", caller=AllowedCaller("local", "local")).items())))), 403, "Forbidden"),
    gateway("signature without a date", linked, resigned(lambda headers: headers.pop("X-Amz-Date")), 403, "Forbidden"),
    gateway("authorization of another scheme", linked, resigned(lambda headers: headers.update(Authorization="Bearer " + "x" * 40)), 403, "Forbidden"),
    gateway("reader who disconnects", linked, lambda scene: (scene.api.add_caller(READER), scene.api.delete(ONE, caller=READER))[1], 403, "Forbidden"),
    gateway("reader who asks for a key", linked, lambda scene: (scene.api.add_caller(READER), scene.api.post(KEY, json={"permissions": []}, caller=READER))[1], 403, "Forbidden"),
]  # fmt: skip

ROUTES = [
    gateway("unknown path", blank, get("/v1/secrets"), 404, "Not Found"),
    gateway("root", blank, get("/", signed=False), 404, "Not Found"),
    gateway("unknown method PUT", blank, lambda scene: scene.api.request("PUT", ONE), 404, "Not Found"),
    gateway("unknown method TRACE", blank, lambda scene: scene.api.request("TRACE", "/health"), 404, "Not Found"),
    gateway("unknown method of our own", blank, lambda scene: scene.api.request("STEAL", OPEN), 404, "Not Found"),
    gateway("callback by POST", consented, lambda scene: scene.api.post(scene.link.callback, form={}, cookies=scene.link.cookies), 404, "Not Found"),
    gateway("status by POST", opened, lambda scene: scene.api.post(f"{scene.link.connect_path}/status", form={}), 404, "Not Found"),
    gateway("headers beyond the limit", blank, get(f"/connect/{NO_HANDLE}", headers={"X-Long": "a" * 11_000}), 431, "Request Header Fields Too Large"),
    gateway("path beyond the limit", blank, get("/connect/" + "a" * 11_000), 431, "Request Header Fields Too Large"),
    gateway("body beyond the gateway's limit", blank, post_bytes(OPEN, b"a" * (10 * 1024 * 1024 + 1)), 413, "Request Entity Too Large"),
    problem("method override to DELETE", blank, get(ONE, headers={"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "DELETE"}), 404, "connection_not_found"),
    problem("original-url headers", blank, get("/v1/connections/nobody", headers={"X-Original-URL": "/health", "X-Rewrite-URL": "/health"}), 404, "connection_not_found"),
    problem("slash in a user id", blank, get("/v1/connections/a%2Fapi-key"), 404, "route_not_found"),
    problem("dots as a user id", blank, get("/v1/connections/%2e%2e"), 400, "invalid_user_id"),
    problem("session id with a slash", blank, post_json(f"{OPEN}/a%2Fb/complete", {"userId": "u", "completionCode": NO_CODE}), 404, "route_not_found"),
    page("handle with a slash", blank, get("/connect/a%2Fb"), 404, "session_expired"),
]  # fmt: skip

OPENINGS = [
    problem("open without a body", blank, post_bytes(OPEN, b""), 400, "invalid_json"),
    problem("open with a list", blank, post_json(OPEN, [1, 2]), 400, "invalid_json"),
    problem("open with null", blank, post_bytes(OPEN, b"null"), 400, "invalid_json"),
    problem("open with half an object", blank, post_bytes(OPEN, b'{"userId": "u"'), 400, "invalid_json"),
    problem("open with bad UTF-8", blank, post_bytes(OPEN, b'{"userId": "\xff\xfe"}'), 400, "invalid_json"),
    problem("open in UTF-16", blank, post_bytes(OPEN, '{"userId":"u"}'.encode("utf-16")), 400, "invalid_json"),
    problem("open with a byte order mark", blank, post_bytes(OPEN, b'\xef\xbb\xbf{"userId":"u"}'), 400, "invalid_json"),
    problem("open as a form", blank, post_bytes(OPEN, b"userId=u&accountLabel=x", FORM), 400, "invalid_json"),
    problem("open with 100,000 brackets", blank, post_bytes(OPEN, b"[" * 60_000), 400, "invalid_json"),
    problem("open with a deep field", blank, open_text(lambda text: text[:-1] + ',"x":' + nest(20_000) + "}"), 400, "invalid_json"),
    problem("open with a field 300 deep", blank, open_text(lambda text: text[:-1] + ',"x":' + nest(300) + "}"), 422, "invalid_value"),
    problem("open with a body of 65 KiB", blank, open_with(accountLabel="a" * 65_536), 400, "body_too_large"),
    problem("open with a field twice", blank, open_text(lambda text: text[:-1] + ',"userId":"user-2"}'), 400, "invalid_json"),
    problem("open with NaN", blank, open_text(lambda text: text[:-1] + ',"ttlSeconds":NaN}'), 400, "invalid_json"),
    problem("open with Infinity", blank, open_text(lambda text: text[:-1] + ',"ttlSeconds":-Infinity}'), 400, "invalid_json"),
    problem("open with an endless number", blank, open_text(lambda text: text[:-1] + ',"ttlSeconds":' + "9" * 5000 + "}"), 400, "invalid_json"),
    problem("open with half a character", blank, open_text(lambda text: text.replace("Main account", "\\ud800")), 422, "invalid_value"),
    problem("open with an unknown field", blank, open_with(isAdmin=True), 422, "invalid_value"),
    problem("open with a field of 60,000 letters", blank, open_with(**{"x" * 60_000: 1}), 422, "invalid_value"),
    problem("open with a field of Python's name", blank, open_with(user_id="user-2"), 422, "invalid_value"),
    problem("open with __class__", blank, open_with(__class__="x"), 422, "invalid_value"),
    problem("open without a user", blank, open_without("userId"), 422, "invalid_value"),
    problem("open without permissions", blank, open_without("permissions"), 422, "invalid_value"),
    problem("open for a number", blank, open_with(userId=7), 422, "invalid_value"),
    problem("open for null", blank, open_with(userId=None), 422, "invalid_value"),
    problem("open for an empty user", blank, open_with(userId=""), 422, "invalid_value"),
    problem("open for an address", blank, open_with(userId="a@b.example"), 422, "invalid_value"),
    problem("open for a user with a line break", blank, open_with(userId="user-1\n"), 422, "invalid_value"),
    problem("open for a user of 129", blank, open_with(userId="u" * 129), 422, "invalid_value"),
    problem("open for a user in full-width letters", blank, open_with(userId="\uff55\uff53\uff45\uff52"), 422, "invalid_value"),
    problem("open with a label of 61", blank, open_with(accountLabel="x" * 61), 422, "invalid_value"),
    problem("open with a label that turns the line", blank, open_with(accountLabel="a\u202eb"), 422, "invalid_value"),
    problem("open with NUL in the label", blank, open_with(accountLabel="a\x00b"), 422, "invalid_value"),
    problem("open with permissions as text", blank, open_with(permissions="SPOT"), 422, "invalid_value"),
    problem("open with offered as an object", blank, open_with(permissions={"offered": {"SPOT": True}}), 422, "invalid_value"),
    problem("open with a permission that does not exist", blank, open_with(permissions={"offered": [SCRIPT]}), 422, "invalid_value"),
    problem("open with KuCoin's own group name", blank, open_with(permissions={"offered": ["API_WITHDRAW_OAUTH"]}), 422, "invalid_value"),
    problem("open with nine permissions", blank, open_with(permissions={"offered": ["SPOT"] * 9}), 422, "invalid_value"),
    problem("open with the unified account that no setting names", blank, open_with(permissions={"offered": ["UNIFIED"]}), 422, "permission_not_available"),
    problem("open with text for a truth", blank, open_with(isAddressbookOnly="true"), 422, "invalid_value"),
    problem("open with 1 for a truth", blank, open_with(allowAccountChange=1), 422, "invalid_value"),
    problem("open for 59 seconds", blank, open_with(ttlSeconds=59), 422, "invalid_value"),
    problem("open for a day", blank, open_with(ttlSeconds=86_400), 422, "invalid_value"),
    problem("open for half a second more", blank, open_with(ttlSeconds=60.5), 422, "invalid_value"),
    problem("open for true seconds", blank, open_with(ttlSeconds=True), 422, "invalid_value"),
    *(
        problem(f"return to {name}", blank, open_returning_to(edit), 422, "return_url_not_allowed")
        for name, edit in [
            ("another site", lambda _: "https://evil.example/"),
            ("a name that begins like ours", lambda url: url.replace("localhost", "localhost.evil.example")),
            ("a user of that name", lambda url: url.replace("localhost", "localhost@evil.example")),
            ("user info before ours", lambda url: url.replace("http://", "http://evil.example@")),
            ("another port", lambda url: "http://localhost:1/kucoin/return"),
            ("another scheme", lambda url: url.replace("http:", "https:")),
            ("a script", lambda _: "javascript:alert(1)"),
            ("data", lambda _: "data:text/html," + SCRIPT),
            ("no scheme", lambda url: url.removeprefix("http:")),
            ("a path alone", lambda _: "/kucoin/return"),
            ("a backslash", lambda url: url.replace("/kucoin", "\\@evil.example/kucoin")),
            ("a line break", lambda url: url + "\r\nSet-Cookie: a=b"),
            ("a tab in the host", lambda url: url.replace("localhost", "local\thost")),
            ("a fragment", lambda url: url + "#x"),
            ("a bracket for a host", lambda _: "http://[evil"),
            ("a host of brackets", lambda _: "https://[::1]x]/"),
            ("a letter that folds to ours", lambda url: url.replace("localhost", "loc\u2071lhost")),
        ]
    ),
]  # fmt: skip

COMPLETIONS = [
    problem("complete nothing", blank, post_json(f"{OPEN}/{NO_SESSION}/complete", {"userId": "user-1", "completionCode": NO_CODE}), 404, "session_not_found"),
    problem("complete a session of another form", blank, post_json(f"{OPEN}/x/complete", {"userId": "user-1", "completionCode": NO_CODE}), 404, "session_not_found"),
    problem("complete with bad UTF-8 for an id", blank, post_json(f"{OPEN}/%FF%FE/complete", {"userId": "user-1", "completionCode": NO_CODE}), 404, "route_not_found"),
    problem("complete without a user", authorized, lambda scene: scene.api.post(scene.complete_path, json={"completionCode": scene.link.completion_code}), 422, "invalid_value"),
    problem("complete for another user", authorized, complete_with(userId="user-2"), 403, "user_mismatch"),
    problem("complete for the user in capitals", authorized, complete_with(userId="USER-1"), 403, "user_mismatch"),
    problem("complete with another session's code", authorized, lambda scene: scene.link.complete(completionCode=scene.other.completion_code), 403, "completion_code_invalid"),
    problem("complete another's session with our code", authorized, lambda scene: scene.api.post(f"{OPEN}/{scene.other.session_id}/complete", json={"userId": "user-1", "completionCode": scene.link.completion_code}), 403, "user_mismatch"),
    problem("complete with a guessed code", authorized, complete_with(completionCode=NO_CODE), 403, "completion_code_invalid"),
    problem("complete with a short code", authorized, complete_with(completionCode="0" * 63), 422, "invalid_value"),
    problem("complete with a code in capitals", authorized, lambda scene: scene.link.complete(completionCode="A" * 64), 422, "invalid_value"),
    problem("complete with a list of codes", authorized, lambda scene: scene.link.complete(completionCode=[scene.link.completion_code]), 422, "invalid_value"),
    problem("complete with another's session in the body", authorized, lambda scene: scene.link.complete(sessionId=scene.other.session_id), 422, "invalid_value"),
    problem("complete what was not authorized", opened, lambda scene: scene.link.complete(completionCode=NO_CODE), 409, "session_not_authorized"),
    problem("complete with the state for a code", authorized, lambda scene: scene.link.complete(completionCode=scene.link.state), 422, "invalid_value"),
]  # fmt: skip

CONNECTIONS = [
    problem("look at nobody", linked, get("/v1/connections/nobody"), 404, "connection_not_found"),
    problem("look at a user of 129", blank, get("/v1/connections/" + "u" * 129), 400, "invalid_user_id"),
    problem("look at a user with a space", blank, get("/v1/connections/user%201"), 400, "invalid_user_id"),
    problem("look at a user with NUL", blank, get("/v1/connections/user%00"), 404, "route_not_found"),
    problem("look at bad UTF-8", blank, get("/v1/connections/%FF"), 404, "route_not_found"),
    problem("look at a script", blank, get("/v1/connections/" + quote(SCRIPT, safe="")), 404, "route_not_found"),
    problem("look at an encoded percent", blank, get("/v1/connections/%252e"), 400, "invalid_user_id"),
    problem("disconnect nobody", linked, lambda scene: scene.api.delete("/v1/connections/nobody"), 404, "connection_not_found"),
    problem("disconnect everybody", linked, lambda scene: scene.api.delete("/v1/connections/*"), 400, "invalid_user_id"),
    problem("list with an unknown parameter", linked, get(f"{LIST}?userId=user-2"), 400, "unknown_parameter"),
    problem("list with a script for a parameter", linked, get(f"{LIST}?{quote(SCRIPT)}=1"), 400, "unknown_parameter"),
    problem("list of an unknown status", linked, get(f"{LIST}?status=active"), 422, "invalid_value"),
    problem("list of two statuses", linked, get(f"{LIST}?status=ACTIVE&status=FAILED"), 422, "invalid_value"),
    problem("list of an empty status", linked, get(f"{LIST}?status="), 422, "invalid_value"),
    problem("list of none", linked, get(f"{LIST}?limit=0"), 422, "invalid_value"),
    problem("list of 101", linked, get(f"{LIST}?limit=101"), 422, "invalid_value"),
    problem("list of minus one", linked, get(f"{LIST}?limit=-1"), 422, "invalid_value"),
    problem("list of Arabic ten", linked, get(f"{LIST}?limit=%D9%A1%D9%A0"), 422, "invalid_value"),
    problem("list of two limits", linked, get(f"{LIST}?limit=1&limit=2"), 422, "invalid_value"),
    problem("list from a script", linked, get(f"{LIST}?cursor={quote(SCRIPT)}"), 400, "invalid_cursor"),
    problem("list from an empty cursor", linked, get(f"{LIST}?cursor="), 400, "invalid_cursor"),
    problem("list from a list", linked, get(f"{LIST}?cursor={cursor_of(['user-1'])}"), 400, "invalid_cursor"),
    problem("list from a number", linked, get(f"{LIST}?cursor={cursor_of({'userId': 7})}"), 400, "invalid_cursor"),
    problem("list from another attribute", linked, get(f"{LIST}?cursor={cursor_of({'sessionId': 'x'})}"), 400, "invalid_cursor"),
    problem("list from more than a key", linked, get(f"{LIST}?cursor={cursor_of({'userId': 'user-1', 'apiKeyState': 'x'})}"), 400, "invalid_cursor"),
    problem("list from a user that can't be", linked, get(f"{LIST}?cursor={cursor_of({'userId': 'a' * 3000})}"), 400, "invalid_cursor"),
    problem("list from a cursor of another status", linked, get(f"{LIST}?status=FAILED&cursor={cursor_of({'userId': 'user-1', 'connectionStatus': 'ACTIVE'})}"), 400, "invalid_cursor"),
    problem("list from 6,000 brackets", linked, get(f"{LIST}?cursor={cursor_of('[' * 6000)}"), 400, "invalid_cursor"),
    problem("key for nobody", linked, post_json("/v1/connections/nobody/api-key", {"permissions": []}), 404, "connection_not_found"),
    problem("key without permissions", linked, post_json(KEY, {}), 422, "invalid_value"),
    problem("key with text for permissions", linked, post_json(KEY, {"permissions": "SPOT"}), 422, "invalid_value"),
    problem("key with a permission that does not exist", linked, post_json(KEY, {"permissions": ["ADMIN"]}), 422, "invalid_value"),
    problem("key with a number among them", linked, post_json(KEY, {"permissions": [1]}), 422, "invalid_value"),
    problem("key with the unified account that no setting names", linked, post_json(KEY, {"permissions": ["UNIFIED"]}), 422, "permission_not_available"),
    problem("key with a field of another route", linked, post_json(KEY, {"permissions": [], "userId": "user-2"}), 422, "invalid_value"),
    problem("key as a form", linked, post_bytes(KEY, b"permissions=SPOT", FORM), 400, "invalid_json"),
    problem("key with base64 that is none", linked, send_event("key_creation", lambda _: event("POST", KEY, "%%%", isBase64Encoded=True)), 400, "invalid_body"),
    problem("key with base64 of bad UTF-8", linked, send_event("key_creation", lambda _: event("POST", KEY, "/w==", isBase64Encoded=True)), 400, "invalid_json"),
    problem("open with base64 of letters that are none", blank, send_event("connect", lambda _: event("POST", OPEN, "é", isBase64Encoded=True)), 400, "invalid_body"),
    problem("open with half a character in the body", blank, send_event("connect", lambda _: event("POST", OPEN, '{"userId":"\ud800"}')), 400, "invalid_body"),
    problem("route that no gateway sends", blank, send_event("connections", lambda _: event("PATCH", ONE, None)), 404, "route_not_found"),
]  # fmt: skip

PAGES = [
    page("link that never was", blank, get(f"/connect/{NO_HANDLE}"), 404, "session_expired"),
    page("link of another form", blank, get("/connect/x"), 404, "session_expired"),
    page("link of 9,000 characters", blank, get("/connect/" + "a" * 9000), 404, "session_expired"),
    page("link with a script", blank, get("/connect/" + quote(SCRIPT, safe="")), 404, "session_expired"),
    page("link with a break-out", blank, get("/connect/" + quote(BREAK_OUT, safe="")), 404, "session_expired"),
    page("link with bad UTF-8", blank, get("/connect/%FF%C0%AE"), 404, "session_expired"),
    page("link with NUL", opened, lambda scene: scene.api.get(scene.link.connect_path + "%00"), 404, "session_expired"),
    page("link with another session's secret", opened, lambda scene: scene.api.get(f"/connect/{scene.link.session_id}.{scene.other.connect_path.partition('.')[2]}"), 404, "session_expired"),
    page("link without its secret", opened, lambda scene: scene.api.get(f"/connect/{scene.link.session_id}"), 404, "session_expired"),
    page("link with the hash for the secret", opened, lambda scene: scene.api.get(f"/connect/{scene.link.session_id}.{'0' * 43}"), 404, "session_expired"),
    page("state for a link", consented, lambda scene: scene.api.get(f"/connect/{scene.link.state}"), 404, "session_expired"),
    problem("status of no link", blank, get(f"/connect/{NO_HANDLE}/status"), 404, "session_not_found"),
    problem("status of a script", blank, get(f"/connect/{quote(SCRIPT, safe='')}/status"), 404, "route_not_found"),
    problem("status with another session's secret", opened, lambda scene: scene.api.get(f"/connect/{scene.link.session_id}.{scene.other.connect_path.partition('.')[2]}/status"), 404, "session_not_found"),
    page("choice of what was not offered", opened, choose_form({"permissions": ["SPOT", "WITHDRAWAL"]}), 422, "authorization_failed"),
    page("choice of a script", opened, choose_form({"permissions": [SCRIPT]}), 422, "authorization_failed"),
    page("choice in bad UTF-8", opened, choose_bytes(b"permissions=%FF"), 400, "authorization_failed"),
    page("choice in raw bytes", opened, choose_bytes(b"permissions=\xff"), 400, "authorization_failed"),
    page("choice of 1,000 fields", opened, choose_bytes(b"&".join(b"permissions=SPOT" for _ in range(1000))), 400, "authorization_failed"),
    page("choice of 65 KiB", opened, choose_form({"permissions": ["SPOT"], "x": "a" * 65_536}), 400, "authorization_failed"),
    page("choice as JSON", opened, choose_bytes(b'{"permissions": ["SPOT"]}', JSON), 400, "authorization_failed"),
    page("choice as parts", opened, choose_bytes(b'--x\r\nContent-Disposition: form-data; name="permissions"\r\n\r\nSPOT\r\n--x--', "multipart/form-data; boundary=x"), 400, "authorization_failed"),
    page("choice as plain text from another site", opened, choose_bytes(b"permissions=SPOT", "text/plain"), 400, "authorization_failed"),
    page("choice with base64 that is none", opened, send_event("connect", lambda scene: event("POST", scene.link.connect_path, "%", isBase64Encoded=True, headers={"content-type": FORM})), 400, "authorization_failed"),
    page("choice sent by another site", opened, choose_form({"permissions": ["SPOT"]}, headers={"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}), 403, "other_browser"),
    page("choice in a second browser", consented, choose_form({"permissions": ["SPOT"]}), 403, "other_browser"),
    page("choice with another session's cookie", consented, lambda scene: scene.api.post(scene.link.connect_path, form={"permissions": ["SPOT"]}, cookies={next(iter(scene.link.cookies)): next(iter(scene.other.cookies.values()))}), 403, "other_browser"),
    page("choice with two cookies of the name", consented, lambda scene: scene.api.post(scene.link.connect_path, form={"permissions": ["SPOT"]}, headers={"Cookie": f"{next(iter(scene.link.cookies))}=x; {next(iter(scene.link.cookies))}={next(iter(scene.link.cookies.values()))}"}), 403, "other_browser"),
    page("choice with a cookie of 8 KiB", consented, lambda scene: scene.api.post(scene.link.connect_path, form={"permissions": ["SPOT"]}, cookies={next(iter(scene.link.cookies)): "x" * 8192}), 403, "other_browser"),
    page("choice on a link that is done", authorized, choose_form({"permissions": ["SPOT"]}), 200, ""),
    page("another try with more", mismatched, choose_form({"permissions": ["SPOT", "WITHDRAWAL"]}), 422, "authorization_failed"),
    page("another try without a form", mismatched, choose_bytes(b"\xff"), 400, "authorization_failed"),
]  # fmt: skip

CALLBACKS = [
    page("callback with nothing", blank, get(CALLBACK), 410, "session_expired"),
    page("callback with a script for a state", blank, get(f"{CALLBACK}?code=x&state={quote(SCRIPT)}"), 410, "session_expired"),
    page("callback with a script for a code", consented, call_back(lambda scene: {"state": scene.link.state, "code": BREAK_OUT}, cookies={}), 403, "other_browser"),
    page("callback with bad UTF-8 for a state", blank, get(f"{CALLBACK}?code=x&state=%FF%FE"), 410, "session_expired"),
    page("callback with a state of 9,000 characters", blank, get(f"{CALLBACK}?code=x&state={'a' * 9000}"), 410, "session_expired"),
    page("callback with a forged state", blank, get(f"{CALLBACK}?code=x&state={NO_HANDLE}"), 410, "session_expired"),
    page("callback with a forged state of a true session", consented, call_back(lambda scene: {"code": "x", "state": f"{scene.link.session_id}.{'b' * 43}"}), 410, "session_used"),
    page("callback with another session's state", consented, call_back(lambda scene: {"code": "x", "state": scene.other.state}), 403, "other_browser"),
    page("callback with another session's secret", consented, call_back(lambda scene: {"code": "x", "state": f"{scene.link.session_id}.{scene.other.state.partition('.')[2]}"}), 410, "session_used"),
    page("callback with two states", consented, call_back(lambda scene: {"code": "x", "state": [scene.link.state, scene.other.state]}), 410, "session_expired"),
    page("callback with the link for a state", consented, call_back(lambda scene: {"code": "x", "state": scene.link.connect_path.rpartition("/")[2]}), 410, "session_used"),
    page("callback in another browser", consented, lambda scene: scene.api.get(scene.link.callback), 403, "other_browser"),
    page("callback in the other user's browser", consented, lambda scene: scene.api.get(scene.link.callback, cookies=scene.other.cookies), 403, "other_browser"),
    page("callback with an empty cookie", consented, lambda scene: scene.api.get(scene.link.callback, cookies={next(iter(scene.link.cookies)): ""}), 403, "other_browser"),
    page("callback with the cookie's hash", consented, lambda scene: scene.api.get(scene.link.callback, cookies={next(iter(scene.link.cookies)): "0" * 64}), 403, "other_browser"),
    page("callback with the cookie under the secure name", consented, lambda scene: scene.api.get(scene.link.callback, cookies={f"__Host-{next(iter(scene.link.cookies))}": next(iter(scene.link.cookies.values()))}), 403, "other_browser"),
    page("callback of a session that is open only", opened, lambda scene: scene.api.get(f"{CALLBACK}?code=x&state={scene.link.session_id}.{'b' * 43}"), 403, "other_browser"),
    page("callback of a refusal from elsewhere", consented, call_back(lambda scene: {"success": "false", "state": scene.link.state}, cookies={}), 403, "other_browser"),
]  # fmt: skip

ROWS: list[Row] = SIGNATURES + ROUTES + OPENINGS + COMPLETIONS + CONNECTIONS + PAGES + CALLBACKS
BY_SCENE = [
    row for scene in dict.fromkeys(row.scene for row in ROWS) for row in ROWS if row.scene is scene
]


@dataclass
class Stage:
    """Builds a scene once and keeps it, since no row may change it."""

    stack: DeployedStack
    simulator: SimulatorControl
    addresses: Any
    built: Any = None
    scene: Any = None
    before: Any = None

    def __post_init__(self) -> None:
        self._database = self.stack.aws.client("dynamodb")
        self._queues = self.stack.aws.client("sqs")

    def snapshot(self) -> Any:
        """All that a request could change: items, messages, and what KuCoin was asked.

        The audit is left out: a refused request is to be found there.
        """
        items = [
            self._database.scan(TableName=name)["Items"]
            for logical_id, name in self.stack.tables.items()
            if logical_id != "AuditTable"
        ]
        counts = [
            self._queues.get_queue_attributes(
                QueueUrl=url,
                AttributeNames=[
                    "ApproximateNumberOfMessages",
                    "ApproximateNumberOfMessagesDelayed",
                    "ApproximateNumberOfMessagesNotVisible",
                ],
            )["Attributes"]
            for url in self.stack.queues.values()
        ]
        return items, counts, len(self.simulator.journal())

    def build(self, build: Callable[[Link, Link], None]) -> Scene:
        if self.built is not build:
            self.stack.aws.clear_data()
            self.simulator.reset()
            functions = FunctionHarness(self.stack)
            api = ApiClient(functions, self.addresses.gateway)
            link = Link(api, self.simulator, functions, f"{self.addresses.broker}/kucoin/return")
            self.scene = Scene(link, replace(link, user_id="user-2", cookies={}))
            build(link, self.scene.other)
            self.before = self.snapshot()
        self.built = None  # until the row has shown that it changes nothing
        return self.scene


@pytest.fixture(scope="module")
def stage(stack, simulator_process, addresses) -> Iterator[Stage]:
    stack.aws.reset_faults()
    yield Stage(stack, simulator_process[1], addresses)
    stack.aws.clear_data()


@pytest.mark.parametrize("row", BY_SCENE, ids=lambda row: row.name)
def test_hostile_request_gets_its_answer_and_changes_nothing(stage: Stage, row: Row) -> None:
    scene = stage.build(row.scene)
    answer = row.send(scene)
    assert (answer.status, find_code(answer)) == (row.status, row.code), answer.text[:600]
    CHECKS[row.kind](answer)
    assert stage.snapshot() == stage.before
    stage.built = row.scene


def test_table_has_every_route_and_sixty_rows() -> None:
    assert len(ROWS) >= 60
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert max(row.status for row in ROWS) < 500


def find_code(answer: ApiResponse) -> str:
    """A problem's code, a page's reference, or API Gateway's message."""
    if answer.header("content-type").startswith("text/html"):
        return answer.text.partition("Reference: ")[2].partition("<")[0].partition(" ")[0]
    if not answer.text:
        return ""
    body = answer.json()
    return str(body.get("code") or body.get("message"))


def check_problem(answer: ApiResponse) -> None:
    """RFC 9457, section 3, with our code and the request's id."""
    body = answer.json()
    assert answer.header("content-type") == "application/problem+json"
    assert set(body) - {"field"} == {"type", "title", "status", "detail", "code", "requestId"}
    assert body["status"] == answer.status
    assert body["requestId"]
    assert body["detail"].endswith(".")
    assert len(answer.text) < 1000
    assert answer.header("cache-control") == "no-store"
    assert answer.header("x-content-type-options") == "nosniff"
    if answer.status == 422:
        assert body["field"] or body["code"] == "permission_not_offered"


def check_page(answer: ApiResponse) -> None:
    """A page for a person: HTML under a policy, and nothing of what was sent unescaped."""
    assert answer.header("content-type") == "text/html; charset=utf-8"
    policy = answer.header("content-security-policy")
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert answer.text.startswith("<!doctype html>")
    assert not any(markup in answer.text for markup in HOSTILE_MARKUP)
    assert answer.set_cookies == []


def check_gateway(answer: ApiResponse) -> None:
    assert list(answer.json()) == ["message"]


CHECKS = {"problem": check_problem, "page": check_page, "gateway": check_gateway}
