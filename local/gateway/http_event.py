"""An HTTP request as a Lambda event, and the function's answer as an HTTP response.

Source:
    API Gateway, "Create AWS Lambda proxy integrations for HTTP APIs", payload format 2.0.
"""

import base64
import binascii
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from local.aws.client import ACCOUNT_ID
from local.gateway.sigv4 import AllowedCaller

_TEXT_TYPES = ("application/json", "application/javascript", "application/xml")


@dataclass(frozen=True)
class HttpRequest:
    """A request as received: target and headers untouched.

    Attributes:
        target: Path and query, encoded, as in the request's first line.
        headers: Duplicates kept, in order.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    source_ip: str = "127.0.0.1"

    @property
    def raw_path(self) -> str:
        """The path as sent."""
        return self.target.partition("?")[0]

    @property
    def raw_query(self) -> str:
        """The query as sent."""
        return self.target.partition("?")[2]

    def get_header(self, name: str) -> str:
        """The first value of a header; empty if there is none."""
        found = (value for key, value in self.headers if key.lower() == name)
        return next(found, "")


@dataclass(frozen=True)
class HttpResponse:
    """A response; header names in lower case, one entry a set-cookie."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def get_header(self, name: str) -> str:
        """The first value of a header; empty if there is none."""
        return next((value for key, value in self.headers if key == name), "")


class InvalidAnswerError(ValueError):
    """API Gateway can't make a response of what the function returned."""


def build_message(status: int, message: str) -> HttpResponse:
    """One of API Gateway's own answers."""
    body = json.dumps({"message": message}, separators=(",", ":")).encode()
    return HttpResponse(status, (("content-type", "application/json"),), body)


def build_event(
    request: HttpRequest,
    *,
    route_key: str,
    path_parameters: Mapping[str, str],
    api_id: str,
    caller: AllowedCaller | None,
    now: datetime,
) -> dict[str, Any]:
    """The event of payload format 2.0.

    Args:
        request: As received.
        route_key: ``GET /v1/connections/{userId}``.
        path_parameters: Still encoded.
        api_id: Of the HTTP API.
        caller: Who signed; None on public routes.
        now: An aware time.
    """
    # Measured: the path is decoded and ends at a decoded question mark; the query is as sent.
    path = unquote(request.raw_path).partition("?")[0]
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": request.raw_query,
        "headers": _join_headers(request),
        "requestContext": _build_context(request, path, route_key, api_id=api_id, now=now),
        "isBase64Encoded": False,
    }
    if cookies := _split_cookies(request):
        event["cookies"] = cookies
    if request.raw_query:
        event["queryStringParameters"] = _join_query(request.raw_query)
    if path_parameters:
        event["pathParameters"] = {key: unquote(value) for key, value in path_parameters.items()}
    if caller:
        event["requestContext"]["authorizer"] = {"iam": _describe_caller(caller)}
    if request.body:
        event["body"], event["isBase64Encoded"] = _encode_body(request)
    return event


def _build_context(
    request: HttpRequest, path: str, route_key: str, *, api_id: str, now: datetime
) -> dict[str, Any]:
    host = request.get_header("host")
    domain = host.rpartition(":")[0] or host
    return {
        "accountId": ACCOUNT_ID,
        "apiId": api_id,
        "domainName": domain,
        "domainPrefix": domain.partition(".")[0],
        "http": {
            "method": request.method,
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": request.source_ip,
            "userAgent": request.get_header("user-agent"),
        },
        "requestId": uuid.uuid4().hex[:15] + "=",
        "routeKey": route_key,
        "stage": "$default",
        "time": now.astimezone(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(now.timestamp() * 1000),
    }


def _split_cookies(request: HttpRequest) -> list[str]:
    return [
        cookie.strip()
        for name, value in request.headers
        if name.lower() == "cookie"
        for cookie in value.split(";")
        if cookie.strip()
    ]


def parse_answer(payload: Any) -> HttpResponse:
    """The response that API Gateway makes of a function's return value.

    Raises:
        InvalidAnswerError: Status, headers or body are not what the format allows.
    """
    if not isinstance(payload, dict) or "statusCode" not in payload:
        body = json.dumps(payload).encode()
        return HttpResponse(200, (("content-type", "application/json"),), body)
    try:
        status = int(payload["statusCode"])
        headers = {
            str(name).lower(): str(value) for name, value in (payload.get("headers") or {}).items()
        }
        cookies: Sequence[str] = payload.get("cookies") or ()
        content = payload.get("body")
        text = "" if content is None else content
        body = (
            base64.b64decode(text, validate=True)
            if payload.get("isBase64Encoded")
            else text.encode()
        )
    except (TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise InvalidAnswerError(str(error)) from error
    if not 100 <= status <= 599:
        raise InvalidAnswerError(f"status {status}")
    headers.setdefault("content-type", "text/plain;charset=UTF-8")
    headers.pop("content-length", None)
    pairs = [*headers.items(), *(("set-cookie", cookie) for cookie in cookies)]
    return HttpResponse(status, tuple(pairs), body)


def _join_headers(request: HttpRequest) -> dict[str, str]:
    """Lower-case names, duplicates joined; cookies are apart. As API Gateway adds its own."""
    joined: dict[str, str] = {}
    for name, value in request.headers:
        key = name.lower()
        if key not in ("cookie", "connection", "transfer-encoding"):
            joined[key] = f"{joined[key]},{value}" if key in joined else value
    joined["content-length"] = str(len(request.body))
    joined["x-forwarded-for"] = request.source_ip
    joined["x-forwarded-proto"] = "http"
    joined["x-forwarded-port"] = request.get_header("host").rpartition(":")[2] or "80"
    return joined


def _join_query(raw_query: str) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in parse_qsl(raw_query, keep_blank_values=True):
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _encode_body(request: HttpRequest) -> tuple[str, bool]:
    """Text types as they are; everything else, form bodies included, in base64."""
    content_type = request.get_header("content-type").partition(";")[0].strip().lower()
    if content_type.startswith("text/") or content_type in _TEXT_TYPES:
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(request.body).decode(), True


def _describe_caller(caller: AllowedCaller) -> dict[str, Any]:
    return {
        "accessKey": caller.access_key,
        "accountId": ACCOUNT_ID,
        "callerId": caller.access_key,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": caller.user_arn,
        "userId": caller.access_key,
    }
