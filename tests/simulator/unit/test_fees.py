"""The fee rules, with figures worked out by hand."""

from decimal import Decimal

import pytest

from local.kucoin_simulator.funds.catalog import Chain
from local.kucoin_simulator.funds.fees import network_fee, service_fee, settle


@pytest.mark.parametrize(
    ("amount", "price", "precision", "fee"),
    [
        # at least 1 USDT
        ("2", "1", 6, "1"),
        ("9.99", "1", 6, "1"),
        # 10 % from 10 USDT on
        ("10", "1", 6, "1"),
        ("10.01", "1", 6, "1.001"),
        ("100", "1", 6, "10"),
        ("299.99", "1", 6, "29.999"),
        # at most 30 USDT from 300 on
        ("300", "1", 6, "30"),
        ("300.01", "1", 6, "30"),
        ("5000", "1", 6, "30"),
        # in BTC at 60000: 1 USDT is 0.0000166…, rounded up
        ("0.0001", "60000", 8, "0.00001667"),
        ("0.001", "60000", 8, "0.0001"),
        ("0.005", "60000", 8, "0.0005"),
        ("1", "60000", 8, "0.0005"),
        # without decimals: 1 USDT is 50000 SHIB, 30 USDT 1500000
        ("400000", "0.00002", 0, "50000"),
        ("1234567", "0.00002", 0, "123457"),
        ("20000000", "0.00002", 0, "1500000"),
    ],
)
def test_service_fee_is_ten_percent_between_one_and_thirty_usdt(amount, price, precision, fee):
    assert service_fee(Decimal(amount), Decimal(price), precision) == Decimal(fee)


@pytest.mark.parametrize(("rounding", "fee"), [("ROUND_UP", "123457"), ("ROUND_DOWN", "123456")])
def test_service_fee_rounds_as_told(rounding, fee):
    assert service_fee(Decimal("1234567"), Decimal("0.00002"), 0, rounding) == Decimal(fee)


@pytest.mark.parametrize(
    ("amount", "rate", "is_inner", "fee"),
    [("100", "0", False, "3.5"), ("100", "0", True, "0"), ("1.0005", "0.001", False, "3.501001")],
)
def test_network_fee_is_the_chains_minimum_plus_its_rate(amount, rate, is_inner, fee):
    chain = Chain("eth", "ERC20", Decimal("10"), Decimal("3.5"), 6, fee_rate=Decimal(rate))

    assert network_fee(Decimal(amount), chain, is_inner=is_inner) == Decimal(fee)


@pytest.mark.parametrize(
    ("asked", "available", "deducted", "received", "decided"),
    [
        ("EXTERNAL", "1000", "113.5", "100", "EXTERNAL"),
        ("EXTERNAL", "100", "113.5", "100", "EXTERNAL"),
        ("INTERNAL", "1000", "100", "86.5", "INTERNAL"),
        ("", "113.5", "113.5", "100", "EXTERNAL"),
        ("", "113.499999", "100", "86.5", "INTERNAL"),
    ],
)
def test_settle_follows_the_fee_deduct_type(asked, available, deducted, received, decided):
    cost = settle(
        Decimal("100"),
        Decimal("3.5"),
        Decimal("10"),
        deduct_type=asked,
        available=Decimal(available),
    )

    assert (cost.deducted, cost.received) == (Decimal(deducted), Decimal(received))
    assert (cost.fee, cost.deduct_type) == (Decimal("13.5"), decided)
