"""The operator's list of payees: what it takes, and what each fault is called."""

import json
from decimal import Decimal
from typing import Any

import pytest

from kubroker.foundation.errors import ConfigurationError, UnprocessableError
from kubroker.payments.payees import MOST_PAYEES, parse_payees
from kubroker.withdrawals.fees import FeeDeductType
from kubroker.withdrawals.rules import WithdrawType

ADDRESS = {
    "id": "shop",
    "name": "Example Shop",
    "withdrawType": "ADDRESS",
    "address": "TXJ1z9JzJ1rT7xY2q1Z3wEXAMPLE01",
    "chain": "trx",
    "currencies": ["USDT"],
}
UID = {
    "id": "inside",
    "name": "Example Shop",
    "withdrawType": "UID",
    "address": "200000005",
    "currencies": ["USDT", "BTC"],
}


def changed(base: dict[str, Any], **changes: Any) -> str:
    item = {**base, **changes}
    return json.dumps([{name: value for name, value in item.items() if value is not ...}])


def test_payees_are_read_and_make_orders_with_fees_on_top() -> None:
    recipient = {
        "companyName": "Example Ltd",
        "country": "GB",
        "wallet": "Example Exchange",
        "tin": "12345678",
        "identityNo": "X1234567",
        "identityType": "REGISTER",
        "questionnaire": "yes",
        "reasonOfTransfer": "payment for goods",
    }
    text = json.dumps([{**ADDRESS, "memo": "7", "recipient": recipient}, UID])
    shop, inside = parse_payees(text)
    order = shop.build_order("USDT", Decimal(5))
    assert (order.address, order.chain, order.memo) == (ADDRESS["address"], "trx", "7")
    assert order.withdraw_type is WithdrawType.ADDRESS
    assert order.fee_deduct_type is FeeDeductType.EXTERNAL
    assert shop.recipient is not None
    assert shop.recipient.build_fields() == {"receiverType": "COMPANY", **recipient}
    order = inside.build_order("BTC", Decimal(1))
    assert (order.address, order.chain, order.withdraw_type) == (
        "200000005",
        None,
        WithdrawType.UID,
    )


@pytest.mark.parametrize("text", ["", "[]"])
def test_payees_may_be_nobody(text: str) -> None:
    assert parse_payees(text) == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x", "PaymentPayees is not JSON."),
        ("[" * 100_000, "PaymentPayees is not JSON."),
        ("{}", "has to be a list of at most 50."),
        ("null", "has to be a list"),
        (json.dumps([UID] * (MOST_PAYEES + 1)), "has to be a list of at most 50."),
        (json.dumps([ADDRESS, UID, ADDRESS]), "has these ids twice: shop."),
        (json.dumps([ADDRESS, 7]), "PaymentPayees, payee 2: "),
        (changed(ADDRESS, id=...), "payee 1, id: Field required."),
        (changed(ADDRESS, id="a b"), "payee 1, id: "),
        (changed(ADDRESS, name=""), "payee 1, name: "),
        (changed(ADDRESS, name="a\u202eb"), "payee 1, name: "),
        (changed(ADDRESS, name="a" * 61), "payee 1, name: "),
        (changed(ADDRESS, withdrawType="MAIL"), "payee 1, withdrawType: "),
        (changed(ADDRESS, withdrawType="PHONE"), "payee 1, withdrawType: "),
        (changed(ADDRESS, address=...), "payee 1, address: Field required."),
        (changed(ADDRESS, address="T 1"), "address has to be 4 to 256 printable"),
        (changed(ADDRESS, address=" T123"), "address has to be 4 to 256 printable"),
        (changed(ADDRESS, chain=...), "a payee of withdrawType ADDRESS needs its chain."),
        (changed(ADDRESS, chain="t x"), "payee 1, chain: "),
        (changed(ADDRESS, currencies=[]), "payee 1, currencies: "),
        (changed(ADDRESS, currencies="USDT"), "payee 1, currencies: "),
        (changed(ADDRESS, currencies=["../x"]), "payee 1, currencies.0: "),
        (changed(ADDRESS, memo=""), "payee 1, memo: "),
        (changed(ADDRESS, adress="T123"), "payee 1, adress: "),
        (changed(ADDRESS, recipient={"country": "gb"}), "payee 1, recipient.country: "),
        (changed(UID, address="shop@example.com"), "address has to be a KuCoin uid"),
        (changed(UID, chain="trx"), "a payee of withdrawType UID has neither chain nor memo."),
        (changed(UID, memo="7"), "a payee of withdrawType UID has neither chain nor memo."),
    ],
)
def test_payees_that_are_wrong_are_named_with_their_fault(text: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_payees(text)
    assert words in caught.value.message


def test_payee_in_another_currency_is_refused_with_those_it_takes() -> None:
    (inside,) = parse_payees(json.dumps([UID]))
    with pytest.raises(UnprocessableError) as caught:
        inside.build_order("ETH", Decimal(1))
    assert (caught.value.code, caught.value.members) == (
        "payee_currency",
        {"allowed": ["USDT", "BTC"]},
    )
