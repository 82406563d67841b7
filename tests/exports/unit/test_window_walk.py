"""Windows get shorter where they hold too much for memory or time, and longer again after that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubroker.exports.account_history import WindowWalk
from kubroker.exports.records import ExportKind
from kubroker.exports.windows import (
    DAY_MS,
    MIN_SPAN_MS,
    RECORDS_MISSING,
    Window,
    get_longest_ms,
)
from kubroker.foundation.errors import KucoinOutcomeUnknownError, OutOfTimeError, StoreError
from tests.exports.unit.hands import Dense, Hands

KIND = ExportKind.TRADE_LEDGER
LONGEST = get_longest_ms(KIND)
START_MS = 1_700_000_000_000
FAR_MS = START_MS + 10 * DAY_MS
SECONDS = 30.0


@pytest.fixture
def hands():
    return Hands()


@pytest.fixture
def history(hands):
    return Dense(hands)


def begin(history, *, span_ms=None, seconds=SECONDS, kind=KIND):
    return WindowWalk(
        history,
        "user-1",
        "uid-1",
        kind=kind,
        deadline=history.hands.clock.start(seconds),
        span_ms=span_ms,
    )


def read(walk, start_ms=START_MS, end_ms=FAR_MS, *, may_lack=False):
    return walk.read(start_ms, end_ms, may_lack=may_lack)


@pytest.mark.parametrize("kind", ExportKind)
def test_walk_begins_with_the_longest_window(history, kind):
    window, _ = read(begin(history, kind=kind))
    assert window == Window(START_MS, START_MS + get_longest_ms(kind))
    assert history.asked == [("user-1", "uid-1", kind, window)]


@pytest.mark.parametrize("kind", ExportKind)
def test_walk_goes_on_with_the_span_that_an_earlier_one_ended_with(history, kind):
    window, _ = read(begin(history, kind=kind, span_ms=5_000))
    assert window == Window(START_MS, START_MS + 5_000)


@pytest.mark.parametrize("span_ms", [1, 1_000, LONGEST - 1, LONGEST])
def test_window_ends_where_the_period_does(history, span_ms):
    end_ms = START_MS + span_ms
    window, _ = read(begin(history), end_ms=end_ms)
    assert window == Window(START_MS, end_ms)


def test_window_has_the_records_that_it_holds(history):
    history.times = [START_MS - 1, START_MS, START_MS + LONGEST - 1, START_MS + LONGEST]
    window, reading = read(begin(history))
    assert [record.time_ms for record in reading.records] == history.times[1:3]
    assert all(window.holds(record.time_ms) for record in reading.records)


def test_window_that_is_too_full_is_read_in_halves_of_itself(history):
    """Of what was asked for: the period may end long before the span does."""
    history.times = [START_MS, START_MS + 1_999, START_MS + 2_000]
    history.most = 1
    walk = begin(history)
    window, reading = read(walk, end_ms=START_MS + 8_000)
    assert history.spans == [8_000, 4_000, 2_000, 1_000]
    assert {asked.start_ms for asked in history.windows} == {START_MS}
    assert window == Window(START_MS, START_MS + 1_000)
    assert len(reading.records) == 1


def test_window_is_halved_until_the_shortest_and_not_beyond(history):
    history.times, history.most = list(range(START_MS, START_MS + 600)), 1
    window, reading = read(begin(history))
    assert window == Window(START_MS, START_MS + MIN_SPAN_MS)
    assert len(reading.records) == 600
    assert history.spans == sorted(set(history.spans), reverse=True)
    for longer, shorter in zip(history.spans, history.spans[1:], strict=False):
        assert shorter == max(MIN_SPAN_MS, longer // 2)


def test_window_that_takes_too_long_is_the_next_ones_half(history):
    history.seconds = lambda window: 2 * SECONDS
    walk = begin(history)
    with pytest.raises(OutOfTimeError):
        read(walk)
    assert history.spans == [LONGEST]
    assert walk.span_ms == LONGEST // 2


def test_window_shorter_than_the_span_that_takes_too_long_is_halved_itself(history):
    history.seconds = lambda window: 2 * SECONDS
    walk = begin(history)
    with pytest.raises(OutOfTimeError):
        read(walk, end_ms=START_MS + 10_001)
    assert walk.span_ms == 5_000


@pytest.mark.parametrize("span_ms", [1_001, 1_000, 999, 1])
def test_span_after_a_window_that_takes_too_long_is_never_below_the_shortest(history, span_ms):
    history.seconds = lambda window: 2 * SECONDS
    walk = begin(history)
    with pytest.raises(OutOfTimeError):
        read(walk, end_ms=START_MS + span_ms)
    assert walk.span_ms == MIN_SPAN_MS


def test_walks_one_after_the_other_get_short_enough_for_the_time_there_is(history):
    """Each begins with the span that the one before ended with, as a unit writes it down."""
    history.seconds = lambda window: window.span_ms / LONGEST * 5 * SECONDS
    span_ms, spans = None, []
    for _ in range(5):
        walk = begin(history, span_ms=span_ms)
        try:
            window, _ = read(walk)
        except OutOfTimeError:
            spans.append(walk.span_ms)
            span_ms = walk.span_ms
        else:
            break
    assert spans == [LONGEST // 2, LONGEST // 4, LONGEST // 8]
    assert window.span_ms == LONGEST // 8
    # It took more than a third of the time: the next one is as long.
    assert walk.span_ms == LONGEST // 8


def test_halving_for_fullness_is_kept_when_the_time_is_over_then(history):
    history.times, history.most = [START_MS, START_MS + LONGEST // 2 - 1], 1
    history.seconds = lambda window: SECONDS * 0.6
    walk = begin(history)
    with pytest.raises(OutOfTimeError):
        read(walk)
    assert history.spans == [LONGEST, LONGEST // 2]
    assert walk.span_ms == LONGEST // 4


def test_other_failures_leave_the_span_as_it_is(history, monkeypatch):
    def fail(*_, **__):
        raise StoreError("down")

    monkeypatch.setattr(history, "read", fail)
    walk = begin(history, span_ms=7_000)
    with pytest.raises(StoreError):
        read(walk)
    assert walk.span_ms == 7_000


@pytest.mark.parametrize(("share", "grown"), [(0.0, 2), (0.25, 2), (0.5, 1), (0.75, 1), (1.0, 1)])
def test_span_grows_after_quick_windows_only(history, share, grown):
    history.seconds = lambda window: SECONDS * share
    walk = begin(history, span_ms=8_000)
    read(walk)
    assert walk.span_ms == 8_000 * grown


def test_quickness_is_measured_by_the_time_that_was_left(history):
    history.seconds = lambda window: 8.0
    walk = begin(history, span_ms=8_000)
    spans = []
    for _ in range(3):
        read(walk)
        spans.append(walk.span_ms)
    # 8 of 30 seconds, 8 of 22, 8 of 14.
    assert spans == [16_000, 16_000, 16_000]


def test_slow_attempt_that_was_too_full_does_not_count_against_the_quick_one_after_it(history):
    history.times, history.most = [START_MS, START_MS + 7_999], 1
    history.seconds = lambda window: 15.0 if window.span_ms == 8_000 else 1.0
    walk = begin(history, span_ms=8_000)
    read(walk)
    assert history.spans == [8_000, 4_000]
    assert walk.span_ms == 8_000


def test_span_grows_never_beyond_the_longest(history):
    walk = begin(history, span_ms=LONGEST // 2 + 1)
    spans = []
    for _ in range(3):
        read(walk)
        spans.append(walk.span_ms)
    assert spans == [LONGEST] * 3
    assert history.spans == [LONGEST // 2 + 1, LONGEST, LONGEST]


def test_trades_that_the_fills_do_not_show_are_no_success(history):
    history.missing = 1
    walk = begin(history, span_ms=6_000)
    with pytest.raises(KucoinOutcomeUnknownError) as caught:
        read(walk)
    assert caught.value.code == RECORDS_MISSING == "records_missing"
    assert history.spans == [6_000]
    assert walk.span_ms == 6_000


def test_trades_that_may_lack_are_told_with_the_rest(history):
    history.missing, history.times = 2, [START_MS]
    _, reading = read(begin(history), may_lack=True)
    assert (len(reading.records), reading.missing) == (1, 2)


@given(
    offsets=st.lists(st.integers(0, 40_000), unique=True, max_size=60),
    span_ms=st.integers(1, 40_000),
    most=st.integers(1, 10),
    seconds=st.sampled_from([0.0, 1.0, 11.0]),
)
def test_walk_reads_each_record_of_a_period_once_however_they_lie(offsets, span_ms, most, seconds):
    hands = Hands()
    history = Dense(hands, [START_MS + offset for offset in offsets], most=most)
    history.seconds = lambda window: seconds
    cursor_ms, end_ms, found, kept = START_MS, START_MS + span_ms, [], None
    while cursor_ms < end_ms:
        walk = begin(history, span_ms=kept)
        try:
            window, reading = read(walk, cursor_ms, end_ms)
        except OutOfTimeError:
            pass
        else:
            assert window.start_ms == cursor_ms < window.end_ms <= end_ms
            assert len(reading.records) <= most or window.span_ms <= MIN_SPAN_MS
            cursor_ms = window.end_ms
            found += [record.time_ms for record in reading.records]
        kept = walk.span_ms
        assert MIN_SPAN_MS <= kept <= LONGEST
    assert sorted(found) == sorted(time for time in history.times if START_MS <= time < end_ms)
