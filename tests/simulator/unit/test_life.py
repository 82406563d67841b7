"""Users who live days of trading, and whether every record of theirs can be read back."""

import json
from collections import Counter, defaultdict
from decimal import Decimal

import pytest

from local.kucoin_simulator.control.client import SimulatorError
from tests.simulator.unit.driver import Trader

START_MS = 1_750_000_000_000
HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS
USERS = ["alice", "bob"]
DAYS = 6


@pytest.fixture
def control(driver):
    driver.control.reset(now_ms=START_MS)
    driver.control.set_clock(frozen=True)
    driver.control.set_settings(timestamp_window_ms=10**12, rate_limits=dict.fromkeys(
        ("spot", "futures", "management"), 10**6))  # fmt: skip
    return driver.control


@pytest.fixture
def lived(driver, control):
    start = control.state()["clock"]["nowMs"]
    control.set_settings(tradeLedgerDays=365)
    control.live(USERS, days=DAYS, fills=600, seed=5, moneyPerDay=6)
    return Trader(driver), start, start + DAYS * DAY_MS


def windows(start, end, span):
    while start <= end:
        yield start, min(start + span - 1, end)
        start += span


def pages(trader, path, start, end, **options):
    page = 1
    while True:
        window = {"startAt": start, "endAt": end, "currentPage": page}
        data = trader.data(path, **window, **options)
        yield from data["items"]
        if page >= data["totalPage"]:
            return
        page += 1


def truth(trader, kind):
    return [item["record"] for item in trader.control.records(kind, trader.user)]


def canonical(records):
    return Counter(json.dumps(record, sort_keys=True) for record in records)


def test_live_makes_the_fills_asked_for_and_the_clock_ends_with_the_days(control):
    start = control.state()["clock"]["nowMs"]
    done = control.live(USERS, days=2, fills=301, seed=1)

    assert (done["startMs"], done["endMs"]) == (start, start + 2 * DAY_MS)
    assert done["spotFills"] + done["futuresFills"] == 301
    counted = [len(control.records(kind)) for kind in ("spot-fills", "futures-fills")]
    assert counted == [done["spotFills"], done["futuresFills"]]
    assert control.state()["clock"] == {
        "nowMs": start + 2 * DAY_MS,
        "offsetSeconds": pytest.approx(control.state()["clock"]["offsetSeconds"], abs=5),
        "frozen": True,
    }
    assert control.book(limit=0)["sound"]
    assert control.book(limit=0)["postings"] == []


def test_live_goes_on_with_a_running_clock(control):
    control.set_clock(frozen=False)
    before = control.state()["clock"]["nowMs"]
    control.live(USERS, days=1, fills=5)

    clock = control.state()["clock"]
    assert clock["frozen"] is False
    assert 0 <= clock["nowMs"] - before - DAY_MS < 60_000


def test_live_with_a_seed_repeats_itself(control):
    def once():
        control.reset(now_ms=START_MS)
        control.set_clock(frozen=True)
        control.live(["carol"], days=1, fills=40, seed=9)
        return [
            (item["record"]["symbol"], item["record"]["size"], item["record"]["price"])
            for item in control.records("spot-fills")
        ]

    assert once() == once()


def test_live_day_by_day_continues_balances_and_ids(control):
    for day in range(3):
        control.live(["alice"], days=1, fills=30, seed=day)

    ids = [item["record"]["id"] for item in control.records("spot-fills")]
    assert ids == sorted(set(ids))
    assert control.book(limit=0)["sound"]


def test_live_restores_prices_and_liquidity(control):
    control.set_liquidity(**{"BTC-USDT": ["0.5"]})
    control.live(["alice"], days=1, fills=50, seed=2)

    assert control.set_prices()["BTC"] == "60000"
    assert control.set_liquidity() == {"BTC-USDT": ["0.5"]}


def test_live_leaves_some_orders_without_the_tag(control):
    control.live(["alice"], days=1, fills=80, seed=3, taggedShare=0.5)

    tags = Counter(item["facts"]["isTagged"] for item in control.records("spot-orders"))
    assert tags[True] > 5
    assert tags[False] > 5


def test_live_has_what_trips_an_export(control):
    control.live(USERS, days=30, fills=1200, seed=4)

    spot = [item["record"] for item in control.records("spot-fills", "alice")]
    times = Counter(item["createdAt"] for item in spot)
    assert max(times.values()) == 3
    assert any(item["createdAt"] % DAY_MS == 0 for item in spot)
    trade_ids = Counter(item["tradeId"] for item in spot)
    assert max(trade_ids.values()) > 1
    assert min(trade_ids) > 2**53
    statuses = Counter(item["record"]["status"] for item in control.records("withdrawals"))
    assert set(statuses) == {"SUCCESS", "FAILURE"}


@pytest.mark.parametrize(
    "body",
    [
        {"users": []},
        {"users": ["nobody"]},
        {"users": ["alice"], "days": 0},
        {"users": ["alice"], "days": 1001},
        {"users": ["alice"], "fills": 500_001},
        {"users": ["alice"], "symbols": ["NO-USDT"]},
    ],
)
def test_live_refuses(control, body):
    with pytest.raises(SimulatorError):
        control.call("POST", "/trade-history", {"days": 1, "fills": 1, **body})


def test_spot_fills_read_by_symbol_and_last_id_are_all_there_once(lived):
    trader, start, end = lived
    read = []
    for symbol in {item["symbol"] for item in trader.data("/api/v2/symbols")}:
        last_id = 0
        query = {"symbol": symbol, "startAt": start, "endAt": end, "limit": 100}
        while page := trader.data("/api/v1/hf/fills", **query, lastId=last_id)["items"]:
            read += page
            last_id = page[-1]["id"]

    assert len(read) > 100
    assert canonical(read) == canonical(truth(trader, "spot-fills"))


def test_futures_fills_read_by_page_are_all_there_once(lived):
    trader, start, end = lived
    read = list(pages(trader, "/api/v1/fills", start, end, host="/futures", pageSize=20))

    assert len(read) > 40
    assert canonical(read) == canonical(truth(trader, "futures-fills"))


def test_funding_ledger_read_by_day_is_all_there_once(lived):
    trader, start, end = lived
    read = [
        item
        for first, last in windows(start - 1000, end, DAY_MS)
        for item in pages(trader, "/api/v1/accounts/ledgers", first, last, pageSize=10)
    ]

    assert len(read) > 10
    assert canonical(read) == canonical(truth(trader, "funding-ledger"))


def test_trade_ledger_read_by_three_days_and_last_id_is_all_there_once(lived):
    trader, start, end = lived
    read = []
    for first, last in windows(start - 1000, end, 3 * DAY_MS):
        last_id = 0
        query = {"startAt": first, "endAt": last, "limit": 200}
        while page := trader.data("/api/v1/hf/accounts/ledgers", **query, lastId=last_id):
            read += page
            last_id = page[-1]["id"]

    assert len(read) > 200
    assert canonical(read) == canonical(truth(trader, "trade-ledger"))


def test_futures_ledger_read_by_day_and_offset_is_all_there_once(lived):
    trader, start, end = lived
    read = []
    for first, last in windows(start - 1000, end, DAY_MS):
        offset, more = 0, True
        while more:
            query = {"startAt": first, "endAt": last, "maxCount": 7, "offset": offset}
            data = trader.data("/api/v1/transaction-history", host="/futures", **query)
            more = data["hasMore"]
            offset = min((item["offset"] for item in data["dataList"]), default=0)
            read += [item for item in data["dataList"] if item["status"] == "Completed"]

    assert len(read) > 10
    assert canonical(read) == canonical(truth(trader, "futures-ledger"))


@pytest.mark.parametrize("kind", ["deposits", "withdrawals"])
def test_money_read_by_page_is_all_there_once(lived, kind):
    trader, start, end = lived
    read = list(pages(trader, f"/api/v1/{kind}", start, end, pageSize=10))

    assert len(read) > 4
    assert canonical(read) == canonical(truth(trader, kind))


def test_ledgers_of_a_life_explain_its_balances(lived):
    trader, _, _ = lived
    totals: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for item in trader.control.book(limit=0)["balances"]:
        if item["owner"] == "alice":
            kind = item["account"].removeprefix("hold:")
            totals[kind, item["currency"]] += Decimal(item["amount"])

    for kind, account in (("funding-ledger", "main"), ("trade-ledger", "trade")):
        sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for item in truth(trader, kind):
            sign = 1 if item["direction"] == "in" else -1
            sums[account, item["currency"]] += sign * Decimal(item["amount"])
        assert all(totals[known] == total for known, total in sums.items())
    settled = sum(
        Decimal(str(item["amount"]))
        for item in truth(trader, "futures-ledger")
        if item["currency"] == "USDT"
    )
    running = sum(
        Decimal(str(item["amount"]))
        for item in trader.data("/api/v1/transaction-history", host="/futures")["dataList"]
        if item["status"] == "Pending" and item["currency"] == "USDT"
    )
    assert settled + running == totals["contract", "USDT"]
