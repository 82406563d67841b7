"""Futures orders, fills and the account, as a caller sees them.

Source:
    KuCoin's SDK, futures host: `POST /api/v1/orders` (Futures, pool Futures 2), `DELETE …/{id}`
    (Futures, 1), `GET /api/v1/orders` (General, 2), `GET …/{id}` (General, 5), `GET /api/v1/fills`
    (General, 5): a window of at most seven days, pages of at most 1000, about three months kept;
    `GET /api/v1/account-overview` (Futures, 5). 100001, 100004 and 300009 are KuCoin's.
"""

from decimal import Decimal

from local.kucoin_simulator import paging, wire
from local.kucoin_simulator.exchange import Exchange
from local.kucoin_simulator.fields import check_texts, choose, decimal, flag
from local.kucoin_simulator.paging import DAY_MS
from local.kucoin_simulator.trading import futures_engine, futures_views, matching
from local.kucoin_simulator.trading.symbols import CONTRACTS, Contract
from local.kucoin_simulator.trading.trades import FUTURES, SPOT, Order
from local.kucoin_simulator.wire import Json, Refusal, Response

SIDES, KINDS, IN_FORCE = ("buy", "sell"), ("limit", "market"), ("GTC", "IOC")
MARGIN_MODES = ("ISOLATED", "CROSS")
TEXTS = {"clientOid": 40, "remark": 100}
FLAGS = ("postOnly", "hidden", "iceberg", "reduceOnly", "closeOrder", "forceHold")
MAX_PAGE = 1000
MAX_LEVERAGE = 125


def place_order(exchange: Exchange) -> Response:
    """Place a limit or market order in lots.

    Raises:
        Refusal: 400100 a field, 300009 nothing to close, 300003 the balance, a repeated clientOid.
    """
    order = _parse(exchange, exchange.json_body())
    futures_engine.place(exchange.state, order)
    return wire.rest_ok({"orderId": order.order_id, "clientOid": order.client_oid})


def cancel_order(exchange: Exchange) -> Response:
    """Cancel an active order by its id."""
    order = _find(exchange)
    if not order.is_active:
        raise Refusal("100004", "The order cannot be canceled.")
    matching.close(exchange.state, order, exchange.state.now_ms(), is_cancelled=True)
    return wire.rest_ok({"cancelledOrderIds": [order.order_id]})


def get_order(exchange: Exchange) -> Response:
    """Tell one order by its id."""
    return wire.rest_ok(futures_views.order(_find(exchange)))


def find_by_client_oid(exchange: Exchange) -> Response:
    """Tell one order by its clientOid."""
    known = (FUTURES, exchange.user.name, exchange.request.query().get("clientOid", ""))
    order = exchange.state.trades.by_client_oid.get(known)
    if order is None:
        raise Refusal("100001", "error.getOrder.orderNotExist")
    return wire.rest_ok(futures_views.order(order))


def list_orders(exchange: Exchange) -> Response:
    """List orders, latest first, page by page; ended ones unless status says active."""
    query = exchange.request.query()
    status = paging.parse_choice(query, "status", "active", "done") or "done"
    start = paging.parse_number(query, "startAt", 0)
    end = paging.parse_number(query, "endAt", exchange.state.now_ms())
    side = paging.parse_choice(query, "side", *SIDES)
    mine = exchange.state.trades.orders_of(FUTURES, exchange.user.name)
    found = [
        item
        for item in reversed(mine)
        if item.is_active == (status == "active")
        and item.symbol == (query.get("symbol") or item.symbol)
        and item.side == (side or item.side)
        and item.kind == (query.get("type") or item.kind)
        and start <= item.created_ms <= end
    ]
    page = paging.show_page(query, found, futures_views.order, lowest=1, highest=MAX_PAGE)
    return wire.rest_ok(page)


def list_fills(exchange: Exchange) -> Response:
    """List fills of a window of at most seven days, latest first, page by page."""
    query = exchange.request.query()
    window = paging.parse_window(exchange, 7 * DAY_MS)
    if query.get("orderId"):
        window = paging.Window(0, exchange.state.now_ms())
    window = paging.keep(exchange, window, exchange.state.settings.futures_fills_days)
    side = paging.parse_choice(query, "side", *SIDES)
    fills = exchange.state.trades.fills_of(
        FUTURES, exchange.user.name, window.start_ms, window.end_ms
    )
    found = [
        item
        for item in reversed(fills)
        if item.order.symbol == (query.get("symbol") or item.order.symbol)
        and item.order.order_id == (query.get("orderId") or item.order.order_id)
        and item.order.side == (side or item.order.side)
        and item.order.kind == (query.get("type") or item.order.kind)
    ]
    page = paging.show_page(query, found, futures_views.fill, lowest=1, highest=MAX_PAGE)
    return wire.rest_ok(page)


def get_account(exchange: Exchange) -> Response:
    """Tell the futures account of one settlement currency, in JSON numbers."""
    currency = exchange.request.query().get("currency", "XBT")
    book, user = exchange.state.funds.book, exchange.user.name
    available = book.balance(user, "contract", currency)
    held = book.balance(user, "hold:contract", currency)
    margins = [
        position.margin
        for (owner, symbol), position in exchange.state.trades.positions.items()
        if owner == user and CONTRACTS[symbol].settle == currency
    ]
    in_positions = sum(margins, Decimal(0))
    return wire.rest_ok(
        {
            "accountEquity": float(available + held),
            "unrealisedPNL": 0.0,
            "marginBalance": float(available + held),
            "positionMargin": float(in_positions),
            "orderMargin": float(held - in_positions),
            "frozenFunds": 0.0,
            "availableBalance": float(available),
            "currency": currency,
            "riskRatio": 0.0,
            "maxWithdrawAmount": float(available),
        }
    )


def _find(exchange: Exchange) -> Order:
    order = exchange.state.trades.orders.get(exchange.params["orderId"])
    if order is None or order.user != exchange.user.name or order.venue == SPOT:
        raise Refusal("100001", "error.getOrder.orderNotExist")
    return order


def _parse(exchange: Exchange, body: Json) -> Order:
    state, now, user = exchange.state, exchange.state.now_ms(), exchange.user.name
    if body.get("symbol") not in CONTRACTS:
        raise Refusal("400100", "symbol is invalid")
    contract = CONTRACTS[body["symbol"]]
    kind = choose(body, "type", KINDS, "limit")
    client_oid = check_texts(exchange, body, FUTURES, TEXTS)
    if not client_oid:
        raise Refusal("400100", "clientOid is required")
    options: Json = {name: flag(body, name) for name in FLAGS}
    side, size = _parse_side_and_size(exchange, body, contract, closes=options["closeOrder"])
    options["reduceOnly"] = options["reduceOnly"] or options["closeOrder"]
    if options["reduceOnly"] and not futures_engine.closable(state, user, contract.name, side):
        raise Refusal("300009", "No open positions to close.")
    options |= {
        "leverage": _parse_leverage(body, is_optional=options["reduceOnly"]),
        "marginMode": choose(body, "marginMode", MARGIN_MODES, "ISOLATED"),
        "remark": body.get("remark"),
        "stp": body.get("stp"),
        "visibleSize": body.get("visibleSize"),
    }
    return Order(
        order_id=state.trades.new_order_id(FUTURES),
        venue=FUTURES,
        user=user,
        client_oid=client_oid,
        symbol=contract.name,
        side=side,
        kind=kind,
        price=_parse_price(body, kind, contract),
        size=Decimal(size),
        funds=Decimal(0),
        time_in_force=choose(body, "timeInForce", IN_FORCE, "GTC"),
        created_ms=now,
        updated_ms=now,
        options=options,
        is_tagged=not exchange.entry.rebate_lost,
        partner=exchange.entry.partner,
        entry_seq=exchange.entry.seq,
    )


def _parse_side_and_size(
    exchange: Exchange, body: Json, contract: Contract, *, closes: bool
) -> tuple[str, int]:
    if closes:
        lots = exchange.state.trades.positions[exchange.user.name, contract.name].lots
        return ("buy" if lots < 0 else "sell"), abs(lots)
    size = body.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or size <= 0:
        raise Refusal("400100", "size must be a positive whole number of lots")
    return choose(body, "side", SIDES), size


def _parse_price(body: Json, kind: str, contract: Contract) -> Decimal:
    price = decimal(body, "price")
    if (kind == "limit") != bool(price):
        raise Refusal("400100", "a limit order needs a price, a market order has none")
    if price % contract.tick:
        raise Refusal("400100", f"Price increment invalid: {contract.tick:f}")
    return price


def _parse_leverage(body: Json, *, is_optional: bool) -> str:
    value = body.get("leverage", "1" if is_optional else None)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.isascii() or not value.isdigit():
        raise Refusal("400100", "leverage is required, a whole number")
    if not 1 <= int(value) <= MAX_LEVERAGE:
        raise Refusal("400100", f"leverage must be within 1 and {MAX_LEVERAGE}")
    return value
