"""A list loses its malformed items, tells which they were, and fails of nothing else."""

from decimal import Decimal, InvalidOperation

import pytest

from kubroker.foundation import observability
from kubroker.foundation.errors import StoreError
from kubroker.foundation.stored import StoredModel, read_list


@pytest.fixture(autouse=True)
def namespace(monkeypatch):
    """As every function has it."""
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Kubroker")
    observability._metrics.cache_clear()
    yield
    observability._metrics.cache_clear()


class Thing(StoredModel):
    """A stored shape."""

    user_id: str
    size: int


def read_size(thing: Thing) -> Decimal:
    """Malformed beyond what the shape can see."""
    return Decimal("x") if thing.size == 13 else Decimal(thing.size)


def test_malformed_item_is_left_out_counted_and_named_without_its_values(capsys, caplog):
    rows = [
        {"userId": "a", "size": 1},
        {"userId": "b", "size": "a-secret"},
        {"userId": "c"},
        {"userId": "d", "size": 4},
    ]
    things = read_list(rows, Thing.model_validate)
    assert ([thing.user_id for thing in things], things.unreadable) == (["a", "d"], 2)
    printed = capsys.readouterr().out
    assert printed.count('"StoredItemUnreadable":[1.0]') == 2
    assert "a-secret" not in printed
    assert "a-secret" not in str([vars(record) for record in caplog.records])
    told = [(record.userId, record.fields) for record in caplog.records]
    assert told == [("b", ["size"]), ("c", ["size"])]


def test_what_a_second_reading_loses_is_added(caplog):
    rows = [{"userId": name, "size": size} for name, size in (("a", 1), ("b", 13), ("c", None))]
    sizes = read_list(read_list(rows, Thing.model_validate), read_size)
    assert (sizes, sizes.unreadable) == ([Decimal(1)], 2)
    reasons = [record.reason for record in caplog.records]
    assert reasons == ["ValidationError", InvalidOperation.__name__]


def test_error_of_our_own_is_no_malformed_item():
    def fail(_row):
        raise StoreError("away")

    with pytest.raises(StoreError):
        read_list([{}], fail)
