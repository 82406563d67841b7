"""Users live days of trading: `POST /_sim/trade-history`, tens of thousands of fills in seconds.

Everything goes through the same engines and the same book as a caller's own orders, in the order
of time, and KuCoin's clock ends where the days do. Some orders fill in several parts within one
millisecond, some happen on the very hour or at midnight, some are cancelled: what an export that
joins windows must get right. Deposits, transfers and withdrawals happen beside the trading.
"""

import heapq
import random
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal

from local.kucoin_simulator.control import life_funds
from local.kucoin_simulator.control.call import Call
from local.kucoin_simulator.control.life_funds import SETTLEMENT, Purse
from local.kucoin_simulator.paging import DAY_MS, HOUR_MS
from local.kucoin_simulator.state import State
from local.kucoin_simulator.trading import futures_engine, matching, spot_engine
from local.kucoin_simulator.trading.symbols import CONTRACTS, SYMBOLS, Symbol
from local.kucoin_simulator.trading.trades import FUTURES, SPOT, Order
from local.kucoin_simulator.wire import Json
from local.kucoin_simulator.worlds import BadControlRequestError

SPOT_SYMBOLS = ("BTC-USDT", "ETH-USDT", "XRP-USDT", "KCS-USDT", "ETH-BTC", "BTC-USDC")
FUTURES_SYMBOLS = ("XBTUSDTM", "ETHUSDTM", "XBTUSDCM")
MAX_FILLS = 500_000
MAX_DAYS = 1000
PARTS = (1, 1, 1, 1, 2, 3)
MAX_LOTS = 20
ON_THE_HOUR = 0.03
CANCELLED = 0.05
STABLE = frozenset({"USDT", "USDC"})


@dataclass(slots=True)
class Life:
    """What the days are to hold.

    Attributes:
        fills: How many fills, exactly.
        futures_share: The part of the orders that goes to the futures venue.
        tagged_share: The part of the orders that carries the broker's tag.
        money_per_day: How often a user deposits, transfers, withdraws a day.
    """

    state: State
    users: list[str]
    days: float
    fills: int
    dice: random.Random
    symbols: tuple[str, ...] = SPOT_SYMBOLS
    contracts: tuple[str, ...] = FUTURES_SYMBOLS
    futures_share: float = 0.25
    tagged_share: float = 1.0
    money_per_day: float = 0.5
    counts: dict[str, int] = field(default_factory=dict)

    def live(self) -> Json:
        """Let the days pass; the clock stands still in between and then goes on as before."""
        clock, catalog = self.state.clock, self.state.funds.catalog
        was_frozen, prices = clock.is_frozen, dict(catalog.prices)
        liquidity = self.state.trades.liquidity
        start, before = clock.now_ms(), self._money()
        end = start + round(self.days * DAY_MS)
        clock.freeze(start)
        try:
            self.state.trades.liquidity = {}
            for name in self.users:
                Purse(self.state, name, self.dice).prepare()
            self._pass_days(start, end)
        finally:
            self.state.trades.liquidity = liquidity
            catalog.prices.clear()
            catalog.prices.update(prices)
            clock.jump_to(end)
            self.state.advance_withdrawals()
            self.state.ledgers.settle(end)
            if not was_frozen:
                clock.set_offset(clock.offset_ms)
        after = self._money()
        moved = {name: after[name] - before[name] for name in after}
        return {"startMs": start, "endMs": end, **self.counts, **moved}

    def _money(self) -> dict[str, int]:
        funds = self.state.funds
        return {"deposits": len(funds.deposits), "withdrawals": len(funds.withdrawals)}

    def _pass_days(self, start: int, end: int) -> None:
        events = self._plan(start, end)
        while events:
            moment, _, kind, user, parts = heapq.heappop(events)
            self.state.clock.jump_to(moment)
            if kind in (SPOT, FUTURES):
                self._drift()
                self._trade(kind, user, parts)
                continue
            due = Purse(self.state, user, self.dice).act(kind)
            if due is not None and due < end:
                heapq.heappush(events, (due, len(events), SETTLEMENT, user, 0))

    def _plan(self, start: int, end: int) -> list[tuple[int, int, str, str, int]]:
        """Draw who does what when: (moment, tie, kind, user, fills)."""
        dice, left, events = self.dice, self.fills, []
        while left:
            parts = min(left, dice.choice(PARTS))
            left -= parts
            venue = FUTURES if dice.random() < self.futures_share else SPOT
            events.append((self._moment(start, end), left, venue, dice.choice(self.users), parts))
        for user in self.users:
            for number in range(round(self.days * self.money_per_day)):
                kind = dice.choice(life_funds.KINDS)
                events.append((self._moment(start, end), -number, kind, user, 0))
        heapq.heapify(events)
        return events

    def _moment(self, start: int, end: int) -> int:
        moment = self.dice.randrange(start, end)
        if self.dice.random() < ON_THE_HOUR:
            unit = self.dice.choice((HOUR_MS, DAY_MS))
            moment = max(start, moment - moment % unit)
        return moment

    def _drift(self) -> None:
        """Let one price wander a little, never far from where it began."""
        prices = self.state.funds.catalog.prices
        code = self.dice.choice(("BTC", "ETH", "XRP", "KCS"))
        step = Decimal(self.dice.randrange(9960, 10041)) / 10000
        prices[code] = (prices[code] * step).quantize(Decimal("0.000001"))
        if not _LOW[code] < prices[code] < _HIGH[code]:
            prices[code] = (_LOW[code] + _HIGH[code]) / 2

    def _trade(self, venue: str, user: str, parts: int) -> None:
        order = self._spot_order(user) if venue == SPOT else self._futures_order(user)
        engine = spot_engine if venue == SPOT else futures_engine
        if self.dice.random() < CANCELLED:
            self._cancel_one(order)
        sizes = _split(order.size, parts, Decimal(1) if venue == FUTURES else _step(order))
        order.size = sum(sizes, Decimal(0))
        self.state.trades.liquidity[order.symbol] = sizes
        engine.place(self.state, order)
        self._count(f"{venue}Fills", parts)
        self._count("orders")

    def _cancel_one(self, like: Order) -> None:
        """Place an order of the same kind that never meets the market, and cancel it."""
        if like.venue == FUTURES:
            return
        symbol = SYMBOLS[like.symbol]
        order = self._new(SPOT, like.user, like.symbol, "buy")
        order.kind, order.size = "limit", like.size
        order.price = (symbol.price(self.state.funds.catalog) / 2).quantize(symbol.tick)
        if self._available(like.user, symbol.quote) > order.price * order.size * 2:
            spot_engine.place(self.state, order)
            matching.close(self.state, order, self.state.now_ms(), is_cancelled=True)
            self._count("cancelled")

    def _spot_order(self, user: str) -> Order:
        symbol = SYMBOLS[self.dice.choice(self.symbols)]
        worth = Decimal(self.dice.randrange(2000, 15000)) / 100
        side = self._side(user, symbol, worth)
        if side is None:
            Purse(self.state, user, self.dice).top_up("trade")
            symbol, side = SYMBOLS["BTC-USDT"], "buy"
        order = self._new(SPOT, user, symbol.name, side)
        price = self.state.funds.catalog.prices[symbol.base]
        order.size = max((worth / price).quantize(symbol.step, ROUND_DOWN), symbol.step * 3)
        return order

    def _side(self, user: str, symbol: Symbol, worth: Decimal) -> str | None:
        """Return a side that the trade account covers, None where it covers neither."""
        prices = self.state.funds.catalog.prices
        sides = [
            side
            for side, code in (("buy", symbol.quote), ("sell", symbol.base))
            if self._available(user, code) * prices[code] > worth * 2
        ]
        return self.dice.choice(sides) if sides else None

    def _futures_order(self, user: str) -> Order:
        contract = CONTRACTS[self.dice.choice(self.contracts)]
        if self.state.funds.book.balance(user, "contract", contract.settle) < 500:
            Purse(self.state, user, self.dice).top_up("contract", contract.settle)
        lots = self.state.trades.positions[user, contract.name].lots
        side = self.dice.choice(("buy", "sell"))
        if abs(lots) > MAX_LOTS:
            side = "sell" if lots > 0 else "buy"
        order = self._new(FUTURES, user, contract.name, side)
        order.size = Decimal(self.dice.randrange(3, 8))
        order.options = {"leverage": "5", "marginMode": "ISOLATED"}
        return order

    def _new(self, venue: str, user: str, symbol: str, side: str) -> Order:
        now, trades = self.state.now_ms(), self.state.trades
        is_tagged = self.dice.random() < self.tagged_share
        order_id = trades.new_order_id(venue)
        return Order(
            order_id=order_id,
            venue=venue,
            user=user,
            client_oid=f"life-{order_id}",
            symbol=symbol,
            side=side,
            kind="market",
            price=Decimal(0),
            size=Decimal(0),
            funds=Decimal(0),
            time_in_force="GTC",
            created_ms=now,
            updated_ms=now,
            is_tagged=is_tagged,
            partner="held" if is_tagged else "missing",
        )

    def _available(self, user: str, currency: str) -> Decimal:
        return self.state.funds.book.balance(user, "trade", currency)

    def _count(self, name: str, number: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + number


_LOW = {"BTC": Decimal(40000), "ETH": Decimal(2000), "XRP": Decimal("0.3"), "KCS": Decimal(6)}
_HIGH = {"BTC": Decimal(80000), "ETH": Decimal(4000), "XRP": Decimal("0.7"), "KCS": Decimal(14)}


def live(call: Call) -> Json:
    """Let users live days of trading: {users, days, fills, seed, futuresShare, …}."""
    body = dict(call.body)
    users = [str(name) for name in body.get("users", [])]
    if not users or any(name not in call.state.users for name in users):
        raise BadControlRequestError("users must name at least one user, all of them known")
    days, fills = float(body.get("days", 1)), int(body.get("fills", 0))
    if not 0 < days <= MAX_DAYS or not 0 <= fills <= MAX_FILLS:
        raise BadControlRequestError(f"days: at most {MAX_DAYS}; fills: at most {MAX_FILLS}")
    life = Life(
        state=call.state,
        users=users,
        days=days,
        fills=fills,
        dice=random.Random(body.get("seed")),  # noqa: S311 - reproducible, not secret
        symbols=tuple(body.get("symbols", SPOT_SYMBOLS)),
        contracts=tuple(body.get("contracts", FUTURES_SYMBOLS)),
        futures_share=float(body.get("futuresShare", 0.25)),
        tagged_share=float(body.get("taggedShare", 1)),
        money_per_day=float(body.get("moneyPerDay", 0.5)),
    )
    if not set(life.symbols) <= set(SYMBOLS) or not set(life.contracts) <= set(CONTRACTS):
        raise BadControlRequestError("symbols or contracts name an unknown one")
    return life.live()


def _split(size: Decimal, parts: int, step: Decimal) -> list[Decimal]:
    share = max((size / parts).quantize(step, ROUND_DOWN), step)
    return [share] * parts


def _step(order: Order) -> Decimal:
    return SYMBOLS[order.symbol].step
