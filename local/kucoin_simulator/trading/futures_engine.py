"""Futures matching: linear perpetual contracts, one position a symbol, margin kept in hold.

An order holds the margin of the lots that would enlarge the position, and the fee. A fill first
closes what the position has on the other side (profit or loss is realised, its margin released),
then opens with the rest. A loss that the account cannot bear is KuCoin's.

Source:
    KuCoin's SDK. Fees at VIP 0: maker 0.02 %, taker 0.06 %, in the settlement currency. 300003
    (balance) and 300009 (no position to close) are KuCoin's.
"""

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_UP, Decimal

from local.kucoin_simulator.funds.accounts import new_id
from local.kucoin_simulator.funds.book import KUCOIN, Account, InsufficientFundsError
from local.kucoin_simulator.funds.ledgers import CONTRACT, FUTURES_TRADE
from local.kucoin_simulator.state import State
from local.kucoin_simulator.trading import matching
from local.kucoin_simulator.trading.symbols import CONTRACTS, Contract
from local.kucoin_simulator.trading.trades import Fill, Order, Position
from local.kucoin_simulator.wire import Refusal

DIGITS = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class _Deal:
    """The figures of one fill."""

    lots: int
    price: Decimal
    closing: int
    open_fee: Decimal
    close_fee: Decimal
    profit: Decimal
    released: Decimal
    margin: Decimal


def place(state: State, order: Order) -> None:
    """Take a checked order: hold margin and fee, match it, let the rest wait.

    Raises:
        Refusal: 300003, the futures account does not cover it; nothing was kept.
    """
    contract, now = CONTRACTS[order.symbol], order.created_ms
    state.ledgers.settle(now)
    _hold(state, order, contract)
    state.trades.add_order(order)
    price = contract.price(state.funds.catalog)
    if not matching.crosses(order, price):
        matching.rest_or_cancel(state, order, now)
    elif order.options.get("postOnly"):
        matching.close(state, order, now, is_cancelled=True)
    else:
        _match(state, order, price, now, is_maker=False)
        if order.is_active:
            matching.rest_or_cancel(state, order, now)


def rematch(state: State) -> None:
    """Fill every resting order that the market has reached."""
    state.ledgers.settle(state.now_ms())
    for contract in CONTRACTS.values():
        price = contract.price(state.funds.catalog)
        for order in list(state.trades.resting[contract.name]):
            if matching.crosses(order, price):
                _match(state, order, order.price, state.now_ms(), is_maker=True)


def closable(state: State, user: str, symbol: str, side: str) -> int:
    """Return how many lots an order of a side would close."""
    lots = state.trades.positions[user, symbol].lots
    return max(0, -lots) if side == "buy" else max(0, lots)


def _hold(state: State, order: Order, contract: Contract) -> None:
    price = order.price or contract.price(state.funds.catalog)
    lots = int(order.size)
    enlarging = max(0, lots - closable(state, order.user, order.symbol, order.side))
    margin = contract.value(enlarging, price) / Decimal(str(order.options["leverage"]))
    fee = contract.value(enlarging, price) * Decimal(state.settings.futures_taker_rate)
    amount = (margin + fee).quantize(DIGITS, ROUND_UP)
    if amount and not matching.hold(state, order, contract.settle, amount):
        raise Refusal("300003", "Balance insufficient, please deposit first.")


def _match(state: State, order: Order, price: Decimal, now_ms: int, *, is_maker: bool) -> None:
    while order.remaining:
        if order.options.get("reduceOnly"):
            left = closable(state, order.user, order.symbol, order.side)
            if not left:
                matching.close(state, order, now_ms, is_cancelled=True)
                return
            order.size = min(order.size, order.deal_size + left)
        lots = int(matching.take_liquidity(state, order.symbol, order.remaining))
        if not lots:
            return
        try:
            _fill(state, order, (lots, price), now_ms, is_maker=is_maker)
        except InsufficientFundsError:  # the position it was to close is gone
            matching.close(state, order, now_ms, is_cancelled=True)
            return
    matching.close(state, order, now_ms)


def _fill(
    state: State, order: Order, taken: tuple[int, Decimal], now_ms: int, *, is_maker: bool
) -> None:
    contract = CONTRACTS[order.symbol]
    settings = state.settings
    rate = Decimal(settings.futures_maker_rate if is_maker else settings.futures_taker_rate)
    position = state.trades.positions[order.user, order.symbol]
    deal = _work_out(order, position, taken, rate)
    fill_id, trade_id = state.trades.next_fill_ids(contract.name)
    fill = Fill(
        fill_id=fill_id,
        trade_id=trade_id,
        counter_order_id=new_id(),
        order=order,
        is_maker=is_maker,
        price=deal.price,
        size=Decimal(deal.lots),
        funds=contract.value(deal.lots, deal.price),
        fee=deal.open_fee + deal.close_fee,
        fee_rate=rate,
        fee_currency=contract.settle,
        time_ms=now_ms,
        time_ns=now_ms * 1_000_000 + fill_id % 1_000_000,
        open_fee=deal.open_fee,
    )
    _pay(state, fill, deal)
    _move(position, deal, is_buy=order.is_buy)
    order.deal_size += fill.size
    order.deal_funds += fill.funds
    order.fee += fill.fee
    order.updated_ms = now_ms
    state.trades.add_fill(fill)


def _work_out(order: Order, position: Position, taken: tuple[int, Decimal], rate: Decimal) -> _Deal:
    contract, (lots, price) = CONTRACTS[order.symbol], taken
    held = abs(position.lots)
    is_other_side = position.lots < 0 if order.is_buy else position.lots > 0
    closing = min(lots, held) if is_other_side else 0
    gain = price - position.entry if position.lots > 0 else position.entry - price
    released = position.margin
    if closing < held:
        released = (position.margin * closing / held).quantize(DIGITS, ROUND_DOWN)
    leverage = Decimal(str(order.options["leverage"]))
    return _Deal(
        lots=lots,
        price=price,
        closing=closing,
        open_fee=(contract.value(lots - closing, price) * rate).quantize(DIGITS, ROUND_UP),
        close_fee=(contract.value(closing, price) * rate).quantize(DIGITS, ROUND_UP),
        profit=(gain * contract.multiplier * closing).quantize(DIGITS, ROUND_HALF_EVEN),
        released=released if closing else Decimal(0),
        margin=(contract.value(lots - closing, price) / leverage).quantize(DIGITS, ROUND_DOWN),
    )


def _pay(state: State, fill: Fill, deal: _Deal) -> None:
    order, currency = fill.order, fill.fee_currency
    from_hold = min(order.held, deal.margin + deal.open_fee)
    order.held -= from_hold
    in_hold = deal.margin - from_hold - deal.released
    available = state.funds.book.balance(order.user, CONTRACT, currency)
    profit = deal.profit
    if profit < 0:
        profit = max(profit, fill.fee + in_hold - available)
    legs = {
        Account(order.user, CONTRACT, currency): profit - fill.fee - in_hold,
        Account(order.user, f"hold:{CONTRACT}", currency): in_hold,
        Account(KUCOIN, "futures_pnl", currency): -profit,
        Account(KUCOIN, "trading_fees", currency): fill.fee,
    }
    context = {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "tradeId": str(fill.trade_id),
    }
    reference = str(fill.fill_id)
    state.funds.book.post(FUTURES_TRADE, reference, fill.time_ms, legs, context=context)


def _move(position: Position, deal: _Deal, *, is_buy: bool) -> None:
    opening = deal.lots - deal.closing
    held = abs(position.lots) - deal.closing
    position.margin += deal.margin - deal.released
    if opening:
        worth = position.entry * held + deal.price * opening
        position.entry = worth / (held + opening)
    position.lots += deal.lots if is_buy else -deal.lots
    if not position.lots:
        position.entry = Decimal(0)
