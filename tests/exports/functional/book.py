"""What the simulator's own book makes of an export: nothing of the product's mapping is used."""

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from kubroker.exports.records import ExportKind

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LEDGERS = {
    ExportKind.FUNDING_LEDGER: "main",
    ExportKind.TRADE_LEDGER: "trade",
    ExportKind.FUTURES_LEDGER: "contract",
}
FILL = "side liquidity orderId tradeId price size"
FEE = "fee feeCurrency feeRate"
ORDER = "orderType tradeType marginMode"
# The simulator's name of a kind; what makes an id; its columns, in the files' order.
KINDS = {
    ExportKind.SPOT_FILLS: (
        "spot-fills",
        ["id"],
        f"symbol baseCurrency quoteCurrency {FILL} funds {FEE} tax type tradeType counterOrderId",
    ),
    ExportKind.FUTURES_FILLS: (
        "futures-fills",
        ["symbol", "tradeId", "orderId"],
        f"symbol settleCurrency {FILL} value {FEE} openFeePay closeFeePay {ORDER}",
    ),
    ExportKind.FUNDING_LEDGER: (
        "funding-ledger",
        ["id"],
        "currency change direction amount fee balance accountType bizType context",
    ),
    ExportKind.TRADE_LEDGER: (
        "trade-ledger",
        ["id"],
        "currency change direction amount fee balance accountType bizType tax context",
    ),
    ExportKind.FUTURES_LEDGER: (
        "futures-ledger",
        ["currency", "offset"],
        "currency change type amount fee accountEquity status remark",
    ),
    # A deposit has no id on the wire: rows are held together by the rest.
    ExportKind.DEPOSITS: (
        "deposits",
        [],
        "currency chain amount fee status address memo isInner walletTxId remark updatedAt arrears",
    ),
    ExportKind.WITHDRAWALS: (
        "withdrawals",
        ["id"],
        "currency chain amount fee status address memo isInner walletTxId remark updatedAt",
    ),
}


def build_row(kind, user, raw):
    """Epoch milliseconds and the row that an export has to hold for a record of the simulator."""
    _, id_fields, columns = KINDS[kind]
    raw = {name: _show(value) for name, value in raw.items()}
    moment = raw[{"futures_fills": "tradeTime", "futures_ledger": "time"}.get(kind, "createdAt")]
    unit = 10**9 if kind is ExportKind.FUTURES_FILLS else 1000
    seconds, rest = divmod(int(moment), unit)
    clock = (EPOCH + timedelta(seconds=seconds)).isoformat().removesuffix("+00:00")
    told = {**raw, "change": raw.get("amount", "")}
    if raw.get("direction") == "out":
        told["change"] = str(-Decimal(raw["amount"]))
    if kind is ExportKind.SPOT_FILLS:
        told["baseCurrency"], told["quoteCurrency"] = raw["symbol"].split("-")
    row = {
        "userId": user,
        "recordId": "/".join(raw[name] for name in id_fields),
        "time": f"{clock}.{str(unit + rest)[1:]}Z",
        "timeOriginal": moment,
        **{column: told[column] for column in columns.split()},
    }
    return int(moment) * 1000 // unit, row


def compare(found, expected):
    """How many are expected, missing, surplus; the last two by kind as well: all 0."""
    missing, surplus, total = {}, {}, 0
    for kind, rows in expected.items():
        ours, theirs = _count(kind, found[kind]), _count(kind, rows)
        ids = {(row["userId"], row["recordId"]) for row in found[kind]}
        assert len(ids) == len(found[kind]), f"{kind}: an id twice"
        total += sum(theirs.values())
        missing[kind] = sum((theirs - ours).values())
        surplus[kind] = sum((ours - theirs).values())
    return total, sum(missing.values()), sum(surplus.values()), missing, surplus


def sum_changes(rows):
    """(user, account, currency) to what the ledgers of an export say that it has changed by."""
    sums: defaultdict[tuple, Decimal] = defaultdict(Decimal)
    for kind, account in LEDGERS.items():
        for row in rows[kind]:
            sums[row["userId"], account, row["currency"]] += Decimal(row["change"])
    return sums


def sum_balances(balances, names):
    """The same to what an account holds, hold included, by the simulator's balances."""
    users = {name: user for user, name in names.items()}
    sums: defaultdict[tuple, Decimal] = defaultdict(Decimal)
    for one in balances:
        if one["owner"] in users:
            account = one["account"].removeprefix("hold:")
            sums[users[one["owner"]], account, one["currency"]] += Decimal(one["amount"])
    return sums


def _count(kind, rows):
    """Rows with their columns in order; without the id that is ours, not KuCoin's."""
    left_out = "recordId" if KINDS[kind][1] == [] else None
    return Counter(
        json.dumps([(name, value) for name, value in row.items() if name != left_out])
        for row in rows
    )


def _show(value):
    """A JSON value as KuCoin wrote it, without exponents."""
    if value is None:
        return ""
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    return value if isinstance(value, str) else json.dumps(value)
