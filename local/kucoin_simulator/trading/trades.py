"""Orders, fills and positions as KuCoin keeps them, and how they are found again.

Ids have KuCoin's forms: spot order ids are object ids, futures order ids 18 digits; a fill's `id`
is unique, but a trade id only within its symbol, and beyond 2^53 (as on KuCoin's own page).
"""

import secrets
from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import Any

SPOT = "spot"
FUTURES = "futures"
FIRST_TRADE_ID = 11_029_373_945_659_392
FIRST_FILL_ID = 19_814_995_255_305
FIRST_FUTURES_ORDER_ID = 234_125_150_956_625_920
END_OF_TIME = 1 << 62


@dataclass(slots=True, eq=False)
class Order:
    """One order of either venue.

    Attributes:
        size: Base currency (spot) or lots (futures); zero for a market order by funds.
        funds: Quote currency of a market order by funds.
        options: Fields that only come back: postOnly, hidden, remark, leverage, …
        held: What it still keeps in hold, in `held_currency`.
        deal_funds: What its fills were worth.
        is_tagged: Whether the broker's headers held when it was placed, so that it earns a rebate.
        partner: The verdict on those headers.
    """

    order_id: str
    venue: str
    user: str
    client_oid: str
    symbol: str
    side: str
    kind: str
    price: Decimal
    size: Decimal
    funds: Decimal
    time_in_force: str
    created_ms: int
    updated_ms: int
    expires_ms: int = END_OF_TIME
    options: dict[str, Any] = field(default_factory=dict)
    held: Decimal = Decimal(0)
    held_currency: str = ""
    deal_size: Decimal = Decimal(0)
    deal_funds: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)
    is_active: bool = True
    is_cancelled: bool = False
    is_tagged: bool = False
    partner: str = ""
    entry_seq: int = 0

    @property
    def is_buy(self) -> bool:
        """Whether it buys."""
        return self.side == "buy"

    @property
    def remaining(self) -> Decimal:
        """What of its size is not filled."""
        return self.size - self.deal_size


@dataclass(frozen=True, slots=True, eq=False)
class Fill:
    """One trade of one order.

    Attributes:
        open_fee: Futures: the part of the fee for opening; the rest is for closing.
    """

    fill_id: int
    trade_id: int
    counter_order_id: str
    order: Order
    is_maker: bool
    price: Decimal
    size: Decimal
    funds: Decimal
    fee: Decimal
    fee_rate: Decimal
    fee_currency: str
    time_ms: int
    time_ns: int
    open_fee: Decimal = Decimal(0)


@dataclass(slots=True)
class Position:
    """A futures position: signed lots, their mean entry price, the margin they keep in hold."""

    lots: int = 0
    entry: Decimal = Decimal(0)
    margin: Decimal = Decimal(0)


class Trades:
    """Every order and fill of both venues."""

    def __init__(self) -> None:
        """Start empty."""
        self.orders: dict[str, Order] = {}
        self.by_client_oid: dict[tuple[str, str, str], Order] = {}
        self.resting: dict[str, list[Order]] = defaultdict(list)
        self.positions: dict[tuple[str, str], Position] = defaultdict(Position)
        self.liquidity: dict[str, list[Decimal]] = {}
        self.transfers: dict[tuple[str, str], str] = {}
        self._orders_of: dict[tuple[str, str], list[Order]] = defaultdict(list)
        self._fills_of: dict[tuple[str, str], list[Fill]] = defaultdict(list)
        self._fill_ids = count(FIRST_FILL_ID)
        self._trade_ids: dict[str, count[int]] = defaultdict(lambda: count(FIRST_TRADE_ID))
        self._futures_order_ids = count(FIRST_FUTURES_ORDER_ID)

    def new_order_id(self, venue: str) -> str:
        """Return the id of the next order of a venue."""
        return secrets.token_hex(12) if venue == SPOT else str(next(self._futures_order_ids))

    def next_fill_ids(self, symbol: str) -> tuple[int, int]:
        """Return the next fill id, and the next trade id of a symbol."""
        return next(self._fill_ids), next(self._trade_ids[symbol])

    def add_order(self, order: Order) -> None:
        """Keep a new order."""
        self.orders[order.order_id] = order
        self._orders_of[order.venue, order.user].append(order)
        if order.client_oid:
            self.by_client_oid[order.venue, order.user, order.client_oid] = order

    def add_fill(self, fill: Fill) -> None:
        """Keep a new fill, in the order of time."""
        fills = self._fills_of[fill.order.venue, fill.order.user]
        place = len(fills)
        if fills and fill.time_ns < fills[-1].time_ns:
            place = bisect_right(fills, fill.time_ns, key=_time_ns)
        fills.insert(place, fill)

    def orders_of(self, venue: str, user: str) -> list[Order]:
        """Return a user's orders of a venue, oldest first."""
        return self._orders_of[venue, user]

    def fills_of(
        self, venue: str, user: str, start_ms: int = 0, end_ms: int = END_OF_TIME
    ) -> list[Fill]:
        """Return a user's fills with start <= time <= end, oldest first."""
        fills = self._fills_of[venue, user]
        first = bisect_left(fills, start_ms, key=_time_ms)
        return fills[first : bisect_right(fills, end_ms, key=_time_ms)]


def _time_ms(fill: Fill) -> int:
    return fill.time_ms


def _time_ns(fill: Fill) -> int:
    return fill.time_ns
