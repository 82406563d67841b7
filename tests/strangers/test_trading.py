"""Spot and futures trading through public clients; BTC costs 60000."""

import ccxt
import pytest
from kucoin.exceptions import KucoinAPIException
from kucoin_universal_sdk.generate.futures.order import AddOrderReq as AddFuturesOrderReq
from kucoin_universal_sdk.generate.futures.order import AddOrderReqBuilder as FuturesOrderBuilder
from kucoin_universal_sdk.generate.futures.order import (
    CancelOrderByIdReqBuilder,
    GetOrderListReq,
    GetOrderListReqBuilder,
)
from kucoin_universal_sdk.generate.futures.order import (
    GetOrderByOrderIdReqBuilder as FuturesOrderByIdBuilder,
)
from kucoin_universal_sdk.generate.futures.order import (
    GetTradeHistoryReqBuilder as FuturesFillsBuilder,
)
from kucoin_universal_sdk.generate.spot.market import (
    GetAllSymbolsReqBuilder,
)
from kucoin_universal_sdk.generate.spot.order import (
    AddOrderReq,
    AddOrderReqBuilder,
    CancelOrderByOrderIdReqBuilder,
    GetClosedOrdersReqBuilder,
    GetOpenOrdersReqBuilder,
    GetOrderByClientOidReqBuilder,
    GetOrderByOrderIdReqBuilder,
    GetTradeHistoryReqBuilder,
)
from kucoin_universal_sdk.model.common import RestError

from tests.simulator.unit.driver import FUTURES

# the SDK reads its own path variables in a way that pydantic will drop
pytestmark = pytest.mark.filterwarnings("ignore:Accessing the 'model_fields'")
SYMBOL, CONTRACT = "BTC-USDT", "XBTUSDTM"


@pytest.fixture
def key(driver):
    driver.control.add_balance("alice", "USDT", "1000", account="contract")
    return driver.key()


@pytest.fixture
def sdk(clients, key):
    return clients.sdk(key)


@pytest.fixture
def futures_sdk(clients, key):
    return clients.sdk(key, partner=FUTURES)


@pytest.fixture
def exchange(clients, key):
    made = clients.ccxt(key)
    made.load_markets()
    return made


@pytest.fixture
def python_kucoin(clients, key):
    return clients.python_kucoin(key)


def spot_order(**fields):
    builder = (
        AddOrderReqBuilder()
        .set_symbol(SYMBOL)
        .set_side(AddOrderReq.SideEnum.BUY)
        .set_type(AddOrderReq.TypeEnum.LIMIT)
        .set_size("0.001")
    )
    for name, value in fields.items():
        getattr(builder, f"set_{name}")(value)
    return builder.build()


def futures_order(**fields):
    builder = (
        FuturesOrderBuilder()
        .set_symbol(CONTRACT)
        .set_side(AddFuturesOrderReq.SideEnum.BUY)
        .set_type(AddFuturesOrderReq.TypeEnum.LIMIT)
        .set_size(2)
        .set_leverage(5)
    )
    for name, value in fields.items():
        getattr(builder, f"set_{name}")(value)
    return builder.build()


def test_spot_order_through_the_official_sdk_lives_its_life(sdk):
    api = sdk.get_spot_service().get_order_api()

    placed = api.add_order(spot_order(price="50000", client_oid="s-1", remark="r"))

    open_orders = api.get_open_orders(GetOpenOrdersReqBuilder().set_symbol(SYMBOL).build()).data
    assert [(item.id, item.price, item.active) for item in open_orders] == [
        (placed.order_id, "50000", True)
    ]
    cancel = CancelOrderByOrderIdReqBuilder().set_symbol(SYMBOL).set_order_id(placed.order_id)
    assert api.cancel_order_by_order_id(cancel.build()).order_id == placed.order_id
    by_id = GetOrderByOrderIdReqBuilder().set_symbol(SYMBOL).set_order_id(placed.order_id).build()
    found = api.get_order_by_order_id(by_id)
    assert (found.cancel_exist, found.cancelled_size, found.remark) == (True, "0.001", "r")
    by_oid = GetOrderByClientOidReqBuilder().set_symbol(SYMBOL).set_client_oid("s-1").build()
    assert api.get_order_by_client_oid(by_oid).id == placed.order_id
    closed = api.get_closed_orders(GetClosedOrdersReqBuilder().set_symbol(SYMBOL).build())
    assert [item.id for item in closed.items] == [placed.order_id]


def test_spot_fills_through_the_official_sdk_parse(sdk):
    api = sdk.get_spot_service().get_order_api()
    placed = api.add_order(spot_order(price="60000"))

    page = api.get_trade_history(GetTradeHistoryReqBuilder().set_symbol(SYMBOL).build())

    item = page.items[0]
    assert (item.order_id, item.price, item.funds, item.fee) == (
        placed.order_id, "60000", "60", "0.06",
    )  # fmt: skip
    assert item.trade_id == 11_029_373_945_659_392
    assert (item.liquidity.value, item.type.value, page.last_id) == ("taker", "limit", item.id)
    assert page.common_response.rate_limit.limit == 4000


def test_spot_orders_through_ccxt_parse(exchange):
    bought = exchange.create_order("BTC/USDT", "market", "buy", 0.001)
    waiting = exchange.create_order("BTC/USDT", "limit", "buy", 0.001, 50000)

    assert [item["id"] for item in exchange.fetch_open_orders("BTC/USDT")] == [waiting["id"]]
    done = exchange.fetch_closed_orders("BTC/USDT")[0]
    assert (done["id"], done["filled"], done["average"], done["status"]) == (
        bought["id"], 0.001, 60000, "closed",
    )  # fmt: skip
    exchange.cancel_order(waiting["id"], "BTC/USDT")
    assert exchange.fetch_order(waiting["id"], "BTC/USDT")["status"] == "canceled"
    trade = exchange.fetch_my_trades("BTC/USDT")[0]
    assert (trade["order"], trade["price"], trade["amount"], trade["fee"]["cost"]) == (
        bought["id"], 60000, 0.001, 0.06,
    )  # fmt: skip
    assert trade["id"] == "11029373945659392"


def test_spot_orders_through_python_kucoin_parse(python_kucoin):
    bought = python_kucoin.hf_create_market_order(SYMBOL, "buy", size="0.001")
    waiting = python_kucoin.hf_create_limit_order(SYMBOL, "buy", "50000", "0.001")

    active = python_kucoin.hf_get_active_orders(SYMBOL)
    assert [item["id"] for item in active] == [waiting["orderId"]]
    python_kucoin.hf_cancel_order(waiting["orderId"], SYMBOL)
    found = python_kucoin.hf_get_order(waiting["orderId"], SYMBOL)
    assert found["cancelExist"] is True
    assert len(python_kucoin.hf_get_completed_orders(SYMBOL)["items"]) == 2
    fills = python_kucoin.hf_get_fills(SYMBOL)["items"]
    assert [item["orderId"] for item in fills] == [bought["orderId"]]


def test_futures_order_through_the_official_sdk_lives_its_life(futures_sdk):
    api = futures_sdk.get_futures_service().get_order_api()

    placed = api.add_order(futures_order(price="50000", client_oid="f-1"))

    active = GetOrderListReqBuilder().set_status(GetOrderListReq.StatusEnum.ACTIVE).build()
    listed = api.get_order_list(active).items
    assert [(item.id, item.size, item.leverage) for item in listed] == [(placed.order_id, 2, "5")]
    cancelled = api.cancel_order_by_id(
        CancelOrderByIdReqBuilder().set_order_id(placed.order_id).build()
    )
    assert cancelled.cancelled_order_ids == [placed.order_id]
    done = api.get_order_list(GetOrderListReqBuilder().build()).items
    assert [(item.id, item.cancel_exist, item.status) for item in done] == [
        (placed.order_id, True, "done")
    ]
    by_id = FuturesOrderByIdBuilder().set_order_id(placed.order_id).build()
    assert api.get_order_by_order_id(by_id).client_oid == "f-1"


def test_futures_fills_through_the_official_sdk_parse(futures_sdk):
    api = futures_sdk.get_futures_service().get_order_api()
    placed = api.add_order(futures_order(price="60000", client_oid="f-2"))

    page = api.get_trade_history(FuturesFillsBuilder().set_symbol(CONTRACT).build())

    item = page.items[0]
    assert (item.order_id, item.size, item.value, item.fee) == (placed.order_id, 2, "120", "0.072")
    assert item.trade_time // 1_000_000 == item.created_at
    assert (item.margin_mode.value, item.trade_type.value) == ("ISOLATED", "trade")


def test_futures_orders_through_ccxt_parse(exchange):
    options = {"leverage": 5}
    bought = exchange.create_order("BTC/USDT:USDT", "market", "buy", 2, None, options)
    waiting = exchange.create_order("BTC/USDT:USDT", "limit", "buy", 1, 50000, options)

    opened = exchange.fetch_open_orders("BTC/USDT:USDT")
    assert [(item["id"], item["remaining"]) for item in opened] == [(waiting["id"], 1)]
    exchange.cancel_order(waiting["id"], "BTC/USDT:USDT")
    done = exchange.fetch_closed_orders("BTC/USDT:USDT")
    assert {item["id"]: item["status"] for item in done} == {
        bought["id"]: "closed",
        waiting["id"]: "canceled",
    }
    trade = exchange.fetch_my_trades("BTC/USDT:USDT")[0]
    assert (trade["order"], trade["price"], trade["amount"], trade["fee"]["cost"]) == (
        bought["id"], 60000, 2, 0.072,
    )  # fmt: skip
    balance = exchange.fetch_balance({"type": "swap", "code": "USDT"})["USDT"]
    assert balance["total"] == 999.928


def test_futures_orders_through_python_kucoin_parse(python_kucoin):
    bought = python_kucoin.futures_create_order(
        CONTRACT, type="market", side="buy", size=2, leverage=5, client_oid="p-1"
    )
    waiting = python_kucoin.futures_create_order(
        CONTRACT, type="limit", side="buy", size=1, price="50000", leverage=5, client_oid="p-2"
    )

    active = python_kucoin.futures_get_orders(status="active")["items"]
    assert [item["id"] for item in active] == [waiting["orderId"]]
    gone = python_kucoin.futures_cancel_order(waiting["orderId"])
    assert gone["cancelledOrderIds"] == [waiting["orderId"]]
    assert python_kucoin.futures_get_order(bought["orderId"])["dealSize"] == 2
    # its own futures_get_fills forgets to sign
    fills = python_kucoin._get("fills", True, is_futures=True, data={})["items"]
    assert [item["orderId"] for item in fills] == [bought["orderId"]]
    account = python_kucoin.futures_get_account_detail("USDT")
    assert account["accountEquity"] == 999.928


def test_markets_through_every_client_parse(sdk, exchange, python_kucoin):
    spot = sdk.get_spot_service().get_market_api()
    contracts = sdk.get_futures_service().get_market_api().get_all_symbols().data

    official = {
        item.symbol for item in spot.get_all_symbols(GetAllSymbolsReqBuilder().build()).data
    }
    assert official == {item["symbol"] for item in python_kucoin.get_symbols()}
    assert exchange.market("ETH/BTC")["precision"] == {"amount": 1e-7, "price": 1e-5}
    assert exchange.market("BTC/USDT:USDT")["contractSize"] == 0.001
    assert {item.symbol for item in contracts} == {
        item["symbol"] for item in python_kucoin.futures_get_symbols()
    }


def test_too_little_balance_raises_in_every_client(sdk, exchange, python_kucoin):
    with pytest.raises(RestError, match="200004"):
        sdk.get_spot_service().get_order_api().add_order(spot_order(price="60000", size="1"))
    with pytest.raises(ccxt.InsufficientFunds, match="200004"):
        exchange.create_order("BTC/USDT", "market", "buy", 1)
    with pytest.raises(KucoinAPIException, match="200004"):
        python_kucoin.hf_create_market_order(SYMBOL, "buy", size="1")


def test_futures_refusals_raise_their_class_in_ccxt(exchange):
    options = {"leverage": 5}
    with pytest.raises(ccxt.InsufficientFunds, match="300003"):
        exchange.create_order("BTC/USDT:USDT", "market", "buy", 1000, None, options)
    with pytest.raises(ccxt.InvalidOrder, match="300009"):
        exchange.create_order(
            "BTC/USDT:USDT", "market", "sell", 1, None, {**options, "reduceOnly": True}
        )
    with pytest.raises(ccxt.OrderNotFound, match="100001"):
        exchange.fetch_order("1", "BTC/USDT:USDT")


def test_unknown_spot_order_raises_in_every_client(sdk, exchange, python_kucoin):
    api = sdk.get_spot_service().get_order_api()
    request = GetOrderByOrderIdReqBuilder().set_symbol(SYMBOL).set_order_id("x").build()

    with pytest.raises(RestError, match="order not exist"):
        api.get_order_by_order_id(request)
    with pytest.raises(ccxt.OrderNotFound):
        exchange.fetch_order("x", "BTC/USDT")
    with pytest.raises(KucoinAPIException, match="order not exist"):
        python_kucoin.hf_get_order("x", SYMBOL)
