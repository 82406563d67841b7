"""A unit's steps: archive and KuCoin together hold each record once, and what lacks is stated."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubroker.connections.key_use import LinkedAccount
from kubroker.exports import units as export_units
from kubroker.exports.archive.model import ArchiveChunk
from kubroker.exports.model import (
    MAX_ATTEMPTS,
    Export,
    ExportFormat,
    ExportRequest,
    ExportUnit,
    find_pause,
)
from kubroker.exports.records import ExportKind
from kubroker.exports.units import UnitWork
from kubroker.exports.windows import DAY_MS, MIN_SPAN_MS, RETENTION_MARGIN_MS
from kubroker.foundation.errors import (
    FileGoneError,
    KubrokerError,
    KucoinRefusedError,
    KucoinUnsentError,
    OutOfTimeError,
)
from kubroker.foundation.kucoin_protocol import KucoinProtocol
from tests.exports.unit.hands import Dense, Hands

START_MS = 1_700_000_000_000
SPAN_MS = 3_600_000
END_MS = START_MS + SPAN_MS
KIND, NEXT = ExportKind.FUTURES_LEDGER, ExportKind.DEPOSITS
REFUSED = KucoinRefusedError("400100", "no", http_status_received=200)


class Bench(Dense):
    """Store, archive, files and KuCoin of one user, in memory."""

    def __init__(self, times=(), kinds=(KIND,)):
        super().__init__(Hands(), times)
        self.now_ms = END_MS + DAY_MS
        self.chunks: list[ArchiveChunk] = []
        self.objects: dict[str, list[bytes]] = {}
        self.states: list[ExportUnit] = []
        self.found: list[int] = []
        self.errors: list[KubrokerError | None] = []
        request = ExportRequest(
            kinds=list(kinds),
            start_ms=START_MS,
            end_ms=END_MS,
            format=ExportFormat.JSONL,
            is_of_all=False,
        )
        self.export = Export(
            export_id="e", request=request, request_hash="h", created_at=0, updated_at=0, ttl=1
        )
        self.unit = ExportUnit(export_id="e", item="u", user_id="u", cursor_ms=START_MS, ttl=1)
        self._work = UnitWork(
            self, self, self, self, protocol=KucoinProtocol(), clock=self.hands.clock
        )

    def archive(self, start_ms, end_ms, *, kept=True, missing=0):
        """A chunk with all that lies in it; KuCoin shows it as well."""
        key = f"archive/{start_ms}"
        times = [time_ms for time_ms in self.times if start_ms <= time_ms < end_ms]
        if kept:
            self.objects[key] = [b'{"timeOriginal":"%d"}' % time_ms for time_ms in times]
        chunk = ArchiveChunk(
            export_id="a",
            item=f"{KIND}#{start_ms}",
            start_ms=start_ms,
            end_ms=end_ms,
            windows=1,
            records=len(times),
            missing=missing,
            key=key,
            ttl=1,
        )
        self.chunks.append(chunk)

    def run(self, seconds=30.0):
        """One invocation; what it returns."""
        self.hands.at += 1_000
        pause = self._work.run(self.export, self.unit, self.hands.clock.start(seconds))
        self.unit = self.states[-1]
        return pause

    def find_account(self, user_id):
        return LinkedAccount("1", None)

    def read_now_ms(self):
        return self.now_ms

    def list_chunks(self, archive, kind, period):
        assert archive == "archive#u#1"
        return [one for one in self.chunks if one.end_ms > period.start_ms and one.start_ms < period.end_ms and kind is KIND]  # fmt: skip

    def read(self, *args, **more):
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        return super().read(*args, **more)

    def read_lines(self, key):
        if key not in self.objects:
            raise FileGoneError("gone")
        yield from self.objects[key]

    def put(self, key, content, *, content_type):
        self.found += [int(json.loads(line)["timeOriginal"]) for line in content.splitlines()]

    def save_unit(self, seen, state, part, *, now):
        assert state.version == seen.version + 1
        assert (part.records if part else 0) == state.records - seen.records
        self.states.append(state)

    @property
    def gaps(self):
        return [(gap.kind, gap.start_ms, gap.end_ms, gap.reason) for gap in self.unit.gaps]


@pytest.fixture(autouse=True)
def no_metrics(monkeypatch):
    monkeypatch.setattr(export_units, "count", lambda *_: None)


def spread(count):
    return [START_MS + SPAN_MS * number // count for number in range(count)]


def test_unit_reads_each_kind_of_the_period(no_metrics):
    bench = Bench([START_MS - 1, *spread(9), END_MS], kinds=(KIND, NEXT))
    assert bench.run() is None
    assert (bench.unit.is_done, bench.unit.records, bench.gaps) == (True, 18, [])
    assert sorted(bench.found) == sorted(2 * spread(9))


@given(
    offsets=st.lists(st.integers(-SPAN_MS, 2 * SPAN_MS), unique=True, max_size=40),
    edges=st.lists(st.integers(-SPAN_MS, 2 * SPAN_MS), unique=True, max_size=8),
    kinds=st.lists(st.sampled_from(["kept", "gone", "none"]), min_size=8, max_size=8),
    forgotten=st.integers(-SPAN_MS, 2 * SPAN_MS),
)
def test_archive_and_kucoin_together_have_each_record_once(offsets, edges, kinds, forgotten):
    bench, edges = Bench(START_MS + offset for offset in offsets), sorted(edges)
    oldest = START_MS + forgotten
    bench.now_ms = oldest + KucoinProtocol().futures_ledger_days * DAY_MS - RETENTION_MARGIN_MS
    spans: dict[str, list] = {"kept": [], "gone": [], "none": []}
    for start, end, kind in zip(edges, edges[1:], kinds, strict=False):
        spans[kind].append((START_MS + start, START_MS + end))
        if kind != "none":
            bench.archive(START_MS + start, START_MS + end, kept=kind == "kept")
    assert bench.run() is None
    holds = lambda kind, time_ms: any(start <= time_ms < end for start, end in spans[kind])  # noqa: E731
    inside = [time_ms for time_ms in bench.times if START_MS <= time_ms < END_MS]
    there = [time_ms for time_ms in inside if time_ms >= oldest or holds("kept", time_ms)]
    assert sorted(bench.found) == sorted(there)
    for _, start, end, reason in bench.gaps:
        assert end <= oldest
        is_gone = [holds("gone", time_ms) for time_ms in (start, end - 1)]
        assert is_gone == 2 * [reason == "archive_expired"]
        assert reason in {"archive_expired", "beyond_retention"}
    # What was read and what lacks lie side by side, from the period's start to its end.
    told = [(one.start_ms, one.end_ms) for one in bench.unit.readings]
    told += [(one.start_ms, one.end_ms) for one in bench.unit.gaps]
    ends = [START_MS, *(end for _, end in sorted(told))]
    assert [start for start, _ in sorted(told)] == ends[:-1]
    assert ends[-1] == END_MS


def test_trades_that_the_collector_never_saw_are_a_gap():
    bench = Bench(spread(4))
    bench.archive(START_MS, START_MS + 1_000_000, missing=2)
    bench.run()
    assert bench.gaps == [(KIND, START_MS, START_MS + 1_000_000, "records_missing")]
    assert sorted(bench.found) == spread(4)


def test_passing_failure_is_waited_for_longer_each_time_and_is_a_gap_in_the_end():
    bench = Bench(spread(4), kinds=(KIND, NEXT))
    bench.errors = [KucoinUnsentError("down")] * MAX_ATTEMPTS
    pauses = [bench.run() for _ in range(MAX_ATTEMPTS)]
    assert pauses == [*(find_pause(number) for number in range(1, MAX_ATTEMPTS)), None]
    assert bench.gaps == [(KIND, START_MS, END_MS, "kucoin_unreachable")]
    assert sorted(bench.found) == spread(4)


def test_failures_with_progress_in_between_begin_anew():
    bench = Bench(spread(50))
    bench.unit = bench.unit.model_copy(update={"span_ms": MIN_SPAN_MS})
    bench.seconds = lambda window: 20.0
    pauses: list[int | None] = []
    while not bench.unit.is_done and len(pauses) < 200:
        # Twice nothing, then one window of a minute, then nothing again.
        bench.unit = bench.unit.model_copy(update={"span_ms": 60_000})
        bench.errors = [KucoinUnsentError("down")] if len(pauses) % 3 else [None]
        pauses.append(bench.run())
    assert bench.gaps == []
    assert sorted(bench.found) == spread(50)
    assert max(state.attempt for state in bench.states) == 2


def test_refusal_is_a_gap_up_to_what_is_archived():
    bench = Bench(spread(10))
    bench.archive(START_MS + 2_000_000, START_MS + 3_000_000)
    bench.errors = [REFUSED]
    assert bench.run() is None
    assert bench.gaps == [(KIND, START_MS, START_MS + 2_000_000, "kucoin_refused/400100")]
    assert sorted(bench.found) == [time for time in spread(10) if time >= START_MS + 2_000_000]


def test_time_that_is_over_is_no_failed_attempt_while_windows_can_get_shorter():
    bench = Bench(spread(4))
    bench.seconds = lambda window: window.span_ms / 1_000
    for number in range(1, 8):
        assert bench.run() == 0
        assert bench.unit.span_ms == SPAN_MS // 2**number
    assert (bench.unit.attempt, bench.gaps) == (0, [])
    while bench.run() is not None:
        assert len(bench.states) < 1_000
    assert (sorted(bench.found), bench.gaps) == (spread(4), [])


def test_shortest_window_that_never_fits_is_a_gap_in_the_end():
    bench = Bench(spread(4))
    bench.unit = bench.unit.model_copy(update={"span_ms": MIN_SPAN_MS})
    bench.errors = [OutOfTimeError("over")] * MAX_ATTEMPTS
    pauses = [bench.run() for _ in range(MAX_ATTEMPTS)]
    assert pauses == [*(find_pause(number) for number in range(1, MAX_ATTEMPTS)), None]
    assert bench.gaps == [(KIND, START_MS, END_MS, "out_of_time")]


def test_next_kind_begins_with_windows_as_long_as_kucoin_allows():
    bench = Bench(spread(4), kinds=(KIND, NEXT))
    bench.unit = bench.unit.model_copy(update={"span_ms": SPAN_MS // 3})
    bench.seconds = lambda window: 20.0
    while bench.run() is not None:
        assert len(bench.states) < 100
    assert [(asked[2], asked[3].span_ms) for asked in bench.asked] == [
        *[(KIND, SPAN_MS // 3)] * 3,
        (NEXT, SPAN_MS),
    ]
