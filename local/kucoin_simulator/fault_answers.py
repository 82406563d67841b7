"""What a fault answers instead of, or does to, the true answer."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from local.kucoin_simulator import limits, wire
from local.kucoin_simulator.faults import Rule
from local.kucoin_simulator.wire import Refusal, Request, Response

GATEWAY_PAGE = """<html>
<head><title>{status} {reason}</title></head>
<body><center><h1>{status} {reason}</h1></center><hr><center>openresty</center></body>
</html>
"""
FIREWALL_PAGE = """<!DOCTYPE html>
<html lang="en-US"><head><title>Attention Required! | Cloudflare</title></head>
<body><h1>Sorry, you have been blocked</h1><p>You are unable to access kucoin.com</p></body>
</html>
"""
GATEWAY_REASONS = {
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
}


def build_replacement(rule: Rule, request: Request) -> Response:
    """Return the answer of a replacing fault (all but `drop`)."""
    return BUILDERS[rule.kind](rule, request)


def rewrite(rule: Rule, response: Response) -> Response:
    """Return the true answer with fields taken out or replaced."""
    if not isinstance(response.payload, dict):
        return response
    payload = deepcopy(response.payload)
    remove: list[str] = list(rule.options.get("remove", []))
    changes: dict[str, Any] = dict(rule.options.get("set", {}))
    if rule.kind == "no_refresh_token":
        remove = ["refresh_token"]
    if rule.kind == "expires_in":
        if "value" in rule.options:
            changes = {"expires_in": rule.options["value"]}
        else:
            remove = ["expires_in"]
    for path in remove:
        holder, name = _locate(payload, path)
        holder.pop(name, None)
    for path, value in changes.items():
        holder, name = _locate(payload, path)
        holder[name] = value
    body = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
    return Response(
        status=response.status,
        body=body,
        content_type=response.content_type,
        headers=response.headers,
        payload=payload,
        outcome=response.outcome,
    )


def _locate(payload: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    *holders, name = path.split(".")
    place: Any = payload
    for step in holders:
        place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
    return place, name


def _error(rule: Rule, request: Request) -> Response:
    code, msg = rule.text("code", "500000"), rule.text("msg", "Internal Server Error")
    return _in_envelope(request, Refusal(code, msg, int(rule.number("status", 200))))


def _gateway_page(rule: Rule, _: Request) -> Response:
    status = int(rule.number("status", 503))
    page = GATEWAY_PAGE.format(status=status, reason=GATEWAY_REASONS.get(status, "Error"))
    return wire.html_response(page, status)


def _firewall_page(_: Rule, __: Request) -> Response:
    return wire.html_response(FIREWALL_PAGE, 403)


def _garbage(_: Rule, __: Request) -> Response:
    return Response(body=b'\x00\xff{"code":"200000","data":{"unfinish', outcome="garbage")


def _rate_limited(rule: Rule, request: Request) -> Response:
    response = _in_envelope(request, Refusal("429000", limits.TOO_MANY, 429))
    if rule.options.get("headers", True):
        reset_ms = int(rule.number("resetMs", 3000))
        response.headers.update(limits.build_headers(limits.OTHER_LIMIT, 0, reset_ms))
    return response


def _redirect(rule: Rule, _: Request) -> Response:
    location = rule.text("location", "https://example.com/elsewhere")
    return Response(status=302, headers={"Location": location}, outcome="302")


def _oversize(rule: Rule, _: Request) -> Response:
    size = int(rule.number("bytes", 8 * 1024 * 1024))
    return wire.json_response({"code": "200000", "data": "x" * size}, outcome="oversize")


def _failure_with_success_code(rule: Rule, request: Request) -> Response:
    msg = rule.text("msg", "System busy")
    if request.host == "web":
        payload = {"success": False, "code": "200000", "msg": msg, "retry": True, "data": None}
    else:
        payload = {"code": "200000", "msg": msg, "success": False, "data": None}
    return wire.json_response(payload, outcome="200000")


def _in_envelope(request: Request, refusal: Refusal) -> Response:
    if request.host == "web":
        return wire.web_refusal(refusal, retry=True)
    return wire.rest_refusal(refusal)


BUILDERS: dict[str, Callable[[Rule, Request], Response]] = {
    "error": _error,
    "status_5xx": _gateway_page,
    "html_403": _firewall_page,
    "garbage": _garbage,
    "rate_limit": _rate_limited,
    "redirect": _redirect,
    "oversize": _oversize,
    "failure_200000": _failure_with_success_code,
}
