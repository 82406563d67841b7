"""The broker's reports: the file of rebates, and volumes with and without the tag."""

import csv
import io

import pytest

from tests.simulator.unit.driver import Trader, code_of

REPORT = "/api/v1/broker/api/rebase/download"
MORNING_MS = 1_750_032_000_000  # 2025-06-16T00:00:00Z
BARE = dict.fromkeys(("KC-API-PARTNER", "KC-API-PARTNER-SIGN", "KC-BROKER-NAME"))


@pytest.fixture
def trader(driver):
    driver.control.reset(now_ms=MORNING_MS)
    return Trader(driver)


@pytest.fixture
def broker(driver, trader):
    driver.control.add_user("broker", isBroker=True)
    return Trader(driver, "broker")


def report(broker, kind=1, begin="20250616", end="20250616"):
    return broker.data(REPORT, begin=begin, end=end, tradeType=kind)["url"]


def rows(broker, url):
    answer = broker.driver.session.get(url, timeout=10)
    assert answer.headers["Content-Type"] == "text/csv"
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_report_holds_the_trades_whose_order_carried_the_tag(trader, broker):
    order = trader.spot_order(size="0.005")
    placed_at = trader.now_ms
    body = {"symbol": "BTC-USDT", "side": "buy", "type": "market", "size": "0.001"}
    trader.send("POST", "/api/v1/hf/orders", body, headers=BARE)
    trader.control.advance(24 * 3600)

    assert rows(broker, report(broker)) == [
        {
            "uid": "200000001",
            "tradeType": "1",
            "symbol": "BTC-USDT",
            "orderId": order["id"],
            "tradeId": "11029373945659392",
            "side": "buy",
            "price": "60000",
            "size": "0.005",
            "volume": "300",
            "fee": "0.3",
            "feeCurrency": "USDT",
            "rebate": "0.12",
            "rebateCurrency": "USDT",
            "tradeTime": str(placed_at),
        }
    ]


def test_report_of_futures_is_apart(trader, broker):
    trader.transfer("MAIN", "CONTRACT", amount="500")
    trader.futures()
    trader.control.advance(24 * 3600)

    assert [row["symbol"] for row in rows(broker, report(broker, kind=2))] == ["XBTUSDTM"]
    assert rows(broker, report(broker, kind=1)) == []


def test_report_holds_whole_days_only(trader, broker):
    trader.spot(size="0.001")
    trader.control.advance(23 * 3600)

    assert rows(broker, report(broker)) == []
    trader.control.advance(3600)
    assert len(rows(broker, report(broker))) == 1
    assert rows(broker, report(broker, begin="20250617", end="20250617")) == []


def test_report_file_is_gone_after_a_day_and_needs_its_token(trader, broker):
    url = report(broker)
    session = broker.driver.session

    assert session.get(url, timeout=10).status_code == 200
    assert session.get(url[:-1] + "!", timeout=10).status_code == 403
    trader.control.advance(24 * 3600)
    assert session.get(url, timeout=10).status_code == 403


@pytest.mark.parametrize(
    "changes",
    [
        {"begin": "2025-06-16"},
        {"end": ""},
        {"begin": "20250617"},
        {"begin": "20241101"},
        {"tradeType": "3"},
    ],
)
def test_report_refuses(broker, changes):
    query = {"begin": "20250616", "end": "20250616", "tradeType": "1"} | changes

    assert code_of(broker.get(REPORT, **query)) == "400100"


def test_report_is_for_the_broker_only(trader):
    answer = trader.get(REPORT, begin="20250616", end="20250616", tradeType=1)

    assert code_of(answer) == "260500"


VOLUMES = "/api/v2/broker/queryDetailByUid"


def test_volumes_tell_tagged_trades_from_others(trader, broker):
    trader.spot_order(size="0.005")
    body = {"symbol": "BTC-USDT", "side": "buy", "type": "market", "size": "0.001"}
    trader.send("POST", "/api/v1/hf/orders", body, headers=BARE)
    trader.transfer("MAIN", "CONTRACT", amount="500")
    trader.futures()

    found = broker.data(VOLUMES, uid="200000001")
    names = ("spotTradingVolumeWithTag", "spotTradingVolumeWithNoTag", "futureTradingVolumeWithTag")
    told = [tuple(row[name] for name in names) for row in found]
    assert set(told) == {("300", None, "0"), (None, "60", None), ("0", None, "180")}
    assert len(broker.data(VOLUMES, tradeType="FUTURE")) == 1
    assert broker.data(VOLUMES, uid="7") == []
    now = str(trader.now_ms)
    assert broker.data(VOLUMES, endAt="1") == []
    assert len(broker.data(VOLUMES, startAt=str(MORNING_MS), endAt=now)) == 3


def test_volumes_come_in_pages(trader, broker):
    for _ in range(3):
        trader.spot(size="0.001")
    whole = [row["lastId"] for row in broker.data(VOLUMES)]
    first = broker.data(VOLUMES, pageSize=2)
    rest = broker.data(VOLUMES, pageSize=2, lastId=first[-1]["lastId"], direction="NEXT")
    assert [row["lastId"] for row in first + rest] == whole
    assert len(set(whole)) == 3


@pytest.mark.parametrize(
    "query",
    [
        {"tradeType": "1"},
        {"direction": "LEFT"},
        {"pageSize": "501"},
        {"pageSize": "0"},
        {"startAt": "x"},
    ],
)
def test_volumes_refuse(broker, query):
    assert code_of(broker.get(VOLUMES, **query)) == "400100"


def test_volumes_are_for_the_broker_only(trader):
    assert code_of(trader.get(VOLUMES)) == "260500"
