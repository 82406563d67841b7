"""The daily collector in trouble: what fails, fails for itself, and is made up for."""

import itertools

import pytest

from kubroker.exports import wiring as export_setup
from kubroker.exports.archive.model import ARCHIVED_KINDS
from kubroker.exports.records import ExportKind
from kubroker.exports.windows import PAD_MS, get_longest_ms
from kubroker.foundation.clock import Clock
from tests.exports.functional.book import compare
from tests.exports.functional.collecting import Collecting
from tests.exports.functional.living import DAY_MS, EPOCH_MS, show

GROWING = [30, 60, 120, 240, 480]
FUNDING = ExportKind.FUNDING_LEDGER
SPOT = ExportKind.SPOT_FILLS
# Spot fills are held against the trade ledger.
TOUCHED = {kind: {kind} for kind in ARCHIVED_KINDS} | {
    ExportKind.TRADE_LEDGER: {ExportKind.TRADE_LEDGER, SPOT}
}


@pytest.fixture
def collecting(world, capsys):
    return Collecting(world, capsys)


def expect_export(world, until_ms, kinds=ARCHIVED_KINDS):
    """All that was collected, each record once, and from the archive alone."""
    end_ms = until_ms // 1000 * 1000
    export = world.export(kinds=list(kinds), to=show(end_ms))
    assert export["isComplete"] is True, world.coverage(export)
    book = world.book(EPOCH_MS, end_ms, kinds)
    total, missing, twice, *rest = compare(world.read(export), book)
    assert (missing, twice) == (0, 0), rest
    assert total > 0
    windows = world.coverage(export)["user-0"]["windows"]
    assert {window["source"] for window in windows} == {"archive"}


@pytest.mark.parametrize("kind", ARCHIVED_KINDS)
def test_kind_that_fails_is_made_up_for_the_next_day(collecting, world, kind):
    collecting.begin()
    world.live(1, 40, seed=1)
    collecting.refuse(kind, code="400100", times=None)
    collecting.metrics()
    collecting.collect()
    assert collecting.metrics()["ArchiveFailed"] == [1]
    assert collecting.sent == []
    until = collecting.progress()
    failed = TOUCHED[kind]
    assert {one for one in ARCHIVED_KINDS if until[one] == EPOCH_MS} == failed
    collecting.expect_whole([one for one in ARCHIVED_KINDS if one not in failed])
    world.simulator.clear_faults()
    world.live(1, 10, seed=2)
    collecting.collect()
    assert "ArchiveFailed" not in collecting.metrics()
    expect_export(world, collecting.expect_whole())


def test_passing_failures_are_tried_six_times_and_counted_once(collecting, world):
    collecting.begin()
    world.live(1, 40, seed=1)
    collecting.refuse("funding_ledger", times=None)
    collecting.metrics()
    collecting.collect()
    assert collecting.pauses() == GROWING
    assert collecting.metrics()["ArchiveFailed"] == [1]
    assert len(world.simulator.journal(route="funding_ledger")) == len(GROWING) + 1
    assert len(world.simulator.journal(route="futures_fills")) == 1
    collecting.expect_whole([kind for kind in ARCHIVED_KINDS if kind is not FUNDING])


def test_failures_of_two_kinds_are_given_up_each_for_itself(collecting, world):
    """One is refused for good at once, the other one's tries go on after that."""
    collecting.begin()
    world.live(1, 40, seed=1)
    collecting.refuse("futures_fills", code="400100", times=None)
    collecting.refuse("funding_ledger", times=3)
    collecting.metrics()
    collecting.collect()
    assert collecting.pauses() == GROWING[:3]
    assert collecting.metrics()["ArchiveFailed"] == [1]
    assert len(world.simulator.journal(route="futures_fills")) == 1
    others = [kind for kind in ARCHIVED_KINDS if kind is not ExportKind.FUTURES_FILLS]
    collecting.expect_whole(others)


def test_progress_gives_new_attempts(collecting, world):
    """Two windows, each of which fails five times."""
    collecting.begin()
    world.live(2, 40, seed=1)
    for skip in (0, 1):
        collecting.refuse("funding_ledger", times=5, skip=skip)
    collecting.metrics()
    collecting.collect()
    assert collecting.pauses() == [*GROWING, *GROWING]
    assert "ArchiveFailed" not in collecting.metrics()
    assert len(collecting.chunks(FUNDING)) == 2
    collecting.expect_whole()


def test_clock_that_fails_is_tried_again_and_given_up(collecting, world):
    collecting.begin()
    world.live(1, 20, seed=1)
    before = world.simulator.journal()[-1:]
    collecting.refuse("timestamp", times=None)
    collecting.metrics()
    collecting.collect()
    assert collecting.pauses() == GROWING
    told = collecting.metrics()
    assert told["ArchiveFailed"] == [1]
    assert "ArchiveBehindHours" not in told
    since = before[0]["seq"] if before else 0
    routes = {entry["route"] for entry in world.simulator.journal(since)}
    assert routes == {"timestamp"}
    world.simulator.clear_faults()
    collecting.collect()
    expect_export(world, collecting.expect_whole())


def test_clock_that_answers_in_between_is_not_given_up(collecting, world):
    """Five failures of the clock, one of a kind, five of the clock: none of them is the sixth."""
    collecting.begin()
    world.live(1, 20, seed=1)
    collecting.collect()
    for skip in (0, 1):
        collecting.refuse("timestamp", times=5, skip=skip)
    collecting.refuse("funding_ledger", times=1)
    collecting.metrics()
    collecting.collect()
    assert collecting.pauses() == [*GROWING, GROWING[0], *GROWING]
    assert "ArchiveFailed" not in collecting.metrics()
    collecting.expect_whole()


def test_refused_timestamp_is_a_passing_failure(collecting, world):
    """The process never signed before, and KuCoin's clock can't be measured for signing."""
    collecting.begin()
    world.live(1, 20, seed=1)
    collecting.refuse("timestamp", times=20, skip=1)
    collecting.start()
    collecting.step()
    collecting.step()
    calls = world.simulator.journal(route="trade_ledger")
    assert {entry["outcome"] for entry in calls} == {"400002"}
    world.simulator.clear_faults()
    collecting.metrics()
    world.drain()
    assert collecting.pauses() == GROWING[:1]
    assert "ArchiveFailed" not in collecting.metrics()
    collecting.expect_whole()


@pytest.fixture
def hasty(monkeypatch):
    """Whoever looks at the clock finds that a quarter of a second has passed: a call takes one."""
    looks = itertools.count()

    def build():
        return Clock(monotonic=lambda: next(looks) / 4, sleep=lambda _: None)

    monkeypatch.setattr(export_setup, "Clock", build)


def test_too_little_time_makes_windows_shorter_and_keeps_what_was_read(hasty, collecting, world):
    collecting.begin()
    world.live(1, 100, seed=1, futuresShare=0.2)
    world.simulator.advance(40 * 3600)
    collecting.metrics()
    collecting.collect()
    assert set(collecting.pauses()) == {0}
    assert "ArchiveFailed" not in collecting.metrics()
    spans = [body["spans"][SPOT] for _, body in collecting.sent if SPOT in body["spans"]]
    assert min(spans) < DAY_MS / 2
    assert all(body["attempts"] == {} for _, body in collecting.sent)
    chunks, until_ms = collecting.chunks(SPOT), collecting.expect_whole()
    assert len(chunks) > 2
    # Where nothing happens they grow again.
    windows = sum(chunk.windows for chunk in chunks)
    assert windows < (until_ms - EPOCH_MS) / min(spans) - 1
    expect_export(world, until_ms)


def test_trade_whose_fill_stays_hidden_is_a_gap_of_exports(collecting, world):
    collecting.begin()
    world.live(1, 40, seed=1)
    fills = world.simulator.records("spot-fills", "lives-0")
    hidden = fills[len(fills) // 2]["record"]
    world.simulator.set_settings(hiddenFillId=int(hidden["id"]))
    collecting.metrics()
    collecting.collect()
    assert collecting.pauses() == GROWING
    assert "ArchiveFailed" not in collecting.metrics()
    assert [chunk.missing for chunk in collecting.chunks(SPOT)] == [1]
    world.simulator.set_settings(hiddenFillId=0)
    export = world.export(kinds=[SPOT])
    assert export["isComplete"] is False
    assert [gap["reason"] for gap in world.coverage(export)["user-0"]["gaps"]] == [
        "records_missing"
    ]
    told = {row["recordId"] for row in world.read(export)[SPOT]}
    assert len(told) > 0
    assert str(hidden["id"]) not in told


def hide_fills(world, start_ms):
    """Of the window that begins there, KuCoin shows none."""
    world.simulator.add_fault(
        "spot_fills",
        "rewrite",
        phase="after",
        set={"data.items": []},
        contains=f"startAt={start_ms - PAD_MS}",
        times=None,
    )


def test_window_behind_one_that_lacks_trades_is_whole(collecting, world):
    collecting.begin()
    world.live(2, 80, seed=1)
    hide_fills(world, EPOCH_MS)
    collecting.collect()
    assert collecting.pauses() == GROWING
    assert [chunk.missing > 0 for chunk in collecting.chunks(SPOT)] == [True, False]
    world.simulator.clear_faults()
    export = world.export(kinds=[SPOT])
    (gap,) = world.coverage(export)["user-0"]["gaps"]
    assert gap["to"] == "2025-01-01T23:59:58.000Z"


def test_window_that_lacks_trades_is_tried_as_often_as_the_one_before_it(collecting, world):
    """The last attempt of the first one is the first of the second one."""
    collecting.begin()
    world.live(2, 80, seed=1)
    collecting.refuse("spot_fills", times=5)
    hide_fills(world, EPOCH_MS + get_longest_ms(SPOT))
    collecting.collect()
    assert collecting.pauses() == [*GROWING, *GROWING]
    assert [chunk.missing > 0 for chunk in collecting.chunks(SPOT)] == [False, True]
