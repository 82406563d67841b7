"""An account's histories at KuCoin, page by page: strict about what is asked, and a little mean.

lastId and offset leave out the record that they name, both ends of a window belong to it, the
latest record comes first, and a window or page that KuCoin would refuse is an error.
"""

import json
from decimal import Decimal

from kubroker.exports.records import ExportKind
from kubroker.exports.windows import DAY_MS, Window, get_longest_ms

START_MS = 1_700_000_000_000
# From here on ids get longer, so that texts and numbers sort differently.
FIRST_ID = 95
NUMBERED = {
    ("futures", "/api/v1/fills"): (ExportKind.FUTURES_FILLS, 7, 1000),
    ("spot", "/api/v1/accounts/ledgers"): (ExportKind.FUNDING_LEDGER, 1, 500),
    ("spot", "/api/v1/deposits"): (ExportKind.DEPOSITS, 7, 500),
    ("spot", "/api/v1/withdrawals"): (ExportKind.WITHDRAWALS, 7, 500),
}
FILLS = ("spot", "/api/v1/hf/fills")
TRADE_LEDGER = ("spot", "/api/v1/hf/accounts/ledgers")
FUTURES_LEDGER = ("futures", "/api/v1/transaction-history")
LEDGER = {"currency": "USDT", "amount": "1.50", "direction": "out", "bizType": "TRANSFER"}
FIELDS = {
    ExportKind.SPOT_FILLS: {"symbol": "BTC-USDT", "side": "buy", "price": "60000.10"},
    ExportKind.FUTURES_FILLS: {"symbol": "XBTUSDTM", "side": "buy", "size": 3},
    ExportKind.FUNDING_LEDGER: LEDGER,
    ExportKind.TRADE_LEDGER: LEDGER,
    ExportKind.FUTURES_LEDGER: {"currency": "USDT", "amount": -1, "status": "Completed"},
    ExportKind.DEPOSITS: {"currency": "USDT", "amount": "5", "address": "T1"},
    ExportKind.WITHDRAWALS: {"currency": "USDT", "amount": "5", "address": "T1"},
}


def day(kind):
    """The longest window of a kind, from the beginning on."""
    return Window(START_MS, START_MS + get_longest_ms(kind))


def build(kind, number, time_ms, **fields):
    """A record as KuCoin tells it."""
    ids = {
        ExportKind.SPOT_FILLS: {"id": number, "tradeId": 2**53 + number},
        ExportKind.FUTURES_FILLS: {"tradeId": str(number), "orderId": f"o{number}"},
        ExportKind.FUTURES_LEDGER: {"offset": number},
        ExportKind.DEPOSITS: {"walletTxId": f"tx{number}"},
    }.get(kind, {"id": str(number)})
    time = {
        ExportKind.FUTURES_FILLS: {"tradeTime": int(f"{time_ms}000123")},
        ExportKind.FUTURES_LEDGER: {"time": time_ms},
        ExportKind.TRADE_LEDGER: {"createdAt": str(time_ms)},
    }.get(kind, {"createdAt": time_ms})
    return {**FIELDS[kind], **ids, **time, **fields}


def get_time(raw):
    if "tradeTime" in raw:
        return raw["tradeTime"] // 1_000_000
    return int(raw.get("time") or raw["createdAt"])


class Account:
    """Records of every kind, and a server of them.

    Attributes:
        most: No page is longer, whatever is asked for.
        is_end_included: Whether a record at just endAt is shown.
        pending: What the first page of the futures ledger begins with.
        tamper: Changes an answer: called with its number and its data, gives what is sent.
        before: Called with an answer's number before it is made.
    """

    def __init__(self):
        self.records: dict[ExportKind, list[dict]] = {kind: [] for kind in ExportKind}
        self.asked = []
        self.most = 1000
        self.is_end_included = True
        self.pending = []
        self.tamper = lambda number, data: data
        self.before = lambda number: None
        self._next_id = FIRST_ID

    def add(self, kind, time_ms, **fields):
        """A record; a spot fill comes with an entry for each of its two currencies."""
        raw = build(kind, self.new_id(), time_ms, **fields)
        self.records[kind].append(raw)
        if kind is ExportKind.SPOT_FILLS:
            self.add_traded(raw["symbol"], raw["tradeId"], time_ms)
            self.add_traded(raw["symbol"], raw["tradeId"], time_ms)
        return raw

    def add_traded(self, symbol, trade_id, time_ms):
        """What the trade ledger tells of a trade."""
        context = json.dumps({"symbol": symbol, "orderId": "o", "tradeId": str(trade_id)})
        return self.add(ExportKind.TRADE_LEDGER, time_ms, bizType="TRADE_EXCHANGE", context=context)

    def spread(self, kind, count, window):
        """Records from the window's first to its last millisecond."""
        last = window.span_ms - 1
        for number in range(count):
            self.add(kind, window.start_ms + last * number // max(1, count - 1))

    def new_id(self):
        self._next_id += 1
        return self._next_id - 1

    def ask(self, call):
        """Answers, as the wire would have it."""
        number = len(self.asked)
        self.asked.append(call)
        self.before(number)
        query = dict(call.query)
        where = (call.host, call.path)
        show = {
            FILLS: self._show_fills,
            TRADE_LEDGER: self._show_trade_ledger,
            FUTURES_LEDGER: self._show_futures_ledger,
        }.get(where) or (lambda query: self._show_numbered(query, *NUMBERED[where]))
        data = show(query)
        assert not query, f"KuCoin knows no {query}"
        return json.loads(json.dumps(self.tamper(number, data)), parse_float=Decimal)

    def _find(self, kind, query, longest_days):
        start, end = int(query.pop("startAt")), int(query.pop("endAt"))
        assert 0 <= start <= end <= start + longest_days * DAY_MS
        end -= 0 if self.is_end_included else 1
        found = [raw for raw in self.records[kind] if start <= get_time(raw) <= end]
        return found[::-1]

    def _show_fills(self, query):
        symbol = query.pop("symbol")
        found = [
            raw for raw in self._find(ExportKind.SPOT_FILLS, query, 7) if raw["symbol"] == symbol
        ]
        shown = self._cut(found, query, "lastId", "id", "limit", 100)
        return {"items": shown, "lastId": shown[-1]["id"] if shown else 0}

    def _show_trade_ledger(self, query):
        kind = query.pop("bizType", None)
        found = self._find(ExportKind.TRADE_LEDGER, query, 3)
        found = [raw for raw in found if raw["bizType"] == (kind or raw["bizType"])]
        return self._cut(found, query, "lastId", "id", "limit", 200)

    def _show_futures_ledger(self, query):
        is_first = "offset" not in query
        found = self._find(ExportKind.FUTURES_LEDGER, query, 1)
        shown = self._cut(found, query, "offset", "offset", "maxCount", 100)
        has_more = bool(shown) and shown[-1] is not found[-1]
        return {"hasMore": has_more, "dataList": [*(self.pending if is_first else []), *shown]}

    def _cut(self, found, query, mark, name, size, most):
        limit, last = int(query.pop(size)), query.pop(mark, None)
        assert 1 <= limit <= most
        assert last is None or int(last) > 0
        older = [raw for raw in found if last is None or int(raw[name]) < int(last)]
        return older[: min(limit, self.most)]

    def _show_numbered(self, query, kind, longest_days, most):
        page, size = int(query.pop("currentPage")), int(query.pop("pageSize"))
        assert page >= 1
        assert 10 <= size <= most
        size = min(size, self.most)
        found = self._find(kind, query, longest_days)
        return {
            "currentPage": page,
            "pageSize": size,
            "totalNum": len(found),
            "totalPage": -(-len(found) // size),
            "items": found[(page - 1) * size : page * size],
        }
