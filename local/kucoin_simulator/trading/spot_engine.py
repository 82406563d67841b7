"""Spot matching: orders meet the simulator's own liquidity (matching.py).

Source:
    KuCoin's SDK: fields and timeInForce. The fee (VIP 0: 0.1 %) is in the quote currency. 200004
    for too little balance is KuCoin's. A postOnly order that would take is cancelled.
"""

from decimal import ROUND_DOWN, ROUND_UP, Decimal

from local.kucoin_simulator.funds.accounts import new_id
from local.kucoin_simulator.funds.book import KUCOIN, Account
from local.kucoin_simulator.funds.ledgers import SPOT_TRADE
from local.kucoin_simulator.state import State
from local.kucoin_simulator.trading import matching
from local.kucoin_simulator.trading.symbols import SYMBOLS, Symbol
from local.kucoin_simulator.trading.trades import Fill, Order
from local.kucoin_simulator.wire import Refusal

FEE_DIGITS = Decimal("0.000000000001")


def place(state: State, order: Order) -> None:
    """Take a checked order: hold what it needs, match it, let the rest wait.

    Raises:
        Refusal: 200004, the trade account does not cover it; nothing was kept.
    """
    symbol, now = SYMBOLS[order.symbol], order.created_ms
    _hold(state, order, symbol)
    state.trades.add_order(order)
    price = symbol.price(state.funds.catalog)
    if not matching.crosses(order, price):
        matching.rest_or_cancel(state, order, now)
    elif order.options.get("postOnly") or not matching.has_liquidity(
        state, order, _wanted(order, symbol, price)
    ):
        matching.close(state, order, now, is_cancelled=True)
    else:
        _match(state, order, price, now, is_maker=False)
        if order.is_active:
            matching.rest_or_cancel(state, order, now)


def rematch(state: State) -> None:
    """Fill every resting order that the market has reached, and end those whose time is over."""
    matching.expire(state, SYMBOLS)
    for symbol in SYMBOLS.values():
        price = symbol.price(state.funds.catalog)
        for order in list(state.trades.resting[symbol.name]):
            if matching.crosses(order, price):
                _match(state, order, order.price, state.now_ms(), is_maker=True)


def _hold(state: State, order: Order, symbol: Symbol) -> None:
    price = order.price or symbol.price(state.funds.catalog)
    if order.is_buy:
        worth = order.funds or price * order.size
        fee = (worth * Decimal(state.settings.spot_fee_rate)).quantize(FEE_DIGITS, ROUND_UP)
        is_covered = matching.hold(state, order, symbol.quote, worth + fee)
    else:
        size = order.size or (order.funds / price).quantize(symbol.step, ROUND_UP)
        is_covered = matching.hold(state, order, symbol.base, size)
    if not is_covered:
        raise Refusal("200004", "Balance insufficient!")


def _wanted(order: Order, symbol: Symbol, price: Decimal) -> Decimal:
    if order.size:
        return order.remaining
    return ((order.funds - order.deal_funds) / price).quantize(symbol.step, ROUND_DOWN)


def _match(state: State, order: Order, price: Decimal, now_ms: int, *, is_maker: bool) -> None:
    symbol = SYMBOLS[order.symbol]
    while wanted := _wanted(order, symbol, price):
        size = matching.take_liquidity(state, order.symbol, wanted)
        if not size:
            return
        _fill(state, order, (size, price), now_ms, is_maker=is_maker)
    matching.close(state, order, now_ms)


def _fill(
    state: State, order: Order, deal: tuple[Decimal, Decimal], now_ms: int, *, is_maker: bool
) -> None:
    symbol, (size, price) = SYMBOLS[order.symbol], deal
    rate, funds = Decimal(state.settings.spot_fee_rate), size * price
    fee = (funds * rate).quantize(FEE_DIGITS, ROUND_DOWN)
    fill_id, trade_id = state.trades.next_fill_ids(symbol.name)
    fill = Fill(
        fill_id=fill_id,
        trade_id=trade_id,
        counter_order_id=new_id(),
        order=order,
        is_maker=is_maker,
        price=price,
        size=size,
        funds=funds,
        fee=fee,
        fee_rate=rate,
        fee_currency=symbol.quote,
        time_ms=now_ms,
        time_ns=now_ms * 1_000_000 + fill_id % 1_000_000,
    )
    _pay(state, fill, symbol)
    order.deal_size += size
    order.deal_funds += funds
    order.fee += fee
    order.updated_ms = now_ms
    state.trades.add_fill(fill)


def _pay(state: State, fill: Fill, symbol: Symbol) -> None:
    order, user = fill.order, fill.order.user
    if order.is_buy:
        gives, gets = fill.funds + fill.fee, fill.size
        given, got, other = symbol.quote, symbol.base, fill.funds
    else:
        gives, gets = fill.size, fill.funds - fill.fee
        given, got, other = symbol.base, symbol.quote, fill.size
    order.held -= gives
    legs = {
        Account(user, "hold:trade", given): -gives,
        Account(user, "trade", got): gets,
        Account(KUCOIN, "liquidity", given): other,
        Account(KUCOIN, "liquidity", got): -gets if order.is_buy else -fill.funds,
        Account(KUCOIN, "trading_fees", symbol.quote): fill.fee,
    }
    context = {
        "symbol": symbol.name,
        "orderId": order.order_id,
        "tradeId": str(fill.trade_id),
    }
    reference = str(fill.fill_id)
    state.funds.book.post(SPOT_TRADE, reference, fill.time_ms, legs, context=context)
