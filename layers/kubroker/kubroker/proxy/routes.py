"""The proxy's two prefixes: a request as API Gateway gives it, an answer as KuCoin gave it."""

import base64
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from kubroker.kucoin.exchange import KucoinAnswer
from kubroker.proxy.flow import ProxyRequest
from kubroker.web.api import read_body
from kubroker.web.fields import parse_user_id

# Any other method is nobody's: the table of calls refuses it.
METHODS = ["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"]
# Larger ones travel as base64: JSON's escapes may take more.
MAX_TEXT_BYTES = 1024 * 1024
_FUTURES_PREFIX = "/kucoin-futures/"
_TOLD = ("gw-ratelimit-limit", "gw-ratelimit-remaining", "gw-ratelimit-reset")


def parse_proxy_request(event: APIGatewayProxyEventV2) -> ProxyRequest:
    """The caller's request, to the byte. None of its headers goes on.

    The path is taken from the path parameter: ``rawPath`` may begin with a custom domain's own
    base path, and ends where API Gateway saw a decoded question mark.

    Raises:
        BadRequestError: The userId or the body is malformed.
    """
    parameters: dict[str, Any] = event.get("pathParameters") or {}
    route = str(event.get("routeKey"))
    return ProxyRequest(
        user_id=parse_user_id(str(parameters.get("userId"))),
        host="futures" if _FUTURES_PREFIX in route else "spot",
        method=event.http_method,
        tail=str(parameters.get("proxy")),
        query=event.raw_query_string or "",
        body=read_body(event),
    )


def build_proxy_answer(answer: KucoinAnswer) -> Response[str]:
    """Status, body, content type and ``gw-ratelimit-*`` as KuCoin sent them, and a mark."""
    headers = {name: answer.headers[name] for name in _TOLD if name in answer.headers}
    headers |= {"Kubroker-Forwarded": "true", "Cache-Control": "no-store"}
    headers["X-Content-Type-Options"] = "nosniff"
    body, is_base64 = _encode(answer.body)
    response = Response(
        status_code=answer.status,
        content_type=answer.headers.get("content-type", "application/octet-stream"),
        body=body,
        headers=headers,
    )
    # Left to Powertools, bytes of a JSON content type would be serialised instead.
    response.base64_encoded = is_base64
    return response


def _encode(body: bytes) -> tuple[str, bool]:
    """Text where that is the shorter way through Lambda, else base64; and which of them."""
    if len(body) <= MAX_TEXT_BYTES:
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True
