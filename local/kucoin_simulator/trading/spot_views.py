"""Spot orders, fills and trade-ledger entries in KuCoin's form."""

from decimal import Decimal

from local.kucoin_simulator.funds.catalog import plain
from local.kucoin_simulator.trading.symbols import SYMBOLS
from local.kucoin_simulator.trading.trades import Fill, Order
from local.kucoin_simulator.wire import Json

NOTHING = Decimal(0)


def order(item: Order) -> Json:
    """Return an order; nothing in it tells whether the broker's tag held."""
    options = item.options
    return {
        "id": item.order_id,
        "clientOid": item.client_oid,
        "symbol": item.symbol,
        "opType": "DEAL",
        "type": item.kind,
        "side": item.side,
        "price": plain(item.price),
        **_amounts(item),
        "feeCurrency": SYMBOLS[item.symbol].quote,
        "stp": options.get("stp"),
        "timeInForce": item.time_in_force,
        "postOnly": options.get("postOnly", False),
        "hidden": options.get("hidden", False),
        "iceberg": options.get("iceberg", False),
        "visibleSize": options.get("visibleSize") or "0",
        "cancelAfter": options.get("cancelAfter", 0),
        "channel": "API",
        "remark": options.get("remark"),
        "tags": options.get("tags"),
        "cancelExist": item.is_cancelled,
        "tradeType": "TRADE",
        "inOrderBook": item.is_active,
        "active": item.is_active,
        "tax": "0",
        "createdAt": item.created_ms,
        "lastUpdatedAt": item.updated_ms,
    }


def _amounts(item: Order) -> Json:
    funds = item.funds or item.price * item.size
    left_size = item.remaining if item.size else NOTHING
    left_funds = max(NOTHING, funds - item.deal_funds) if funds else NOTHING
    is_cut = item.is_cancelled
    return {
        "size": plain(item.size),
        "funds": plain(funds),
        "dealSize": plain(item.deal_size),
        "dealFunds": plain(item.deal_funds),
        "remainSize": plain(NOTHING if is_cut else left_size),
        "remainFunds": plain(NOTHING if is_cut else left_funds),
        "cancelledSize": plain(left_size if is_cut else NOTHING),
        "cancelledFunds": plain(left_funds if is_cut else NOTHING),
        "fee": plain(item.fee),
    }


def fill(item: Fill) -> Json:
    """Return a fill: `id` and `tradeId` are numbers, and `tradeId` beyond 2^53."""
    return {
        "id": item.fill_id,
        "orderId": item.order.order_id,
        "counterOrderId": item.counter_order_id,
        "tradeId": item.trade_id,
        "symbol": item.order.symbol,
        "side": item.order.side,
        "liquidity": "maker" if item.is_maker else "taker",
        "type": item.order.kind,
        "forceTaker": False,
        "price": plain(item.price),
        "size": plain(item.size),
        "funds": plain(item.funds),
        "fee": plain(item.fee),
        "feeRate": plain(item.fee_rate),
        "feeCurrency": item.fee_currency,
        "stop": "",
        "tradeType": "TRADE",
        "taxRate": "0",
        "tax": "0",
        "createdAt": item.time_ms,
    }
