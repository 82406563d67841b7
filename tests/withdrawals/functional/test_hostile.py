"""Hostile requests against every route of withdrawals: each has its status and code, none is a 500.

One table a route, walked in one scene; whatever a row gets, nothing is stored, reserved or asked.
"""

import json
from typing import Any

import pytest

from tests.support.money import ORDER, Money

KEY = {"Idempotency-Key": "key-1"}
NO_ID = "abcdefgh234567xy"
INVALID, PRECISE = (422, "invalid_value"), (422, "amount_precision")


def _fields(**changed: Any) -> dict[str, Any]:
    return {name: value for name, value in {**ORDER, **changed}.items() if value is not ...}


# A field's value → what it gets.
SUBMIT_FIELDS = [
    ({"currency": ...}, INVALID),
    ({"currency": ""}, INVALID),
    ({"currency": None}, INVALID),
    ({"currency": 7}, INVALID),
    ({"currency": "usdt"}, (422, "currency_unknown")),
    ({"currency": "US DT"}, INVALID),
    ({"currency": "../v1/accounts"}, INVALID),
    ({"currency": ".."}, INVALID),
    ({"currency": "USDT?chain=eth"}, INVALID),
    ({"currency": "USDT%2f.."}, INVALID),
    ({"currency": "U" * 33}, INVALID),
    ({"currency": "USDТ"}, INVALID),  # noqa: RUF001 - a Cyrillic letter
    ({"amount": ...}, INVALID),
    ({"amount": 100}, INVALID),
    ({"amount": 100.5}, INVALID),
    ({"amount": ""}, INVALID),
    ({"amount": "-100"}, INVALID),
    ({"amount": "+100"}, INVALID),
    ({"amount": "1e2"}, INVALID),
    ({"amount": "0x64"}, INVALID),
    ({"amount": "NaN"}, INVALID),
    ({"amount": "Infinity"}, INVALID),
    ({"amount": "100 "}, INVALID),
    ({"amount": "1,000"}, INVALID),
    ({"amount": "1_000"}, INVALID),
    ({"amount": "0100"}, INVALID),
    ({"amount": "100."}, INVALID),
    ({"amount": "\u0661\u0660\u0660"}, INVALID),
    ({"amount": "9" * 21}, INVALID),
    ({"amount": "9" * 20}, (422, "insufficient_balance")),
    ({"amount": "100.0000001"}, PRECISE),
    ({"amount": "0"}, (422, "amount_not_positive")),
    ({"withdrawType": ...}, INVALID),
    ({"withdrawType": "address"}, INVALID),
    ({"withdrawType": "IBAN"}, INVALID),
    ({"withdrawType": ["ADDRESS"]}, INVALID),
    ({"chain": ...}, (422, "chain_required")),
    ({"chain": None}, (422, "chain_required")),
    ({"chain": ""}, INVALID),
    ({"chain": "TRX"}, (422, "chain_unknown")),
    ({"chain": "trx&currency=BTC"}, INVALID),
    ({"chain": "../trx"}, INVALID),
    ({"address": ...}, INVALID),
    ({"address": ""}, INVALID),
    ({"address": " "}, INVALID),
    ({"address": "a"}, (422, "address_invalid")),
    ({"address": "0xabc def"}, (422, "address_invalid")),
    ({"address": "0xabc\r\nX: y"}, INVALID),
    ({"address": "0x\u202eabc"}, INVALID),
    ({"address": "a" * 257}, INVALID),
    ({"address": "bob@example.com", "withdrawType": "UID"}, (422, "address_invalid")),
    ({"address": "123", "withdrawType": "MAIL"}, (422, "address_invalid")),
    ({"address": "a@b\x00c", "withdrawType": "MAIL"}, INVALID),
    ({"isInner": "true"}, INVALID),
    ({"isInner": 1}, INVALID),
    ({"feeDeductType": "internal"}, INVALID),
    ({"feeDeductType": "NONE"}, INVALID),
    ({"remark": ""}, INVALID),
    ({"remark": "a" * 61}, INVALID),
    ({"remark": "a\nb"}, INVALID),
    ({"remark": "a\u202eb"}, INVALID),
    ({"memo": ""}, INVALID),
    ({"memo": "a" * 129}, INVALID),
    ({"memo": "a\tb"}, INVALID),
    ({"recipient": {}}, INVALID),
    ({"recipient": {"type": "ROBOT"}}, INVALID),
    ({"recipient": {"type": "COMPANY", "companyName": "a\x00b"}}, INVALID),
    ({"recipient": {"type": "INDIVIDUAL", "country": "gb"}}, INVALID),
    ({"recipient": {"type": "INDIVIDUAL", "address": "elsewhere"}}, INVALID),
    ({"recipient": {"type": "INDIVIDUAL", "tin": "a\nb"}}, INVALID),
    ({"recipient": {"type": "INDIVIDUAL", "wallet": ""}}, INVALID),
    ({"recipient": {"type": "INDIVIDUAL", "identityNo": 7}}, INVALID),
    ({"recipient": {"type": "INDIVIDUAL", "reasonOfTransfer": "a" * 201}}, INVALID),
    ({"recipient": {"type": "INDIVIDUAL", "questionnaire": {"q": "yes"}}}, INVALID),
    ({"recipient": {"type": "INDIVIDUAL", "questionnaire": "a" * 2001}}, INVALID),
    ({"knownDuplicates": "abcdefgh234567xy"}, INVALID),
    ({"knownDuplicates": ["../x"]}, INVALID),
    ({"knownDuplicates": [NO_ID] * 11}, INVALID),
    ({"validation": {"transactionId": "t", "factors": []}}, INVALID),
    ({"walletId": "x"}, INVALID),
]
RETURN_URLS = [
    "",
    "https://evil.example/kucoin/return",
    "//evil.example",
    "javascript:alert(1)",
    "{broker}@evil.example/",
    "{broker}.evil.example/",
    "{broker}\\@evil.example/",
    "{broker}/../../x#y",
    "{broker}/%2e%2e/x",
    "{broker}/a b",
    "{broker}/\r\nLocation: https://evil.example",
    "http://[::1",
]
KEYS = [
    ({}, "idempotency_key_missing"),
    ({"Idempotency-Key": ""}, "idempotency_key_missing"),
    ({"Idempotency-Key": "a" * 65}, "idempotency_key_malformed"),
    ({"Idempotency-Key": "a b"}, "idempotency_key_malformed"),
    ({"Idempotency-Key": "a\x7fb"}, "idempotency_key_malformed"),
    ({"Idempotency-Key": "schlüssel"}, "idempotency_key_malformed"),
]
BODIES = [
    (b"", 400, "invalid_json"),
    (b"null", 400, "invalid_json"),
    (b"[]", 400, "invalid_json"),
    (b'"x"', 400, "invalid_json"),
    (b"{", 400, "invalid_json"),
    (b"{'a': 1}", 400, "invalid_json"),
    (b"\xff\xfe", 400, "invalid_json"),
    (b"[" * 60_000, 400, "invalid_json"),
    (b"{}", 422, "invalid_value"),
    (b'{"factors":' * 500 + b"1" + b"}" * 500, 422, "invalid_value"),
    (b'{"a":"' + b"x" * 66_000 + b'"}', 400, "body_too_large"),
]
FACTORS = [
    (..., "invalid_value"),
    (None, "invalid_value"),
    ([], "invalid_value"),
    ({}, "invalid_value"),
    ({"GAV": 123456}, "invalid_value"),
    ({"GAV": None}, "invalid_value"),
    ({"gav": "123456"}, "invalid_value"),
    ({"G AV": "123456"}, "invalid_value"),
    ({"": "123456"}, "invalid_value"),
    ({f"F{number}": "123456" for number in range(6)}, "invalid_value"),
    ({"GAV": ""}, "verification_code_malformed"),
    ({"GAV": "12"}, "verification_code_malformed"),
    ({"GAV": "1" * 13}, "verification_code_malformed"),
    ({"GAV": "12\n34"}, "verification_code_malformed"),
    ({"GAV": '","x":"'}, "verification_code_malformed"),
    ({"GAV": "\u0661\u0662\u0663\u0664"}, "verification_code_malformed"),
    ({"GAV": "123456", "XXX": "123456"}, "verification_factors"),
]
SETTLEMENTS = [
    {},
    {"outcome": "DONE"},
    {"outcome": "CREATED"},
    {"outcome": "SUBMITTING"},
    {"outcome": "not_done"},
    {"outcome": "NOT_DONE", "evidence": "too short"},
    {"outcome": "NOT_DONE", "evidence": "x" * 2001},
    {"outcome": "NOT_DONE", "operator": ""},
    {"outcome": "NOT_DONE", "operator": "a\u202eb"},
    {"outcome": "SUCCESS", "kucoinWithdrawalId": "../../accounts"},
    {"outcome": "SUCCESS", "kucoinWithdrawalId": "short"},
    {"outcome": "SUCCESS", "kucoinWithdrawalId": "a" * 65},
    {"outcome": "SUCCESS", "kucoinWithdrawalId": 7},
    {"outcome": "NOT_DONE", "callerArn": "arn:aws:iam::1:root"},
]
QUERIES = [
    ("limit=0", 422, "invalid_value"),
    ("limit=101", 422, "invalid_value"),
    ("limit=-1", 422, "invalid_value"),
    ("limit=1e1", 422, "invalid_value"),
    ("limit=%D9%A1", 422, "invalid_value"),
    ("status=submitted", 422, "invalid_value"),
    ("status=SUBMITTED%00", 422, "invalid_value"),
    ("userId=user-2", 400, "unknown_parameter"),
    ("cursor=x", 400, "invalid_cursor"),
    ("cursor=", 400, "invalid_cursor"),
    ("cursor=eyJ1c2VySWQiOiJ1c2VyLTIiLCJ3aXRoZHJhd2FsSWQiOiJhIiwiY3JlYXRlZEF0IjoiMSJ9", 400,
     "invalid_cursor"),
    ("cursor=W10", 400, "invalid_cursor"),
]  # fmt: skip
IDS = ["", "x", NO_ID.upper(), NO_ID + "a", "..", "%2e%2e", NO_ID + "%00", "quote%2f"]


@pytest.fixture
def scene(money: Money) -> Money:
    """One withdrawal waits for its codes; nothing may change."""
    assert money.submit("waiting").status == 202
    return money


class Untouched:
    """Compares what is stored and what KuCoin was asked, before and after."""

    def __init__(self, money: Money) -> None:
        self._money = money
        self._before = self._look()

    def check(self) -> None:
        assert self._look() == self._before

    def _look(self) -> tuple[str, int, int]:
        client = self._money.functions.stack.aws.client("dynamodb")
        tables = self._money.functions.stack.tables
        kept = [
            client.scan(TableName=tables[name])["Items"]
            for name in ("WithdrawalsTable", "LimitsTable", "ConnectionsTable")
        ]
        text = json.dumps(kept, sort_keys=True, default=str)
        return text, self._money.asked(), len(self._money.made())


def _check(rows: list[tuple[str, Any, int, str]]) -> None:
    """All rows at once, so that one run tells all that is wrong."""
    wrong = []
    for name, answer, status, code in rows:
        found = (answer.status, answer.json().get("code"))
        if found != (status, code):
            wrong.append(f"{name}: {found}, not {(status, code)}")
    assert not wrong, "\n".join(wrong)


def test_submit_takes_no_hostile_field(scene: Money) -> None:
    untouched = Untouched(scene)
    _check(
        [
            (
                str(changes)[:60],
                scene.api.post(scene.path(), json=_fields(**changes), headers=KEY),
                *expected,
            )
            for changes, expected in SUBMIT_FIELDS
        ]
    )
    untouched.check()


def test_submit_never_returns_to_elsewhere(scene: Money) -> None:
    untouched = Untouched(scene)
    environment = scene.functions.stack.find_function("withdrawal").environment
    broker = environment["RETURN_URL_ALLOW_LIST"].rstrip("/")
    for url in RETURN_URLS:
        body = _fields(returnUrl=url.format(broker=broker))
        answer = scene.api.post(scene.path(), json=body, headers=KEY)
        assert answer.status == 422, url
        assert answer.json()["code"] in {"return_url_not_allowed", "invalid_value"}, url
    untouched.check()


def test_submit_wants_a_fitting_idempotency_key(scene: Money) -> None:
    untouched = Untouched(scene)
    rows = [
        (str(headers), scene.api.post(scene.path(), json=ORDER, headers=headers), 400, code)
        for headers, code in KEYS
    ]
    _check(rows)
    untouched.check()


def test_bodies_that_are_no_request_are_refused_by_every_route(scene: Money) -> None:
    untouched = Untouched(scene)
    headers = {**KEY, "Content-Type": "application/json"}
    paths = [
        scene.path(),
        scene.path("quote"),
        scene.path(scene.id("waiting"), "verification"),
        scene.path(scene.id("waiting"), "settlement"),
    ]
    _check(
        [
            (
                f"{path} {body[:20]!r}",
                scene.api.post(path, body=body, headers=headers),
                status,
                code,
            )
            for path in paths
            for body, status, code in BODIES
        ]
    )
    untouched.check()


def test_verification_takes_no_hostile_codes(scene: Money) -> None:
    untouched = Untouched(scene)
    path = scene.path(scene.id("waiting"), "verification")
    rows = []
    for factors, code in FACTORS:
        body = {} if factors is ... else {"factors": factors}
        rows.append((str(factors)[:50], scene.api.post(path, json=body), 422, code))
    _check(rows)
    for _, answer, _, _ in rows:
        assert "123456" not in answer.text
    untouched.check()


def test_settlement_takes_no_hostile_word(scene: Money) -> None:
    untouched = Untouched(scene)
    path = scene.path(scene.id("waiting"), "settlement")
    proper = {"evidence": "ticket 20260527-17", "operator": "Dana"}
    _check(
        [
            (
                str(body)[:60],
                scene.api.post(path, json={**proper, **body}),
                422,
                "invalid_value",
            )
            for body in SETTLEMENTS
        ]
    )
    untouched.check()


def test_list_takes_no_hostile_query(scene: Money) -> None:
    _check(
        [
            (query, scene.api.get(f"{scene.path()}?{query}"), status, code)
            for query, status, code in QUERIES
        ]
    )


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_ids_that_can_be_none_of_ours_are_not_found(scene: Money, method: str) -> None:
    untouched = Untouched(scene)
    for withdrawal_id in IDS:
        answer = scene.api.request(method, f"{scene.path()}/{withdrawal_id}")
        assert answer.status in {404, 405}, (withdrawal_id, answer.status)
    answer = scene.api.request(method, scene.path(NO_ID))
    assert (answer.status, answer.json()["code"]) == (404, "withdrawal_not_found")
    answer = scene.api.request(method, scene.path(scene.id("waiting"), user_id="user-2"))
    assert (answer.status, answer.json()["code"]) == (404, "withdrawal_not_found")
    untouched.check()


@pytest.mark.parametrize("user_id", ["a" * 129, "user%201", "user%2F1", "us%C3%A9r", "..%2Fx"])
def test_user_ids_of_another_form_are_refused(scene: Money, user_id: str) -> None:
    for answer in (
        scene.api.get(scene.path(user_id=user_id)),
        scene.api.post(scene.path(user_id=user_id), json=ORDER, headers=KEY),
        scene.api.post(scene.path("quote", user_id=user_id), json=_fields(address=...)),
    ):
        assert answer.status in {400, 404}, answer.text
        assert answer.status == 404 or answer.json()["code"] == "invalid_user_id"


def test_nothing_of_the_brokers_is_answered_unsigned(scene: Money) -> None:
    untouched = Untouched(scene)
    one = scene.path(scene.id("waiting"))
    for method, path in (
        ("POST", scene.path()),
        ("GET", scene.path()),
        ("POST", scene.path("quote")),
        ("GET", one),
        ("DELETE", one),
        ("POST", f"{one}/verification"),
        ("POST", f"{one}/settlement"),
    ):
        answer = scene.api.request(method, path, json=ORDER, headers=KEY, signed=False)
        assert answer.status == 403, (method, path)
    untouched.check()
