"""Spot orders and fills, as a caller sees them.

Source:
    KuCoin's SDK: `POST /api/v1/hf/orders` (Spot, pool Spot 1), `DELETE …/{orderId}?symbol` (Spot,
    1), `GET …/active?symbol`, `…/done?symbol`, `…/{orderId}?symbol` and the same by `client-order`
    (General, Spot 2), `GET /api/v1/hf/fills` (General, Spot 2): a symbol is required, limit is at
    most 100, only the last seven days are shown and a longer window is silently cut. 400600
    (symbol) and the text "order not exist" are KuCoin's.
"""

from decimal import Decimal

from local.kucoin_simulator import paging, wire
from local.kucoin_simulator.exchange import Exchange
from local.kucoin_simulator.fields import check_texts, choose, decimal, flag
from local.kucoin_simulator.paging import DAY_MS
from local.kucoin_simulator.trading import matching, spot_engine, spot_views
from local.kucoin_simulator.trading.symbols import SYMBOLS, Symbol
from local.kucoin_simulator.trading.trades import END_OF_TIME, SPOT, Fill, Order
from local.kucoin_simulator.wire import Json, Refusal, Response

SIDES, KINDS, IN_FORCE = ("buy", "sell"), ("limit", "market"), ("GTC", "GTT", "IOC", "FOK")
TEXTS = {"clientOid": 40, "remark": 20, "tags": 20}
FLAGS = ("postOnly", "hidden", "iceberg")


def place_order(exchange: Exchange) -> Response:
    """Place a limit or market order.

    Raises:
        Refusal: 400100 a field, 400600 the symbol, 200004 the balance, a repeated clientOid.
    """
    order = _parse(exchange, exchange.json_body())
    matching.expire(exchange.state, SYMBOLS)
    spot_engine.place(exchange.state, order)
    return wire.rest_ok({"orderId": order.order_id, "clientOid": order.client_oid})


def cancel_order(exchange: Exchange) -> Response:
    """Cancel an order by its id or clientOid; only an active one."""
    order = _find(exchange)
    if not order.is_active:
        raise Refusal("400100", "order_not_exist_or_not_allow_to_cancel")
    matching.close(exchange.state, order, exchange.state.now_ms(), is_cancelled=True)
    if "clientOid" in exchange.params:
        return wire.rest_ok({"clientOid": order.client_oid})
    return wire.rest_ok({"orderId": order.order_id})


def get_order(exchange: Exchange) -> Response:
    """Tell one order by its id or clientOid."""
    return wire.rest_ok(spot_views.order(_find(exchange)))


def list_active(exchange: Exchange) -> Response:
    """List the active orders of a symbol, the latest change first."""
    symbol = _symbol(exchange)
    matching.expire(exchange.state, SYMBOLS)
    mine = exchange.state.trades.orders_of(SPOT, exchange.user.name)
    found = [item for item in mine if item.is_active and item.symbol == symbol.name]
    found.sort(key=lambda item: item.updated_ms, reverse=True)
    return wire.rest_ok([spot_views.order(item) for item in found])


def list_done(exchange: Exchange) -> Response:
    """List the ended orders of a symbol, the latest change first, by lastId."""
    query, symbol = exchange.request.query(), _symbol(exchange)
    matching.expire(exchange.state, SYMBOLS)
    window = paging.parse_window(exchange, 7 * DAY_MS, clamps=True)
    limit = paging.parse_limit(query, 20, 100)
    last_id = paging.parse_number(query, "lastId", 0)
    side, kind = _filters(query)
    mine = exchange.state.trades.orders_of(SPOT, exchange.user.name)
    found = [
        (number, item)
        for number, item in enumerate(mine, 1)
        if not item.is_active
        and item.symbol == symbol.name
        and item.side == (side or item.side)
        and item.kind == (kind or item.kind)
        and window.holds(item.updated_ms)
        and (not last_id or number < last_id)
    ]
    shown = found[::-1][:limit]
    return wire.rest_ok(
        {
            "lastId": shown[-1][0] if shown else last_id,
            "items": [spot_views.order(item) for _, item in shown],
        }
    )


def list_fills(exchange: Exchange) -> Response:
    """List fills of a symbol, latest first: those before lastId, at most `limit`."""
    query, symbol = exchange.request.query(), _symbol(exchange)
    days = exchange.state.settings.spot_fills_days
    window = paging.parse_window(exchange, round(days * DAY_MS), clamps=True)
    if query.get("orderId"):
        window = paging.Window(0, END_OF_TIME)
    window = paging.keep(exchange, window, days)
    limit = paging.parse_limit(query, 20, 100)
    last_id = paging.parse_number(query, "lastId", 0)
    side, kind = _filters(query)
    fills = exchange.state.trades.fills_of(SPOT, exchange.user.name, window.start_ms, window.end_ms)
    found = [
        item
        for item in reversed(fills)
        if item.order.symbol == symbol.name
        and item.order.order_id == (query.get("orderId") or item.order.order_id)
        and item.order.side == (side or item.order.side)
        and item.order.kind == (kind or item.order.kind)
        and (not last_id or item.fill_id < last_id)
        and item.fill_id != exchange.state.settings.hidden_fill_id
    ]
    return wire.rest_ok(_fill_page(found[:limit], last_id))


def _fill_page(shown: list[Fill], last_id: int) -> Json:
    return {
        "items": [spot_views.fill(item) for item in shown],
        "lastId": shown[-1].fill_id if shown else last_id,
    }


def _filters(query: dict[str, str]) -> tuple[str, str]:
    return paging.parse_choice(query, "side", *SIDES), paging.parse_choice(query, "type", *KINDS)


def _symbol(exchange: Exchange) -> Symbol:
    name = exchange.request.query().get("symbol", "")
    if not name:
        raise Refusal("400100", "symbol is required")
    if name not in SYMBOLS:
        raise Refusal("400600", "validation.createOrder.symbolNotAvailable")
    return SYMBOLS[name]


def _find(exchange: Exchange) -> Order:
    symbol, trades = _symbol(exchange), exchange.state.trades
    matching.expire(exchange.state, SYMBOLS)
    order = trades.orders.get(exchange.params.get("orderId", ""))
    if "clientOid" in exchange.params:
        known = (SPOT, exchange.user.name, exchange.params["clientOid"])
        order = trades.by_client_oid.get(known)
    is_ours = order is not None and order.user == exchange.user.name and order.venue == SPOT
    if order is None or not is_ours or order.symbol != symbol.name:
        raise Refusal("400100", "order not exist")
    return order


def _parse(exchange: Exchange, body: Json) -> Order:
    state, now = exchange.state, exchange.state.now_ms()
    side, kind = choose(body, "side", SIDES), choose(body, "type", KINDS, "limit")
    if body.get("symbol") not in SYMBOLS:
        raise Refusal("400600", "validation.createOrder.symbolNotAvailable")
    symbol = SYMBOLS[body["symbol"]]
    client_oid = check_texts(exchange, body, SPOT, TEXTS)
    in_force = choose(body, "timeInForce", IN_FORCE, "GTC")
    expires_ms = END_OF_TIME
    if in_force == "GTT":
        expires_ms = now + _cancel_after(body) * 1000
    price, size, funds = _parse_amounts(body, kind, symbol, symbol.price(state.funds.catalog))
    options: Json = {name: flag(body, name) for name in FLAGS}
    if options["postOnly"] and in_force in matching.AT_ONCE:
        raise Refusal("400100", "postOnly does not go with IOC or FOK")
    options |= {name: body.get(name) for name in ("remark", "tags", "stp")}
    options |= {"cancelAfter": body.get("cancelAfter", 0), "visibleSize": body.get("visibleSize")}
    return Order(
        order_id=state.trades.new_order_id(SPOT),
        venue=SPOT,
        user=exchange.user.name,
        client_oid=client_oid,
        symbol=symbol.name,
        side=side,
        kind=kind,
        price=price,
        size=size,
        funds=funds,
        time_in_force=in_force,
        created_ms=now,
        updated_ms=now,
        expires_ms=expires_ms,
        options=options,
        is_tagged=not exchange.entry.rebate_lost,
        partner=exchange.entry.partner,
        entry_seq=exchange.entry.seq,
    )


def _parse_amounts(
    body: Json, kind: str, symbol: Symbol, market: Decimal
) -> tuple[Decimal, Decimal, Decimal]:
    price, size, funds = (decimal(body, name) for name in ("price", "size", "funds"))
    if kind == "limit" and (not price or not size or funds):
        raise Refusal("400100", "a limit order needs price and size, and no funds")
    if kind == "market" and (price or bool(size) == bool(funds)):
        raise Refusal("400100", "a market order needs either size or funds, and no price")
    if price % symbol.tick:
        raise Refusal("400100", f"Price increment invalid: {symbol.tick:f}")
    if size % symbol.step:
        raise Refusal("400100", f"Order size increment invalid: {symbol.step:f}")
    worth = funds or size * (price or market)
    if worth < symbol.min_funds:
        raise Refusal("600101", f"The order funds should more then {symbol.min_funds:f}")
    return price, size, funds


def _cancel_after(body: Json) -> int:
    seconds = body.get("cancelAfter")
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds <= 0:
        raise Refusal("400100", "GTT needs cancelAfter in seconds")
    return seconds
