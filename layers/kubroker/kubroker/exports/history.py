"""KuCoin's histories: everything in one window, page by page.

A page that is short is no sign of the end: it is asked on until a page is empty, or until as many
records have come as KuCoin counts. What can't be read, or moves while it is read, is no success.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kubroker.exports.records import ExportKind, ExportRecord, build_record, is_final
from kubroker.exports.windows import MAX_WINDOW_RECORDS, MIN_SPAN_MS, Window
from kubroker.foundation.amounts import find_integer, parse_json
from kubroker.foundation.errors import KucoinOutcomeUnknownError
from kubroker.kucoin.identity import ProxyHost

FILLS_LIMIT = 100
TRADE_LEDGER_LIMIT = 200
FUTURES_LEDGER_LIMIT = 100
# A fill and its ledger entries may carry times a moment apart.
LEDGER_PAD_MS = 60_000
LIST_CHANGED = "KuCoin's list changed while it was read."


@dataclass(frozen=True, slots=True)
class HistoryCall:
    """A GET that is about to be signed."""

    host: ProxyHost
    path: str
    query: Mapping[str, str]


type Ask = Callable[[HistoryCall], Any]


@dataclass(frozen=True, slots=True)
class WindowReading:
    """What a window holds.

    Attributes:
        records: Each once, oldest first.
        missing: Trades that the ledger knows and the fills don't show.
        is_too_full: There are more than are read at once: ask for a shorter window.
    """

    records: list[ExportRecord] = field(default_factory=list)
    missing: int = 0
    is_too_full: bool = False


class _TooFullError(Exception):
    """The window holds more than is read at once."""


@dataclass(frozen=True, slots=True)
class _Paged:
    """A list in numbered pages."""

    host: ProxyHost
    path: str
    page_size: int


# Source: KuCoin's SDK. Futures fills: General, pool Futures, weight 5, pages of at most 1000;
# funding ledger, deposits, withdrawals: General, pool Management, weight 2, 5 and 20, at most 500.
_PAGED = {
    ExportKind.FUTURES_FILLS: _Paged("futures", "/api/v1/fills", 1000),
    ExportKind.FUNDING_LEDGER: _Paged("spot", "/api/v1/accounts/ledgers", 500),
    ExportKind.DEPOSITS: _Paged("spot", "/api/v1/deposits", 500),
    ExportKind.WITHDRAWALS: _Paged("spot", "/api/v1/withdrawals", 500),
}
_COUNTED = _PAGED.keys() - {ExportKind.DEPOSITS}


def read_window(kind: ExportKind, user_id: str, window: Window, ask: Ask) -> WindowReading:
    """Everything of a kind in a window.

    Args:
        kind: Of the records.
        user_id: Whose they are.
        window: At most ``export_windows.get_longest_ms(kind)`` long.
        ask: Signs and sends a call, gives its ``data``.

    Raises:
        KucoinOutcomeUnknownError: An answer can't be read, or is not whole.
        KubrokerError: What ``ask`` raises.
    """
    try:
        if kind is ExportKind.SPOT_FILLS:
            return _read_spot_fills(user_id, window, ask)
        raw = _list_raw(kind, window, ask)
        return WindowReading(_collect(kind, user_id, window, _cap(raw, window)))
    except _TooFullError:
        return WindowReading(is_too_full=True)


def _list_raw(kind: ExportKind, window: Window, ask: Ask) -> Iterator[Any]:
    if kind is ExportKind.TRADE_LEDGER:
        return _list_trade_ledger(window.asked_start_ms, window.asked_end_ms, ask)
    if kind is ExportKind.FUTURES_LEDGER:
        return _list_futures_ledger(window, ask)
    return _list_pages(_PAGED[kind], window, ask)


def _read_spot_fills(user_id: str, window: Window, ask: Ask) -> WindowReading:
    """The fills of every symbol that the trade ledger names, held against it."""
    symbols: set[str] = set()
    traded: set[tuple[str, str]] = set()
    entries = _list_trade_ledger(
        max(0, window.start_ms - LEDGER_PAD_MS),
        window.end_ms + LEDGER_PAD_MS,
        ask,
        bizType="TRADE_EXCHANGE",
    )
    for raw in _cap(entries, window, most=3 * MAX_WINDOW_RECORDS):
        symbol, trade_id = _find_trade(raw)
        symbols.add(symbol)
        if window.holds(_build(ExportKind.TRADE_LEDGER, user_id, raw).time_ms):
            traded.add((symbol, trade_id))
    found: list[Any] = []
    for symbol in sorted(symbols):
        found += _cap(
            _list_fills(symbol, window, ask), window, most=MAX_WINDOW_RECORDS, have=len(found)
        )
    shown = {(str(raw.get("symbol")), str(raw.get("tradeId"))) for raw in found}
    records = _collect(ExportKind.SPOT_FILLS, user_id, window, iter(found))
    return WindowReading(records, missing=len(traded - shown))


def _find_trade(raw: Any) -> tuple[str, str]:
    """Symbol and trade id of a ledger entry: its context is JSON text."""
    context = raw.get("context") if isinstance(raw, dict) else None
    try:
        told = parse_json(context) if isinstance(context, str) else None
    except (ValueError, RecursionError):
        told = None
    symbol, trade_id = (
        (told.get("symbol"), told.get("tradeId")) if isinstance(told, dict) else (None, None)
    )
    if not isinstance(symbol, str) or not symbol or not isinstance(trade_id, str | int):
        raise KucoinOutcomeUnknownError("A trade in KuCoin's ledger does not tell its symbol.")
    return symbol, str(trade_id)


def _collect(
    kind: ExportKind, user_id: str, window: Window, raw: Iterator[Any]
) -> list[ExportRecord]:
    """Records of the window, each once, oldest first.

    A record that a counted list shows twice stands where another one is not shown. Deposits have
    no id: those that are alike in all that never changes are told apart by number.
    """
    found: dict[str, ExportRecord] = {}
    shown: set[str] = set()
    for item in raw:
        if not is_final(kind, item):
            continue
        record = _build(kind, user_id, item)
        if record.record_id in shown and kind in _COUNTED:
            raise KucoinOutcomeUnknownError(LIST_CHANGED)
        shown.add(record.record_id)
        if not window.holds(record.time_ms):
            continue
        if kind is ExportKind.DEPOSITS:
            record = _number(record, found)
        found[record.record_id] = record
    return sorted(found.values(), key=lambda record: (record.time_ms, record.record_id))


def _number(record: ExportRecord, found: Mapping[str, ExportRecord]) -> ExportRecord:
    number, record_id = 1, record.record_id
    while record_id in found:
        number += 1
        record_id = f"{record.record_id}/{number}"
    return replace(record, record_id=record_id, fields={**record.fields, "recordId": record_id})


def _build(kind: ExportKind, user_id: str, raw: Any) -> ExportRecord:
    try:
        return build_record(kind, user_id, raw)
    except ValueError as error:
        raise KucoinOutcomeUnknownError(
            f"KuCoin's answer has one of the {kind} that can't be read: {error}."
        ) from error


def _cap(
    raw: Iterator[Any], window: Window, *, most: int = MAX_WINDOW_RECORDS, have: int = 0
) -> Iterator[Any]:
    """Ends the reading of a window that holds too much, where it can be made shorter."""
    for count, item in enumerate(raw, start=have + 1):
        if count > most and window.span_ms > MIN_SPAN_MS:
            raise _TooFullError
        yield item


def _list_pages(paged: _Paged, window: Window, ask: Ask) -> Iterator[Any]:
    """Numbered pages; their count may not change on the way, and none comes twice."""
    query = {**_show_span(window), "pageSize": str(paged.page_size)}
    total, count, page, before = None, 0, 1, None
    while total is None or count < total:
        data = ask(HistoryCall(paged.host, paged.path, query | {"currentPage": str(page)}))
        items = _get_list(data, "items")
        told = find_integer(data.get("totalNum"))
        if told is None:
            raise KucoinOutcomeUnknownError("KuCoin's answer has no usable totalNum.")
        if told > MAX_WINDOW_RECORDS and window.span_ms > MIN_SPAN_MS:
            raise _TooFullError
        total = told if total is None else total
        count, page = count + len(items), page + 1
        if told != total or count > total or items == before or (not items and count < total):
            raise KucoinOutcomeUnknownError(LIST_CHANGED)
        yield from items
        before = items


def _list_trade_ledger(start_ms: int, end_ms: int, ask: Ask, **more: str) -> Iterator[Any]:
    """Entries of the trade account.

    Source: ``GET /api/v1/hf/accounts/ledgers``, General, pool Spot, weight 2.
    """
    query = {"startAt": str(start_ms), "endAt": str(end_ms), **more}
    query["limit"] = str(TRADE_LEDGER_LIMIT)
    return _list_before("/api/v1/hf/accounts/ledgers", query, None, ask)


def _list_fills(symbol: str, window: Window, ask: Ask) -> Iterator[Any]:
    """Fills of one symbol.

    Source: ``GET /api/v1/hf/fills``, General, pool Spot, weight 2.
    """
    query = {"symbol": symbol, **_show_span(window), "limit": str(FILLS_LIMIT)}
    return _list_before("/api/v1/hf/fills", query, "items", ask)


def _list_before(path: str, query: dict[str, str], name: str | None, ask: Ask) -> Iterator[Any]:
    """Pages before an id, until one is empty."""
    last: int | None = None
    while True:
        before = {} if last is None else {"lastId": str(last)}
        items = _get_list(ask(HistoryCall("spot", path, query | before)), name)
        if not items:
            return
        yield from items
        last = _step(last, (item.get("id") for item in items))


def _list_futures_ledger(window: Window, ask: Ask) -> Iterator[Any]:
    """Pages before an offset, while there are more.

    Source: ``GET /api/v1/transaction-history`` on the futures host, General, pool Futures,
    weight 2. KuCoin's example of a Pending entry has the offset -1: no page starts before it.
    """
    query = {**_show_span(window), "maxCount": str(FUTURES_LEDGER_LIMIT)}
    last: int | None = None
    while True:
        before = {} if last is None else {"offset": str(last)}
        data = ask(HistoryCall("futures", "/api/v1/transaction-history", query | before))
        items = _get_list(data, "dataList")
        yield from items
        if not isinstance(data.get("hasMore"), bool):
            raise KucoinOutcomeUnknownError("KuCoin's answer does not say whether there is more.")
        if not data["hasMore"]:
            return
        settled = (item for item in items if is_final(ExportKind.FUTURES_LEDGER, item))
        last = _step(last, (item.get("offset") for item in settled))


def _show_span(window: Window) -> dict[str, str]:
    return {"startAt": str(window.asked_start_ms), "endAt": str(window.asked_end_ms)}


def _get_list(data: Any, name: str | None) -> list[dict[str, Any]]:
    found = data if name is None else data.get(name) if isinstance(data, dict) else None
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise KucoinOutcomeUnknownError("KuCoin's answer has no list of records.")
    return found


def _step(last: int | None, ids: Iterator[Any]) -> int:
    """The smallest id of a page: the next one starts before it; each page has to get further."""
    found = [find_integer(value, takes_text=True) for value in ids]
    known = [value for value in found if value is not None]
    if len(known) < len(found) or not known:
        raise KucoinOutcomeUnknownError("KuCoin's answer has a record without an id.")
    smallest = min(known)
    if last is not None and smallest >= last:
        raise KucoinOutcomeUnknownError("KuCoin gave the same page again.")
    return smallest
