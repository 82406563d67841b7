"""Dense histories: many pages, windows that hold too much, worlds, hidden fills, little time."""

from collections import Counter
from functools import partial
from itertools import count, product

import pytest

from kubroker.exports import history
from kubroker.exports import wiring as export_setup
from kubroker.exports.model import MAX_ATTEMPTS
from kubroker.exports.records import ExportKind
from kubroker.exports.windows import MAX_WINDOW_RECORDS, MIN_SPAN_MS
from kubroker.foundation.clock import Clock
from tests.exports.functional import book
from tests.exports.functional.book import compare
from tests.exports.functional.living import EPOCH_MS, show

# Pages as small as the simulator allows, and a window that holds no more than a few of them.
PAGE, MOST = 10, 40
MARKS = ("lastId", "offset", "currentPage")
SPOT, TRADES = ExportKind.SPOT_FILLS, ExportKind.TRADE_LEDGER
# What the simulator calls the endpoints.
ROUTES = {kind: kind.value for kind in ExportKind}
ROUTES[ExportKind.WITHDRAWALS] = "withdrawal_history"

SEVERAL = (
    ExportKind.FUTURES_FILLS,
    ExportKind.FUNDING_LEDGER,
    TRADES,
    ExportKind.DEPOSITS,
    ExportKind.WITHDRAWALS,
)


WORLDS = list(
    product(("newest", "oldest"), ("included", "excluded"), ("present", "always", "never"))
)


@pytest.fixture
def small(monkeypatch):
    """Windows and pages of a few records, where KuCoin's are of hundreds."""
    for name in ("FILLS_LIMIT", "TRADE_LEDGER_LIMIT", "FUTURES_LEDGER_LIMIT"):
        monkeypatch.setattr(history, name, PAGE)
    paged = {kind: history._Paged(one.host, one.path, PAGE) for kind, one in history._PAGED.items()}
    monkeypatch.setattr(history, "_PAGED", paged)
    monkeypatch.setattr(history, "MAX_WINDOW_RECORDS", MOST)
    monkeypatch.setitem(history._cap.__kwdefaults__, "most", MOST)


def end_ms(world):
    return world.now_ms() // 1000 * 1000 - 120_000


def expect_whole(world, export, until_ms, *, kinds=tuple(ExportKind)):
    """READY, nothing lacks, and each record of the simulator's book is there once."""
    assert export["state"] == "READY", export
    found = world.read(export)
    total, missing, twice, *rest = compare(found, world.book(EPOCH_MS, until_ms, kinds))
    assert (missing, twice) == (0, 0), rest
    assert export["isComplete"] is True, world.coverage(export)
    assert total == export["records"] > 0
    return found


def count_pages(world):
    """Route to how many pages behind a first one were asked for."""
    return Counter(
        entry["route"]
        for entry in world.simulator.journal()
        if any(entry["query"].get(mark, "1") != "1" for mark in MARKS)
    )


def find_units(world, export_id):
    """The export's units as the table has them."""
    found = world.functions.stack.aws.client("dynamodb").query(
        TableName=world.functions.stack.tables["ExportsTable"],
        KeyConditionExpression="exportId = :e AND begins_with(#i, :u)",
        ExpressionAttributeNames={"#i": "item"},
        ExpressionAttributeValues={":e": {"S": export_id}, ":u": {"S": "unit#"}},
    )
    return found["Items"]


def test_history_of_many_full_pages_is_there_once(world):
    """Pages as long as KuCoin's: fills by the hundred, ledger by two, futures by the thousand."""
    world.begin(1)
    world.live(2, 3_000, seed=5, futuresShare=0.5, symbols=["BTC-USDT", "ETH-USDT"])
    until = end_ms(world)
    found = expect_whole(world, world.export(to=show(until)), until)
    pages = count_pages(world)
    for kind in (SPOT, TRADES, ExportKind.FUTURES_FILLS):
        assert pages[ROUTES[kind]] > 0, pages
    assert len(found[SPOT]) > 1_000 < len(found[ExportKind.FUTURES_FILLS])


def test_windows_that_hold_too_much_are_read_in_shorter_ones(world, small):
    world.begin(1)
    world.live(1.5, 500, seed=6, moneyPerDay=150)
    until = end_ms(world)
    export = world.export(to=show(until))
    found = expect_whole(world, export, until)
    lines = world.coverage(export)["user-0"]["windows"]
    windows: Counter[str] = Counter()
    for line in lines:
        windows[line["kind"]] += line["windows"]
    pages = count_pages(world)
    for kind in (*SEVERAL, SPOT):
        assert windows[kind] * MOST >= len(found[kind]) > MOST, (kind, windows[kind])
        assert pages[ROUTES[kind]] > 0, pages
    assert pages[ROUTES[ExportKind.FUTURES_LEDGER]] > 0, pages


@pytest.mark.parametrize(("clamp", "end", "pending"), WORLDS)
def test_records_are_there_once_in_each_world(world, small, clamp, end, pending):
    world.begin(1)
    world.simulator.set_worlds(window_clamp=clamp, window_end=end, futures_pending=pending)
    world.live(2, 120, seed=7, futuresShare=0.5, moneyPerDay=8)
    until = end_ms(world)
    expect_whole(world, world.export(to=show(until)), until)


def hide_fill(world):
    """A fill from the midst of the period, that no list shows from now on."""
    fills = [item["record"] for item in world.simulator.records("spot-fills", "lives-0")]
    hidden = sorted(fills, key=lambda fill: fill["createdAt"])[len(fills) // 2]
    world.simulator.set_settings(hiddenFillId=int(hidden["id"]))
    return hidden


def test_fill_that_no_list_shows_ends_as_a_stated_gap_with_all_the_rest_there(world):
    world.begin(2)
    world.live(2, 120, seed=8)
    until, hidden = end_ms(world), hide_fill(world)
    export = world.export(to=show(until))
    assert (export["state"], export["isComplete"]) == ("READY", False)
    total, missing, twice, lacking, _ = compare(world.read(export), world.book(EPOCH_MS, until))
    assert (missing, twice, lacking[SPOT]) == (1, 0, 1)
    assert total == export["records"] + 1
    assert str(hidden["id"]) not in {row["recordId"] for row in world.read(export)[SPOT]}
    coverage = world.coverage(export)
    (gap,) = coverage["user-0"]["gaps"]
    assert (gap["kind"], gap["reason"]) == (SPOT, "records_missing")
    _, row = book.build_row(SPOT, "user-0", hidden)
    assert gap["from"] <= row["time"] < gap["to"]
    assert coverage["user-1"]["isComplete"] is True
    assert "ledger knows trades" in world.fetch(export)["summary.html"].decode()


def test_fill_that_shows_up_late_is_waited_for(world):
    """As long as there are attempts: it is no gap then."""
    world.begin(1)
    world.live(1, 60, seed=9)
    until = end_ms(world)
    hide_fill(world)
    export_id = world.open(to=show(until)).json()["exportId"]
    for _ in range(MAX_ATTEMPTS - 1):
        world.functions.drain("ExportQueue")
        world.functions.stack.aws.release_delayed()
    (unit,) = find_units(world, export_id)
    assert (unit["isDone"]["BOOL"], unit["gaps"]["L"]) == (False, [])
    world.simulator.set_settings(hiddenFillId=0)
    world.drain()
    expect_whole(world, world.get(export_id), until)


class Strained:
    """A clock on which each look takes a while: so much work fits into an invocation."""

    def __init__(self, tick):
        self._looks, self._tick = count(), tick

    def build(self):
        return Clock(monotonic=lambda: next(self._looks) * self._tick, sleep=lambda _: None)


def test_invocation_without_time_for_a_dense_window_gets_on_with_shorter_ones(
    world, small, monkeypatch
):
    """A call takes two seconds, an invocation has eighteen: a day of 50 pages never fits in."""
    monkeypatch.setattr(export_setup, "Clock", Strained(0.5).build)
    monkeypatch.setitem(history._cap.__kwdefaults__, "most", MAX_WINDOW_RECORDS)
    call = partial(world.functions.call, remaining_ms=18_000)
    monkeypatch.setattr(world.functions, "call", call)
    world.begin(1)
    world.live(1, 250, seed=10, futuresShare=0)
    until = end_ms(world)
    spans: list[int] = []
    export_id = world.open(kinds=[TRADES], to=show(until)).json()["exportId"]
    while not spans or world.get(export_id)["users"]["waiting"]:
        assert world.functions.drain("ExportQueue", limit=1)
        world.functions.stack.aws.release_delayed()
        (unit,) = find_units(world, export_id)
        spans += [int(unit["spanMs"]["N"])] if "spanMs" in unit else []
    period = until - EPOCH_MS
    assert spans[:3] == [period // 2, period // 4, period // 8]
    assert min(spans) > MIN_SPAN_MS
    world.drain()
    expect_whole(world, world.get(export_id), until, kinds=(TRADES,))
