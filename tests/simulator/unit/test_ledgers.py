"""The three ledgers: entries, windows, clamps, paging, retention."""

import json
from decimal import Decimal

import pytest

from local.kucoin_simulator.funds.ledgers import period_end
from tests.simulator.unit.driver import Purse, Trader, code_of

FUNDING, TRADE, FUTURES = (
    "/api/v1/accounts/ledgers",
    "/api/v1/hf/accounts/ledgers",
    "/api/v1/transaction-history",
)
HOUR, DAY = 3600, 24 * 3600
START_MS = 1_750_000_000_000  # 2025-06-15T15:06:40Z: the period ends at 20:00


@pytest.fixture
def trader(driver):
    driver.control.reset(now_ms=START_MS)
    made = Trader(driver)
    made.control.advance(1)
    return made


def futures(trader, **query):
    return trader.data(FUTURES, host="/futures", **query)


def test_funding_ledger_tells_transfers_deposits_and_nothing_of_holds(trader):
    made = trader.transfer(amount="100").json()["data"]["orderId"]
    trader.transfer("TRADE", "MAIN", amount="40")
    trader.send("POST", "/api/v3/deposit-address/create", {"currency": "USDT", "chain": "trx"})
    trader.control.add_deposit("alice", "USDT", "7", chain="trx")

    items = trader.data(FUNDING, currency="USDT")["items"]
    assert [(i["bizType"], i["direction"], i["amount"]) for i in items[:3]] == [
        ("DEPOSIT", "in", "7"),
        ("TRANSFER", "in", "40"),
        ("TRANSFER", "out", "100"),
    ]
    sent = items[2]
    assert int(sent.pop("id")) > 0
    assert sent == {
        "currency": "USDT",
        "amount": "100",
        "fee": "0",
        "balance": "0",
        "accountType": "MAIN",
        "bizType": "TRANSFER",
        "direction": "out",
        "createdAt": trader.now_ms,
        "context": json.dumps({"orderId": made}, separators=(",", ":")),
    }


def test_withdrawal_is_one_entry_with_both_fees_once_it_is_paid(driver):
    purse = Purse(driver)
    purse.withdraw(amount="100")
    assert purse.get(FUNDING, bizType="WITHDRAW").json()["data"]["items"] == []

    driver.control.advance(10)
    driver.control.set_settings(timestamp_window_ms=10**12)
    items = purse.get(FUNDING, bizType="WITHDRAW").json()["data"]["items"]
    assert [(i["amount"], i["fee"], i["direction"]) for i in items] == [("113.5", "13.5", "out")]


def test_withdrawal_that_is_returned_leaves_no_entry(driver):
    purse = Purse(driver)
    made = purse.withdraw(amount="100")
    driver.control.set_withdrawal(made, "FAILURE")

    assert purse.get(FUNDING, bizType="WITHDRAW").json()["data"]["items"] == []


def test_inner_withdrawal_is_a_deposit_in_the_receivers_ledger(driver):
    driver.control.set_settings(processing_seconds=0, wallet_seconds=0)
    bob = driver.control.state()["users"][1]
    Purse(driver).withdraw(address=str(bob["uid"]), withdrawType="UID", chain=None, amount="100")
    driver.control.withdrawals()

    items = Trader(driver, "bob").data(FUNDING, bizType="DEPOSIT")["items"]
    assert [(i["amount"], i["fee"]) for i in items] == [("100", "0")]


def test_funding_window_of_more_than_a_day_is_an_error(trader):
    now = trader.now_ms

    wide = trader.get(FUNDING, startAt=now - DAY * 1000 - 1, endAt=now)
    assert (code_of(wide), "24 hours" in wide.json()["msg"]) == ("400100", True)
    assert trader.data(FUNDING, startAt=now - DAY * 1000, endAt=now)["totalNum"] > 0


def test_funding_ledger_defaults_to_the_last_day_and_keeps_a_year(trader):
    trader.transfer()
    moved_at = trader.now_ms
    trader.control.advance(DAY + 1)
    assert trader.data(FUNDING)["items"] == []

    window = {"startAt": moved_at - 1, "endAt": moved_at + 1, "bizType": "TRANSFER"}
    trader.control.advance(364 * DAY - 1)
    assert len(trader.data(FUNDING, **window)["items"]) == 1
    trader.control.advance(1)
    assert trader.data(FUNDING, **window)["items"] == []
    assert len(trader.control.records("funding-ledger", "alice", startAt=moved_at, endAt=moved_at)) == 1  # fmt: skip


def test_funding_ledger_pages_and_filters(trader):
    for number in range(12):
        trader.transfer(amount=str(number + 1))

    page = trader.data(FUNDING, bizType="TRANSFER", pageSize=10, currentPage=2)
    assert (page["totalNum"], page["totalPage"]) == (12, 2)
    assert [item["amount"] for item in page["items"]] == ["2", "1"]
    assert trader.data(FUNDING, direction="in", bizType="TRANSFER")["items"] == []
    assert trader.data(FUNDING, currency="BTC,USDT", bizType="TRANSFER")["totalNum"] == 12
    for query in ({"pageSize": 501}, {"direction": "up"}, {"currency": ",".join("ABCDEFGHIJK")}):
        assert code_of(trader.get(FUNDING, **query)) == "400100"


def test_trade_ledger_tells_both_sides_of_a_fill(trader):
    trader.control.set_prices(BTC="50000")
    order = trader.spot_order(size="0.005")

    got, gave = trader.data(TRADE, bizType="TRADE_EXCHANGE")
    fill = trader.data("/api/v1/hf/fills", symbol="BTC-USDT")["items"][0]
    if got["currency"] == "USDT":
        got, gave = gave, got
    assert (got["amount"], got["fee"], got["direction"], got["balance"]) == (
        "0.005", "0", "in", "0.105",
    )  # fmt: skip
    assert int(gave.pop("id")) < 2**53
    context = {
        "symbol": "BTC-USDT",
        "orderId": order["id"],
        "tradeId": str(fill["tradeId"]),
    }
    assert json.loads(gave.pop("context")) == context
    assert gave == {
        "currency": "USDT",
        "amount": "250.25",
        "fee": "0.25",
        "tax": "0",
        "balance": "249.75",
        "accountType": "TRADE_HF",
        "bizType": "TRADE_EXCHANGE",
        "direction": "out",
        "createdAt": str(trader.now_ms),
    }


def test_sale_is_in_the_trade_ledger_net_of_its_fee(trader):
    trader.spot(side="sell", size="0.01")

    gained = trader.data(TRADE, currency="USDT", direction="in", bizType="TRADE_EXCHANGE")
    assert [(item["amount"], item["fee"]) for item in gained] == [("599.4", "0.6")]


def test_trade_ledger_says_nothing_of_an_order_that_only_rests(trader):
    trader.spot(type="limit", price="50000", size="0.001")

    assert trader.data(TRADE, bizType="TRADE_EXCHANGE") == []


@pytest.mark.parametrize(("clamp", "amounts"), [("newest", ["2"]), ("oldest", ["1"])])
def test_trade_window_of_more_than_three_days_is_silently_cut(trader, clamp, amounts):
    trader.control.set_worlds(window_clamp=clamp)
    trader.control.set_settings(tradeLedgerDays=365)
    trader.transfer(amount="1")
    first = trader.now_ms
    trader.control.advance(3 * DAY)
    window = {"startAt": first, "endAt": trader.now_ms, "bizType": "TRANSFER"}
    assert [item["amount"] for item in trader.data(TRADE, **window)] == ["1"]
    trader.control.advance(0.001)
    trader.transfer(amount="2")

    window["endAt"] = trader.now_ms
    assert [item["amount"] for item in trader.data(TRADE, **window)] == amounts


def test_trade_ledger_shows_the_last_three_days_only(trader):
    trader.transfer(amount="1")
    first = trader.now_ms
    window = {"startAt": first - 1000, "endAt": first + 1000, "bizType": "TRANSFER"}
    trader.control.advance(3 * DAY - 2)
    assert [item["amount"] for item in trader.data(TRADE, **window)] == ["1"]
    trader.control.advance(4)
    assert trader.data(TRADE, **window) == []


def test_trade_ledger_pages_by_last_id(trader):
    for number in range(5):
        trader.transfer(amount=str(number + 1))

    seen, last_id = [], 0
    while page := trader.data(TRADE, bizType="TRANSFER", limit=2, lastId=last_id):
        seen += [item["amount"] for item in page]
        last_id = page[-1]["id"]
    assert seen == ["5", "4", "3", "2", "1"]
    for query in ({"limit": 201}, {"bizType": "DEPOSIT"}, {"lastId": "-1"}):
        assert code_of(trader.get(TRADE, **query)) == "400100"


def test_trade_ledger_is_kept_for_a_year(trader):
    trader.transfer()
    moved_at = trader.now_ms
    trader.control.advance(366 * DAY)

    assert trader.data(TRADE, startAt=moved_at, endAt=moved_at) == []


@pytest.mark.parametrize(
    ("moment", "end"),
    [(0, 4), (4, 12), (11.999, 12), (12, 20), (20, 28), (27, 28)],
)
def test_period_ends_at_4_12_and_20_hours(moment, end):
    assert period_end(round(moment * HOUR * 1000)) == end * HOUR * 1000


def test_futures_profit_is_pending_until_its_period_ends(trader):
    trader.transfer("MAIN", "CONTRACT", amount="1000")
    trader.futures()
    trader.control.set_prices(BTC="61000")
    trader.futures(side="sell")

    pending, moved = futures(trader)["dataList"]
    assert (pending["status"], pending["type"], pending["remark"]) == (
        "Pending",
        "RealisedPNL",
        "XBTUSDTM",
    )
    assert pending["amount"] == pytest.approx(3 - 0.108 - 0.1098)
    assert (moved["type"], moved["amount"], moved["status"]) == ("TransferIn", 1000.0, "Completed")
    trader.control.advance(8 * HOUR)
    done = futures(trader)["dataList"][0]
    assert done.pop("offset") > moved["offset"]
    assert done == {
        "time": period_end(START_MS),
        "type": "RealisedPNL",
        "amount": 2.7822,
        "fee": 0.2178,
        "accountEquity": 1002.7822,
        "status": "Completed",
        "remark": "XBTUSDTM",
        "currency": "USDT",
    }
    total = Decimal(trader.balance("contract"))
    assert total == Decimal("1002.7822")


def test_pending_is_on_the_first_page_as_the_world_has_it(trader):
    trader.transfer("MAIN", "CONTRACT", amount="1000")
    trader.futures()
    first = futures(trader, maxCount=1)

    assert [item["status"] for item in first["dataList"]] == ["Pending", "Completed"]
    pending, completed = first["dataList"]
    assert pending["offset"] == -1
    assert futures(trader, offset=completed["offset"])["dataList"] == []
    past = {"endAt": trader.now_ms - 1}
    assert futures(trader, **past)["dataList"] == []
    trader.control.set_worlds(futures_pending="always")
    assert [item["status"] for item in futures(trader, **past)["dataList"]] == ["Pending"]
    trader.control.set_worlds(futures_pending="never")
    assert [item["status"] for item in futures(trader)["dataList"]] == ["Completed"]


def test_futures_ledger_pages_by_offset_both_ways(trader):
    for number in range(5):
        trader.transfer("MAIN", "CONTRACT", amount=str(number + 1))

    first = futures(trader, maxCount=2)
    assert ([item["amount"] for item in first["dataList"]], first["hasMore"]) == ([5.0, 4.0], True)
    lowest = first["dataList"][-1]["offset"]
    second = futures(trader, maxCount=3, offset=lowest)
    assert ([i["amount"] for i in second["dataList"]], second["hasMore"]) == ([3, 2, 1], False)
    back = futures(trader, maxCount=1, offset=lowest, forward="false")
    assert ([item["amount"] for item in back["dataList"]], back["hasMore"]) == ([5.0], False)


def test_futures_window_is_at_most_a_day_and_kept_for_a_year(trader):
    trader.transfer("MAIN", "CONTRACT")
    moved_at = trader.now_ms
    wide = trader.get(FUTURES, host="/futures", startAt=moved_at - DAY * 1000 - 1, endAt=moved_at)
    assert code_of(wide) == "400100"
    trader.control.advance(300 * DAY)

    assert futures(trader)["dataList"] == []
    window = {"startAt": moved_at, "endAt": moved_at}
    assert len(futures(trader, **window)["dataList"]) == 1
    trader.control.advance(66 * DAY)
    assert futures(trader, **window)["dataList"] == []


def test_futures_ledger_filters_and_refuses(trader):
    trader.transfer("MAIN", "CONTRACT", amount="10")
    trader.transfer("CONTRACT", "MAIN", amount="4")

    out = futures(trader, type="TransferOut")["dataList"]
    assert [(item["amount"], item["accountEquity"]) for item in out] == [(-4.0, 6.0)]
    assert futures(trader, currency="USDC")["dataList"] == []
    for query in ({"maxCount": 101}, {"type": "Bonus"}, {"offset": "x"}, {"forward": "1"}):
        assert code_of(trader.get(FUTURES, host="/futures", **query)) == "400100"


def test_ledgers_need_only_general_and_count_in_their_pools(driver):
    trader = Trader(driver, groups=["API_COMMON"])
    hosts = {FUNDING: ("", "1998"), TRADE: ("", "3998"), FUTURES: ("/futures", "1998")}

    for path, (host, remaining) in hosts.items():
        answer = trader.get(path, host=host)
        assert code_of(answer) == "200000"
        assert answer.headers["gw-ratelimit-remaining"] == remaining


def test_ledgers_explain_every_balance(trader):
    trader.transfer("MAIN", "CONTRACT", amount="500")
    trader.spot(size="0.005")
    trader.spot(side="sell", size="0.02")
    trader.futures()
    trader.control.set_prices(BTC="59000")
    trader.futures(side="sell", size=2)
    trader.control.advance(8 * HOUR)

    def total(account, currency="USDT"):
        return Decimal(trader.balance(account, currency)) + Decimal(
            trader.balance(f"hold:{account}", currency)
        )

    for kind, account in (("funding-ledger", "main"), ("trade-ledger", "trade")):
        changes = [
            Decimal(item["record"]["amount"]) * (1 if item["record"]["direction"] == "in" else -1)
            for item in trader.control.records(kind, "alice")
            if item["record"]["currency"] == "USDT"
        ]
        assert sum(changes) == total(account)
    changes = [
        Decimal(str(item["record"]["amount"]))
        for item in trader.control.records("futures-ledger", "alice")
    ]
    assert sum(changes) == total("contract")
