"""Requests, responses and KuCoin's two envelopes.

Source:
    REST: ``{"code": "200000", "data": …}``, errors ``{"code", "msg"}``.
    Web (`_oauth`): ``{"success", "code", "msg", "retry", "data"}``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

JSON_TYPE = "application/json;charset=UTF-8"
HTML_TYPE = "text/html;charset=UTF-8"
REST_OK = "200000"
WEB_OK = "200"

type Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived.

    Attributes:
        method: Upper-case HTTP method.
        host: Which of KuCoin's hosts is meant: web, spot, futures, broker or control.
        path: The path without the host's prefix, as sent (this is what is signed).
        raw_query: The query as sent, without the question mark.
        headers: Names in lower case.
        body: Bytes as sent.
        client_ip: The caller's address.
    """

    method: str
    host: str
    path: str
    raw_query: str
    headers: Mapping[str, str]
    body: bytes
    client_ip: str

    def header(self, name: str) -> str:
        """Return a header, or an empty string."""
        return self.headers.get(name.lower(), "")

    def query(self) -> dict[str, str]:
        """Return the decoded query; the last value of a repeated name counts."""
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))

    def raw_query_fields(self) -> dict[str, str]:
        """Return the query without percent-decoding: KuCoin wants the redirect URL unencoded."""
        pairs = (part.partition("=") for part in self.raw_query.split("&") if part)
        return {name: value for name, _, value in pairs}

    def form(self) -> dict[str, str]:
        """Return the body's form fields (empty when it is not a form)."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def media_type(self) -> str:
        """Return the body's media type in lower case, without parameters."""
        return self.header("content-type").partition(";")[0].strip().lower()


@dataclass(slots=True)
class Response:
    """One answer, before any fault touches it.

    `payload` is what the body says when it is JSON, so that a fault can rewrite a field.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: dict[str, str] = field(default_factory=dict)
    payload: Any = None
    outcome: str = ""


class Refusal(Exception):  # noqa: N818 - a refusal is an answer of KuCoin's, not a failure of ours
    """KuCoin says no: a code, a message, and the HTTP status it comes with."""

    def __init__(self, code: str, msg: str, status: int = 200) -> None:
        """Keep what will be answered."""
        super().__init__(f"{code}: {msg}")
        self.code = code
        self.msg = msg
        self.status = status


def json_response(payload: Any, status: int = 200, outcome: str = "") -> Response:
    """Return a JSON answer as KuCoin writes it (no spaces)."""
    body = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
    return Response(status=status, body=body, payload=payload, outcome=outcome)


def html_response(page: str, status: int = 200, outcome: str = "") -> Response:
    """Return a page."""
    return Response(
        status=status, body=page.encode(), content_type=HTML_TYPE, outcome=outcome or str(status)
    )


def redirect_response(location: str, outcome: str) -> Response:
    """Send the browser on with a GET."""
    return Response(
        status=303, content_type=HTML_TYPE, headers={"Location": location}, outcome=outcome
    )


def rest_ok(data: Any) -> Response:
    """Return a REST success."""
    return json_response({"code": REST_OK, "data": data}, outcome=REST_OK)


def rest_refusal(refusal: Refusal) -> Response:
    """Return a REST error."""
    return json_response(
        {"code": refusal.code, "msg": refusal.msg}, status=refusal.status, outcome=refusal.code
    )


def web_ok(data: Any) -> Response:
    """Return a web success."""
    envelope = {"success": True, "code": WEB_OK, "msg": "success", "retry": False, "data": data}
    return json_response(envelope, outcome=WEB_OK)


def web_refusal(refusal: Refusal, retry: bool = False) -> Response:
    """Return a web error."""
    envelope = {
        "success": False,
        "code": refusal.code,
        "msg": refusal.msg,
        "retry": retry,
        "data": None,
    }
    return json_response(envelope, status=refusal.status, outcome=refusal.code)
