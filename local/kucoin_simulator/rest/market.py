"""Balances, currencies and prices.

Source:
    KuCoin's SDK: `GET /api/v1/accounts` (General, Management 5), `GET /api/v3/currencies` and
    `…/{currency}` (public 3), `GET /api/v1/prices` (public 3), `GET /api/v2/symbols` (public 4), on
    the futures host `GET /api/v1/contracts/active` (public 3), `GET /api/v1/hf/accounts/opened`
    (General, Spot 2: whether the account trades through the `hf` calls; every one does). `GET
    /api/v3/margin/symbols` and `/api/v1/isolated/symbols` (public 3) list nothing: there is no
    margin here. `GET /api/v1/market/allTickers` (public 15) tells one price a market and no trade
    of the day.
"""

import hashlib
from decimal import Decimal

from local.kucoin_simulator import wire
from local.kucoin_simulator.exchange import Exchange
from local.kucoin_simulator.funds.book import Account
from local.kucoin_simulator.funds.catalog import BASES, plain
from local.kucoin_simulator.trading.symbols import CONTRACTS, SYMBOLS, Symbol
from local.kucoin_simulator.wire import Json, Refusal, Response

ACCOUNT_TYPES = ("main", "trade")
PRICE_DIGITS = Decimal("0.00000001")


def list_accounts(exchange: Exchange) -> Response:
    """List the user's main and trade accounts."""
    query = exchange.request.query()
    if query.get("type", "main") not in ACCOUNT_TYPES:
        raise Refusal("400100", "type must be main or trade")
    exchange.state.advance_withdrawals()
    user = exchange.user.name
    listed = [
        _describe(exchange, account)
        for account in exchange.state.funds.book.balances(user)
        if account.kind in ACCOUNT_TYPES
        and account.kind == query.get("type", account.kind)
        and account.currency == query.get("currency", account.currency)
    ]
    return wire.rest_ok(listed)


def _describe(exchange: Exchange, account: Account) -> Json:
    book = exchange.state.funds.book
    name = f"{account.owner}/{account.kind}/{account.currency}"
    available = book.balance(account.owner, account.kind, account.currency)
    held = book.balance(account.owner, f"hold:{account.kind}", account.currency)
    return {
        "id": hashlib.sha256(name.encode()).hexdigest()[:24],
        "currency": account.currency,
        "type": account.kind,
        "balance": plain(available + held),
        "available": plain(available),
        "holds": plain(held),
    }


def list_currencies(exchange: Exchange) -> Response:
    """List every currency with its chains."""
    currencies = exchange.state.funds.catalog.currencies.values()
    return wire.rest_ok([currency.as_json() for currency in currencies])


def get_currency(exchange: Exchange) -> Response:
    """Tell one currency, with one chain where one is named."""
    currency = exchange.state.funds.catalog.currencies.get(exchange.params["currency"])
    if currency is None:
        raise Refusal("900003", "Currency not exists")
    described = currency.as_json()
    wanted = exchange.request.query().get("chain")
    if wanted:
        chain = currency.find_chain(wanted)
        if chain is None:
            raise Refusal("900014", "Invalid chainId")
        described["chains"] = [chain.as_json()]
    return wire.rest_ok(described)


def list_prices(exchange: Exchange) -> Response:
    """Tell fiat prices of the currencies asked for (all where none is named)."""
    query = exchange.request.query()
    base = query.get("base") or "USD"
    if base not in BASES:
        raise Refusal("400100", "base must be a fiat currency")
    prices = exchange.state.funds.catalog.prices
    wanted = [code for code in query.get("currencies", "").split(",") if code] or list(prices)
    return wire.rest_ok(
        {
            code: plain((prices[code] / BASES[base]).quantize(PRICE_DIGITS))
            for code in wanted
            if code in prices
        }
    )


def list_symbols(exchange: Exchange) -> Response:
    """List every spot market."""
    return wire.rest_ok([symbol.as_json() for symbol in SYMBOLS.values()])


def list_contracts(exchange: Exchange) -> Response:
    """List every futures contract."""
    catalog = exchange.state.funds.catalog
    return wire.rest_ok([contract.as_json(catalog) for contract in CONTRACTS.values()])


def tell_hf(exchange: Exchange) -> Response:
    """Tell that the account trades through the `hf` calls."""
    return wire.rest_ok(True)


def list_margin_symbols(exchange: Exchange) -> Response:
    """List the cross margin markets: none."""
    return wire.rest_ok({"timestamp": exchange.state.now_ms(), "items": []})


def list_isolated_symbols(exchange: Exchange) -> Response:
    """List the isolated margin markets: none."""
    return wire.rest_ok([])


def list_tickers(exchange: Exchange) -> Response:
    """List what every spot market costs now."""
    state = exchange.state
    tickers = [
        _ticker(symbol, plain(symbol.price(state.funds.catalog)), state.settings.spot_fee_rate)
        for symbol in SYMBOLS.values()
    ]
    return wire.rest_ok({"time": state.now_ms(), "ticker": tickers})


def _ticker(symbol: Symbol, price: str, fee_rate: str) -> Json:
    prices = dict.fromkeys(("buy", "sell", "last", "high", "low", "averagePrice"), price)
    nothing = dict.fromkeys(("bestBidSize", "bestAskSize", "changeRate", "changePrice"), "0")
    return {
        "symbol": symbol.name,
        "symbolName": symbol.name,
        **prices,
        **nothing,
        "vol": "0",
        "volValue": "0",
        "takerFeeRate": fee_rate,
        "makerFeeRate": fee_rate,
        "takerCoefficient": "1",
        "makerCoefficient": "1",
    }
