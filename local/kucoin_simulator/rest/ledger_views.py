"""Ledger entries in KuCoin's three forms."""

from local.kucoin_simulator.funds.catalog import plain
from local.kucoin_simulator.funds.ledgers import (
    DEPOSIT,
    SPOT_TRADE,
    TRANSFER,
    WITHDRAWAL,
    LedgerEntry,
)
from local.kucoin_simulator.wire import Json

BIZ_TYPES = {DEPOSIT: "DEPOSIT", SPOT_TRADE: "TRADE_EXCHANGE", TRANSFER: "TRANSFER"}
OTHER = "OTHER"


def biz_type(entry: LedgerEntry) -> str:
    """Return a business type; who receives an inner withdrawal gets a deposit."""
    if entry.biz_type.startswith(WITHDRAWAL):
        return "WITHDRAW" if entry.change < 0 else "DEPOSIT"
    return BIZ_TYPES.get(entry.biz_type, OTHER)


def direction(entry: LedgerEntry) -> str:
    """Return in or out."""
    return "in" if entry.change > 0 else "out"


def funding(entry: LedgerEntry) -> Json:
    """Return an entry of the funding ledger; its balance is a field of no use, always 0."""
    return {
        "id": str(entry.entry_id),
        "currency": entry.currency,
        "amount": plain(abs(entry.change)),
        "fee": plain(entry.fee),
        "balance": "0",
        "accountType": "MAIN",
        "bizType": biz_type(entry),
        "direction": direction(entry),
        "createdAt": entry.time_ms,
        "context": entry.context,
    }


def trade(entry: LedgerEntry) -> Json:
    """Return an entry of the trade ledger; createdAt is a string here."""
    return {
        "id": str(entry.entry_id),
        "currency": entry.currency,
        "amount": plain(abs(entry.change)),
        "fee": plain(entry.fee),
        "tax": "0",
        "balance": plain(entry.balance),
        "accountType": "TRADE_HF",
        "bizType": biz_type(entry),
        "direction": direction(entry),
        "createdAt": str(entry.time_ms),
        "context": entry.context,
    }


def futures(entry: LedgerEntry, status: str = "Completed") -> Json:
    """Return an entry of the futures ledger: amounts are signed JSON numbers."""
    return {
        "time": entry.time_ms,
        "type": futures_type(entry),
        "amount": float(entry.change),
        "fee": float(entry.fee),
        "accountEquity": float(entry.balance),
        "status": status,
        "remark": entry.context if entry.biz_type == "RealisedPNL" else "",
        "offset": entry.entry_id,
        "currency": entry.currency,
    }


def futures_type(entry: LedgerEntry) -> str:
    """Return RealisedPNL, TransferIn, TransferOut, Deposit or Withdrawal."""
    if entry.biz_type == "RealisedPNL":
        return entry.biz_type
    ends = ("TransferIn", "TransferOut") if entry.biz_type == TRANSFER else ("Deposit", WITHDRAWAL)
    return ends[0] if entry.change > 0 else ends[1]
