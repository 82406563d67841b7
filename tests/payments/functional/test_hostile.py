"""Hostile requests against every route of payments: each has its status and code, none is a 500.

One table a route, walked in one scene; whatever a row gets, nothing is stored, reserved or asked.
"""

import base64
import json
from typing import Any

import pytest

from tests.support.paying import REQUEST, Paying
from tests.withdrawals.functional.test_hostile import KEYS, NO_ID, RETURN_URLS

KEY = {"Idempotency-Key": "key-1"}
INVALID = (422, "invalid_value")
PAYEE = (422, "payee_unknown")


def _fields(**changed: Any) -> dict[str, Any]:
    body = {"userId": "user-1", **REQUEST, **changed}
    return {name: value for name, value in body.items() if value is not ...}


# A field's value → what it gets.
FIELDS = [
    ({"userId": ...}, INVALID),
    ({"userId": ""}, INVALID),
    ({"userId": 7}, INVALID),
    ({"userId": None}, INVALID),
    ({"userId": "a/b"}, INVALID),
    ({"userId": "a.b"}, INVALID),
    ({"userId": "a" * 129}, INVALID),
    ({"userId": "user-1\n"}, INVALID),
    ({"userId": "nobody"}, (404, "connection_not_found")),
    ({"payee": ...}, INVALID),
    ({"payee": ""}, INVALID),
    ({"payee": None}, INVALID),
    ({"payee": ["shop"]}, INVALID),
    ({"payee": {"id": "shop"}}, INVALID),
    ({"payee": "a" * 65}, INVALID),
    ({"payee": "sh op"}, INVALID),
    ({"payee": "../shop"}, INVALID),
    ({"payee": "SHOP"}, PAYEE),
    ({"payee": "shop-"}, PAYEE),
    ({"payee": "200000005"}, PAYEE),
    ({"payee": "TDemoShopAddress0000EXAMPLE01"}, PAYEE),
    ({"address": "TEvil00000000"}, INVALID),
    ({"chain": "eth"}, INVALID),
    ({"withdrawType": "UID"}, INVALID),
    ({"memo": "1"}, INVALID),
    ({"isInner": True}, INVALID),
    ({"feeDeductType": "INTERNAL"}, INVALID),
    ({"recipient": {"type": "COMPANY"}}, INVALID),
    ({"remark": "x"}, INVALID),
    ({"expiresAt": 99999999999}, INVALID),
    ({"currency": ...}, INVALID),
    ({"currency": ""}, INVALID),
    ({"currency": None}, INVALID),
    ({"currency": "../v1/accounts"}, INVALID),
    ({"currency": "USDT?chain=eth"}, INVALID),
    ({"currency": "USDТ"}, INVALID),  # noqa: RUF001 - a Cyrillic letter
    ({"currency": "usdt"}, (422, "payee_currency")),
    ({"currency": "BTC"}, (422, "payee_currency")),
    ({"amount": ...}, INVALID),
    ({"amount": 100}, INVALID),
    ({"amount": 100.5}, INVALID),
    ({"amount": ""}, INVALID),
    ({"amount": "-100"}, INVALID),
    ({"amount": "+100"}, INVALID),
    ({"amount": "1e2"}, INVALID),
    ({"amount": "NaN"}, INVALID),
    ({"amount": "Infinity"}, INVALID),
    ({"amount": "100 "}, INVALID),
    ({"amount": "1,000"}, INVALID),
    ({"amount": "0100"}, INVALID),
    ({"amount": "\u0661\u0660\u0660"}, INVALID),
    ({"amount": "9" * 21}, INVALID),
    ({"amount": "9" * 20}, (422, "insufficient_balance")),
    ({"amount": "100.0000001"}, (422, "amount_precision")),
    ({"amount": "0"}, (422, "amount_not_positive")),
    ({"amount": "0.5"}, (422, "amount_below_minimum")),
    ({"reference": ...}, INVALID),
    ({"reference": ""}, INVALID),
    ({"reference": None}, INVALID),
    ({"reference": 4711}, INVALID),
    ({"reference": "a" * 61}, INVALID),
    ({"reference": "a\nb"}, INVALID),
    ({"reference": "a\u202eb"}, INVALID),
    ({"reference": "a\x00b"}, INVALID),
    ({"knownDuplicates": NO_ID}, INVALID),
    ({"knownDuplicates": ["../x"]}, INVALID),
    ({"knownDuplicates": [NO_ID] * 11}, INVALID),
]
BODIES = [
    (b"", (400, "invalid_json")),
    (b"null", (400, "invalid_json")),
    (b"[]", (400, "invalid_json")),
    (b'"x"', (400, "invalid_json")),
    (b"{", (400, "invalid_json")),
    (b"\xff\xfe", (400, "invalid_json")),
    (b"[" * 30_000, (400, "invalid_json")),
    (b"{}", INVALID),
    (
        json.dumps(_fields()).encode().replace(b'"100"', b'"100","amount":"1"'),
        (400, "invalid_json"),
    ),
    (json.dumps(_fields(reference="x" * 70_000)).encode(), (400, "body_too_large")),
]


def _cursor(user_id: Any, withdrawal_id: Any, created_at: Any, **more: Any) -> str:
    key = {"userId": user_id, "withdrawalId": withdrawal_id, "createdAt": created_at, **more}
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


QUERIES = [
    ("status=DONE", INVALID),
    ("status=open", INVALID),
    ("status=", INVALID),
    ("status=SUCCESS", INVALID),
    ("userId=a%2Fb", INVALID),
    ("userId=", INVALID),
    ("reference=", INVALID),
    (f"reference={'a' * 61}", INVALID),
    ("reference=%00", INVALID),
    ("reference=%E2%80%AE", INVALID),
    ("limit=0", INVALID),
    ("limit=101", INVALID),
    ("limit=-1", INVALID),
    ("limit=1e1", INVALID),
    ("limit=%D9%A1", INVALID),
    ("state=OPEN", (400, "unknown_parameter")),
    ("Limit=1", (400, "unknown_parameter")),
    ("cursor=", (400, "invalid_cursor")),
    ("cursor=x", (400, "invalid_cursor")),
    ("cursor=%F0%9F%92%A5", (400, "invalid_cursor")),
    (f"cursor={'A' * 2000}", (400, "invalid_cursor")),
    (f"cursor={_cursor('user-1', NO_ID, -1)}", (400, "invalid_cursor")),
    (f"cursor={_cursor('user-1', NO_ID, '9' * 40)}", (400, "invalid_cursor")),
    (f"cursor={_cursor('user-1', NO_ID, None)}", (400, "invalid_cursor")),
    (f"cursor={_cursor('user-1', NO_ID, 1.5)}", (400, "invalid_cursor")),
    (f"cursor={_cursor('', NO_ID, 1)}", (400, "invalid_cursor")),
    (f"cursor={_cursor('user-1', '', 1)}", (400, "invalid_cursor")),
    (f"cursor={_cursor('user-1', ['x'], 1)}", (400, "invalid_cursor")),
    (f"cursor={_cursor('user-1', NO_ID, 1, kind='x')}", (400, "invalid_cursor")),
]


def test_nothing_hostile_opens_a_payment(paying: Paying, addresses: Any) -> None:
    asked = [
        *((_fields(**changed), expected) for changed, expected in FIELDS),
        *(
            (
                _fields(returnUrl=url.format(broker=addresses.broker)),
                INVALID if not url else (422, "return_url_not_allowed"),
            )
            for url in RETURN_URLS
        ),
    ]
    got = []
    for body, expected in asked:
        answer = paying.api.post("/v1/payments", json=body, headers=KEY)
        got.append((body, (answer.status, answer.json().get("code")), expected))
    assert [row for row in got if row[1] != row[2]] == []
    for headers, code in KEYS:
        answer = paying.open(headers=headers)
        assert (answer.status, answer.json()["code"]) == (400, code), headers
    for content, expected in BODIES:
        answer = paying.api.post(
            "/v1/payments", body=content, headers={**KEY, "Content-Type": "application/json"}
        )
        assert (answer.status, answer.json()["code"]) == expected, content[:40]
    assert paying.api.get("/v1/payments").json()["payments"] == []
    assert paying.limits.find_payer(paying.id()) is None
    assert (paying.asked(), paying.spent()) == (0, 0)


def test_nothing_hostile_lists(paying: Paying) -> None:
    paying.link()
    for query, expected in QUERIES:
        answer = paying.api.get(f"/v1/payments?{query}")
        assert (answer.status, answer.json().get("code")) == expected, query


def test_cursor_of_nowhere_lists_what_comes_after_it(paying: Paying) -> None:
    paying.link()
    created = paying.stored().created_at
    for at, count in ((0, 0), (created + 9, 1)):
        answer = paying.api.get(f"/v1/payments?cursor={_cursor('user-x', NO_ID, at)}")
        assert (answer.status, len(answer.json()["payments"])) == (200, count)


@pytest.mark.parametrize("wrong", ["x", "A" * 16, NO_ID, "a" * 17, "%2e%2e%2f", "a" * 500])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_id_of_no_payment_is_not_found(paying: Paying, method: str, wrong: str) -> None:
    answer = paying.api.request(method, f"/v1/payments/{wrong}")
    assert answer.status == 404
    assert answer.json()["code"] in {"payment_not_found", "route_not_found"}


def test_routes_take_no_other_method(paying: Paying) -> None:
    paying.link()
    for method, path in (
        ("PUT", "/v1/payments"),
        ("PATCH", f"/v1/payments/{paying.id()}"),
        ("POST", f"/v1/payments/{paying.id()}"),
        ("DELETE", "/v1/payments"),
    ):
        assert paying.api.request(method, path, json={}).status == 404
    assert paying.get()["status"] == "OPEN"
