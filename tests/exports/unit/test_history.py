"""A window of KuCoin's histories is read whole, each record once, or it is no success."""

import json
from typing import Any

import pytest

from kubroker.exports.history import LEDGER_PAD_MS, read_window
from kubroker.exports.records import ExportKind, build_record
from kubroker.exports.windows import MAX_WINDOW_RECORDS, MIN_SPAN_MS, PAD_MS, Window
from kubroker.foundation.errors import KucoinOutcomeUnknownError, StoreError
from tests.exports.unit.history_account import START_MS, Account, build, day

SPOT, FUTURES = ExportKind.SPOT_FILLS, ExportKind.FUTURES_FILLS
TRADE, FUNDING = ExportKind.TRADE_LEDGER, ExportKind.FUNDING_LEDGER
PERIODS, DEPOSITS, WITHDRAWALS = (
    ExportKind.FUTURES_LEDGER,
    ExportKind.DEPOSITS,
    ExportKind.WITHDRAWALS,
)
PAGES = {SPOT: 100, TRADE: 200, PERIODS: 100, FUTURES: 1000, FUNDING: 500, DEPOSITS: 500}
PAGES |= {WITHDRAWALS: 500}
BY_ID = (SPOT, TRADE, PERIODS)
NUMBERED = (FUTURES, FUNDING, DEPOSITS, WITHDRAWALS)
SHORT = Window(START_MS, START_MS + MIN_SPAN_MS)
NO_LISTS = [None, "x", 1, True, {}, {"items": None}, {"items": {}, "dataList": {}}, {"data": []}]
NO_RECORDS = [None, 1, "x", [], True]
NO_IDS = [None, "", "x", True, 1.5, [], {}, "9" * 5000]


@pytest.fixture
def account():
    return Account()


def read(account, kind, window=None):
    return read_window(kind, "user-1", window or day(kind), account.ask)


def expect(account, kind, window=None):
    """What the account has in a window, as records."""
    window = window or day(kind)
    made = [build_record(kind, "user-1", raw) for raw in account.records[kind]]
    inside = [record for record in made if window.holds(record.time_ms)]
    return sorted(inside, key=lambda record: (record.time_ms, record.record_id))


def list_calls(account, path):
    return [call for call in account.asked if call.path == path]


def put(name, value):
    """Tampers with a field of every answer."""
    return lambda number, data: {**data, name: value}


def list_items(data):
    return data if isinstance(data, list) else data["items" if "items" in data else "dataList"]


@pytest.mark.parametrize("kind", ExportKind)
@pytest.mark.parametrize("pages", [0, 1, 2, 4])
@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_window_is_read_whole_however_many_pages_it_has(account, kind, pages, extra):
    count = max(0, pages * PAGES[kind] + extra)
    account.spread(kind, count, day(kind))
    reading = read(account, kind)
    assert reading.records == expect(account, kind)
    assert (len(reading.records), reading.missing, reading.is_too_full) == (count, 0, False)


@pytest.mark.parametrize(
    ("kind", "query", "mark"),
    [
        (FUTURES, {"pageSize": "1000"}, "currentPage"),
        (FUNDING, {"pageSize": "500"}, "currentPage"),
        (DEPOSITS, {"pageSize": "500"}, "currentPage"),
        (WITHDRAWALS, {"pageSize": "500"}, "currentPage"),
        (PERIODS, {"maxCount": "100"}, "offset"),
        (TRADE, {"limit": "200"}, "lastId"),
    ],
)
def test_pages_are_asked_of_the_same_window_one_after_the_other(account, kind, query, mark):
    account.spread(kind, PAGES[kind] + 1, day(kind))
    read(account, kind)
    window = day(kind)
    query |= {"startAt": str(window.start_ms - PAD_MS), "endAt": str(window.end_ms + PAD_MS)}
    first, second, *rest = [dict(call.query) for call in account.asked]
    marks = first.pop(mark, None), second.pop(mark)
    assert first == second == query
    assert marks == (("1", "2") if mark == "currentPage" else (None, "96"))
    assert len(rest) == (1 if kind is TRADE else 0)


def test_fills_are_asked_by_the_symbols_of_a_wider_window_of_the_ledger(account):
    account.spread(SPOT, 101, day(SPOT))
    account.add(SPOT, START_MS, symbol="ETH-BTC")
    read(account, SPOT)
    start, end = day(SPOT).start_ms, day(SPOT).end_ms
    ledger = dict(list_calls(account, "/api/v1/hf/accounts/ledgers")[0].query)
    assert ledger == {
        "startAt": str(start - LEDGER_PAD_MS),
        "endAt": str(end + LEDGER_PAD_MS),
        "bizType": "TRADE_EXCHANGE",
        "limit": "200",
    }
    fills = [dict(call.query) for call in list_calls(account, "/api/v1/hf/fills")]
    usual = {"startAt": str(start - PAD_MS), "endAt": str(end + PAD_MS), "limit": "100"}
    assert fills[0] == {"symbol": "BTC-USDT", **usual}
    assert fills[1]["lastId"] == str(account.records[SPOT][1]["id"])
    assert [query["symbol"] for query in fills[2:]] == ["BTC-USDT", "ETH-BTC", "ETH-BTC"]


@pytest.mark.parametrize("kind", ExportKind)
def test_window_begins_with_the_epoch_at_the_earliest(account, kind):
    assert read(account, kind, Window(0, 10)).records == []
    assert {call.query["startAt"] for call in account.asked} == {"0"}


@pytest.mark.parametrize("kind", ExportKind)
@pytest.mark.parametrize("most", [10, 99])
def test_short_page_is_not_the_end(account, kind, most):
    account.most = most
    account.spread(kind, 205, day(kind))
    assert read(account, kind).records == expect(account, kind)


@pytest.mark.parametrize("kind", ExportKind)
def test_records_of_one_moment_are_all_read(account, kind):
    for _ in range(2 * PAGES[kind] + 1):
        account.add(kind, START_MS + 5)
    reading = read(account, kind)
    assert reading.records == expect(account, kind)
    assert len(reading.records) == 2 * PAGES[kind] + 1


@pytest.mark.parametrize("kind", ExportKind)
@pytest.mark.parametrize("is_end_included", [True, False])
def test_window_has_its_start_and_not_its_end(account, kind, is_end_included):
    account.is_end_included = is_end_included
    window = day(kind)
    inside = [window.start_ms, window.start_ms + 1, window.end_ms - 1]
    outside = [window.start_ms - PAD_MS, window.start_ms - 1, window.end_ms, window.end_ms + 999]
    for time_ms in sorted(inside + outside):
        account.add(kind, time_ms)
    assert [record.time_ms for record in read(account, kind).records] == inside


@pytest.mark.parametrize("kind", ExportKind)
def test_record_at_the_joint_of_two_windows_belongs_to_one(account, kind):
    window = day(kind)
    joint = window.start_ms + window.span_ms // 2
    for time_ms in (joint - 1, joint, joint, joint + 1):
        account.add(kind, time_ms)
    halves = Window(window.start_ms, joint), Window(joint, window.end_ms)
    first, second = (read(account, kind, half).records for half in halves)
    assert [record.time_ms for record in first] == [joint - 1]
    assert [record.time_ms for record in second] == [joint, joint, joint + 1]


@pytest.mark.parametrize("kind", BY_ID)
def test_record_that_comes_between_two_pages_costs_none_of_the_others(account, kind):
    account.spread(kind, 2 * PAGES[kind] + 1, day(kind))
    expected = expect(account, kind)
    account.before = lambda number: number and account.add(kind, day(kind).end_ms - 1)
    found = read(account, kind).records
    assert [record for record in found if record in expected] == expected


@pytest.mark.parametrize("kind", NUMBERED)
def test_record_that_comes_or_goes_between_two_pages_is_no_success(account, kind):
    account.spread(kind, PAGES[kind] + 1, day(kind))
    for change in (lambda: account.add(kind, START_MS), account.records[kind].pop):
        first = len(account.asked)
        account.before = lambda number: number == first + 1 and change()  # noqa: B023
        with pytest.raises(KucoinOutcomeUnknownError, match="changed"):
            read(account, kind)


@pytest.mark.parametrize("kind", [FUTURES, FUNDING, WITHDRAWALS])
def test_counted_record_that_is_shown_twice_stands_for_one_that_is_not(account, kind):
    account.spread(kind, PAGES[kind] + 3, day(kind))

    def shift(number):
        if number == 1:
            account.add(kind, day(kind).end_ms - 1)
            account.records[kind].pop(0)

    account.before = shift
    with pytest.raises(KucoinOutcomeUnknownError, match="changed"):
        read(account, kind)


def test_counted_record_that_is_shown_twice_beside_the_window_is_no_success(account):
    account.add(FUNDING, START_MS)
    account.add(FUNDING, day(FUNDING).end_ms)
    items = [account.records[FUNDING][1]] * 2
    account.tamper = put("items", items)
    with pytest.raises(KucoinOutcomeUnknownError, match="changed"):
        read(account, FUNDING)


@pytest.mark.parametrize("kind", BY_ID)
def test_record_on_two_pages_is_one(account, kind):
    account.spread(kind, PAGES[kind] + 5, day(kind))
    last_of_page: dict[str, dict] = {}

    def repeat(number, data):
        items = list_items(data)
        path = account.asked[-1].path
        if path in last_of_page and items:
            items.insert(0, last_of_page[path])
        last_of_page.update({path: items[-1]} if items else {})
        return data

    account.tamper = repeat
    assert read(account, kind).records == expect(account, kind)


@pytest.mark.parametrize("kind", ExportKind)
def test_page_that_comes_again_is_no_success(account, kind):
    account.spread(kind, 2 * PAGES[kind] + 1, day(kind))
    pages: dict[str, Any] = {}
    account.tamper = lambda number, data: pages.setdefault(account.asked[-1].path, data)
    with pytest.raises(KucoinOutcomeUnknownError, match=r"same page|changed"):
        read(account, kind)


@pytest.mark.parametrize("kind", NUMBERED)
@pytest.mark.parametrize("total", [None, "2", True, 2.0, [], {}, -1, 1, 3])
def test_count_that_is_wrong_or_none_is_no_success(account, kind, total):
    account.spread(kind, 2, day(kind))
    account.tamper = put("totalNum", total)
    with pytest.raises(KucoinOutcomeUnknownError, match=r"totalNum|changed"):
        read(account, kind)


@pytest.mark.parametrize("kind", NUMBERED)
def test_count_that_is_missing_is_no_success(account, kind):
    account.tamper = lambda number, data: {"items": data["items"]}
    with pytest.raises(KucoinOutcomeUnknownError, match="totalNum"):
        read(account, kind)


@pytest.mark.parametrize("kind", NUMBERED)
@pytest.mark.parametrize("change", [-1, 1])
def test_count_that_changes_is_no_success(account, kind, change):
    account.spread(kind, PAGES[kind] + 2, day(kind))
    account.tamper = lambda number, data: {**data, "totalNum": data["totalNum"] + number * change}
    with pytest.raises(KucoinOutcomeUnknownError, match="changed"):
        read(account, kind)


@pytest.mark.parametrize("kind", ExportKind)
def test_window_with_as_many_as_are_read_at_once_is_read(account, kind):
    account.spread(kind, MAX_WINDOW_RECORDS, day(kind))
    assert len(read(account, kind).records) == MAX_WINDOW_RECORDS


@pytest.mark.parametrize("kind", ExportKind)
def test_window_with_one_more_is_too_full(account, kind):
    account.spread(kind, MAX_WINDOW_RECORDS + 1, day(kind))
    reading = read(account, kind)
    assert (reading.is_too_full, reading.records, reading.missing) == (True, [], 0)
    assert kind not in NUMBERED or len(account.asked) == 1


@pytest.mark.parametrize("kind", ExportKind)
def test_shortest_window_is_read_however_full_it_is(account, kind):
    account.spread(kind, MAX_WINDOW_RECORDS + 1, SHORT)
    assert len(read(account, kind, SHORT).records) == MAX_WINDOW_RECORDS + 1
    longer = Window(SHORT.start_ms, SHORT.end_ms + 1)
    assert read(account, kind, longer).is_too_full


def test_fills_of_all_symbols_together_make_a_window_too_full(account):
    account.spread(SPOT, MAX_WINDOW_RECORDS, day(SPOT))
    account.add(SPOT, START_MS, symbol="ETH-BTC")
    assert read(account, SPOT).is_too_full


def test_ledger_of_trades_with_too_many_entries_makes_a_window_too_full(account):
    account.add(SPOT, START_MS)
    for _ in range(3 * MAX_WINDOW_RECORDS - 2):
        account.add_traded("BTC-USDT", 2**53 + 95, START_MS)
    assert len(read(account, SPOT).records) == 1
    account.add_traded("BTC-USDT", 2**53 + 95, START_MS)
    account.asked.clear()
    assert read(account, SPOT).is_too_full
    assert list_calls(account, "/api/v1/hf/fills") == []


@pytest.mark.parametrize("kind", ExportKind)
@pytest.mark.parametrize("answer", NO_LISTS, ids=repr)
def test_answer_without_a_list_is_no_success(account, kind, answer):
    account.tamper = lambda number, data: answer
    with pytest.raises(KucoinOutcomeUnknownError, match="no list"):
        read(account, kind)


@pytest.mark.parametrize("answer", [{"items": {}}, [], {"items": [None]}], ids=repr)
def test_fills_without_a_list_are_no_success(account, answer):
    account.add(SPOT, START_MS)
    is_fills = lambda: account.asked[-1].path == "/api/v1/hf/fills"  # noqa: E731
    account.tamper = lambda number, data: answer if is_fills() else data
    with pytest.raises(KucoinOutcomeUnknownError, match="no list"):
        read(account, SPOT)


@pytest.mark.parametrize("kind", ExportKind)
@pytest.mark.parametrize("item", NO_RECORDS, ids=repr)
def test_item_that_is_no_object_is_no_success(account, kind, item):
    account.add(kind, START_MS)

    def spoil(number, data):
        list_items(data).append(item)
        return data

    account.tamper = spoil
    with pytest.raises(KucoinOutcomeUnknownError, match="no list"):
        read(account, kind)


@pytest.mark.parametrize("kind", ExportKind)
@pytest.mark.parametrize("time", [None, "soon", 1.5, -1, 1_700_000_000], ids=repr)
def test_record_without_a_time_is_no_success(account, kind, time):
    account.add(kind, START_MS)
    name = {FUTURES: "tradeTime", PERIODS: "time"}.get(kind, "createdAt")

    def spoil(number, data):
        return json.loads(json.dumps(data), object_hook=lambda raw: raw | {name: time} if name in raw else raw)  # fmt: skip

    account.tamper = spoil
    with pytest.raises(KucoinOutcomeUnknownError, match="can't be read"):
        read(account, kind)


@pytest.mark.parametrize("kind", [FUTURES, FUNDING, TRADE, PERIODS, WITHDRAWALS])
def test_record_without_an_id_is_no_success(account, kind):
    name = {FUTURES: "orderId", PERIODS: "offset"}.get(kind, "id")
    account.add(kind, START_MS)
    account.tamper = lambda number, data: list_items(data)[0].pop(name) and data
    with pytest.raises(KucoinOutcomeUnknownError, match="no id"):
        read(account, kind)


@pytest.mark.parametrize("value", NO_IDS, ids=lambda value: repr(value)[:9])
@pytest.mark.parametrize("kind", BY_ID)
def test_page_whose_next_one_has_no_id_to_start_before_is_no_success(account, kind, value):
    name = "offset" if kind is PERIODS else "id"
    account.spread(kind, PAGES[kind] + 1, day(kind))

    def spoil(number, data):
        if kind is not SPOT or account.asked[-1].path == "/api/v1/hf/fills":
            list_items(data)[-1][name] = value
        return data

    account.tamper = spoil
    with pytest.raises(KucoinOutcomeUnknownError, match=r"an id|no id|can't be read"):
        read(account, kind)


@pytest.mark.parametrize("kind", ExportKind)
def test_error_of_a_call_is_the_windows_error(account, kind):
    def fail(number):
        raise StoreError("no key")

    account.before = fail
    with pytest.raises(StoreError, match="no key"):
        read(account, kind)


@pytest.mark.parametrize(
    "context",
    [
        None,
        "",
        "x",
        "[]",
        "null",
        '"x"',
        "{}",
        "{",
        "[" * 100_000,
        '{"tradeId": "1"}',
        '{"symbol": "", "tradeId": "1"}',
        '{"symbol": null, "tradeId": "1"}',
        '{"symbol": 1, "tradeId": "1"}',
        '{"symbol": ["BTC-USDT"], "tradeId": "1"}',
        '{"symbol": "BTC-USDT"}',
        '{"symbol": "BTC-USDT", "tradeId": null}',
        '{"symbol": "BTC-USDT", "tradeId": 1.5}',
        '{"symbol": "BTC-USDT", "tradeId": [1]}',
        {"symbol": "BTC-USDT", "tradeId": "1"},
    ],
    ids=lambda context: repr(context)[:40],
)
def test_trade_that_does_not_tell_its_symbol_is_no_success(account, context):
    account.add(TRADE, START_MS, bizType="TRADE_EXCHANGE", context=context)
    with pytest.raises(KucoinOutcomeUnknownError, match="does not tell its symbol"):
        read(account, SPOT)
    assert list_calls(account, "/api/v1/hf/fills") == []


def test_trade_without_any_context_is_no_success(account):
    account.add(TRADE, START_MS, bizType="TRADE_EXCHANGE")
    with pytest.raises(KucoinOutcomeUnknownError, match="does not tell its symbol"):
        read(account, SPOT)


def test_trades_entry_that_can_not_be_read_is_no_success(account):
    account.add(SPOT, START_MS)
    account.records[TRADE][0]["direction"] = "sideways"
    with pytest.raises(KucoinOutcomeUnknownError, match="trade_ledger that can't be read"):
        read(account, SPOT)


def test_entries_that_are_no_trades_need_no_context(account):
    account.add(TRADE, START_MS)
    assert read(account, SPOT).records == []
    assert len(read(account, TRADE).records) == 1


def test_trade_id_may_be_a_number(account):
    fill = account.add(SPOT, START_MS)
    for entry in account.records[TRADE]:
        entry["context"] = json.dumps({"symbol": "BTC-USDT", "tradeId": fill["tradeId"]})
    reading = read(account, SPOT)
    assert (len(reading.records), reading.missing) == (1, 0)


def test_trade_that_the_fills_do_not_show_is_missing_once(account):
    account.spread(SPOT, 150, day(SPOT))
    account.records[SPOT].pop(70)
    reading = read(account, SPOT)
    assert (len(reading.records), reading.missing) == (149, 1)
    assert reading.records == expect(account, SPOT)


def test_trade_of_a_symbol_without_fills_is_missing(account):
    account.add(SPOT, START_MS)
    account.add_traded("ETH-BTC", 2**53 + 95, START_MS)
    reading = read(account, SPOT)
    assert (len(reading.records), reading.missing) == (1, 1)


def test_trade_of_another_window_is_not_missed_in_this_one(account):
    window = day(SPOT)
    for time_ms in (window.start_ms - 1, window.end_ms, window.end_ms + LEDGER_PAD_MS):
        account.add_traded("BTC-USDT", 1, time_ms)
    assert read(account, SPOT).missing == 0
    account.add_traded("BTC-USDT", 2, window.start_ms)
    account.add_traded("BTC-USDT", 3, window.end_ms - 1)
    assert read(account, SPOT).missing == 2


@pytest.mark.parametrize("late_ms", [-LEDGER_PAD_MS, LEDGER_PAD_MS])
def test_fill_is_found_by_an_entry_beside_the_window(account, late_ms):
    edge = START_MS if late_ms < 0 else day(SPOT).end_ms - 1
    account.records[SPOT].append(build(SPOT, 1, edge))
    account.add_traded("BTC-USDT", 2**53 + 1, edge + late_ms)
    reading = read(account, SPOT)
    assert (len(reading.records), reading.missing) == (1, 0)


def test_fill_a_moment_beside_the_window_is_shown_and_belongs_to_the_next(account):
    end_ms = day(SPOT).end_ms
    account.records[SPOT].append(build(SPOT, 1, end_ms + 1))
    account.add_traded("BTC-USDT", 2**53 + 1, end_ms - 1)
    reading = read(account, SPOT)
    assert (reading.records, reading.missing) == ([], 0)
    following = read(account, SPOT, Window(end_ms, end_ms + MIN_SPAN_MS))
    assert (len(following.records), following.missing) == (1, 0)


@pytest.mark.parametrize("offset", [-1, 10**9, None])
@pytest.mark.parametrize("count", [0, 1, 100, 250])
def test_running_period_is_no_record_and_no_place_to_go_on_from(account, offset, count):
    account.spread(PERIODS, count, day(PERIODS))
    account.pending = [
        build(PERIODS, 0, day(PERIODS).end_ms - 1, status="Pending", remark=symbol, offset=offset)
        for symbol in ("XBTUSDTM", "ETHUSDTM")
    ]
    reading = read(account, PERIODS)
    assert reading.records == expect(account, PERIODS)
    assert len(reading.records) == count


def test_page_of_running_periods_only_with_more_behind_is_no_success(account):
    account.pending = [build(PERIODS, -1, START_MS, status="Pending")]
    account.tamper = put("hasMore", True)
    with pytest.raises(KucoinOutcomeUnknownError, match="without an id"):
        read(account, PERIODS)


@pytest.mark.parametrize("value", [None, "true", "false", 0, 1])
def test_futures_ledger_that_does_not_tell_whether_there_is_more_is_no_success(account, value):
    account.spread(PERIODS, 101, day(PERIODS))
    account.tamper = put("hasMore", value)
    with pytest.raises(KucoinOutcomeUnknownError, match="whether there is more"):
        read(account, PERIODS)


def test_empty_page_with_more_behind_is_no_success(account):
    account.tamper = put("hasMore", True)
    with pytest.raises(KucoinOutcomeUnknownError, match="without an id"):
        read(account, PERIODS)


def test_equal_deposits_are_told_apart_by_number(account):
    equal = {"walletTxId": "same"}
    account.add(DEPOSITS, START_MS, **equal)
    for _ in range(3):
        account.add(DEPOSITS, START_MS + 1, **equal)
    records = read(account, DEPOSITS).records
    assert len({record.record_id for record in records}) == 4
    plain = records[1].record_id
    assert [record.record_id for record in records[1:]] == [plain, f"{plain}/2", f"{plain}/3"]
    assert all(record.fields["recordId"] == record.record_id for record in records)


def test_equal_deposits_on_two_pages_are_both_there(account):
    account.add(DEPOSITS, START_MS, walletTxId="same")
    account.add(DEPOSITS, START_MS, walletTxId="same")
    account.spread(DEPOSITS, 499, day(DEPOSITS))
    records = read(account, DEPOSITS).records
    assert len({record.record_id for record in records}) == len(records) == 501


@pytest.mark.parametrize("kind", ExportKind)
def test_window_read_again_has_the_same_records(account, kind):
    account.spread(kind, 2 * PAGES[kind] + 1, day(kind))
    account.add(kind, START_MS)
    account.add(kind, START_MS)
    assert read(account, kind) == read(account, kind)
