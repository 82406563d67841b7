"""Looking, listing, cancelling, settling, quoting; and disconnecting with money on its way."""

from typing import Any

import pytest

from kubroker.connections.disconnect import KEY_KEPT_SECONDS
from kubroker.kucoin.permissions import Permission
from tests.support.money import Money

EVIDENCE = {"evidence": "KuCoin support, ticket 20260527-17", "operator": "Dana Ops"}


def _unknown(money: Money, key: str = "key-1") -> None:
    money.simulator.add_fault("withdraw", "drop", phase="before", times=1)
    assert money.submit(key).json()["status"] == "OUTCOME_UNKNOWN"


def _settle(money: Money, key: str = "key-1", **body: Any) -> Any:
    return money.api.post(money.path(money.id(key), "settlement"), json={**EVIDENCE, **body})


def test_quote_tells_fees_and_both_ways_with_prices_and_their_time(money: Money) -> None:
    answer = money.quote(currency="BTC", chain="btc", amount="0.001")
    assert answer.status == 200, answer.text
    told = answer.json()
    read_at = told["fees"].pop("pricesReadAt")
    assert read_at.endswith("Z")
    assert told == {
        "currency": "BTC",
        "amount": "0.001",
        "fees": {
            "networkFee": "0.0001",
            "serviceFee": "0.0001",
            "totalFee": "0.0002",
            "valueUsdt": "60",
            "currencyUsd": "60000",
            "usdtUsd": "1",
            "movements": {
                "INTERNAL": {"leaves": "0.001", "arrives": "0.0008"},
                "EXTERNAL": {"leaves": "0.0012", "arrives": "0.001"},
            },
        },
        "available": "1",
        "appliedDeductType": "EXTERNAL",
    }


@pytest.mark.parametrize(
    ("changes", "applied"),
    [
        ({"amount": "9969"}, "EXTERNAL"),  # 9969 + 31 = 10000: all there is
        ({"amount": "9969.000001"}, "INTERNAL"),
        ({"feeDeductType": "INTERNAL"}, "INTERNAL"),
        ({"amount": "20000"}, "INTERNAL"),
    ],
)
def test_quote_says_which_way_kucoin_will_take_the_fees(
    money: Money, changes: dict[str, str], applied: str
) -> None:
    told = money.quote(**changes).json()
    assert (told["appliedDeductType"], told["available"]) == (applied, "10000")


def test_quote_of_a_balance_not_seen_leaves_it_open(money: Money) -> None:
    money.simulator.add_fault("withdrawal_quotas", "error", phase="before", code="400007", times=9)
    told = money.quote().json()
    assert (told["available"], told["appliedDeductType"]) == (None, None)


def test_chain_that_can_not_be_read_stops_that_chain_only(money: Money) -> None:
    chains = [
        {"chainId": "trx", "withdrawPrecision": None},
        {
            "chainId": "eth",
            "withdrawPrecision": 6,
            "withdrawalMinSize": "10",
            "withdrawalMinFee": "3",
            "needTag": False,
            "isWithdrawEnabled": True,
        },
    ]
    changes = {"data.chains": chains}
    money.simulator.add_fault("currency", "rewrite", phase="after", times=9, set=changes)
    for answer in (money.quote(), money.submit()):
        body = answer.json()
        assert (answer.status, body["code"], body["field"]) == (503, "kucoin_unreadable", "chain")
        assert ("USDT on trx" in body["detail"], body["allowed"]) == (True, ["eth"])
    assert money.asked() == 0
    assert money.quote(chain="eth").status == 200


@pytest.mark.parametrize("route", ["currency", "prices"])
def test_quote_and_submit_without_kucoins_word_are_refused(money: Money, route: str) -> None:
    money.simulator.add_fault(route, "garbage", phase="before", times=9)
    for answer in (money.quote(), money.submit()):
        assert (answer.status, answer.json()["code"]) == (503, "kucoin_unreadable")
    assert money.asked() == 0


@pytest.mark.parametrize(
    ("changes", "code", "allowed"),
    [
        ({"currency": "NOPE"}, "currency_unknown", None),
        ({"chain": None}, "chain_required", ["eth", "trx"]),
        ({"chain": "btc"}, "chain_unknown", ["eth", "trx"]),
        ({"chain": "kcc"}, "withdrawal_disabled", ["eth", "trx"]),
        ({"amount": "0"}, "amount_not_positive", None),
        ({"amount": "2.0000001"}, "amount_precision", 6),
        ({"amount": "1.99"}, "amount_below_minimum", "2"),
        ({"currency": "SHIB", "chain": "eth", "amount": "100000.5"}, "amount_precision", 0),
    ],
)
def test_quote_and_submit_refuse_the_same_and_say_what_is_allowed(
    money: Money, changes: dict[str, Any], code: str, allowed: Any
) -> None:
    for answer in (money.quote(**changes), money.submit(**changes)):
        assert (answer.status, answer.json()["code"]) == (422, code)
        assert answer.json().get("allowed") == allowed
    assert (money.asked(), money.spent()) == (0, 0)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"address": "a b c d"}, "address_invalid"),
        ({"currency": "XRP", "chain": "xrp", "amount": "50"}, "memo_required"),
        ({"feeDeductType": "INTERNAL", "amount": "2"}, "amount_below_fees"),
        ({"feeDeductType": "EXTERNAL", "amount": "9969.000001"}, "insufficient_balance"),
        ({"amount": "10000.000001"}, "insufficient_balance"),
    ],
)
def test_submit_refuses_destination_and_funds_before_kucoin_is_asked(
    money: Money, changes: dict[str, Any], code: str
) -> None:
    answer = money.submit(**changes)
    assert (answer.status, answer.json()["code"]) == (422, code)
    assert (money.asked(), money.spent()) == (0, 0)


@pytest.mark.parametrize(
    ("connection", "code"),
    [
        ({"permissions": (Permission.GENERAL, Permission.SPOT)}, "withdrawal_not_granted"),
        ({"api_key_state": "GONE"}, "api_key_not_active"),
        ({"api_key_state": "NONE"}, "api_key_not_active"),
        ({"kucoin_uid": None}, "api_key_not_active"),
        ({"connection_status": "DISCONNECTED"}, "connection_disconnected"),
        ({"connection_status": "DISCONNECTING"}, "connection_disconnected"),
    ],
)
def test_submit_and_quote_need_a_connection_that_may_withdraw(
    money: Money, connection: dict[str, Any], code: str
) -> None:
    money.connect(user_id="user-2", **connection)
    money.user_id = "user-2"
    for answer in (money.submit(), money.quote()):
        assert (answer.status, answer.json()["code"]) == (409, code)


def test_submit_for_nobody_is_not_found(money: Money) -> None:
    assert money.submit(user_id="nobody").json()["code"] == "connection_not_found"


def test_list_is_paged_latest_first_and_by_status(money: Money) -> None:
    money.no_factors()
    for number in range(5):
        money.submit(f"key-{number}", amount=f"{20 + number}")
        money.later(1)
    money.simulator.patch_user("alice", factors=[["GAV"]])
    money.submit("key-5", amount="30")
    rows, cursor, pages = [], "", 0
    while cursor is not None:
        answer = money.api.get(f"{money.path()}?limit=2{cursor and f'&cursor={cursor}'}").json()
        rows += [row["amount"] for row in answer["withdrawals"]]
        cursor, pages = answer["nextCursor"], pages + 1
    assert rows == ["30", "24", "23", "22", "21", "20"]
    assert pages <= 4
    told = money.api.get(f"{money.path()}?status=VERIFICATION_REQUIRED").json()
    assert [row["amount"] for row in told["withdrawals"]] == ["30"]
    assert money.api.get(money.path(user_id="user-2")).json() == {
        "withdrawals": [],
        "unreadable": 0,
        "nextCursor": None,
    }


def test_cancel_before_kucoin_has_it_is_at_once(money: Money) -> None:
    money.submit()
    answer = money.api.delete(money.path(money.id()))
    assert (answer.status, answer.json()["status"]) == (200, "CANCELLED")
    assert money.spent() == 0
    assert money.api.delete(money.path(money.id())).status == 200
    assert money.verify().json()["status"] == "CANCELLED"
    assert money.submit().json()["status"] == "CANCELLED"
    assert money.made() == []


def test_cancel_at_kucoin_while_it_is_processing(money: Money) -> None:
    money.no_factors()
    money.simulator.set_settings(processing_seconds=1000)
    money.submit()
    answer = money.api.delete(money.path(money.id()))
    assert answer.status == 200
    assert answer.json()["cancelRequestedAt"]
    money.track(step=61.5)
    told = money.get()
    assert (told["status"], told["returnAmount"]) == ("CANCELLED", "111")
    assert money.spent() == 0


def test_cancel_that_kucoin_does_not_allow_any_more_is_refused(money: Money) -> None:
    money.no_factors()
    money.submit()
    money.later(6)
    answer = money.api.delete(money.path(money.id()))
    assert (answer.status, answer.json()["code"]) == (409, "cancel_refused")
    money.track(step=61.5)
    assert money.get()["status"] == "SUCCESS"
    assert money.api.delete(money.path(money.id())).json()["code"] == "withdrawal_settled"


def test_cancel_without_an_answer_can_be_asked_again(money: Money) -> None:
    money.no_factors()
    money.simulator.set_settings(processing_seconds=1000)
    money.submit()
    money.simulator.add_fault("withdrawal_cancel", "drop", phase="before", times=1)
    answer = money.api.delete(money.path(money.id()))
    assert (answer.status, answer.json()["code"]) == (503, "kucoin_unreachable")
    assert money.api.delete(money.path(money.id())).status == 200


@pytest.mark.parametrize(
    ("code", "words", "status", "told"),
    [
        ("260420", "not cancellable", 409, "cancel_refused"),
        ("400100", "parameter", 409, "cancel_refused"),
        ("400003", "key", 409, "cancel_refused"),
        ("230005", "System busy", 503, "kucoin_unreachable"),
        ("404000", "Url Not Found", 503, "kucoin_unreachable"),
        ("999999", "new", 503, "kucoin_unreachable"),
    ],
)
def test_cancel_is_refused_only_by_a_definite_no(
    money: Money, code: str, words: str, status: int, told: str
) -> None:
    money.no_factors()
    money.simulator.set_settings(processing_seconds=1000)
    money.submit()
    money.simulator.add_fault("withdrawal_cancel", "error", phase="before", code=code, msg=words)
    answer = money.api.delete(money.path(money.id()))
    assert (answer.status, answer.json()["code"]) == (status, told)
    assert money.get()["status"] == "SUBMITTED"


def test_cancel_of_an_unknown_one_is_refused(money: Money) -> None:
    _unknown(money)
    answer = money.api.delete(money.path(money.id()))
    assert (answer.status, answer.json()["code"]) == (409, "withdrawal_in_flight")


def test_settlement_as_not_done_gives_back_and_keeps_its_evidence(money: Money) -> None:
    _unknown(money)
    answer = _settle(money, outcome="NOT_DONE")
    assert (answer.status, answer.json()["status"]) == (200, "NOT_DONE")
    kept = money.stored().settlement
    assert (kept.evidence, kept.operator) == tuple(EVIDENCE.values())
    assert kept.caller_arn.startswith("arn:aws:")
    assert answer.json()["settlement"]["evidence"] == EVIDENCE["evidence"]
    assert money.spent() == 0
    assert money.submit("key-2").status == 202


def test_settlement_as_submitted_is_followed_to_its_end(money: Money) -> None:
    money.no_factors()
    money.simulator.set_worlds(remark="dropped")
    money.simulator.add_fault("withdraw", "drop", phase="after", times=1)
    money.submit()
    kucoin_id = money.made()[0]["id"]
    answer = _settle(money, outcome="SUBMITTED", kucoinWithdrawalId=kucoin_id)
    assert (answer.status, answer.json()["status"]) == (200, "SUBMITTED")
    money.track(step=61.5)
    assert money.get()["status"] == "SUCCESS"
    assert money.get()["settlement"]["operator"] == "Dana Ops"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"outcome": "NOT_DONE", "kucoinWithdrawalId": "a" * 24}, 422, "kucoin_id_does_not_fit"),
        ({"outcome": "SUCCESS"}, 422, "kucoin_id_does_not_fit"),
        ({"outcome": "SUBMITTED"}, 422, "kucoin_id_does_not_fit"),
    ],
)
def test_settlement_that_does_not_fit_is_refused(
    money: Money, body: dict[str, str], status: int, code: str
) -> None:
    _unknown(money)
    answer = _settle(money, **body)
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert money.get()["status"] == "OUTCOME_UNKNOWN"


def test_settlement_never_takes_an_id_twice(money: Money) -> None:
    money.no_factors()
    taken = money.submit("key-1").json()["kucoinWithdrawalId"]
    _unknown(money, "key-2")
    answer = _settle(money, "key-2", outcome="SUCCESS", kucoinWithdrawalId=taken)
    assert (answer.status, answer.json()["code"]) == (422, "kucoin_id_does_not_fit")


def test_settlement_of_what_is_known_is_refused(money: Money) -> None:
    money.submit()
    answer = _settle(money, outcome="NOT_DONE")
    assert (answer.status, answer.json()["code"]) == (409, "not_to_be_settled")
    money.verify()
    answer = _settle(money, outcome="NOT_DONE")
    assert (answer.status, answer.json()["code"]) == (422, "outcome_not_possible")
    assert answer.json()["allowed"] == ["FAILURE", "SUCCESS"]


def test_settlement_of_a_submitted_one_whose_key_is_gone(money: Money) -> None:
    money.no_factors()
    kucoin_id = money.submit().json()["kucoinWithdrawalId"]
    answer = _settle(money, outcome="SUCCESS", kucoinWithdrawalId=kucoin_id)
    assert (answer.status, answer.json()["status"]) == (200, "SUCCESS")
    assert _settle(money, outcome="FAILURE", kucoinWithdrawalId=kucoin_id).status == 409


def _disconnect(money: Money) -> Any:
    return money.api.delete(f"/v1/connections/{money.user_id}").json()


def test_disconnect_with_one_open_keeps_the_key_for_the_tracker_only(money: Money) -> None:
    money.no_factors()
    money.submit()
    receipt = _disconnect(money)
    assert (receipt["status"], receipt["shredded"]) == ("DISCONNECTING", ["oauth-tokens"])
    assert receipt["apiKeyKeptUntil"]
    assert money.submit("key-2").json()["code"] == "connection_disconnected"
    assert money.quote().json()["code"] == "connection_disconnected"
    assert money.connections.get("user-1").api_key_ciphertext is not None
    money.track(step=61.5)
    assert money.get()["status"] == "SUCCESS"
    connection = money.connections.get("user-1")
    assert connection.connection_status == "DISCONNECTED"
    assert (connection.api_key_ciphertext, connection.api_key_data_key) == (None, None)
    assert _disconnect(money)["shredded"] == ["oauth-tokens", "api-key"]


def test_disconnect_without_open_ones_is_over_at_once(money: Money) -> None:
    money.submit()  # codes are wanted: KuCoin has nothing
    receipt = _disconnect(money)
    assert (receipt["status"], receipt["apiKeyKeptUntil"]) == ("DISCONNECTED", None)
    answer = money.verify()
    assert (answer.status, answer.json()["code"]) == (409, "connection_disconnected")
    assert money.made() == []


def test_disconnect_with_an_unknown_one_ends_after_72_hours_at_the_latest(money: Money) -> None:
    money.no_factors()
    money.simulator.set_worlds(remark="dropped")
    _unknown(money)
    assert _disconnect(money)["status"] == "DISCONNECTING"
    money.track(step=3700)
    assert money.connections.get("user-1").connection_status == "DISCONNECTING"
    money.track(step=KEY_KEPT_SECONDS)
    assert money.connections.get("user-1").connection_status == "DISCONNECTED"
    assert money.get()["status"] == "OUTCOME_UNKNOWN"
    assert _settle(money, outcome="NOT_DONE").status == 200


def test_disconnect_in_the_middle_of_a_claim_stops_it(money: Money) -> None:
    """The claim and the disconnect meet: whichever write comes second sees the other."""
    from kubroker.foundation.errors import ConflictError
    from kubroker.withdrawals.claims import ClaimRequest, WithdrawalClaims
    from kubroker.withdrawals.tries import WithdrawalTries

    money.simulator.add_fault("withdraw", "rate_limit", phase="before", times=1)
    money.submit()
    record = money.stored()
    assert record.state == "CREATED"
    _disconnect(money)
    claims = WithdrawalClaims(
        money.store,
        money.connections,
        money.limits,
        usdt_per_day=record.created_at,
        tries=WithdrawalTries(money.limits, per_record=20, per_day=60),
    )
    request = ClaimRequest(
        is_verification=False, quote=None, acknowledged=frozenset(), timestamp_ms=lambda: 0
    )
    with pytest.raises(ConflictError, match="disconnected"):
        claims.claim(record, request, now=record.created_at)
    assert money.stored().state == "CREATED"
