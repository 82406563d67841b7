"""Spot orders: form, holds, matching, fills; BTC costs 60000 USDT, the fee is 0.1 %."""

from decimal import Decimal

import pytest

from tests.simulator.unit.driver import SPOT, Trader, code_of

ORDERS, FILLS = "/api/v1/hf/orders", "/api/v1/hf/fills"
DAY = 24 * 3600


@pytest.fixture
def trader(driver):
    made = Trader(driver)
    made.control.add_balance("alice", "USDT", "9500", account="trade")
    return made


def fills(trader, symbol="BTC-USDT", **query):
    return trader.data(FILLS, symbol=symbol, **query)["items"]


def bound(trader, *sizes, symbol="BTC-USDT"):
    trader.control.set_liquidity(**{symbol: sizes})


def test_market_buy_fills_at_the_market_and_pays_the_fee(trader):
    order = trader.spot_order(clientOid="a-1", remark="r")

    assert (trader.balance(), trader.balance("trade", "BTC")) == ("9399.4", "0.11")
    assert trader.balance("hold:trade") == "0"
    assert (order["dealSize"], order["dealFunds"], order["fee"]) == ("0.01", "600", "0.6")
    assert (order["active"], order["cancelExist"], order["feeCurrency"]) == (False, False, "USDT")
    assert (order["clientOid"], order["remark"], len(order["id"])) == ("a-1", "r", 24)
    assert trader.control.book()["sound"]


def test_fill_has_kucoins_form_and_ids_beyond_two_to_the_53(trader):
    order = trader.spot_order()
    item = fills(trader)[0]

    assert item.pop("counterOrderId") != order["id"]
    assert item.pop("tradeId") == 11_029_373_945_659_392
    assert isinstance(item.pop("id"), int)
    assert item == {
        "orderId": order["id"],
        "symbol": "BTC-USDT",
        "side": "buy",
        "liquidity": "taker",
        "type": "market",
        "forceTaker": False,
        "price": "60000",
        "size": "0.01",
        "funds": "600",
        "fee": "0.6",
        "feeRate": "0.001",
        "feeCurrency": "USDT",
        "stop": "",
        "tradeType": "TRADE",
        "taxRate": "0",
        "tax": "0",
        "createdAt": trader.now_ms,
    }


def test_trade_ids_are_unique_in_their_symbol_only_and_collide_as_floats(trader):
    trader.spot()
    trader.spot()
    trader.spot(symbol="ETH-USDT", size="0.1")

    bitcoin = [item["tradeId"] for item in fills(trader)]
    assert bitcoin == [11_029_373_945_659_393, 11_029_373_945_659_392]
    assert float(bitcoin[0]) == float(bitcoin[1])
    assert fills(trader, "ETH-USDT")[0]["tradeId"] == bitcoin[1]
    everything = fills(trader) + fills(trader, "ETH-USDT")
    assert len({item["id"] for item in everything}) == 3


def test_market_sell_gets_the_worth_less_the_fee(trader):
    trader.spot(side="sell", size="0.1")

    assert (trader.balance(), trader.balance("trade", "BTC")) == ("15994", "0")
    assert trader.balance("hold:trade", "BTC") == "0"


def test_market_buy_by_funds_fills_whole_steps_and_gives_the_rest_back(trader):
    trader.control.set_prices(BTC="70000")
    order = trader.spot_order(size=None, funds="100")

    assert order["dealSize"] == "0.00142857"
    assert order["dealFunds"] == "99.9999"
    assert Decimal(trader.balance()) == Decimal("10000") - Decimal("99.9999") * Decimal("1.001")
    assert trader.balance("hold:trade") == "0"


def test_market_sell_by_funds_fills(trader):
    order = trader.spot_order(side="sell", size=None, funds="60")

    assert (order["dealSize"], order["dealFunds"]) == ("0.001", "60")
    assert trader.balance("trade", "BTC") == "0.099"


def test_limit_buy_below_the_market_rests_and_holds(trader):
    order = trader.spot_order(type="limit", price="50000", size="0.1")

    assert (order["active"], order["inOrderBook"], order["remainFunds"]) == (True, True, "5000")
    assert (trader.balance(), trader.balance("hold:trade")) == ("4995", "5005")
    listed = trader.data(ORDERS + "/active", symbol="BTC-USDT")
    assert [item["id"] for item in listed] == [order["id"]]
    assert fills(trader) == []


def test_resting_order_is_filled_as_maker_at_its_price_when_the_market_comes(trader):
    order = trader.spot_order(type="limit", price="50000", size="0.1")
    trader.control.set_prices(BTC="49000")

    item = fills(trader)[0]
    assert (item["liquidity"], item["price"], item["orderId"]) == ("maker", "50000", order["id"])
    assert (trader.balance(), trader.balance("hold:trade")) == ("4995", "0")
    assert trader.data(ORDERS + "/active", symbol="BTC-USDT") == []


def test_resting_sell_is_filled_when_the_market_rises(trader):
    trader.spot(type="limit", side="sell", price="61000", size="0.1")
    trader.control.set_prices(BTC="61000")

    assert trader.balance() == "16093.9"


def test_limit_buy_above_the_market_fills_at_the_market_and_gives_back(trader):
    trader.spot(type="limit", price="65000", size="0.1")

    assert fills(trader)[0]["price"] == "60000"
    assert (trader.balance(), trader.balance("hold:trade")) == ("3994", "0")


def test_counter_orders_fill_in_parts_and_the_rest_waits(trader):
    bound(trader, "0.03", "0.02")
    order = trader.spot_order(type="limit", price="60000", size="0.1")

    assert [item["size"] for item in fills(trader)] == ["0.02", "0.03"]
    assert (order["active"], order["dealSize"], order["remainSize"]) == (True, "0.05", "0.05")
    assert trader.balance("hold:trade") == "3003"
    bound(trader, "0.01")
    assert trader.data(f"{ORDERS}/{order['id']}", symbol="BTC-USDT")["dealSize"] == "0.06"
    trader.control.set_liquidity(**{"BTC-USDT": None})
    trader.control.set_prices(BTC="60000")
    assert trader.data(f"{ORDERS}/{order['id']}", symbol="BTC-USDT")["active"] is False
    assert trader.balance("hold:trade") == "0"


@pytest.mark.parametrize(
    ("fields", "filled"),
    [
        ({"type": "market"}, "0.03"),
        ({"type": "limit", "price": "60000", "timeInForce": "IOC"}, "0.03"),
        ({"type": "limit", "price": "60000", "timeInForce": "FOK"}, "0"),
        ({"type": "limit", "price": "50000", "timeInForce": "IOC"}, "0"),
        ({"type": "limit", "price": "60000", "postOnly": True}, "0"),
    ],
)
def test_order_that_may_not_rest_is_cancelled(trader, fields, filled):
    bound(trader, "0.03")
    order = trader.spot_order(size="0.1", **fields)

    assert (order["active"], order["cancelExist"]) == (False, True)
    left = Decimal("0.1") - Decimal(filled)
    assert (order["dealSize"], Decimal(order["cancelledSize"])) == (filled, left)
    assert order["remainSize"] == "0"
    assert trader.balance("hold:trade") == "0"


def test_fok_that_can_be_filled_is(trader):
    bound(trader, "0.06", "0.05")

    assert trader.spot_order(type="limit", price="60000", size="0.1", timeInForce="FOK")[
        "dealSize"
    ] == "0.1"  # fmt: skip


def test_gtt_order_ends_with_its_time(trader):
    order = trader.spot_order(
        type="limit", price="50000", size="0.1", timeInForce="GTT", cancelAfter=60
    )
    ends = trader.now_ms + 60_000
    trader.control.advance(3600)

    ended = trader.data(f"{ORDERS}/{order['id']}", symbol="BTC-USDT")
    assert (ended["active"], ended["lastUpdatedAt"]) == (False, ends)
    assert trader.balance() == "10000"


def test_cancel_by_id_and_by_client_oid_give_back_what_was_held(trader):
    first = trader.spot_order(type="limit", price="50000", size="0.01")
    trader.spot(type="limit", price="50000", size="0.02", clientOid="mine")

    gone = trader.send("DELETE", f"{ORDERS}/{first['id']}", query={"symbol": "BTC-USDT"})
    by_oid = trader.send("DELETE", f"{ORDERS}/client-order/mine", query={"symbol": "BTC-USDT"})

    assert gone.json()["data"] == {"orderId": first["id"]}
    assert by_oid.json()["data"] == {"clientOid": "mine"}
    assert trader.balance() == "10000"
    again = trader.send("DELETE", f"{ORDERS}/{first['id']}", query={"symbol": "BTC-USDT"})
    assert (code_of(again), again.json()["msg"]) == (
        "400100",
        "order_not_exist_or_not_allow_to_cancel",
    )
    found = trader.data(f"{ORDERS}/client-order/mine", symbol="BTC-USDT")
    assert found["cancelledSize"] == "0.02"


def test_done_lists_by_last_id_latest_first(trader):
    ids = [trader.spot_order()["id"] for _ in range(3)]

    first = trader.data(ORDERS + "/done", symbol="BTC-USDT", limit=2)
    second = trader.data(ORDERS + "/done", symbol="BTC-USDT", limit=2, lastId=first["lastId"])
    last = trader.data(ORDERS + "/done", symbol="BTC-USDT", limit=2, lastId=second["lastId"])

    assert [item["id"] for item in first["items"]] == [ids[2], ids[1]]
    assert [item["id"] for item in second["items"]] == [ids[0]]
    assert last["items"] == []
    assert trader.data(ORDERS + "/done", symbol="BTC-USDT", side="sell")["items"] == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"symbol": "NO-USDT"}, "400600"),
        ({"symbol": None}, "400600"),
        ({"side": "hold"}, "400100"),
        ({"type": "stop"}, "400100"),
        ({"size": 0.01}, "400100"),
        ({"size": "-1"}, "400100"),
        ({"size": "1e3"}, "400100"),
        ({"size": "0.000000001"}, "400100"),
        ({"size": None}, "400100"),
        ({"funds": "10"}, "400100"),
        ({"price": "60000"}, "400100"),
        ({"type": "limit"}, "400100"),
        ({"type": "limit", "price": "60000.01"}, "400100"),
        ({"timeInForce": "DAY"}, "400100"),
        ({"timeInForce": "GTT"}, "400100"),
        ({"type": "limit", "price": "60000", "postOnly": True, "timeInForce": "IOC"}, "400100"),
        ({"postOnly": "true"}, "400100"),
        ({"clientOid": "a b"}, "400100"),
        ({"clientOid": "a" * 41}, "400100"),
        ({"remark": "x" * 21}, "400100"),
        ({"size": "0.000001"}, "600101"),
        ({"size": "1"}, "200004"),
        ({"side": "sell", "size": "0.2"}, "200004"),
    ],
)
def test_order_is_refused_and_moves_nothing(trader, fields, code):
    before = trader.control.book()["balances"]

    assert code_of(trader.spot(**fields)) == code
    assert trader.control.book()["balances"] == before
    assert trader.control.records("spot-orders") == []


def test_order_with_a_used_client_oid_is_refused(driver, trader):
    assert code_of(trader.spot(clientOid="one")) == "200000"
    assert code_of(trader.spot(clientOid="one")) == "126044"
    assert code_of(Trader(driver, "bob").spot(clientOid="one", size="0.001")) == "200000"


def test_trading_needs_spot_and_reading_only_general(driver):
    trader = Trader(driver, groups=["API_COMMON"])

    assert code_of(trader.spot()) == "400007"
    cancel = trader.send("DELETE", ORDERS + "/x", query={"symbol": "BTC-USDT"})
    assert code_of(cancel) == "400007"
    assert fills(trader) == []
    assert trader.data(ORDERS + "/active", symbol="BTC-USDT") == []


def test_orders_of_others_do_not_exist(driver, trader):
    order = trader.spot_order()
    other = Trader(driver, "bob")

    answer = other.get(f"{ORDERS}/{order['id']}", symbol="BTC-USDT")
    assert (code_of(answer), answer.json()["msg"]) == ("400100", "order not exist")
    wrong = trader.get(f"{ORDERS}/{order['id']}", symbol="ETH-USDT")
    assert code_of(wrong) == "400100"
    assert fills(other) == []


def test_order_remembers_whether_the_brokers_tag_held(trader):
    body = {"symbol": "BTC-USDT", "side": "buy", "type": "market", "size": "0.001"}
    trader.send("POST", ORDERS, body)
    bare = dict.fromkeys(("KC-API-PARTNER", "KC-API-PARTNER-SIGN", "KC-BROKER-NAME"))
    trader.send("POST", ORDERS, body, headers=bare)
    wrong = (SPOT[0], SPOT[1], "another key")
    trader.send("POST", ORDERS, body, partner=wrong, headers={"KC-API-PARTNER-VERIFY": None})

    facts = [item["facts"] for item in trader.control.records("spot-orders")]
    assert [(item["isTagged"], item["partner"]) for item in facts] == [
        (True, "held"),
        (False, "missing"),
        (False, "Invalid KC-API-PARTNER-SIGN"),
    ]


def test_fills_page_by_last_id_without_gap_or_repeat(trader):
    bound(trader, *["0.001"] * 7)
    trader.spot(size="0.007")

    seen, last_id = [], 0
    while page := trader.data(FILLS, symbol="BTC-USDT", limit=3, lastId=last_id)["items"]:
        seen += [item["id"] for item in page]
        last_id = page[-1]["id"]

    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == len(seen) == 7
    assert trader.data(FILLS, symbol="BTC-USDT", limit=3)["lastId"] == seen[2]


def test_fills_are_shown_for_seven_days_and_wider_windows_silently_cut(trader):
    trader.spot()
    sold_at = trader.now_ms
    trader.control.advance(7 * DAY)
    trader.spot()

    now = trader.now_ms
    assert len(fills(trader)) == 2
    trader.control.advance(0.001)
    assert [item["createdAt"] for item in fills(trader)] == [now]
    assert [item["createdAt"] for item in fills(trader, startAt=0, endAt=now)] == [now]
    assert fills(trader, startAt=sold_at, endAt=sold_at) == []
    assert len(trader.control.records("spot-fills")) == 2


def test_fills_stay_in_the_order_of_time_when_the_clock_goes_back(trader):
    trader.spot()
    trader.control.advance(-3600)
    trader.spot()
    trader.control.advance(3600)

    times = [item["createdAt"] for item in fills(trader)]
    assert times == [trader.now_ms, trader.now_ms - 3600 * 1000]
    assert len(fills(trader, startAt=times[0], endAt=times[0])) == 1


def test_page_for_a_person_shows_orders_and_deposits(trader):
    trader.spot()
    trader.spot(type="limit", price="50000")
    trader.send("POST", "/api/v3/deposit-address/create", {"currency": "USDT", "chain": "trx"})
    trader.control.add_deposit("alice", "USDT", "12.5", chain="trx")

    page = trader.driver.get("/_sim").text
    for text in ("buy 0.01 BTC-USDT", "market", "active", "held", "12.5 USDT", "trx"):
        assert f"<td>{text}</td>" in page


def test_fills_with_only_a_start_end_seven_days_later(trader):
    trader.spot()

    start = trader.now_ms - 8 * DAY * 1000
    assert fills(trader, startAt=start) == []


def test_fills_at_the_windows_end_follow_the_world(trader):
    trader.spot()
    now = trader.now_ms

    assert len(fills(trader, startAt=now, endAt=now)) == 1
    trader.control.set_worlds(window_end="excluded")
    assert fills(trader, startAt=now - 1, endAt=now) == []
    assert len(fills(trader, startAt=now, endAt=now + 1)) == 1


def test_fills_filter_by_order_side_and_type(trader):
    order = trader.spot_order()
    trader.spot(side="sell", type="limit", price="60000", size="0.05")

    assert [item["orderId"] for item in fills(trader, side="buy")] == [order["id"]]
    assert [item["side"] for item in fills(trader, type="limit")] == ["sell"]
    assert [item["orderId"] for item in fills(trader, orderId=order["id"])] == [order["id"]]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, "400100"),
        ({"symbol": "NO-USDT"}, "400600"),
        ({"symbol": "BTC-USDT", "limit": 101}, "400100"),
        ({"symbol": "BTC-USDT", "limit": 0}, "400100"),
        ({"symbol": "BTC-USDT", "lastId": "x"}, "400100"),
        ({"symbol": "BTC-USDT", "startAt": 2, "endAt": 1}, "400100"),
        ({"symbol": "BTC-USDT", "side": "up"}, "400100"),
    ],
)
def test_fills_refuse(trader, query, code):
    assert code_of(trader.get(FILLS, **query)) == code


def test_spot_calls_count_in_the_spot_pool_with_their_weight(trader):
    first = trader.spot().headers
    second = trader.get(FILLS, symbol="BTC-USDT").headers

    assert (first["gw-ratelimit-limit"], first["gw-ratelimit-remaining"]) == ("4000", "3999")
    assert second["gw-ratelimit-remaining"] == "3997"


def test_symbols_and_hf_account_are_told(trader):
    symbols = {item["symbol"]: item for item in trader.data("/api/v2/symbols")}

    assert symbols["ETH-BTC"]["feeCurrency"] == "BTC"
    assert symbols["BTC-USDT"]["priceIncrement"] == "0.1"
    assert trader.data("/api/v1/hf/accounts/opened") is True


def test_fault_on_an_order_strikes_after_the_work(trader):
    trader.control.add_fault("spot_order", "status_5xx", phase="after")

    assert trader.spot().status_code == 503
    assert len(fills(trader)) == 1
