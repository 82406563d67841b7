"""A claim is lock and fence: whatever changed since the connection was read makes it fail."""

import time

import pytest

from kubroker.foundation.errors import LostRaceError
from kubroker.foundation.rotation_rules import RotationRules
from kubroker.rotation.model import Cause, Outcome
from kubroker.rotation.store import RotationStore

NOW = int(time.time())
RECORD = {"claimSeq": 1, "attemptId": "x", "isInDoubt": False}
LIVE = {**RECORD, "leaseUntil": NOW + 500, "graceUntil": NOW + 900}
IN_GRACE = {**RECORD, "leaseUntil": NOW - 500, "graceUntil": NOW + 900}
LAPSED = {**RECORD, "leaseUntil": NOW - 500, "graceUntil": NOW - 400}


@pytest.fixture
def store(world) -> RotationStore:
    return RotationStore(world.table, world.table)


def claim(store, connection):
    return store.claim(connection, attempt_id="mine", now=NOW, rules=RotationRules())


def test_claim_takes_the_next_number(store, world):
    claimed = claim(store, world.link())
    assert (claimed.claim_seq, claimed.committed_seq) == (1, 0)
    record = claimed.rotation
    assert (record.claim_seq, record.attempt_id, record.is_in_doubt) == (1, "mine", False)
    assert (record.lease_until, record.grace_until) == (NOW + 20, NOW + 140)
    assert world.get() == claimed


def test_claim_after_one_that_nobody_settled_is_in_doubt(store, world):
    world.link()
    world.change(claimSeq=1, rotation=LAPSED)
    assert claim(store, world.get()).rotation.is_in_doubt


@pytest.mark.parametrize("record", [LIVE, IN_GRACE], ids=["live", "in grace"])
def test_claim_while_another_may_still_commit_fails(record, store, world):
    world.link()
    world.change(claimSeq=1, rotation=record)
    with pytest.raises(LostRaceError):
        claim(store, world.get())
    assert world.get().claim_seq == 1


@pytest.mark.parametrize(
    "change",
    [
        {"claimSeq": 1},
        {"committedSeq": 1},
        {"tokenDataKey": b"of another link"},
        {"tokenDataKey": None},
        {"authorization": "REQUIRED"},
        {"authorization": "FORGOTTEN"},
        {"connectionStatus": "DISCONNECTING"},
        {"connectionStatus": "DISCONNECTED"},
        {"rotation": LAPSED},
        {"rotation": LIVE},
    ],
    ids=[
        "claimed",
        "committed",
        "linked again",
        "shredded",
        "required",
        "forgotten",
        "disconnecting",
        "disconnected",
        "lapsed record",
        "live record",
    ],
)
def test_claim_of_what_changed_since_it_was_read_fails(change, store, world):
    connection = world.link()
    world.change(**change)
    before = world.get()
    with pytest.raises(LostRaceError):
        claim(store, connection)
    assert world.get() == before


def test_claim_of_a_lapsed_record_that_was_replaced_fails(store, world):
    world.link()
    world.change(rotation=LAPSED)
    connection = world.get()
    world.change(rotation={**LAPSED, "attemptId": "y"})
    with pytest.raises(LostRaceError):
        claim(store, connection)


def end_by(name, store, claimed):
    ends = {
        "require": lambda: store.require(claimed, cause=Cause.REFUSED, now=NOW),
        "shred": lambda: store.shred(claimed, now=NOW),
        "hold_refusal": lambda: store.hold_refusal(
            claimed, cause=Cause.REFUSED, settle_at=NOW, now=NOW
        ),
        "drop_refusal": lambda: store.drop_refusal(claimed, try_again_at=NOW, now=NOW),
        "release": lambda: store.release(
            claimed,
            try_again_at=NOW,
            failures=1,
            warning_hours=None,
            outcome=Outcome.NOT_SPENT,
            now=NOW,
        ),
    }
    return ends[name]()


ENDS = ["require", "shred", "hold_refusal", "drop_refusal", "release"]


@pytest.mark.parametrize("name", ENDS)
def test_claim_ends(name, store, world):
    end_by(name, store, claim(store, world.link()))


@pytest.mark.parametrize("change", [{"committedSeq": 1}, {"tokenDataKey": b"another"}], ids=str)
@pytest.mark.parametrize("name", ENDS)
def test_nothing_ends_a_claim_that_was_overtaken(name, change, store, world):
    claimed = claim(store, world.link())
    world.change(**change)
    before = world.get()
    with pytest.raises(LostRaceError):
        end_by(name, store, claimed)
    assert world.get() == before


@pytest.mark.parametrize("name", ["require", "shred", "hold_refusal", "drop_refusal"])
def test_no_state_changes_under_a_later_claim(name, store, world):
    claimed = claim(store, world.link())
    world.change(claimSeq=2, rotation={**LIVE, "claimSeq": 2})
    with pytest.raises(LostRaceError):
        end_by(name, store, claimed)
    assert world.get().authorization == "LIVE"


def test_new_doubt_stands_though_a_rescue_committed_meanwhile(store, world):
    """The refresh that gave no answer may have spent what was stored just now."""
    claimed = claim(store, world.link())
    world.change(committedSeq=1)
    released = store.release(
        claimed,
        try_again_at=NOW,
        failures=1,
        warning_hours=None,
        outcome=Outcome.IN_DOUBT,
        now=NOW,
    )
    assert released.rotation.is_in_doubt
