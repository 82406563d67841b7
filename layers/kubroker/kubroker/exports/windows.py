"""Which windows of KuCoin's histories an export asks for, and which can't be had any more. Pure.

A record belongs to the window that holds its own time: start <= time < end. KuCoin is asked for a
little more on both sides, so that neither an end that is left out nor a time that is told in
nanoseconds loses one; what lies outside is passed over. So windows share no record.

Source: KuCoin's SDK, each endpoint's window and what it keeps. Where a window that is too long is
cut without a word (spot fills, trade ledger) one of a day is asked for: well within what is shown.
The trade ledger shows the last three days only, whatever is asked for: older windows would come
back empty. Spot fills are asked for by symbol, and only the trade ledger tells which: without an
archive they reach back no further. (KuCoin, "Get Account Ledgers - Trade_hf".)
"""

from collections.abc import Mapping
from dataclasses import dataclass

from kubroker.exports.records import ExportKind
from kubroker.foundation.kucoin_protocol import KucoinProtocol

DAY_MS = 86_400_000
PAD_MS = 1_000
MIN_SPAN_MS = 1_000
# Records may show up a moment after they happened; futures fills, KuCoin says, even later.
SETTLE_MS = 60_000
# The collector never looks back, so it waits for longer.
ARCHIVE_SETTLE_MS = 3_600_000
# What KuCoin is about to forget may be gone before the call arrives.
RETENTION_MARGIN_MS = 600_000
# A window with more records is read in halves: nothing holds more of them at once.
MAX_WINDOW_RECORDS = 5_000
BEYOND_RETENTION = "beyond_retention"
NOT_OVER_YET = "not_over_yet"
RECORDS_MISSING = "records_missing"
ARCHIVE_EXPIRED = "archive_expired"
ACCOUNT_CHANGED = "account_changed"
EARLIER_ACCOUNT = "earlier_account"

_LONGEST_DAYS = {
    ExportKind.SPOT_FILLS: 1,
    ExportKind.FUTURES_FILLS: 7,
    ExportKind.FUNDING_LEDGER: 1,
    ExportKind.TRADE_LEDGER: 1,
    ExportKind.FUTURES_LEDGER: 1,
    ExportKind.DEPOSITS: 7,
    ExportKind.WITHDRAWALS: 7,
}


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time in epoch milliseconds: start <= time < end."""

    start_ms: int
    end_ms: int

    @property
    def asked_start_ms(self) -> int:
        """What KuCoin is asked from."""
        return max(0, self.start_ms - PAD_MS)

    @property
    def asked_end_ms(self) -> int:
        """What KuCoin is asked to."""
        return self.end_ms + PAD_MS

    @property
    def span_ms(self) -> int:
        """How long it is."""
        return self.end_ms - self.start_ms

    def holds(self, time_ms: int) -> bool:
        """Whether a record of that time belongs to it."""
        return self.start_ms <= time_ms < self.end_ms


def get_longest_ms(kind: ExportKind) -> int:
    """The longest window of a kind, so that KuCoin takes it with what is asked on both sides."""
    return _LONGEST_DAYS[kind] * DAY_MS - 2 * PAD_MS


def find_oldest_ms(kind: ExportKind, protocol: KucoinProtocol, now_ms: int) -> int:
    """From when on KuCoin still shows records of a kind; 0 where it forgets none."""
    days: Mapping[ExportKind, int] = {
        ExportKind.SPOT_FILLS: min(protocol.spot_fills_days, protocol.trade_ledger_days),
        ExportKind.FUTURES_FILLS: protocol.futures_fills_days,
        ExportKind.FUNDING_LEDGER: protocol.funding_ledger_days,
        ExportKind.TRADE_LEDGER: protocol.trade_ledger_days,
        ExportKind.FUTURES_LEDGER: protocol.futures_ledger_days,
    }
    if kind not in days:
        return 0
    return max(0, now_ms - days[kind] * DAY_MS + RETENTION_MARGIN_MS)


def find_newest_ms(now_ms: int) -> int:
    """Until when records are sure to be shown."""
    return now_ms - SETTLE_MS


@dataclass(frozen=True, slots=True)
class Stretch:
    """The next stretch of a period: windows may be asked for in it, or it can't be had.

    Attributes:
        window: From the cursor on.
        gap: Why it can't be had, or None.
    """

    window: Window
    gap: str | None = None


def find_stretch(
    kind: ExportKind, cursor_ms: int, end_ms: int, *, protocol: KucoinProtocol, now_ms: int
) -> Stretch:
    """What comes next of a kind, as KuCoin keeps it.

    Args:
        kind: Of the records.
        cursor_ms: Until here it is done.
        end_ms: Until here at most.
        protocol: How long KuCoin keeps what.
        now_ms: KuCoin's clock.
    """
    oldest, newest = find_oldest_ms(kind, protocol, now_ms), find_newest_ms(now_ms)
    if cursor_ms < oldest:
        return Stretch(Window(cursor_ms, min(end_ms, oldest)), BEYOND_RETENTION)
    if cursor_ms >= newest:
        return Stretch(Window(cursor_ms, end_ms), NOT_OVER_YET)
    return Stretch(Window(cursor_ms, min(end_ms, newest)))
