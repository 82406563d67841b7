"""Futures orders, positions and fills: XBTUSDTM costs 60000, a lot is 0.001, taker fee 0.06 %."""

import pytest

from tests.simulator.unit.driver import Trader, code_of

ORDERS, FILLS = "/api/v1/orders", "/api/v1/fills"
DAY = 24 * 3600


@pytest.fixture
def trader(driver):
    made = Trader(driver)
    made.control.add_balance("alice", "USDT", "1000", account="contract")
    return made


def fills(trader, **query):
    return trader.data(FILLS, host="/futures", **query)["items"]


def cash(trader):
    return trader.balance("contract"), trader.balance("hold:contract")


def test_market_buy_opens_a_position_with_margin_in_hold(trader):
    order = trader.futures_order(clientOid="f1")

    assert cash(trader) == ("981.892", "18")
    assert (order["dealSize"], order["dealValue"], order["status"]) == (3, "180", "done")
    assert (order["clientOid"], order["leverage"], order["settleCurrency"]) == ("f1", "10", "USDT")
    assert (len(order["id"]), order["avgDealPrice"]) == (18, "60000")
    assert trader.control.book()["sound"]


def test_fill_has_kucoins_form_with_nanoseconds_and_a_text_trade_id(trader):
    order = trader.futures_order()
    item = fills(trader)[0]

    assert item.pop("tradeTime") // 1_000_000 == item.pop("createdAt") == trader.now_ms
    assert item.pop("orderId") == order["id"]
    assert item == {
        "symbol": "XBTUSDTM",
        "tradeId": "11029373945659392",
        "side": "buy",
        "liquidity": "taker",
        "forceTaker": False,
        "price": "60000",
        "size": 3,
        "value": "180",
        "openFeePay": "0.108",
        "closeFeePay": "0",
        "stop": "",
        "feeRate": "0.0006",
        "fixFee": "0",
        "feeCurrency": "USDT",
        "subTradeType": None,
        "marginMode": "ISOLATED",
        "openFeeTaxPay": "0",
        "closeFeeTaxPay": "0",
        "displayType": "market",
        "fee": "0.108",
        "settleCurrency": "USDT",
        "orderType": "market",
        "tradeType": "trade",
    }


def test_trade_times_of_one_millisecond_differ_in_nanoseconds(trader):
    trader.futures()
    trader.futures()

    times = [item["tradeTime"] for item in fills(trader)]
    assert times[0] == times[1] + 1
    assert times[0] % 1_000_000
    order = trader.data(ORDERS, host="/futures")["items"][0]
    assert order["orderTime"] // 1_000_000 == order["createdAt"]
    assert order["orderTime"] % 1_000_000


def test_close_realises_the_profit_and_frees_the_margin(trader):
    trader.futures()
    trader.control.set_prices(BTC="62000")
    trader.futures(side="sell")

    assert cash(trader) == ("1005.7804", "0")
    item = fills(trader)[0]
    assert (item["openFeePay"], item["closeFeePay"]) == ("0", "0.1116")


def test_partial_close_frees_its_part_and_a_turn_opens_the_other_side(trader):
    trader.futures()
    trader.futures(side="sell", size=1)
    assert trader.balance("hold:contract") == "12"

    trader.futures(side="sell", size=5)

    assert trader.balance("hold:contract") == "18"
    assert fills(trader)[0]["openFeePay"] == fills(trader)[2]["openFeePay"] == "0.108"
    trader.control.set_prices(BTC="59000")
    trader.futures(side=None, size=None, closeOrder=True, leverage=None)
    fee = 0.108 + 0.036 + 0.18 + 0.1062
    assert float(trader.balance("contract")) == pytest.approx(1000 - fee + 3)
    assert trader.balance("hold:contract") == "0"


def test_loss_that_the_account_cannot_bear_is_kucoins(trader):
    trader.futures(size=100, leverage=10)
    trader.control.set_prices(BTC="40000")
    trader.futures(side="sell", size=100)

    assert cash(trader) == ("0", "0")
    assert trader.control.book()["sound"]


def test_limit_order_rests_and_is_filled_as_maker(trader):
    order = trader.futures_order(type="limit", price="50000")

    assert (order["status"], order["isActive"]) == ("open", True)
    assert cash(trader) == ("984.91", "15.09")
    active = trader.data(ORDERS, host="/futures", status="active")["items"]
    assert [item["id"] for item in active] == [order["id"]]
    trader.control.set_prices(BTC="49000")
    item = fills(trader)[0]
    assert (item["liquidity"], item["price"], item["feeRate"]) == ("maker", "50000", "0.0002")
    assert cash(trader) == ("984.97", "15")


def test_counter_orders_fill_in_parts(trader):
    trader.control.set_liquidity(XBTUSDTM=["1", "1"])
    order = trader.futures_order()

    assert (order["dealSize"], order["cancelExist"], order["status"]) == (2, True, "done")
    assert [item["size"] for item in fills(trader)] == [1, 1]


def test_cancel_gives_the_hold_back_once(trader):
    order = trader.futures_order(type="limit", price="50000")

    gone = trader.send("DELETE", f"{ORDERS}/{order['id']}", host="/futures")
    again = trader.send("DELETE", f"{ORDERS}/{order['id']}", host="/futures")

    assert gone.json()["data"] == {"cancelledOrderIds": [order["id"]]}
    assert code_of(again) == "100004"
    assert cash(trader) == ("1000", "0")
    missing = trader.send("DELETE", f"{ORDERS}/1", host="/futures")
    assert code_of(missing) == "100001"


def test_reduce_only_never_opens(trader):
    assert code_of(trader.futures(side="sell", reduceOnly=True)) == "300009"
    trader.futures()
    order = trader.futures_order(side="sell", size=9, reduceOnly=True)

    assert order["dealSize"] == 3
    assert trader.balance("hold:contract") == "0"


def test_resting_close_whose_position_has_gone_is_cancelled(trader):
    trader.futures()
    order = trader.futures_order(
        type="limit", price="70000", side="sell", reduceOnly=True, leverage=None
    )
    trader.futures(side="sell")
    trader.control.set_prices(BTC="70000")

    found = trader.data(f"{ORDERS}/{order['id']}", host="/futures")
    assert (found["status"], found["cancelExist"], found["dealSize"]) == ("done", True, 0)


def test_order_is_found_by_client_oid(trader):
    order = trader.futures_order(clientOid="mine")

    found = trader.data(ORDERS + "/byClientOid", host="/futures", clientOid="mine")
    assert found == order
    missing = trader.get(ORDERS + "/byClientOid", host="/futures", clientOid="other")
    assert code_of(missing) == "100001"


def test_orders_list_done_by_default_page_by_page(trader):
    ids = [trader.futures_order(size=1)["id"] for _ in range(3)]

    page = trader.data(ORDERS, host="/futures", pageSize=2)
    assert [item["id"] for item in page["items"]] == [ids[2], ids[1]]
    assert (page["totalNum"], page["totalPage"]) == (3, 2)
    assert trader.data(ORDERS, host="/futures", symbol="ETHUSDTM")["items"] == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"symbol": "NOPE"}, "400100"),
        ({"clientOid": None}, "400100"),
        ({"size": "3"}, "400100"),
        ({"size": 0}, "400100"),
        ({"size": True}, "400100"),
        ({"leverage": None}, "400100"),
        ({"leverage": 126}, "400100"),
        ({"leverage": 1.5}, "400100"),
        ({"type": "limit"}, "400100"),
        ({"price": "1"}, "400100"),
        ({"type": "limit", "price": "0.01"}, "400100"),
        ({"timeInForce": "FOK"}, "400100"),
        ({"marginMode": "BOTH"}, "400100"),
        ({"side": "long"}, "400100"),
        ({"size": 1000}, "300003"),
    ],
)
def test_order_is_refused_and_moves_nothing(trader, fields, code):
    assert code_of(trader.futures(**fields)) == code
    assert cash(trader) == ("1000", "0")
    assert trader.control.records("futures-orders") == []


def test_order_with_a_used_client_oid_is_refused(trader):
    assert code_of(trader.futures(clientOid="one")) == "200000"
    assert code_of(trader.futures(clientOid="one")) == "126044"


def test_trading_needs_futures_and_reading_only_general(driver):
    trader = Trader(driver, groups=["API_COMMON", "API_SPOT"])

    assert code_of(trader.futures()) == "400007"
    assert code_of(trader.send("DELETE", ORDERS + "/1", host="/futures")) == "400007"
    assert fills(trader) == []
    assert code_of(trader.get("/api/v1/account-overview", host="/futures")) == "400007"


def test_orders_need_the_futures_partner_for_the_tag(trader):
    body = {"symbol": "XBTUSDTM", "side": "buy", "type": "market", "size": 1, "leverage": 2}
    trader.send("POST", ORDERS, {**body, "clientOid": "a"}, host="/futures")
    spot = ("kubrokerspot", "kubrokerspotND", "local-spot-broker-key")
    refused = trader.send("POST", ORDERS, {**body, "clientOid": "b"}, host="/futures", partner=spot)

    assert code_of(refused) == "400200"
    facts = [item["facts"]["isTagged"] for item in trader.control.records("futures-orders")]
    assert facts == [True]


def test_fills_window_is_at_most_seven_days(trader):
    now = trader.now_ms

    wide = trader.get(FILLS, host="/futures", startAt=now - 7 * DAY * 1000 - 1, endAt=now)
    assert code_of(wide) == "400100"
    assert trader.data(FILLS, host="/futures", startAt=now - 7 * DAY * 1000, endAt=now)


def test_fills_are_kept_for_about_three_months(trader):
    trader.futures()
    bought_at = trader.now_ms
    trader.control.advance(90 * DAY)

    assert len(fills(trader, startAt=bought_at, endAt=bought_at + 1000)) == 1
    trader.control.advance(1)
    assert fills(trader, startAt=bought_at, endAt=bought_at + 1000) == []
    assert len(trader.control.records("futures-fills", "alice")) == 1


def test_fills_default_to_the_last_seven_days_and_page_to_1000(trader):
    trader.futures()
    trader.control.advance(7 * DAY + 1)

    assert fills(trader) == []
    assert code_of(trader.get(FILLS, host="/futures", pageSize=1001)) == "400100"
    assert trader.data(FILLS, host="/futures", pageSize=1000)["pageSize"] == 1000


def test_fills_filter(trader):
    order = trader.futures_order()
    trader.futures(side="sell", size=1)

    assert [item["orderId"] for item in fills(trader, side="buy")] == [order["id"]]
    assert [item["orderId"] for item in fills(trader, orderId=order["id"])] == [order["id"]]
    assert fills(trader, symbol="ETHUSDTM") == []


def test_account_is_told_in_numbers(trader):
    trader.futures()
    account = trader.data("/api/v1/account-overview", host="/futures", currency="USDT")

    assert account["accountEquity"] == 999.892
    assert (account["availableBalance"], account["positionMargin"]) == (981.892, 18.0)


def test_futures_calls_count_in_the_futures_pool_with_their_weight(trader):
    first = trader.futures().headers
    second = trader.get(FILLS, host="/futures").headers

    assert (first["gw-ratelimit-limit"], first["gw-ratelimit-remaining"]) == ("2000", "1998")
    assert second["gw-ratelimit-remaining"] == "1993"


def test_contracts_are_told(trader):
    listed = {
        item["symbol"]: item for item in trader.data("/api/v1/contracts/active", host="/futures")
    }

    assert listed["XBTUSDTM"]["multiplier"] == 0.001
    assert listed["XBTUSDCM"]["settleCurrency"] == "USDC"
