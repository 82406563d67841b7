"""The three ledgers, kept beside the book: what changed an account, one entry a currency.

A movement into or out of hold changes no ledger. The funding and the trade ledger get their entry
at once; the futures ledger sums profit, loss and fees by symbol and gets one `RealisedPNL` at the
end of each period of eight hours, until when the first page shows it as `Pending`.

Source:
    KuCoin's documentation of the futures ledger; the ends of the periods (04, 12, 20 h UTC) are
    read off its example.
"""

import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from itertools import count

from local.kucoin_simulator.funds.book import KUCOIN, OUTSIDE, Book, Posting

MAIN, TRADE, CONTRACT = "main", "trade", "contract"
DEPOSIT, WITHDRAWAL, TRANSFER = "Deposit", "Withdrawal", "Transfer"
SPOT_TRADE, FUTURES_TRADE = "Spot trade", "Futures trade"
PERIOD_MS = 8 * 3600 * 1000
PERIOD_OFFSET_MS = 4 * 3600 * 1000
FIRST_ENTRY_ID = 265_329_987_780_896
FIRST_OFFSET = 51_352_430
_ENCODER = json.JSONEncoder(separators=(",", ":"))
FEES = frozenset({"network_fees", "service_fees", "trading_fees"})


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One change of one account.

    Attributes:
        change: Signed, fee included.
        balance: What the account held afterwards, hold included.
        biz_type: The posting's; `RealisedPNL` for a futures period.
        context: JSON text; the symbol for a futures period.
    """

    entry_id: int
    user: str
    account: str
    currency: str
    change: Decimal
    fee: Decimal
    balance: Decimal
    biz_type: str
    time_ms: int
    context: str


@dataclass(slots=True)
class Accrual:
    """What a symbol has earned and cost since the period began."""

    ends_ms: int
    change: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)


class Ledgers:
    """Entries by user and account, in the order of time."""

    def __init__(self, book: Book) -> None:
        """Watch a book."""
        self._book = book
        self._entries: dict[tuple[str, str], list[LedgerEntry]] = defaultdict(list)
        self._accruals: dict[tuple[str, str, str], Accrual] = {}
        self._ids = count(FIRST_ENTRY_ID)
        self._last_offset = FIRST_OFFSET
        book.on_post = self._note

    def entries(
        self, user: str, account: str, start_ms: int = 0, end_ms: int = 1 << 62
    ) -> list[LedgerEntry]:
        """Return a user's entries with start <= time <= end, oldest first."""
        entries = self._entries[user, account]
        first = bisect_left(entries, start_ms, key=_time)
        return entries[first : bisect_right(entries, end_ms, key=_time)]

    def pending(self, user: str) -> list[tuple[str, str, Accrual]]:
        """Return currency, symbol and what the running period of a user has accrued."""
        return [
            (currency, symbol, accrual)
            for (owner, currency, symbol), accrual in self._accruals.items()
            if owner == user
        ]

    def settle(self, now_ms: int) -> None:
        """Write the entries of the periods that have ended."""
        due = [item for item in self._accruals.items() if item[1].ends_ms <= now_ms]
        for (user, currency, symbol), accrual in sorted(due, key=lambda item: item[1].ends_ms):
            del self._accruals[user, currency, symbol]
            self._add(
                LedgerEntry(
                    entry_id=self._new_id(CONTRACT),
                    user=user,
                    account=CONTRACT,
                    currency=currency,
                    change=accrual.change,
                    fee=accrual.fee,
                    balance=self.total(user, CONTRACT, currency),
                    biz_type="RealisedPNL",
                    time_ms=accrual.ends_ms,
                    context=symbol,
                )
            )

    def _note(self, posting: Posting) -> None:
        changes: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        fees: dict[str, Decimal] = defaultdict(Decimal)
        for account, amount in posting.legs:
            if account.owner == KUCOIN and account.kind in FEES:
                fees[account.currency] += amount
            elif account.owner not in (OUTSIDE, KUCOIN):
                kind = account.kind.removeprefix("hold:")
                changes[account.owner, kind, account.currency] += amount
        for (user, kind, currency), change in changes.items():
            if not change:
                continue
            fee = fees[currency] if _pays(posting, change) else Decimal(0)
            if posting.biz_type == FUTURES_TRADE:
                self._accrue(posting, (user, currency), change, fee)
            else:
                self._write(posting, (user, kind, currency), change, fee)

    def _write(
        self, posting: Posting, account: tuple[str, str, str], change: Decimal, fee: Decimal
    ) -> None:
        user, kind, currency = account
        self._add(
            LedgerEntry(
                entry_id=self._new_id(kind),
                user=user,
                account=kind,
                currency=currency,
                change=change,
                fee=fee,
                balance=self.total(user, kind, currency),
                biz_type=posting.biz_type,
                time_ms=posting.time_ms,
                context=_ENCODER.encode(posting.context) if posting.context else "",
            )
        )

    def _accrue(
        self, posting: Posting, owner: tuple[str, str], change: Decimal, fee: Decimal
    ) -> None:
        user, currency = owner
        known = (user, currency, posting.context["symbol"])
        accrual = self._accruals.get(known)
        if accrual is None:
            accrual = self._accruals[known] = Accrual(period_end(posting.time_ms))
        accrual.change += change
        accrual.fee += fee

    def _new_id(self, kind: str) -> int:
        if kind != CONTRACT:
            return next(self._ids)
        self._last_offset += 1
        return self._last_offset

    def total(self, user: str, kind: str, currency: str) -> Decimal:
        """Return what an account holds, hold included."""
        held = self._book.balance(user, f"hold:{kind}", currency)
        return self._book.balance(user, kind, currency) + held

    def _add(self, entry: LedgerEntry) -> None:
        entries = self._entries[entry.user, entry.account]
        place = len(entries)
        if entries and entry.time_ms < entries[-1].time_ms:
            place = bisect_right(entries, entry.time_ms, key=_time)
        entries.insert(place, entry)


def period_end(time_ms: int) -> int:
    """Return when the eight hours that hold a moment end."""
    return time_ms - (time_ms - PERIOD_OFFSET_MS) % PERIOD_MS + PERIOD_MS


def _pays(posting: Posting, change: Decimal) -> bool:
    """Tell whether an account bears its posting's fee: its owner, not who receives."""
    return posting.biz_type in (SPOT_TRADE, FUTURES_TRADE) or change < 0


def _time(entry: LedgerEntry) -> int:
    return entry.time_ms
