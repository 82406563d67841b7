"""What is refused before KuCoin is asked: its own code, the field, and what would be allowed."""

from decimal import Decimal

import pytest

from kubroker.foundation.errors import UnprocessableError
from kubroker.kucoin.currency import Chain, Currency, Prices, Quota
from kubroker.withdrawals.fees import FeeDeductType, NetworkFee, build_quote
from kubroker.withdrawals.rules import (
    Order,
    WithdrawType,
    check_amount,
    check_destination,
    check_funds,
    find_terms,
)


def _chain(chain_id, **changes):
    fields = {"decimals": 6, "minimum": Decimal(2), "minimum_fee": Decimal(1), **changes}
    return Chain(chain_id=chain_id, **fields)


USDT = Currency(
    code="USDT",
    decimals=8,
    chains=(
        _chain("eth", minimum=Decimal(10), minimum_fee=Decimal("3.5")),
        _chain("trx", maximum=Decimal(5000), fee_rate=Decimal("0.001")),
        _chain("kcc", is_withdraw_enabled=False),
        _chain("xrp", needs_memo=True),
    ),
)
ONLY_PAUSED = Currency(code="LUNC", decimals=6, chains=(_chain("lunc", is_withdraw_enabled=False),))


def _order(**changes):
    fields = {
        "currency": "USDT",
        "amount": Decimal(100),
        "withdraw_type": WithdrawType.ADDRESS,
        "address": "TXJ1z9JzJ1rT7xY2q1Z3wEXAMPLE01",
        "chain": "trx",
    }
    return Order(**{**fields, **changes})


def _terms(order, currency=USDT, quota=None):
    return find_terms(order, currency, quota, adds_rate=True)


def _refusal(call):
    with pytest.raises(UnprocessableError) as caught:
        call()
    error = caught.value
    return error.code, error.field, error.members.get("allowed")


@pytest.mark.parametrize(
    ("order", "currency", "refusal"),
    [
        (_order(), None, ("currency_unknown", "currency", None)),
        (_order(chain=None), USDT, ("chain_required", "chain", ["eth", "trx", "xrp"])),
        (_order(chain="TRX"), USDT, ("chain_unknown", "chain", ["eth", "trx", "xrp"])),
        (_order(chain="btc"), USDT, ("chain_unknown", "chain", ["eth", "trx", "xrp"])),
        (_order(chain="kcc"), USDT, ("withdrawal_disabled", "chain", ["eth", "trx", "xrp"])),
        (_order(chain="lunc"), ONLY_PAUSED, ("withdrawal_disabled", "chain", [])),
        (
            _order(chain="kcc", withdraw_type=WithdrawType.UID),
            USDT,
            ("withdrawal_disabled", "chain", ["eth", "trx", "xrp"]),
        ),
    ],
)
def test_terms_refuse(order, currency, refusal):
    assert _refusal(lambda: _terms(order, currency)) == refusal


def test_terms_are_never_those_of_a_default_chain():
    terms = _terms(_order(chain=None, withdraw_type=WithdrawType.UID))
    assert (terms.decimals, terms.minimum, terms.maximum) == (8, 0, None)
    assert terms.network_fee.minimum == 0


@pytest.mark.parametrize("inner", [Decimal("0.2"), None])
def test_terms_inside_kucoin_have_its_inner_fee(inner):
    quota = Quota(available=None, inner_fee=inner)
    for order in (_order(withdraw_type=WithdrawType.MAIL), _order(is_inner=True)):
        fee = _terms(order, quota=quota).network_fee
        assert (fee.minimum, fee.rate) == (inner or 0, 0)


def test_terms_of_a_chain_are_its_own():
    terms = _terms(_order())
    assert (terms.decimals, terms.minimum, terms.maximum) == (6, 2, 5000)
    assert (terms.network_fee.minimum, terms.network_fee.rate) == (1, Decimal("0.001"))


@pytest.mark.parametrize(
    ("amount", "refusal"),
    [
        ("0", ("amount_not_positive", "amount", None)),
        ("2.0000001", ("amount_precision", "amount", 6)),
        ("1.999999", ("amount_below_minimum", "amount", "2")),
        ("5000.000001", ("amount_above_maximum", "amount", "5000")),
    ],
)
def test_amount_refused(amount, refusal):
    assert _refusal(lambda: check_amount(Decimal(amount), _terms(_order()))) == refusal


@pytest.mark.parametrize("amount", ["2", "2.000001", "5000", "5000.000000"])
def test_amount_at_its_bounds_is_taken(amount):
    check_amount(Decimal(amount), _terms(_order()))


def test_amount_of_a_currency_without_decimals_is_whole():
    shib = Currency(code="SHIB", decimals=0, chains=(_chain("eth", decimals=0),))
    terms = _terms(_order(currency="SHIB", chain="eth"), shib)
    check_amount(Decimal("100"), terms)
    refused = _refusal(lambda: check_amount(Decimal("100.5"), terms))
    assert refused == ("amount_precision", "amount", 0)


@pytest.mark.parametrize(
    ("withdraw_type", "address"),
    [
        ("ADDRESS", "abc"),
        ("ADDRESS", "with space"),
        ("ADDRESS", "x" * 257),
        ("UID", "12"),
        ("UID", "user-1"),
        ("UID", "123456789012345678901"),
        ("MAIL", "bob"),
        ("MAIL", "bob@"),
        ("MAIL", "bob@a b.example"),
        ("PHONE", "abc"),
        ("PHONE", "123"),
        ("PHONE", "+44 77009 00123"),
    ],
)
def test_destination_of_another_form_is_refused(withdraw_type, address):
    order = _order(withdraw_type=WithdrawType(withdraw_type), address=address)
    code, field, allowed = _refusal(lambda: check_destination(order, _terms(_order())))
    assert (code, field) == ("address_invalid", "address")
    assert allowed


@pytest.mark.parametrize(
    ("withdraw_type", "address"),
    [
        ("ADDRESS", "0x52908400098527886E0F7030069857D2E4169EE7"),
        ("ADDRESS", "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"),
        ("UID", "200000002"),
        ("MAIL", "bob@example.com"),
        ("PHONE", "+44-7700900123"),
        ("PHONE", "44 7700900123"),
        ("PHONE", "7700900123"),
    ],
)
def test_destination_of_its_form_is_taken(withdraw_type, address):
    order = _order(withdraw_type=WithdrawType(withdraw_type), address=address)
    check_destination(order, _terms(_order()))


def test_destination_without_its_memo_is_refused():
    order = _order(chain="xrp")
    code, field, _ = _refusal(lambda: check_destination(order, _terms(order)))
    assert (code, field) == ("memo_required", "memo")
    with_memo = _order(chain="xrp", memo="4711")
    check_destination(with_memo, _terms(with_memo))


def test_destination_inside_kucoin_needs_no_memo():
    order = _order(chain="xrp", withdraw_type=WithdrawType.UID, address="200000002")
    check_destination(order, _terms(order))


def _quote(amount="100"):
    prices = Prices(currency_usd=Decimal(1), usdt_usd=Decimal(1), read_at=0)
    return build_quote(Decimal(amount), NetworkFee(minimum=Decimal(1)), prices, decimals=6)


@pytest.mark.parametrize(
    ("deduct_type", "amount", "available", "refusal"),
    [
        # 100 costs 11: EXTERNAL takes 111, INTERNAL 100, unspecified what fits
        (FeeDeductType.EXTERNAL, "100", "110.999999", ("insufficient_balance", "110.999999")),
        (FeeDeductType.INTERNAL, "100", "99.999999", ("insufficient_balance", "99.999999")),
        (None, "100", "99.999999", ("insufficient_balance", "99.999999")),
        (None, "100", "0", ("insufficient_balance", "0")),
        # 2 costs 2: nothing would arrive
        (FeeDeductType.INTERNAL, "2", "1000", ("amount_below_fees", "more than 2")),
        (FeeDeductType.INTERNAL, "2", None, ("amount_below_fees", "more than 2")),
        (None, "2", "3.999999", ("amount_below_fees", "more than 2")),
        (None, "2", None, ("amount_below_fees", "more than 2")),
    ],
)
def test_funds_refused(deduct_type, amount, available, refusal):
    order = _order(fee_deduct_type=deduct_type, amount=Decimal(amount))
    balance = None if available is None else Decimal(available)
    code, field, allowed = _refusal(lambda: check_funds(order, _quote(amount), balance))
    assert (code, allowed) == refusal
    assert field == "amount"


@pytest.mark.parametrize(
    ("deduct_type", "amount", "available"),
    [
        (FeeDeductType.EXTERNAL, "100", "111"),
        (FeeDeductType.INTERNAL, "100", "100"),
        (None, "100", "111"),
        (None, "100", "100"),
        (None, "2", "4"),
        (FeeDeductType.EXTERNAL, "2", "4"),
        (FeeDeductType.EXTERNAL, "2", None),
        (None, "2.000001", None),
    ],
)
def test_funds_that_suffice_are_taken(deduct_type, amount, available):
    order = _order(fee_deduct_type=deduct_type, amount=Decimal(amount))
    check_funds(order, _quote(amount), None if available is None else Decimal(available))
