"""KuCoin's records as an export holds them: exact, as text, each with its id."""

import json
from decimal import Decimal

import pytest

from kubroker.exports.records import (
    COLUMNS,
    ExportKind,
    build_record,
    format_moment,
    is_final,
)

SPOT_FILL = {
    "id": 19814995255305,
    "tradeId": 11029373945659392,
    "orderId": "o1",
    "symbol": "BTC-USDT",
    "side": "buy",
    "price": "60000.10",
    "size": "0.00100000",
    "fee": "0.06",
    "forceTaker": False,
    "createdAt": 1700000000001,
}
FUTURES_FILL = {
    "symbol": "XBTUSDTM",
    "tradeId": "11029373945659392",
    "orderId": "o2",
    "size": 3,
    "tradeTime": 1700000000001234567,
    "createdAt": 1700000000001,
}
LEDGER = {
    "id": "265329987780896",
    "currency": "USDT",
    "amount": "1.50",
    "direction": "out",
    "createdAt": "1700000000001",
    "context": '{"symbol":"BTC-USDT"}',
}
FUTURES_ENTRY = json.loads(
    '{"time": 1700000000001, "type": "RealisedPNL", "amount": -1.0e-7, "offset": 51352431,'
    ' "currency": "USDT", "status": "Completed"}',
    parse_float=Decimal,
)
DEPOSIT = {
    "currency": "USDT",
    "chain": "trx",
    "address": "T1",
    "isInner": False,
    "amount": "5",
    "walletTxId": "t",
    "status": "PROCESSING",
    "createdAt": 1700000000001,
}
WITHDRAWAL = {**DEPOSIT, "id": "w1", "fee": "1"}
RAW = {
    ExportKind.SPOT_FILLS: SPOT_FILL,
    ExportKind.FUTURES_FILLS: FUTURES_FILL,
    ExportKind.FUNDING_LEDGER: LEDGER,
    ExportKind.TRADE_LEDGER: LEDGER,
    ExportKind.FUTURES_LEDGER: FUTURES_ENTRY,
    ExportKind.DEPOSITS: DEPOSIT,
    ExportKind.WITHDRAWALS: WITHDRAWAL,
}


@pytest.mark.parametrize("kind", ExportKind)
def test_record_is_one_flat_ordered_mapping_of_texts(kind):
    record = build_record(kind, "user-1", RAW[kind])
    assert tuple(record.fields) == COLUMNS[kind]
    assert all(isinstance(value, str) for value in record.fields.values())
    assert record.fields["userId"] == "user-1"
    assert record.fields["recordId"] == record.record_id
    assert record.time_ms == 1700000000001
    assert record.fields["time"].startswith("2023-11-14T22:13:20.001")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (ExportKind.SPOT_FILLS, "19814995255305"),
        (ExportKind.FUTURES_FILLS, "XBTUSDTM/11029373945659392/o2"),
        (ExportKind.FUNDING_LEDGER, "265329987780896"),
        (ExportKind.FUTURES_LEDGER, "USDT/51352431"),
        (ExportKind.WITHDRAWALS, "w1"),
    ],
)
def test_record_id_tells_records_apart(kind, expected):
    assert build_record(kind, "user-1", RAW[kind]).record_id == expected


def test_values_stay_exact():
    fill = build_record(ExportKind.SPOT_FILLS, "user-1", SPOT_FILL).fields
    assert (fill["size"], fill["tradeId"]) == ("0.00100000", "11029373945659392")
    assert (fill["baseCurrency"], fill["quoteCurrency"]) == ("BTC", "USDT")
    entry = build_record(ExportKind.FUTURES_LEDGER, "user-1", FUTURES_ENTRY).fields
    assert entry["change"] == entry["amount"] == "-0.00000010"
    traded = build_record(ExportKind.FUTURES_FILLS, "user-1", FUTURES_FILL).fields
    assert traded["time"] == "2023-11-14T22:13:20.001234567Z"
    assert traded["timeOriginal"] == "1700000000001234567"


def test_change_has_the_sign_of_the_direction():
    assert build_record(ExportKind.TRADE_LEDGER, "u", LEDGER).fields["change"] == "-1.50"
    credited = {**LEDGER, "direction": "in"}
    assert build_record(ExportKind.TRADE_LEDGER, "u", credited).fields["change"] == "1.50"


def test_deposit_keeps_its_id_while_its_status_changes():
    arrived = build_record(ExportKind.DEPOSITS, "u", DEPOSIT)
    settled = {**DEPOSIT, "status": "SUCCESS", "updatedAt": 1700000099999}
    assert build_record(ExportKind.DEPOSITS, "u", settled).record_id == arrived.record_id
    other = build_record(ExportKind.DEPOSITS, "u", {**DEPOSIT, "walletTxId": "t2"})
    assert other.record_id != arrived.record_id


def test_running_period_is_not_final():
    assert is_final(ExportKind.FUTURES_LEDGER, FUTURES_ENTRY)
    assert not is_final(ExportKind.FUTURES_LEDGER, {**FUTURES_ENTRY, "status": "Pending"})
    assert is_final(ExportKind.DEPOSITS, {"status": "Pending"})


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (ExportKind.SPOT_FILLS, None),
        (ExportKind.SPOT_FILLS, []),
        (ExportKind.SPOT_FILLS, "x"),
        (ExportKind.SPOT_FILLS, {**SPOT_FILL, "id": None}),
        (ExportKind.SPOT_FILLS, {**SPOT_FILL, "symbol": "BTCUSDT"}),
        (ExportKind.SPOT_FILLS, {**SPOT_FILL, "createdAt": "soon"}),
        (ExportKind.SPOT_FILLS, {**SPOT_FILL, "createdAt": -1}),
        (ExportKind.SPOT_FILLS, {**SPOT_FILL, "createdAt": 1700000000}),
        (ExportKind.SPOT_FILLS, {**SPOT_FILL, "price": {"a": 1}}),
        (ExportKind.SPOT_FILLS, {**SPOT_FILL, "price": Decimal("1e999999")}),
        (ExportKind.SPOT_FILLS, {**SPOT_FILL, "price": Decimal("NaN")}),
        (ExportKind.SPOT_FILLS, {**SPOT_FILL, "price": "1" * 5000}),
        (ExportKind.FUTURES_FILLS, {**FUTURES_FILL, "tradeTime": 1700000000001}),
        (ExportKind.FUTURES_FILLS, {**FUTURES_FILL, "orderId": ""}),
        (ExportKind.TRADE_LEDGER, {**LEDGER, "direction": "sideways"}),
        (ExportKind.TRADE_LEDGER, {**LEDGER, "direction": ["in"]}),
        (ExportKind.TRADE_LEDGER, {**LEDGER, "amount": "-1"}),
        (ExportKind.TRADE_LEDGER, {**LEDGER, "amount": None}),
        (ExportKind.FUTURES_LEDGER, {**FUTURES_ENTRY, "offset": None}),
    ],
)
def test_record_that_is_none_is_refused(kind, raw):
    with pytest.raises(ValueError, match=r"record|fill|entry"):
        build_record(kind, "user-1", raw)


def test_milliseconds_keep_their_digits():
    assert format_moment("1700000000000") == "2023-11-14T22:13:20.000Z"
