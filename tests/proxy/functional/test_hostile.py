"""Hostile requests to the proxy: each has its status and code, none reaches KuCoin."""

import json

import pytest

from tests.proxy.functional.conftest import FUTURES, SPOT

ROWS = [
    # method, target behind the prefix, body, status, code
    ("GET", "/api/v1/accounts/../user/api-key", None, 400, "invalid_path"),
    ("GET", "/api/v1/accounts/%2e%2e/user/api-key", None, 400, "invalid_path"),
    ("GET", "/api/v1/./accounts", None, 400, "invalid_path"),
    ("GET", "/api/v1//accounts", None, 400, "invalid_path"),
    ("GET", "/api/v1/accounts/", None, 400, "invalid_path"),
    ("GET", "/api/v1/accounts%2f", None, 400, "invalid_path"),
    ("GET", "/api/v1/accounts%3Fx=1", None, 400, "invalid_path"),
    ("GET", "/api/v1/accounts%23x", None, 400, "invalid_path"),
    ("GET", "/api/v1/accounts%0d%0aX:1", None, 400, "invalid_path"),
    ("GET", "/api/v1/accounts%00", None, 400, "invalid_path"),
    ("GET", "/api/v1/accounts;jsessionid=1", None, 400, "invalid_path"),
    ("GET", "/api/v1/accounts%c0%af", None, 400, "invalid_path"),
    ("GET", "/" + "a/" * 300 + "a", None, 400, "invalid_path"),
    ("GET", "/http:/evil.example", None, 400, "invalid_path"),
    ("GET", "/@evil.example/api/v1/accounts", None, 400, "invalid_path"),
    ("GET", "/api/v1/accounts?a=%", None, 400, "invalid_query"),
    ("GET", "/api/v1/accounts?a=%ff", None, 400, "invalid_query"),
    ("GET", '/api/v1/accounts?a="', None, 400, "invalid_query"),
    ("GET", "/api/v1/accounts?" + "a" * 4097, None, 400, "invalid_query"),
    ("GET", "/API/V1/accounts", None, 403, "call_not_forwarded"),
    ("GET", "/api/v1/user/api-key", None, 403, "call_not_forwarded"),
    ("POST", "/api/v3/withdrawals", {}, 403, "call_not_forwarded"),
    ("POST", "/api/v2/broker/withdrawal", {}, 403, "call_not_forwarded"),
    ("POST", "/api%2Fv3%2Fwithdrawals", {}, 403, "call_not_forwarded"),
    ("DELETE", "/api/v1/withdrawals/670deec84d64da0007d7c946", None, 403, "call_not_forwarded"),
    ("POST", "/api/v1/sub/api-key", {}, 403, "call_not_forwarded"),
    ("POST", "/api/v1/bullet-private", {}, 403, "call_not_forwarded"),
    ("GET", "/_oauth/access-token", None, 403, "call_not_forwarded"),
    ("GET", "/api/v1/hf/orders/anything", None, 403, "call_not_forwarded"),
    ("PUT", "/api/v1/hf/orders", {}, 403, "call_not_forwarded"),
    ("PATCH", "/api/v1/hf/orders", {}, 403, "call_not_forwarded"),
    ("OPTIONS", "/api/v1/hf/orders", None, 403, "call_not_forwarded"),
    ("GET", "/api/v1/timestamp", {"a": 1}, 400, "body_not_allowed"),
    ("POST", "/api/v3/accounts/universal-transfer", None, 400, "invalid_json"),
    ("POST", "/api/v3/accounts/universal-transfer", [], 400, "invalid_json"),
    ("POST", "/api/v1/hf/orders", {"a": "x" * 70_000}, 400, "body_too_large"),
]


@pytest.mark.parametrize("prefix", [SPOT, FUTURES], ids=["spot", "futures"])
@pytest.mark.parametrize(
    ("method", "target", "body", "status", "code"), ROWS, ids=lambda value: str(value)[:40]
)
def test_hostile_request(api, linked, simulator, prefix, method, target, body, status, code):
    if prefix == FUTURES and "universal" in target:
        status, code = 403, "call_not_forwarded"
    content = None if body is None else json.dumps(body).encode()
    answer = api.request(
        method, prefix + target, body=content, headers={"Content-Type": "application/json"}
    )
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert answer.header("kubroker-error") == code
    assert simulator.journal() == []


@pytest.mark.parametrize(
    "user_id", ["user%2F1", "user%201", "a" * 129, "%2e%2e", "user-1%00", "üser", "user.1"]
)
def test_user_id_of_another_form_is_refused(api, linked, simulator, user_id):
    from urllib.parse import quote

    target = f"/v1/connections/{quote(user_id, safe='%')}/kucoin/api/v1/accounts"
    answer = api.get(target)
    assert (answer.status, answer.json()["code"]) == (400, "invalid_user_id")
    assert simulator.journal() == []


@pytest.mark.parametrize(
    "target", [SPOT, f"{SPOT}/", f"{SPOT}-futures", f"{SPOT}x/api/v1/accounts"]
)
def test_prefix_without_a_path_is_no_route(api, linked, target):
    assert api.get(target).status == 404


def test_unsigned_request_is_forbidden(api, linked, simulator):
    assert api.get(f"{SPOT}/api/v1/accounts", signed=False).status == 403
    assert simulator.journal() == []


def test_other_user_is_not_reached(api, linked, simulator):
    answer = api.get("/v1/connections/user-2/kucoin/api/v1/accounts")
    assert (answer.status, answer.json()["code"]) == (404, "connection_not_found")
    assert simulator.journal() == []
