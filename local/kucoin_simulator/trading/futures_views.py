"""Futures orders and fills in KuCoin's form: sizes are JSON numbers, times partly nanoseconds."""

from decimal import Decimal

from local.kucoin_simulator.funds.catalog import plain
from local.kucoin_simulator.trading.symbols import CONTRACTS
from local.kucoin_simulator.trading.trades import Fill, Order
from local.kucoin_simulator.wire import Json

STOP = {
    "stop": "",
    "stopPriceType": "",
    "stopTriggered": False,
    "stopPrice": None,
}


def order(item: Order) -> Json:
    """Return an order."""
    options = item.options
    return {
        "id": item.order_id,
        "symbol": item.symbol,
        "type": item.kind,
        "side": item.side,
        "price": plain(item.price) if item.price else None,
        **_amounts(item),
        "stp": options.get("stp") or "",
        **STOP,
        "timeInForce": item.time_in_force,
        "postOnly": options.get("postOnly", False),
        "hidden": options.get("hidden", False),
        "iceberg": options.get("iceberg", False),
        "leverage": options.get("leverage", "1"),
        "forceHold": options.get("forceHold", False),
        "closeOrder": options.get("closeOrder", False),
        "visibleSize": 0,
        "clientOid": item.client_oid,
        "remark": options.get("remark"),
        "tags": "",
        "isActive": item.is_active,
        "cancelExist": item.is_cancelled,
        "createdAt": item.created_ms,
        "updatedAt": item.updated_ms,
        "endAt": None if item.is_active else item.updated_ms,
        "orderTime": item.created_ms * 1_000_000 + int(item.order_id) % 1_000_000,
        "marginMode": options.get("marginMode", "ISOLATED"),
        "status": "open" if item.is_active else "done",
        "reduceOnly": options.get("reduceOnly", False),
    }


def _amounts(item: Order) -> Json:
    contract = CONTRACTS[item.symbol]
    lots, filled = int(item.size), int(item.deal_size)
    mean = Decimal(0)
    if filled:
        mean = (item.deal_funds / (contract.multiplier * filled)).quantize(Decimal("0.00000001"))
    return {
        "size": lots,
        "value": plain(contract.value(lots, item.price) if item.price else item.deal_funds),
        "dealValue": plain(item.deal_funds),
        "dealSize": filled,
        "settleCurrency": contract.settle,
        "avgDealPrice": plain(mean),
        "filledSize": filled,
        "filledValue": plain(item.deal_funds),
    }


def fill(item: Fill) -> Json:
    """Return a fill: `tradeId` is a string, `tradeTime` in nanoseconds, `size` in lots."""
    ordered = item.order
    return {
        "symbol": ordered.symbol,
        "tradeId": str(item.trade_id),
        "orderId": ordered.order_id,
        "side": ordered.side,
        "liquidity": "maker" if item.is_maker else "taker",
        "forceTaker": False,
        "price": plain(item.price),
        "size": int(item.size),
        "value": plain(item.funds),
        "openFeePay": plain(item.open_fee),
        "closeFeePay": plain(item.fee - item.open_fee),
        "stop": "",
        "feeRate": plain(item.fee_rate),
        "fixFee": "0",
        "feeCurrency": item.fee_currency,
        "subTradeType": None,
        "marginMode": ordered.options.get("marginMode", "ISOLATED"),
        "openFeeTaxPay": "0",
        "closeFeeTaxPay": "0",
        "displayType": ordered.kind,
        "fee": plain(item.fee),
        "settleCurrency": item.fee_currency,
        "orderType": ordered.kind,
        "tradeType": "trade",
        "tradeTime": item.time_ns,
        "createdAt": item.time_ms,
    }
