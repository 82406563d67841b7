"""A unit that nothing can be done for: all that is left of it is a stated gap, and nothing else."""

import pytest

from kubroker.exports import units as export_units
from kubroker.exports.model import Export, ExportFormat, ExportRequest, ExportUnit, Gap, Reading
from kubroker.exports.records import ExportKind
from kubroker.exports.units import UnitWork
from tests.exports.unit.hands import Hands

START_MS, END_MS = 1_000_000, 9_000_000
KINDS = [ExportKind.SPOT_FILLS, ExportKind.FUTURES_FILLS, ExportKind.DEPOSITS]
REASON = "internal_error"


class Store:
    """Keeps what is saved."""

    def __init__(self):
        self.saved: list[tuple] = []

    def save_unit(self, seen, state, part, *, now):
        self.saved.append((seen, state, part))


@pytest.fixture
def abandon(monkeypatch):
    """Gives the unit up, and what is saved of it; each new gap is counted."""
    counted: list[int] = []
    monkeypatch.setattr(export_units, "count", lambda metric, number: counted.append(number))

    def abandon(unit, reason=REASON):
        store = Store()
        work = UnitWork(store, None, None, None, protocol=None, clock=Hands().clock)
        work.abandon(build_export(), unit, reason)
        ((seen, state, part),) = store.saved
        assert (seen, part) == (unit, None)
        assert counted == [len(state.gaps) - len(unit.gaps)]
        return state

    return abandon


def build_export():
    request = ExportRequest(
        kinds=KINDS,
        start_ms=START_MS,
        end_ms=END_MS,
        format=ExportFormat.JSONL,
        is_of_all=False,
    )
    return Export(
        export_id="e", request=request, request_hash="h", created_at=0, updated_at=0, ttl=1
    )


def build_unit(**changes):
    unit = ExportUnit(export_id="e", item="unit#u", user_id="u", cursor_ms=START_MS, ttl=1)
    return unit.model_copy(update={"kucoin_uid": "1", **changes})


def gap(kind, start_ms, end_ms, reason=REASON):
    return Gap(kind=kind, start_ms=start_ms, end_ms=end_ms, reason=reason)


def test_all_of_a_unit_that_never_got_anywhere_is_a_gap(abandon):
    state = abandon(build_unit(kucoin_uid=None))
    assert state.gaps == [gap(kind, START_MS, END_MS) for kind in KINDS]
    assert (state.is_done, state.kind_index, state.version) == (True, 3, 1)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_only_what_is_left_is_a_gap(abandon, index):
    reading = Reading(
        kind=KINDS[index], source="kucoin", start_ms=START_MS, end_ms=5, windows=1, records=4
    )
    unit = build_unit(
        kind_index=index, cursor_ms=3_000_000, readings=[reading], records=4, version=7
    )
    state = abandon(unit)
    rest = [gap(kind, START_MS, END_MS) for kind in KINDS[index + 1 :]]
    assert state.gaps == [gap(KINDS[index], 3_000_000, END_MS), *rest]
    assert (state.readings, state.records, state.version) == ([reading], 4, 8)


def test_gap_that_is_told_already_stays(abandon):
    told = gap(KINDS[2], START_MS, 2_000_000, "beyond_retention")
    state = abandon(build_unit(kind_index=2, cursor_ms=2_000_000, gaps=[told]))
    assert state.gaps == [told, gap(KINDS[2], 2_000_000, END_MS)]


@pytest.mark.parametrize(
    ("since_ms", "until_ms"), [(START_MS + 1, START_MS + 1), (END_MS, END_MS), (10**9, END_MS)]
)
def test_what_an_earlier_account_did_stays_a_gap(abandon, since_ms, until_ms):
    """Of the kind that was being read it lies before the cursor, and nobody else would tell."""
    unit = build_unit(kind_index=1, cursor_ms=5_000_000, account_since_ms=since_ms)
    assert abandon(unit).gaps == [
        gap(KINDS[1], 5_000_000, END_MS),
        gap(KINDS[1], START_MS, until_ms, "earlier_account"),
        gap(KINDS[2], START_MS, END_MS),
        gap(KINDS[2], START_MS, until_ms, "earlier_account"),
    ]


@pytest.mark.parametrize("since_ms", [None, 0, START_MS])
def test_account_that_was_linked_all_the_time_has_no_earlier_one(abandon, since_ms):
    unit = build_unit(kind_index=2, cursor_ms=5_000_000, account_since_ms=since_ms)
    assert abandon(unit).gaps == [gap(KINDS[2], 5_000_000, END_MS)]


def test_gap_for_the_same_reason_grows(abandon):
    told = gap(KINDS[2], START_MS, 2_000_000)
    state = abandon(build_unit(kind_index=2, cursor_ms=2_000_000, gaps=[told]))
    assert state.gaps == [gap(KINDS[2], START_MS, END_MS)]
