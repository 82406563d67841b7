"""AWS fails, or the link changes, while a pair is on its way into the store."""

import json
import threading
import time
from contextlib import contextmanager

import pytest

from kubroker.aws.table import Table
from kubroker.connections.model import (
    Authorization,
    KeyAttempt,
    KeyFacts,
    PendingLink,
)
from kubroker.foundation.rotation_rules import RotationPolicy
from kubroker.keys.store import KeyAttemptStore
from kubroker.kucoin.permissions import Permission
from kubroker.rotation.model import RotatedPair
from kubroker.rotation.store import RotationStore
from tests.support.rotation import build_event, refresh_event

NOW = int(time.time())
UPDATE = {"service": "dynamodb", "operation": "UpdateItem"}
SEND = {"service": "sqs", "operation": "SendMessage"}
PATIENCE_SECONDS = 120
pytestmark = pytest.mark.usefixtures("unhurried")


@contextmanager
def paused_at(world, functions, **request):
    """A refresh that stands still at an AWS request; it ends when the block does."""
    hold = world.aws.hold(**request)
    worker = threading.Thread(
        target=functions.call, args=("token_refresh", refresh_event("user-1"))
    )
    worker.start()
    world.aws.wait_held(hold)
    try:
        yield
    finally:
        world.aws.release()
        worker.join(PATIENCE_SECONDS)


def test_commit_refused_for_a_moment_succeeds_later_and_the_rescue_changes_nothing(
    functions, world
):
    world.link()
    world.aws.add_fault("error", **UPDATE, skip=1, times=2)
    functions.call("token_refresh", refresh_event("user-1"))
    committed = world.get()
    assert committed.committed_seq == 1
    assert world.is_current()
    (message,) = world.list_messages("RescueQueue")
    assert "Token" not in str(message["pair"]["ciphertext"])
    functions.drain("RescueQueue")
    assert world.get() == committed


def test_pair_is_in_the_rescue_queue_before_the_commit_is_tried_again(functions, world):
    """At the first failing commit: a process that ends now takes its only copy along."""
    world.link()
    world.aws.add_fault("error", **UPDATE, skip=1, times=1)
    with paused_at(world, functions, **UPDATE, skip=2):
        assert world.get().committed_seq == 0
        (message,) = world.list_messages("RescueQueue")
        assert message["pair"]["claimSeq"] == 1
    assert world.get().committed_seq == 1


def test_commit_whose_answer_is_lost_is_recognised(functions, world):
    world.link()
    world.aws.add_fault("drop", **UPDATE, skip=1, times=1, phase="after")
    functions.call("token_refresh", refresh_event("user-1"))
    after = world.get()
    assert (after.committed_seq, after.rotation) == (1, None)
    assert world.is_current()


def test_claim_whose_answer_is_lost_is_recognised_at_the_sdks_repetition(functions, world):
    world.link()
    world.aws.add_fault("drop", **UPDATE, times=1, phase="after")
    functions.call("token_refresh", refresh_event("user-1"))
    after = world.get()
    assert (after.claim_seq, after.committed_seq) == (1, 1)
    assert world.count_asked() == 1


def test_commit_refused_until_the_lease_ends_is_the_rescues(functions, world):
    functions.set_environment("token_refresh", ROTATION_LEASE_SECONDS="2")
    world.link()
    world.aws.add_fault("error", **UPDATE, skip=1, times=0)
    assert functions.call("token_refresh", refresh_event("user-1")) == {"batchItemFailures": []}
    assert world.get().committed_seq == 0
    world.aws.reset_faults()
    functions.drain("RescueQueue")
    after = world.get()
    assert (after.committed_seq, after.rotation) == (1, None)
    assert world.is_current()
    assert world.count_asked() == 1


def test_rescue_queue_down_the_commit_goes_on_until_dynamodb_takes_it(functions, world):
    world.link()
    world.aws.add_fault("error", **SEND, times=0)
    world.aws.add_fault("error", **UPDATE, skip=1, times=4)
    functions.call("token_refresh", refresh_event("user-1"))
    assert world.get().committed_seq == 1
    assert world.is_current()


def test_both_down_past_the_lease_the_first_to_come_back_gets_the_pair(functions, world):
    """Without a copy in the queue the worker holds on for as long as its invocation lives."""
    functions.set_environment("token_refresh", ROTATION_LEASE_SECONDS="2")
    world.link()
    world.aws.add_fault("error", **UPDATE, skip=1, times=0)
    world.aws.add_fault("error", **SEND, times=9)  # the SDK asks SQS three times a try
    functions.call("token_refresh", refresh_event("user-1"))
    world.aws.reset_faults()
    functions.drain("RescueQueue")
    assert world.is_current()


def test_both_down_until_the_end_is_lost_and_told(functions, world, capsys):
    """Unsavable: the answer was here, but neither store took a write before the process ended."""
    functions.set_environment("token_refresh", ROTATION_LEASE_SECONDS="2")
    world.link()
    world.aws.add_fault("error", **UPDATE, skip=1, times=0)
    world.aws.add_fault("error", **SEND, times=0)
    functions.call("token_refresh", refresh_event("user-1"), remaining_ms=4000)
    assert "TokensLost" in capsys.readouterr().out
    world.aws.reset_faults()
    for _ in range(2):
        world.lapse()
        functions.call("token_refresh", refresh_event("user-1"))
    assert world.get().authorization_cause == "in_doubt"


@pytest.mark.parametrize("fault", ["KMSInternalException", "ThrottlingException", "DisabledException", "AccessDeniedException"])  # fmt: skip
def test_kms_down_spends_nothing_and_changes_no_state(fault, functions, world):
    world.link()
    world.aws.add_fault("error", service="kms", operation="Decrypt", times=0, code=fault)
    functions.call("token_refresh", refresh_event("user-1"))
    after = world.get()
    assert world.count_asked() == 0
    assert (after.authorization, after.rotation) == (Authorization.LIVE, None)
    assert after.refresh_failures == 1


def test_pair_that_can_not_be_opened_is_our_fault_and_changes_no_state(functions, world, capsys):
    world.link()
    world.change(tokenCiphertext=b"\x01damaged and much too short")
    functions.call("token_refresh", refresh_event("user-1"))
    assert world.get().authorization is Authorization.LIVE
    assert "ConfigurationErrorFound" in capsys.readouterr().out


def test_store_down_at_the_claim_delivers_the_message_again(functions, world):
    world.link()
    world.aws.add_fault("error", **UPDATE, times=0)
    answer = functions.call("token_refresh", refresh_event("user-1"))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}
    assert world.count_asked() == 0


def test_batch_reports_only_what_failed(functions, world):
    world.link()
    bodies = [
        {"schemaVersion": 1, "kind": "refresh", "userId": "user-1"},
        {"schemaVersion": 2, "kind": "unheard-of"},
        {"schemaVersion": 1, "kind": "refresh", "userId": 7},
        "no json",
        {"schemaVersion": 1, "kind": "refresh", "userId": "nobody"},
    ]
    event = build_event("kubroker-local-token-refresh", *bodies)
    failed = functions.call("token_refresh", event)["batchItemFailures"]
    assert [item["itemIdentifier"] for item in failed] == ["message-1", "message-2", "message-3"]
    assert world.is_current()


def test_disconnect_during_a_refresh_leaves_nothing(functions, world):
    world.link()
    with paused_at(world, functions, **UPDATE, skip=1):
        world.connections.disconnect(world.get(), now=NOW)
    after = world.get()
    assert after.is_disconnected
    assert (after.token_data_key, after.token_ciphertext, after.rotation) == (None, None, None)
    assert (after.next_action_at, after.due_shard, after.action_due_at) == (None, None, None)


def test_disconnect_before_the_rescue_leaves_nothing(functions, world):
    functions.set_environment("token_refresh", ROTATION_LEASE_SECONDS="2")
    world.link()
    world.aws.add_fault("error", **UPDATE, skip=1, times=0)
    functions.call("token_refresh", refresh_event("user-1"))
    world.aws.reset_faults()
    world.connections.disconnect(world.get(), now=NOW)
    functions.drain("RescueQueue")
    assert world.get().token_ciphertext is None
    assert world.list_messages("RescueQueue") == []


def wait_beside(world, *, policy=RotationPolicy.KEEP):
    """A second link of the same user that waits for its key; gives store, connection, pair."""
    pair = world.seal("user-1", world.authorize("alice"), refresh_seconds=259_200)
    attempt = KeyAttempt(
        attempt_id="attempt",
        session_id="session",
        state="STORED",
        permissions=[Permission.GENERAL],
        is_addressbook_only=False,
        requested_at=1,
        data_key=b"wrapped",
        ciphertext=b"key",
    )
    pending = PendingLink(
        session_id="session",
        account_label="Second",
        pair=pair,
        allow_account_change=False,
        requested_at=1,
    )
    generation = world.get().link_generation + 1
    world.change(
        linkGeneration=generation, keyAttempt=attempt.to_item(), pendingLink=pending.to_item()
    )
    table = Table(world.aws.client("dynamodb"), world.stack.tables["ConnectionsTable"])
    return KeyAttemptStore(table, policy, jitter=lambda: 0.0), attempt, pair


def activate(store: KeyAttemptStore, attempt: KeyAttempt, world) -> None:
    facts = KeyFacts(
        name="kubroker",
        hint="1234",
        permissions=[Permission.GENERAL],
        is_addressbook_only=False,
        ip_whitelist=[],
        created_at=1,
    )
    store.activate(world.get(), attempt, facts, uid="1", now=NOW)


def test_relink_that_swaps_during_a_refresh_wins(functions, world):
    world.link()
    with paused_at(world, functions, **UPDATE, skip=1):
        store, attempt, pair = wait_beside(world)
        activate(store, attempt, world)
    after = world.get()
    assert after.token_ciphertext == pair.ciphertext
    assert (after.rotation, after.link_generation) == (None, 3)
    assert after.action_due_at == NOW + int(0.3 * (pair.refresh_token_expires_at - NOW))


def test_relink_that_only_waits_does_not_cost_the_pair_in_use(functions, world):
    """It may still fail, and then the old pair is all there is."""
    world.link()
    with paused_at(world, functions, **UPDATE, skip=1):
        wait_beside(world)
    after = world.get()
    assert after.committed_seq == 1
    assert after.pending_link is not None
    assert world.chain_of(number=0)["live"] == 2


def test_forget_during_a_refresh_stays_forgotten(functions, world):
    world.link()
    with paused_at(world, functions, **UPDATE, skip=1):
        store, attempt, _ = wait_beside(world, policy=RotationPolicy.FORGET)
        activate(store, attempt, world)
    after = world.get()
    assert after.authorization is Authorization.FORGOTTEN
    assert (after.token_data_key, after.token_ciphertext, after.next_action_at) == (
        None,
        None,
        None,
    )


def test_late_rescue_leaves_the_next_claims_record_alone(functions, world):
    """The rescue of claim 1 commits while claim 2 asks with the old refresh token."""
    functions.set_environment("token_refresh", ROTATION_LEASE_SECONDS="2")
    world.link()
    world.aws.add_fault("error", **UPDATE, skip=1, times=0)
    functions.call("token_refresh", refresh_event("user-1"))
    world.aws.reset_faults()
    (message,) = world.list_messages("RescueQueue")
    world.lapse()
    world.simulator.add_fault("refresh", "hold", phase="after")
    worker = threading.Thread(
        target=functions.call, args=("token_refresh", refresh_event("user-1"))
    )
    worker.start()
    world.simulator.wait_for_holds()
    commit_as_rescuer(world, message)
    during = world.get()
    assert (during.committed_seq, during.rotation.claim_seq) == (1, 2)
    world.simulator.release()
    worker.join(PATIENCE_SECONDS)
    after = world.get()
    assert (after.authorization, after.rotation, after.refused_at) == (
        Authorization.LIVE,
        None,
        None,
    )
    assert world.is_current()
    assert world.is_accepted()


def commit_as_rescuer(world, message) -> None:
    """What token_rescue does; the harness runs one function at a time."""
    pair = RotatedPair.model_validate_json(json.dumps(message["pair"]))
    assert RotationStore(world.table, world.table).commit(pair, now=NOW)


def leave_claimed(functions, world):
    """A claim whose pair waits in the rescue queue; gives the pair."""
    functions.set_environment("token_refresh", ROTATION_LEASE_SECONDS="2")
    world.link()
    world.aws.add_fault("error", **UPDATE, skip=1, times=0)
    functions.call("token_refresh", refresh_event("user-1"))
    world.aws.reset_faults()
    (message,) = world.list_messages("RescueQueue")
    return RotatedPair.model_validate_json(json.dumps(message["pair"]))


OVERTAKING = [
    {"tokenDataKey": b"of another link"},
    {"tokenDataKey": None},
    {"committedSeq": 2},
    {"connectionStatus": "DISCONNECTED"},
    {"connectionStatus": "DISCONNECTING"},
]


@pytest.mark.parametrize("change", OVERTAKING, ids=str)
@pytest.mark.parametrize("has_record", [True, False])
def test_commit_after_another_link_or_a_later_commit_stores_nothing(
    change, has_record, functions, world
):
    pair = leave_claimed(functions, world)
    world.change(**change, **({} if has_record else {"rotation": None}))
    before = world.get()
    assert RotationStore(world.table, world.table).commit(pair, now=NOW) is False
    assert world.get() == before


@pytest.mark.parametrize("change", OVERTAKING, ids=str)
def test_commit_overtaken_between_its_two_writes_stores_nothing(change, functions, world):
    """The first finds another claim's record; the second is fenced by itself."""
    pair = leave_claimed(functions, world)
    world.change(rotation=None)
    hold = world.aws.hold(**UPDATE, skip=1)
    found: list[bool] = []
    store = RotationStore(world.table, world.table)
    worker = threading.Thread(target=lambda: found.append(store.commit(pair, now=NOW)))
    worker.start()
    world.aws.wait_held(hold)
    world.change(**change)
    before = world.get()
    world.aws.release()
    worker.join(PATIENCE_SECONDS)
    assert found == [False]
    assert world.get() == before


def test_commit_again_is_recognised(functions, world):
    pair = leave_claimed(functions, world)
    store = RotationStore(world.table, world.table)
    assert store.commit(pair, now=NOW)
    before = world.get()
    assert store.commit(pair, now=NOW)
    assert world.get() == before


@pytest.mark.parametrize("body", [{"kind": "rescue"}, {"kind": "rescue", "pair": {"userId": "x"}}, {"kind": "x"}])  # fmt: skip
def test_rescue_of_what_nobody_knows_fails_into_the_dead_letter_queue(body, functions, world):
    event = build_event("kubroker-local-token-rescue", body)
    failed = functions.call("token_rescue", event)["batchItemFailures"]
    assert failed == [{"itemIdentifier": "message-0"}]


def test_rescue_while_the_store_is_down_comes_again(functions, world):
    functions.set_environment("token_refresh", ROTATION_LEASE_SECONDS="2")
    world.link()
    world.aws.add_fault("error", **UPDATE, skip=1, times=0)
    functions.call("token_refresh", refresh_event("user-1"))
    (message,) = world.list_messages("RescueQueue")
    event = build_event("kubroker-local-token-rescue", message)
    assert functions.call("token_rescue", event)["batchItemFailures"]
    world.aws.reset_faults()
    assert not functions.call("token_rescue", event)["batchItemFailures"]
    assert world.is_current()
