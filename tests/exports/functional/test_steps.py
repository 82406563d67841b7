"""Steps of a unit in the table: each once, whole or not at all, and nothing of an earlier kind."""

import pytest

from kubroker.aws.table import Put, Table
from kubroker.exports.model import ExportPart, ExportUnit, Gap, name_part, name_unit
from kubroker.exports.records import ExportKind
from kubroker.exports.store import ExportStore
from kubroker.foundation.errors import LostRaceError

EXPORT_ID, NOW = "0" * 32, 1_735_689_600
KIND = ExportKind.TRADE_LEDGER
NEW = ["attribute_not_exists(#exportId)"]


@pytest.fixture
def table(clean_stack):
    return Table(clean_stack.aws.client("dynamodb"), clean_stack.tables["ExportsTable"])


@pytest.fixture
def store(table):
    return ExportStore(table)


@pytest.fixture
def unit(table, store):
    """One that is planned, of an export with one user."""
    made = ExportUnit(
        export_id=EXPORT_ID, item=name_unit("user-0"), user_id="user-0", cursor_ms=0, ttl=2**32
    )
    table.write(Put(made.to_item(), NEW))
    table.write(Put({"exportId": EXPORT_ID, "item": "head", "usersLeft": 1, "records": 0}, NEW))
    return find(store)


def find(store):
    return store.find_unit(EXPORT_ID, name_unit("user-0"))


def step(store, seen, part=None, **changes):
    state = seen.model_copy(update={"version": seen.version + 1, **changes})
    store.save_unit(seen, state, part, now=NOW)
    return state


def build_part(version, key):
    return ExportPart(
        export_id=EXPORT_ID,
        item=name_part(KIND, "user-0", version),
        key=key,
        records=1,
        size_bytes=2,
        ttl=2**32,
    )


def list_keys(store):
    return [part.key for part in store.list_parts(EXPORT_ID, "part#", "")[0]]


def test_step_is_read_as_it_was_written(store, unit):
    gap = Gap(kind=KIND, start_ms=0, end_ms=5, reason="beyond_retention")
    state = step(store, unit, cursor_ms=5, span_ms=7_000, attempt=1, kucoin_uid="1", gaps=[gap])
    assert find(store) == state


def test_next_kind_knows_nothing_of_the_span_of_the_one_before(store, unit):
    state = step(store, unit, span_ms=1_000)
    state = step(store, state, kind_index=1, span_ms=None)
    assert find(store) == state
    assert find(store).span_ms is None


def test_step_that_was_overtaken_changes_nothing(store, unit):
    first = step(store, unit, build_part(0, "first"), cursor_ms=5)
    with pytest.raises(LostRaceError):
        step(store, unit, build_part(7, "second"), cursor_ms=9)
    assert find(store) == first
    assert list_keys(store) == ["first"]


def test_unit_that_is_done_stays_so(store, table, unit):
    done = step(store, unit, build_part(0, "first"), is_done=True, records=3)
    with pytest.raises(LostRaceError):
        step(store, done, cursor_ms=9)
    with pytest.raises(LostRaceError):
        step(store, done, is_done=True, records=3)
    assert find(store) == done
    head = table.find({"exportId": EXPORT_ID, "item": "head"})
    assert (head["usersLeft"], head["records"], head["usersWithGaps"]) == (0, 3, 0)


def test_part_that_is_there_is_not_written_again(store, unit):
    state = step(store, unit, build_part(0, "first"))
    with pytest.raises(LostRaceError):
        step(store, state, build_part(0, "second"))
    assert list_keys(store) == ["first"]
    assert find(store) == state
