"""The three ledgers as a caller sees them, each with its own window, paging and retention.

Source:
    KuCoin's SDK. `GET /api/v1/accounts/ledgers` (General, Management 2): a window of at most 24
    hours, one year kept, pages of at most 500. `GET /api/v1/hf/accounts/ledgers` (General, Spot
    2): lastId and limit of at most 200; a window longer than three days is silently cut. `GET
    /api/v1/transaction-history` on the futures host (General, Futures 2): at most one day; the
    next page is asked with the smallest offset of this one; with an open position the first page
    begins with the `Pending` profit and loss of the running eight hours, whose offset is -1 in
    KuCoin's example.
"""

from local.kucoin_simulator import paging, wire
from local.kucoin_simulator.exchange import Exchange
from local.kucoin_simulator.funds.ledgers import CONTRACT, MAIN, TRADE, LedgerEntry
from local.kucoin_simulator.paging import DAY_MS, Window
from local.kucoin_simulator.rest import ledger_views
from local.kucoin_simulator.wire import Json, Refusal, Response

DIRECTIONS = ("in", "out")
TRADE_BIZ_TYPES = (
    "TRADE_EXCHANGE",
    "TRANSFER",
    "SUB_TRANSFER",
    "RETURNED_FEES",
    "DEDUCTION_FEES",
    "OTHER",
)
FUTURES_TYPES = ("RealisedPNL", "Deposit", "Withdrawal", "TransferIn", "TransferOut")
MAX_COUNT = 100
PENDING_OFFSET = -1


def list_funding(exchange: Exchange) -> Response:
    """List the main account's entries of a window of at most 24 hours, latest first, in pages."""
    query, state = exchange.request.query(), exchange.state
    state.advance_withdrawals()
    window = paging.parse_window(exchange, DAY_MS)
    window = paging.keep(exchange, window, state.settings.funding_ledger_days)
    found = _find(exchange, MAIN, window)
    return wire.rest_ok(paging.show_page(query, found, ledger_views.funding))


def list_trade(exchange: Exchange) -> Response:
    """List the trade account's entries before lastId, latest first."""
    query, settings = exchange.request.query(), exchange.state.settings
    paging.parse_choice(query, "bizType", *TRADE_BIZ_TYPES)
    span_ms = round(settings.trade_ledger_window_days * DAY_MS)
    window = paging.parse_window(exchange, span_ms, clamps=True)
    window = paging.keep(exchange, window, settings.trade_ledger_days)
    limit = paging.parse_limit(query, 100, 200)
    last_id = paging.parse_number(query, "lastId", 0)
    found = [
        item for item in _find(exchange, TRADE, window) if not last_id or item.entry_id < last_id
    ]
    return wire.rest_ok([ledger_views.trade(item) for item in found[:limit]])


def list_futures(exchange: Exchange) -> Response:
    """List the futures account's entries of a window of at most one day, from an offset on."""
    query, state = exchange.request.query(), exchange.state
    state.ledgers.settle(state.now_ms())
    window = paging.parse_window(exchange, DAY_MS)
    kind = paging.parse_choice(query, "type", *FUTURES_TYPES)
    offset = paging.parse_number(query, "offset", 0)
    count = paging.parse_number(query, "maxCount", 50)
    if not 1 <= count <= MAX_COUNT:
        raise Refusal("400100", f"maxCount must be within 1 and {MAX_COUNT}")
    is_forward = paging.parse_choice(query, "forward", "true", "false", "True", "False")
    kept = paging.keep(exchange, window, state.settings.futures_ledger_days)
    entries = state.ledgers.entries(exchange.user.name, CONTRACT, kept.start_ms, kept.end_ms)
    found = [
        item
        for item in reversed(entries)
        if item.currency == (query.get("currency") or item.currency)
        and ledger_views.futures_type(item) == (kind or ledger_views.futures_type(item))
    ]
    if offset and is_forward.lower() == "false":
        newer = [item for item in found if item.entry_id > offset]
        shown, has_more = newer[-count:], len(newer) > count
    else:
        older = [item for item in found if not offset or item.entry_id < offset]
        shown, has_more = older[:count], len(older) > count
    listed = [ledger_views.futures(item) for item in shown]
    if not offset and kind in ("", "RealisedPNL"):
        listed = [*_pending(exchange, window), *listed]
    return wire.rest_ok({"dataList": listed, "hasMore": has_more})


def _find(exchange: Exchange, account: str, window: Window) -> list[LedgerEntry]:
    query = exchange.request.query()
    currencies = paging.parse_currencies(query)
    direction = paging.parse_choice(query, "direction", *DIRECTIONS)
    biz_type = query.get("bizType")
    entries = exchange.state.ledgers.entries(
        exchange.user.name, account, window.start_ms, window.end_ms
    )
    return [
        item
        for item in reversed(entries)
        if (not currencies or item.currency in currencies)
        and (not direction or ledger_views.direction(item) == direction)
        and (not biz_type or ledger_views.biz_type(item) == biz_type)
    ]


def _pending(exchange: Exchange, window: Window) -> list[Json]:
    state, user = exchange.state, exchange.user.name
    world, is_present = state.worlds.futures_pending, window.holds(state.now_ms())
    if world == "never" or (world == "present" and not is_present):
        return []
    wanted = exchange.request.query().get("currency")
    return [
        ledger_views.futures(
            LedgerEntry(
                entry_id=PENDING_OFFSET,
                user=user,
                account=CONTRACT,
                currency=currency,
                change=accrual.change,
                fee=accrual.fee,
                balance=state.ledgers.total(user, CONTRACT, currency),
                biz_type="RealisedPNL",
                time_ms=state.now_ms(),
                context=symbol,
            ),
            "Pending",
        )
        for currency, symbol, accrual in state.ledgers.pending(user)
        if currency == (wanted or currency)
    ]
