"""What an export holds: seven kinds of records, each one flat mapping of strings. Pure.

Every value stands as KuCoin told it: ids and decimals to the last digit, times in ISO 8601 UTC and
in KuCoin's own form. What KuCoin left out is empty.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

MS_DIGITS = 13
NS_DIGITS = 19
_MAX_TEXT = 4000


class ExportKind(StrEnum):
    """What can be exported."""

    SPOT_FILLS = "spot_fills"
    FUTURES_FILLS = "futures_fills"
    FUNDING_LEDGER = "funding_ledger"
    TRADE_LEDGER = "trade_ledger"
    FUTURES_LEDGER = "futures_ledger"
    DEPOSITS = "deposits"
    WITHDRAWALS = "withdrawals"


COMMON_COLUMNS = ("userId", "recordId", "time", "timeOriginal")
_FILL = ("side", "liquidity", "orderId", "tradeId", "price", "size")
_FEE = ("fee", "feeCurrency", "feeRate")
_LEDGER = ("currency", "change", "direction", "amount", "fee", "balance", "accountType", "bizType")
_MOVE = (
    "currency", "chain", "amount", "fee", "status", "address", "memo", "isInner", "walletTxId",
    "remark", "updatedAt",
)  # fmt: skip
# After userId, recordId, time and timeOriginal. The rest of the names are KuCoin's, but for:
# baseCurrency and quoteCurrency (the symbol's halves); change (the amount with its sign).
_OWN_COLUMNS: dict[ExportKind, tuple[str, ...]] = {
    ExportKind.SPOT_FILLS: (
        "symbol", "baseCurrency", "quoteCurrency", *_FILL, "funds", *_FEE, "tax", "type",
        "tradeType", "counterOrderId",
    ),
    ExportKind.FUTURES_FILLS: (
        "symbol", "settleCurrency", *_FILL, "value", *_FEE, "openFeePay", "closeFeePay",
        "orderType", "tradeType", "marginMode",
    ),
    ExportKind.FUNDING_LEDGER: (*_LEDGER, "context"),
    ExportKind.TRADE_LEDGER: (*_LEDGER, "tax", "context"),
    ExportKind.FUTURES_LEDGER: (
        "currency", "change", "type", "amount", "fee", "accountEquity", "status", "remark",
    ),
    ExportKind.DEPOSITS: (*_MOVE, "arrears"),
    ExportKind.WITHDRAWALS: _MOVE,
}  # fmt: skip
COLUMNS: dict[ExportKind, tuple[str, ...]] = {
    kind: COMMON_COLUMNS + own for kind, own in _OWN_COLUMNS.items()
}
# What strangers may have written: a deposit's sender, the user, who withdrew.
FREE_TEXT = frozenset({"remark", "memo", "address", "walletTxId", "context"})
_TIME_FIELDS = {
    ExportKind.FUTURES_FILLS: ("tradeTime", NS_DIGITS),
    ExportKind.FUTURES_LEDGER: ("time", MS_DIGITS),
}
# A deposit has no id on the wire: what never changes about it stands for one.
_DEPOSIT_IDENTITY = (
    "currency", "chain", "address", "memo", "isInner", "amount", "walletTxId", "createdAt"
)  # fmt: skip
PENDING = "Pending"


@dataclass(frozen=True, slots=True)
class ExportRecord:
    """One record.

    Attributes:
        kind: Which columns it has.
        time_ms: When it happened, epoch milliseconds.
        record_id: Unique among the user's records of the kind.
        fields: The columns of ``COLUMNS[kind]``, in that order, each a text.
    """

    kind: ExportKind
    time_ms: int
    record_id: str
    fields: dict[str, str]


def build_record(kind: ExportKind, user_id: str, raw: Any) -> ExportRecord:
    """KuCoin's record in our form.

    Args:
        kind: Of the record.
        user_id: Whose it is.
        raw: KuCoin's JSON, its fractions as Decimal.

    Raises:
        ValueError: It lacks its id or its time, or has a value that no record of the kind has.
    """
    if not isinstance(raw, Mapping):
        raise ValueError("a record is no object")  # noqa: TRY004 - what came is wrong, not our call
    name, digits = _TIME_FIELDS.get(kind, ("createdAt", MS_DIGITS))
    original = show_value(raw.get(name))
    if not (original.isascii() and original.isdigit() and len(original) == digits):
        raise ValueError(f"{name} of a record is no time")
    record_id = _build_id(kind, raw)
    fields = {
        "userId": user_id,
        "recordId": record_id,
        "time": format_moment(original),
        "timeOriginal": original,
        **{column: show_value(raw.get(column)) for column in _OWN_COLUMNS[kind]},
        **_derive(kind, raw),
    }
    return ExportRecord(kind, int(original[:MS_DIGITS]), record_id, fields)


def is_final(kind: ExportKind, raw: Any) -> bool:
    """Whether KuCoin has settled a record: the running futures period is shown as Pending."""
    return not (
        kind is ExportKind.FUTURES_LEDGER
        and isinstance(raw, Mapping)
        and raw.get("status") == PENDING
    )


def show_value(value: Any) -> str:
    """A JSON scalar as text, decimals without an exponent; what is not there is empty.

    Half of a surrogate pair, as a text that was cut may end with, can't be written: U+FFFD.

    Raises:
        ValueError: It is no scalar, or longer than any that KuCoin tells.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        if not value.is_finite() or abs(value.adjusted()) > 100:
            raise ValueError("a number of a record is none")
        return format(value, "f")
    if isinstance(value, str | int):
        text = str(value)
        if len(text) > _MAX_TEXT:
            raise ValueError("a field of a record is too long")
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    raise ValueError("a field of a record is neither text nor number")


def format_moment(digits: str) -> str:
    """Epoch milliseconds (13 digits) or nanoseconds (19) in ISO 8601, with all their digits."""
    seconds, fraction = digits[:10], digits[10:]
    moment = datetime.fromtimestamp(int(seconds), UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction}Z"


def _build_id(kind: ExportKind, raw: Mapping[str, Any]) -> str:
    """What tells the user's records of a kind apart.

    Spot trade ids are unique within a symbol only, so a fill's own id is taken. A futures fill
    has none: both sides of a trade with oneself share symbol and trade id, not the order.
    """
    if kind is ExportKind.DEPOSITS:
        text = json.dumps([show_value(raw.get(name)) for name in _DEPOSIT_IDENTITY])
        return hashlib.sha256(text.encode()).hexdigest()[:32]
    names = {
        ExportKind.FUTURES_FILLS: ("symbol", "tradeId", "orderId"),
        ExportKind.FUTURES_LEDGER: ("currency", "offset"),
    }.get(kind, ("id",))
    parts = [show_value(raw.get(name)) for name in names]
    if not all(parts):
        raise ValueError("a record has no id")
    return "/".join(parts)


def _derive(kind: ExportKind, raw: Mapping[str, Any]) -> dict[str, str]:
    """The columns that KuCoin does not name like this."""
    if kind is ExportKind.SPOT_FILLS:
        base, dash, quote = show_value(raw.get("symbol")).partition("-")
        if not (base and dash and quote):
            raise ValueError("a fill has no symbol")
        return {"baseCurrency": base, "quoteCurrency": quote}
    if kind is ExportKind.FUTURES_LEDGER:
        return {"change": show_value(raw.get("amount"))}
    if kind in {ExportKind.FUNDING_LEDGER, ExportKind.TRADE_LEDGER}:
        amount, direction = show_value(raw.get("amount")), raw.get("direction")
        if direction not in ("in", "out") or not amount or amount.startswith("-"):
            raise ValueError("a ledger's entry has no amount or direction")
        return {"change": amount if direction == "in" else f"-{amount}"}
    return {}
