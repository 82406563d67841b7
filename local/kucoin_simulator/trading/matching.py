"""What both venues share: funds in hold, liquidity, the end of an order.

The market's price is the catalog's. Unless `PUT /_sim/liquidity` says otherwise there is enough at
that price for every order, in one fill. With a list of sizes each size is one counter-order: an
order takes them in turn, and what is left of it rests, or is cancelled, as its timeInForce says. A
resting order is filled as the maker, at its own price, once the market reaches it.
"""

from collections.abc import Iterable
from decimal import Decimal

from local.kucoin_simulator.funds.book import Account, InsufficientFundsError
from local.kucoin_simulator.state import State
from local.kucoin_simulator.trading.trades import SPOT, Order

AT_ONCE = ("IOC", "FOK")


def hold(state: State, order: Order, currency: str, amount: Decimal) -> bool:
    """Put into hold what an order needs; tell whether the account covers it."""
    legs = {
        Account(order.user, account_of(order), currency): -amount,
        Account(order.user, f"hold:{account_of(order)}", currency): amount,
    }
    try:
        state.funds.book.post("Order hold", order.order_id, order.created_ms, legs)
    except InsufficientFundsError:
        return False
    order.held, order.held_currency = amount, currency
    return True


def close(state: State, order: Order, now_ms: int, *, is_cancelled: bool = False) -> None:
    """End an order and give back what it still holds."""
    order.is_active, order.is_cancelled, order.updated_ms = False, is_cancelled, now_ms
    waiting = state.trades.resting[order.symbol]
    if order in waiting:
        waiting.remove(order)
    if order.held:
        legs = {
            Account(order.user, f"hold:{account_of(order)}", order.held_currency): -order.held,
            Account(order.user, account_of(order), order.held_currency): order.held,
        }
        state.funds.book.post("Order release", order.order_id, now_ms, legs)
        order.held = Decimal(0)


def expire(state: State, symbols: Iterable[str]) -> None:
    """End the orders whose cancelAfter has passed."""
    now = state.now_ms()
    for name in symbols:
        for order in [item for item in state.trades.resting[name] if item.expires_ms <= now]:
            close(state, order, order.expires_ms, is_cancelled=True)


def crosses(order: Order, price: Decimal) -> bool:
    """Tell whether an order can be filled at the market's price."""
    if order.kind == "market":
        return True
    return order.price >= price if order.is_buy else order.price <= price


def has_liquidity(state: State, order: Order, wanted: Decimal) -> bool:
    """Tell whether all of an order can be filled, where it must be (FOK)."""
    sizes = state.trades.liquidity.get(order.symbol)
    return order.time_in_force != "FOK" or sizes is None or sum(sizes) >= wanted


def take_liquidity(state: State, symbol: str, wanted: Decimal) -> Decimal:
    """Take up to so much from the next counter-order of a symbol."""
    sizes = state.trades.liquidity.get(symbol)
    if sizes is None:
        return wanted
    if not sizes:
        return Decimal(0)
    taken = min(wanted, sizes[0])
    sizes[0] -= taken
    if not sizes[0]:
        sizes.pop(0)
    return taken


def rest_or_cancel(state: State, order: Order, now_ms: int) -> None:
    """Let what is left of an order wait in the order book, or end it."""
    if order.kind == "market" or order.time_in_force in AT_ONCE:
        close(state, order, now_ms, is_cancelled=True)
    else:
        state.trades.resting[order.symbol].append(order)


def account_of(order: Order) -> str:
    """Return the kind of account that pays for an order."""
    return "trade" if order.venue == SPOT else "contract"
