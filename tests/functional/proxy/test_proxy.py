"""One call through the proxy: what goes to KuCoin, and what comes back."""

import json

from tests.functional.proxy.conftest import FUTURES, SPOT


def test_call_is_signed_and_answered_as_kucoin_answers(api, linked, simulator):
    answer = api.get(f"{SPOT}/api/v1/accounts?currency=USDT")
    assert answer.status == 200, answer.text
    assert answer.json()["code"] == "200000"
    assert answer.header("kubroker-forwarded") == "true"
    assert answer.header("content-type") == "application/json;charset=UTF-8"
    assert answer.header("gw-ratelimit-limit") == "2000"
    (entry,) = simulator.journal(route="accounts")
    assert entry["signature"] == "held"
    assert entry["partner"] == "held"
