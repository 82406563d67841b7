"""Fees: every expected figure is worked out by hand; the column `why` says how."""

from decimal import Decimal

import pytest

from kubroker.kucoin.currency import Prices
from kubroker.withdrawals.fees import (
    FeeDeductType,
    NetworkFee,
    build_quote,
    compute_value_usdt,
    decide_deduct_type,
)

INTERNAL, EXTERNAL = FeeDeductType.INTERNAL, FeeDeductType.EXTERNAL
USDT = ("1", "1", 6, "1", "0")
USDT_INNER = ("1", "1", 6, "0", "0")
DEPEGGED = ("0.999", "0.999", 6, "1", "0")
BTC = ("60000", "1", 8, "0.0001", "0")
BTC_CHEAP_USDT = ("60000", "0.9995", 8, "0.0001", "0")
BTC_DEAR_USDT = ("60000", "1.0005", 8, "0.0001", "0")
ETH = ("3000", "1", 8, "0.001", "0")
ARBITRUM = ("3000", "1", 8, "0.0001", "0.001")
XRP = ("0.5", "1", 6, "0.5", "0")
SHIB = ("0.00002", "1", 0, "50000", "0")
SHIB_3 = ("0.00003", "1", 0, "50000", "0")
KCS = ("10", "1", 4, "0.01", "0")
KCS_7 = ("7", "1", 4, "0.01", "0")
WHOLE = ("1", "1", 0, "1", "0")
FINE = ("3000", "1", 18, "0", "0")

# currency, amount → network fee, service fee, arrives under INTERNAL, leaves under EXTERNAL, why
CASES = [
    (USDT, "5", "1", "1", "3", "7", "10 % = 0.5, below 1"),
    (USDT, "9.999999", "1", "1", "7.999999", "11.999999", "0.9999999, just below 1"),
    (USDT, "10", "1", "1", "8", "12", "10 % = 1, the lower edge"),
    (USDT, "10.000001", "1", "1.000001", "8", "12.000002", "1.0000001 rounded up to 6 decimals"),
    (USDT, "10.00001", "1", "1.000001", "8.000009", "12.000011", "1.000001 exactly"),
    (USDT, "11", "1", "1.1", "8.9", "13.1", "10 %"),
    (USDT, "100", "1", "10", "89", "111", "10 %"),
    (USDT, "299.99", "1", "29.999", "268.991", "330.989", "10 %, below 30"),
    (USDT, "299.999999", "1", "30", "268.999999", "330.999999", "29.9999999 rounded up"),
    (USDT, "300", "1", "30", "269", "331", "10 % = 30, the upper edge"),
    (USDT, "300.000001", "1", "30", "269.000001", "331.000001", "30.0000001, above 30"),
    (USDT, "300.01", "1", "30", "269.01", "331.01", "30.001, above 30"),
    (USDT, "10000", "1", "30", "9969", "10031", "1000, far above 30"),
    (USDT, "1000000", "1", "30", "999969", "1000031", "far above 30"),
    (USDT, "2", "1", "1", "0", "4", "1 + 1: nothing is left"),
    (USDT, "1", "1", "1", "-1", "3", "less than the fees"),
    (USDT, "0.000001", "1", "1", "-1.999999", "2.000001", "the smallest amount"),
    (USDT_INNER, "1", "0", "1", "0", "2", "no network fee inside KuCoin"),
    (USDT_INNER, "25", "0", "2.5", "22.5", "27.5", "no network fee inside KuCoin"),
    (DEPEGGED, "5", "1", "1", "3", "7", "1 USDT is 1 USDT, whatever the USD price"),
    (DEPEGGED, "10", "1", "1", "8", "12", "the edge stays at 10 USDT"),
    (BTC, "0.001", "0.0001", "0.0001", "0.0008", "0.0012", "10 % of 60 USDT"),
    (BTC, "0.0001", "0.0001", "0.00001667", "-0.00001667", "0.00021667", "1/60000 = 0.0000166…"),
    (BTC, "0.00016666", "0.0001", "0.00001667", "0.00004999", "0.00028333", "0.99996 USDT"),
    (BTC, "0.00016667", "0.0001", "0.00001667", "0.00005", "0.00028334", "0.000016667 rounded up"),
    (BTC, "0.005", "0.0001", "0.0005", "0.0044", "0.0056", "300 USDT, the upper edge"),
    (BTC, "0.00500001", "0.0001", "0.0005", "0.00440001", "0.00560001", "30/60000"),
    (BTC, "1", "0.0001", "0.0005", "0.9994", "1.0006", "30/60000"),
    (BTC_CHEAP_USDT, "1", "0.0001", "0.00049975", "0.99940025", "1.00059975", "29.985/60000"),
    (BTC_DEAR_USDT, "1", "0.0001", "0.00050025", "0.99939975", "1.00060025", "30.015/60000"),
    (ETH, "0.1", "0.001", "0.01", "0.089", "0.111", "300 USDT, the upper edge"),
    (ARBITRUM, "0.05", "0.00015", "0.005", "0.04485", "0.05515", "0.0001 + 0.05 × 0.001"),
    (ARBITRUM, "2", "0.0021", "0.01", "1.9879", "2.0121", "0.0001 + 2 × 0.001; 30/3000"),
    (ARBITRUM, "0.00500001", "0.00010501", "0.00050001", "0.00439499", "0.00560503",
     "0.0001 + 0.00000500001 and 0.000500001, both rounded up"),
    (XRP, "20", "0.5", "2", "17.5", "22.5", "10 USDT, the lower edge"),
    (XRP, "19.999999", "0.5", "2", "17.499999", "22.499999", "1/0.5"),
    (XRP, "600", "0.5", "60", "539.5", "660.5", "300 USDT, the upper edge"),
    (XRP, "601", "0.5", "60", "540.5", "661.5", "30/0.5"),
    (SHIB, "500000", "50000", "50000", "400000", "600000", "10 USDT, the lower edge, no decimals"),
    (SHIB, "500001", "50000", "50001", "400000", "600002", "50000.1 rounded up to whole ones"),
    (SHIB, "499999", "50000", "50000", "399999", "599999", "1/0.00002"),
    (SHIB, "15000000", "50000", "1500000", "13450000", "16550000", "300 USDT, the upper edge"),
    (SHIB, "15000001", "50000", "1500000", "13450001", "16550001", "30/0.00002"),
    (SHIB, "123455", "50000", "50000", "23455", "223455", "12345.5 is below 1 USDT"),
    (SHIB_3, "500000", "50000", "50000", "400000", "600000", "15 USDT, 10 %"),
    (SHIB_3, "100000", "50000", "33334", "16666", "183334", "1/0.00003 = 33333.3… rounded up"),
    (KCS, "1", "0.01", "0.1", "0.89", "1.11", "10 USDT, the lower edge"),
    (KCS, "0.9999", "0.01", "0.1", "0.8899", "1.1099", "1/10"),
    (KCS, "1.0005", "0.01", "0.1001", "0.8904", "1.1106", "0.10005 rounded up to 4 decimals"),
    (KCS_7, "0.5", "0.01", "0.1429", "0.3471", "0.6529", "1/7 = 0.142857… rounded up"),
    (KCS_7, "100", "0.01", "4.2858", "95.7042", "104.2958", "30/7 = 4.285714… rounded up"),
    (WHOLE, "99999999999999999999", "1", "30", "99999999999999999968", "100000000000000000030",
     "twenty digits stay exact"),
    (FINE, "0.123456789012345678", "0", "0.01", "0.113456789012345678", "0.133456789012345678",
     "eighteen decimals stay exact"),
]  # fmt: skip


def _prices(currency):
    return Prices(currency_usd=Decimal(currency[0]), usdt_usd=Decimal(currency[1]), read_at=0)


def _quote(currency, amount, *, adds_rate=True):
    fee = NetworkFee(minimum=Decimal(currency[3]), rate=Decimal(currency[4]), adds_rate=adds_rate)
    return build_quote(Decimal(amount), fee, _prices(currency), decimals=currency[2])


def test_table_has_at_least_forty_cases():
    assert len(CASES) >= 40


@pytest.mark.parametrize(
    ("currency", "amount", "network", "service", "arrives", "leaves", "why"), CASES
)
def test_quote_is_as_worked_out_by_hand(currency, amount, network, service, arrives, leaves, why):
    quote = _quote(currency, amount)
    assert quote.network_fee == Decimal(network)
    assert quote.service_fee == Decimal(service), why
    assert quote.total_fee == Decimal(network) + Decimal(service)
    internal, external = quote.movements[INTERNAL], quote.movements[EXTERNAL]
    assert (internal.leaves, internal.arrives) == (Decimal(amount), Decimal(arrives))
    assert (external.leaves, external.arrives) == (Decimal(leaves), Decimal(amount))


@pytest.mark.parametrize(
    ("amount", "network"),
    [("0.05", "0.0001"), ("0.1", "0.0001"), ("0.1001", "0.0001001"), ("2", "0.002")],
)
def test_network_fee_where_the_rate_does_not_come_on_top_is_the_larger(amount, network):
    assert _quote(ARBITRUM, amount, adds_rate=False).network_fee == Decimal(network)


@pytest.mark.parametrize(
    ("currency", "amount", "value"),
    [
        (USDT, "100", "100"),
        (DEPEGGED, "100", "100"),
        (BTC, "0.00000001", "0.0006"),
        (BTC_CHEAP_USDT, "1", "60030.01500751"),  # 60000/0.9995 = 60030.015007503…, up
        (SHIB, "1", "0.00002"),
        (("0.000000001", "1", 0, "0", "0"), "1", "0.00000001"),  # never 0
    ],
)
def test_value_in_usdt_is_rounded_up_to_eight_decimals(currency, amount, value):
    assert compute_value_usdt(Decimal(amount), _prices(currency)) == Decimal(value)


@pytest.mark.parametrize(
    ("asked", "available", "applied"),
    [
        (INTERNAL, None, INTERNAL),
        (INTERNAL, "1000", INTERNAL),
        (EXTERNAL, None, EXTERNAL),
        (EXTERNAL, "0", EXTERNAL),
        (None, None, None),
        (None, "111", EXTERNAL),  # 100 and 11 of fees: just enough
        (None, "110.999999", INTERNAL),
        (None, "100", INTERNAL),
        (None, "0", INTERNAL),
    ],
)
def test_deduct_type_unspecified_depends_on_the_balance(asked, available, applied):
    balance = None if available is None else Decimal(available)
    assert decide_deduct_type(asked, _quote(USDT, "100"), balance) is applied
