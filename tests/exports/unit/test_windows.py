"""Which windows are asked for: each moment of a period once, or a stated gap, whatever now is."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubroker.exports.records import ExportKind
from kubroker.exports.windows import (
    ARCHIVE_SETTLE_MS,
    BEYOND_RETENTION,
    DAY_MS,
    MIN_SPAN_MS,
    NOT_OVER_YET,
    PAD_MS,
    RETENTION_MARGIN_MS,
    SETTLE_MS,
    Stretch,
    Window,
    find_newest_ms,
    find_oldest_ms,
    find_stretch,
    get_longest_ms,
)
from kubroker.foundation.kucoin_protocol import KucoinProtocol

NOW_MS = int(datetime(2025, 6, 1, tzinfo=UTC).timestamp()) * 1000
KEPT_DAYS = {
    ExportKind.SPOT_FILLS: 3,
    ExportKind.FUTURES_FILLS: 90,
    ExportKind.FUNDING_LEDGER: 365,
    ExportKind.TRADE_LEDGER: 3,
    ExportKind.FUTURES_LEDGER: 365,
}
NEVER_FORGOTTEN = (ExportKind.DEPOSITS, ExportKind.WITHDRAWALS)
# Source: KuCoin's SDK, the longest window of each endpoint, where a longer one is refused; the
# calls of the export are held against the simulator as well.
TAKEN_DAYS = {
    ExportKind.SPOT_FILLS: 7,
    ExportKind.FUTURES_FILLS: 7,
    ExportKind.FUNDING_LEDGER: 1,
    ExportKind.TRADE_LEDGER: 3,
    ExportKind.FUTURES_LEDGER: 1,
    ExportKind.DEPOSITS: 7,
    ExportKind.WITHDRAWALS: 7,
}
PROTOCOL = KucoinProtocol()
MOMENTS = st.integers(0, 2 * NOW_MS)


def oldest(kind):
    return NOW_MS - KEPT_DAYS[kind] * DAY_MS + 600_000


def find(kind, cursor_ms, end_ms, protocol=PROTOCOL, now_ms=NOW_MS):
    return find_stretch(kind, cursor_ms, end_ms, protocol=protocol, now_ms=now_ms)


def test_window_has_its_start_and_not_its_end():
    window = Window(10_000, 20_000)
    assert [window.holds(time_ms) for time_ms in (9_999, 10_000, 19_999, 20_000)] == [
        False,
        True,
        True,
        False,
    ]
    assert window.span_ms == 10_000


def test_window_is_asked_for_with_a_second_on_both_sides():
    assert PAD_MS == 1_000
    window = Window(10_000, 20_000)
    assert (window.asked_start_ms, window.asked_end_ms) == (9_000, 21_000)


@pytest.mark.parametrize(("start_ms", "asked"), [(0, 0), (999, 0), (1_000, 0), (1_001, 1)])
def test_window_is_never_asked_for_from_before_the_epoch(start_ms, asked):
    assert Window(start_ms, 20_000).asked_start_ms == asked


@pytest.mark.parametrize("kind", ExportKind)
def test_longest_window_is_taken_with_what_is_asked_on_both_sides(kind):
    window = Window(NOW_MS, NOW_MS + get_longest_ms(kind))
    asked = window.asked_end_ms - window.asked_start_ms
    assert MIN_SPAN_MS < asked <= TAKEN_DAYS[kind] * DAY_MS
    assert asked % DAY_MS == 0


@pytest.mark.parametrize("kind", [ExportKind.SPOT_FILLS, ExportKind.TRADE_LEDGER])
def test_window_that_would_be_cut_without_a_word_is_a_day_long(kind):
    assert get_longest_ms(kind) == DAY_MS - 2_000


@pytest.mark.parametrize("kind", KEPT_DAYS)
def test_oldest_is_what_is_kept_less_a_margin(kind):
    assert RETENTION_MARGIN_MS == 600_000
    assert find_oldest_ms(kind, PROTOCOL, NOW_MS) == oldest(kind)


@pytest.mark.parametrize("kind", NEVER_FORGOTTEN)
@pytest.mark.parametrize("now_ms", [0, 1, NOW_MS, 10 * NOW_MS])
def test_oldest_of_what_is_never_forgotten_is_the_epoch(kind, now_ms):
    assert find_oldest_ms(kind, PROTOCOL, now_ms) == 0


@pytest.mark.parametrize("kind", ExportKind)
def test_oldest_is_never_before_the_epoch(kind):
    assert find_oldest_ms(kind, PROTOCOL, DAY_MS) == 0


@pytest.mark.parametrize(
    ("fills_days", "ledger_days", "days"), [(7, 3, 3), (3, 7, 3), (2, 3, 2), (7, 90, 7), (5, 5, 5)]
)
def test_spot_fills_reach_back_as_far_as_fills_and_ledger_both_do(fills_days, ledger_days, days):
    protocol = KucoinProtocol(spot_fills_days=fills_days, trade_ledger_days=ledger_days)
    expected = NOW_MS - days * DAY_MS + RETENTION_MARGIN_MS
    assert find_oldest_ms(ExportKind.SPOT_FILLS, protocol, NOW_MS) == expected


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (ExportKind.FUTURES_FILLS, "futures_fills_days"),
        (ExportKind.FUNDING_LEDGER, "funding_ledger_days"),
        (ExportKind.TRADE_LEDGER, "trade_ledger_days"),
        (ExportKind.FUTURES_LEDGER, "futures_ledger_days"),
    ],
)
def test_each_kind_is_kept_as_the_protocol_tells(kind, name):
    protocol = KucoinProtocol(**{name: 11})
    expected = NOW_MS - 11 * DAY_MS + RETENTION_MARGIN_MS
    assert find_oldest_ms(kind, protocol, NOW_MS) == expected


def test_newest_is_a_minute_ago():
    assert find_newest_ms(NOW_MS) == NOW_MS - 60_000 == NOW_MS - SETTLE_MS


def test_collector_waits_longer_than_an_export():
    assert ARCHIVE_SETTLE_MS > SETTLE_MS


@pytest.mark.parametrize("kind", KEPT_DAYS)
def test_stretch_at_the_oldest_moment_is_asked_for(kind):
    start = oldest(kind)
    assert find(kind, start, start + DAY_MS) == Stretch(Window(start, start + DAY_MS))


@pytest.mark.parametrize("kind", KEPT_DAYS)
def test_stretch_a_millisecond_before_the_oldest_moment_is_a_gap_of_one(kind):
    start = oldest(kind) - 1
    expected = Stretch(Window(start, start + 1), BEYOND_RETENTION)
    assert find(kind, start, NOW_MS) == expected


@pytest.mark.parametrize("kind", KEPT_DAYS)
@pytest.mark.parametrize("beside", [-1, 0, 1])
def test_gap_before_the_oldest_moment_ends_with_the_period_or_there(kind, beside):
    start = oldest(kind) - DAY_MS
    end = oldest(kind) + beside
    expected = Stretch(Window(start, min(end, oldest(kind))), BEYOND_RETENTION)
    assert find(kind, start, end) == expected


@pytest.mark.parametrize("kind", NEVER_FORGOTTEN)
def test_stretch_of_what_is_never_forgotten_is_asked_for_from_the_epoch_on(kind):
    assert find(kind, 0, NOW_MS - DAY_MS) == Stretch(Window(0, NOW_MS - DAY_MS))


@pytest.mark.parametrize("kind", ExportKind)
def test_stretch_a_millisecond_before_the_newest_moment_is_asked_for(kind):
    newest = NOW_MS - SETTLE_MS
    assert find(kind, newest - 1, NOW_MS) == Stretch(Window(newest - 1, newest))


@pytest.mark.parametrize("kind", ExportKind)
@pytest.mark.parametrize("beside", [0, 1, SETTLE_MS, DAY_MS])
def test_stretch_from_the_newest_moment_on_is_a_gap_to_the_end(kind, beside):
    start = NOW_MS - SETTLE_MS + beside
    expected = Stretch(Window(start, start + DAY_MS), NOT_OVER_YET)
    assert find(kind, start, start + DAY_MS) == expected


@pytest.mark.parametrize("kind", ExportKind)
@pytest.mark.parametrize("beside", [-1, 0, 1])
def test_stretch_ends_with_the_period_or_the_newest_moment(kind, beside):
    newest, start = NOW_MS - SETTLE_MS, NOW_MS - DAY_MS
    assert find(kind, start, newest + beside) == Stretch(
        Window(start, min(newest, newest + beside))
    )


@pytest.mark.parametrize("kind", ExportKind)
@pytest.mark.parametrize("cursor_ms", [0, NOW_MS - DAY_MS, NOW_MS])
def test_stretch_with_the_cursor_at_the_end_is_empty(kind, cursor_ms):
    window = find(kind, cursor_ms, cursor_ms).window
    assert (window.start_ms, window.end_ms, window.span_ms) == (cursor_ms, cursor_ms, 0)


def walk(kind, start_ms, end_ms, protocol, clock):
    """The stretches from start to end; now is drawn anew for each, as KuCoin's clock goes on."""
    stretches, cursor = [], start_ms
    while cursor < end_ms:
        now_ms = clock()
        stretch = find(kind, cursor, end_ms, protocol, now_ms)
        stretches.append((stretch, now_ms))
        assert stretch.window.start_ms == cursor
        assert cursor < stretch.window.end_ms <= end_ms
        cursor = stretch.window.end_ms
    return stretches


def check_reason(kind, stretch, protocol, now_ms):
    """A stretch is asked for just where KuCoin shows all of it, and is a gap where none of it."""
    first, last = stretch.window.start_ms, stretch.window.end_ms - 1
    oldest_ms, newest_ms = find_oldest_ms(kind, protocol, now_ms), find_newest_ms(now_ms)
    if stretch.gap == BEYOND_RETENTION:
        assert last < oldest_ms
    elif stretch.gap == NOT_OVER_YET:
        assert oldest_ms <= first >= newest_ms
    else:
        assert stretch.gap is None
        assert oldest_ms <= first <= last < newest_ms


@given(
    kind=st.sampled_from(ExportKind),
    start_ms=MOMENTS,
    span_ms=st.integers(0, 1_000 * DAY_MS) | st.integers(0, 3 * SETTLE_MS),
    now_ms=MOMENTS,
    days=st.integers(1, 400),
)
def test_walk_covers_any_period_once_whatever_now_is(kind, start_ms, span_ms, now_ms, days):
    protocol = KucoinProtocol(trade_ledger_days=days, futures_fills_days=days)
    end_ms = start_ms + span_ms
    stretches = walk(kind, start_ms, end_ms, protocol, lambda: now_ms)
    assert sum(stretch.window.span_ms for stretch, _ in stretches) == span_ms
    # Beyond retention, what is shown, not over yet: none of them twice.
    assert len(stretches) <= 3
    gaps = [stretch.gap for stretch, _ in stretches]
    assert gaps == sorted(gaps, key=[BEYOND_RETENTION, None, NOT_OVER_YET].index)
    assert len(set(gaps)) == len(gaps)
    for stretch, seen_ms in stretches:
        check_reason(kind, stretch, protocol, seen_ms)


@given(
    kind=st.sampled_from(ExportKind),
    before_ms=st.integers(-400 * DAY_MS, 2 * SETTLE_MS),
    span_ms=st.integers(1, 500 * DAY_MS),
    steps=st.lists(st.integers(0, DAY_MS), min_size=1, max_size=10),
)
def test_walk_covers_a_period_once_while_the_clock_goes_on(kind, before_ms, span_ms, steps):
    now_ms, step = NOW_MS, iter(steps)

    def tick():
        nonlocal now_ms
        now_ms += next(step, 0)
        return now_ms

    start_ms = NOW_MS + before_ms
    stretches = walk(kind, start_ms, start_ms + span_ms, PROTOCOL, tick)
    assert sum(stretch.window.span_ms for stretch, _ in stretches) == span_ms
    for stretch, seen_ms in stretches:
        check_reason(kind, stretch, PROTOCOL, seen_ms)
