"""Control over trading: prices, liquidity, deposits, and the record of all that ever was."""

from collections.abc import Callable, Iterable
from decimal import Decimal

from local.kucoin_simulator.control.call import Call
from local.kucoin_simulator.funds import deposits
from local.kucoin_simulator.funds.catalog import plain
from local.kucoin_simulator.funds.ledgers import CONTRACT, MAIN, TRADE
from local.kucoin_simulator.rest import ledger_views, withdrawal_history
from local.kucoin_simulator.state import State
from local.kucoin_simulator.trading import futures_engine, futures_views, spot_engine, spot_views
from local.kucoin_simulator.trading.symbols import CONTRACTS, SYMBOLS
from local.kucoin_simulator.trading.trades import FUTURES, SPOT
from local.kucoin_simulator.wire import Json
from local.kucoin_simulator.worlds import BadControlRequestError

type Moments = Iterable[tuple[int, Json]]


def put_prices(call: Call) -> Json:
    """Set prices in US dollars; resting orders that the market reaches are filled."""
    catalog = call.state.funds.catalog
    changes = {code: Decimal(str(price)) for code, price in call.body.items()}
    if any(price <= 0 or code not in catalog.currencies for code, price in changes.items()):
        raise BadControlRequestError("a price must be positive and of a known currency")
    catalog.prices.update(changes)
    rematch(call.state)
    return {code: plain(price) for code, price in catalog.prices.items()}


def rematch(state: State) -> None:
    """Fill what the market has reached, on both venues."""
    spot_engine.rematch(state)
    futures_engine.rematch(state)


def put_liquidity(call: Call) -> Json:
    """Set the sizes of the counter-orders of symbols; null takes the bounds away."""
    liquidity = call.state.trades.liquidity
    for name, sizes in call.body.items():
        if name not in SYMBOLS and name not in CONTRACTS:
            raise BadControlRequestError(f"no symbol {name}")
        if sizes is None:
            liquidity.pop(name, None)
            continue
        parsed = [Decimal(str(size)) for size in sizes]
        if any(size <= 0 for size in parsed):
            raise BadControlRequestError("a size must be positive")
        liquidity[name] = parsed
    rematch(call.state)
    return {name: [plain(size) for size in sizes] for name, sizes in liquidity.items()}


def add_deposit(call: Call) -> Json:
    """Let a deposit arrive at an address of a user."""
    body, state = call.body, call.state
    user = state.users[call.name]
    wanted = (user.name, str(body["currency"]), str(body["chain"]))
    address = next(
        (
            item
            for item in reversed(state.funds.addresses)
            if (item.user, item.currency, item.chain_id) == wanted
        ),
        None,
    )
    status, amount = str(body.get("status", "SUCCESS")), Decimal(str(body["amount"]))
    if address is None or status not in deposits.STATUSES or amount <= 0:
        raise BadControlRequestError("no such address, status or amount")
    deposit = deposits.arrive(address, amount, state.now_ms(), remark=str(body.get("remark", "")))
    state.funds.deposits.append(deposit)
    state.funds.settle_deposit(deposit, status, state.now_ms())
    return {"id": deposit.deposit_id, "user": user.name, **deposit.as_json()}


def patch_deposit(call: Call) -> Json:
    """Let a deposit that is PROCESSING come to its end."""
    wanted = call.name
    found = next(item for item in call.state.funds.deposits if item.deposit_id == wanted)
    status = str(call.body["status"])
    if found.status != "PROCESSING" or status not in deposits.STATUSES:
        raise BadControlRequestError("only a PROCESSING deposit can change its status")
    call.state.funds.settle_deposit(found, status, call.state.now_ms())
    return {"id": found.deposit_id, "user": found.user, **found.as_json()}


def get_records(call: Call) -> Json:
    """Return every record of a kind, whatever KuCoin would still show of it."""
    state, query = call.state, call.query
    if call.name not in KINDS:
        raise BadControlRequestError(f"no kind {call.name!r}; known: {', '.join(KINDS)}")
    state.advance_withdrawals()
    state.ledgers.settle(state.now_ms())
    start, end = int(query.get("startAt", 0)), int(query.get("endAt", 1 << 62))
    users = [query["user"]] if "user" in query else list(state.users)
    records = [
        _as_record(user, record)
        for user in users
        for moment, record in KINDS[call.name](state, user)
        if start <= moment <= end
    ]
    return {"records": records}


def _as_record(user: str, record: Json) -> Json:
    facts = record.pop("_facts", None)
    return {"user": user, "record": record, **({"facts": facts} if facts else {})}


def _spot_orders(state: State, user: str) -> Moments:
    for item in state.trades.orders_of(SPOT, user):
        facts = {"isTagged": item.is_tagged, "partner": item.partner, "seq": item.entry_seq}
        yield item.created_ms, {**spot_views.order(item), "_facts": facts}


def _futures_orders(state: State, user: str) -> Moments:
    for item in state.trades.orders_of(FUTURES, user):
        facts = {"isTagged": item.is_tagged, "partner": item.partner, "seq": item.entry_seq}
        yield item.created_ms, {**futures_views.order(item), "_facts": facts}


def _spot_fills(state: State, user: str) -> Moments:
    for item in state.trades.fills_of(SPOT, user):
        yield item.time_ms, spot_views.fill(item)


def _futures_fills(state: State, user: str) -> Moments:
    for item in state.trades.fills_of(FUTURES, user):
        yield item.time_ms, futures_views.fill(item)


def _funding_ledger(state: State, user: str) -> Moments:
    for item in state.ledgers.entries(user, MAIN):
        yield item.time_ms, ledger_views.funding(item)


def _trade_ledger(state: State, user: str) -> Moments:
    for item in state.ledgers.entries(user, TRADE):
        yield item.time_ms, ledger_views.trade(item)


def _futures_ledger(state: State, user: str) -> Moments:
    for item in state.ledgers.entries(user, CONTRACT):
        yield item.time_ms, ledger_views.futures(item)


def _deposits(state: State, user: str) -> Moments:
    for item in state.funds.deposits:
        if item.user == user:
            yield item.created_ms, item.as_json()


def _withdrawals(state: State, user: str) -> Moments:
    for item in state.funds.withdrawals.values():
        if item.user == user:
            yield item.created_ms, withdrawal_history.show(state, item)


KINDS: dict[str, Callable[[State, str], Moments]] = {
    "spot-orders": _spot_orders,
    "spot-fills": _spot_fills,
    "futures-orders": _futures_orders,
    "futures-fills": _futures_fills,
    "funding-ledger": _funding_ledger,
    "trade-ledger": _trade_ledger,
    "futures-ledger": _futures_ledger,
    "deposits": _deposits,
    "withdrawals": _withdrawals,
}
