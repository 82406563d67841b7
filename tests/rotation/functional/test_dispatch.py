"""The dispatcher: only what is due, each once, whatever fails in between."""

import time
from typing import Any

import pytest

from kubroker.aws.queue import Queue
from kubroker.aws.table import Put, Table
from kubroker.foundation.clock import Clock
from kubroker.foundation.errors import LostRaceError
from kubroker.foundation.rotation_rules import RotationRules
from kubroker.rotation.dispatch import Dispatch
from kubroker.rotation.due import PAGE_ROWS, DueStore
from kubroker.rotation.model import DUE_SHARDS, choose_shard
from kubroker.rotation.refusals import RefusalCounts
from kubroker.rotation.token_changes import build_due

NOW = int(time.time())


@pytest.fixture
def due(world):
    """Puts bare items that the index sees."""

    def put(user_id: str, at: int, shard: str | None = None) -> None:
        item = {"userId": user_id, **build_due(user_id, at)}
        world.table.write(
            Put({**item, "dueShard": shard or item["dueShard"]}, ["attribute_not_exists(#userId)"])
        )

    return put


def queued(world) -> list[str]:
    return sorted(message["userId"] for message in world.list_messages("RefreshQueue"))


def find_next(world, user_id: str) -> int:
    return int(world.table.find({"userId": user_id})["nextActionAt"])


def test_tick_queues_what_is_due_and_moves_it_on(functions, world, due):
    due("late", NOW - 500)
    due("now", NOW - 1)
    due("later", NOW + 50_000)
    began = int(time.time())
    assert functions.call("refresh_dispatcher", {}) == {"queued": 2, "isComplete": True}
    assert queued(world) == ["late", "now"]
    assert began + 900 <= find_next(world, "late") <= time.time() + 900
    assert world.table.find({"userId": "late"})["actionDueAt"] == NOW - 500, "due it was"
    assert find_next(world, "later") == NOW + 50_000


def test_next_tick_does_not_queue_it_twice(functions, world, due):
    due("user-1", NOW - 1)
    functions.call("refresh_dispatcher", {})
    assert functions.call("refresh_dispatcher", {})["queued"] == 0
    assert queued(world) == ["user-1"]


def test_message_is_what_token_refresh_takes(functions, world):
    world.link()
    functions.call("refresh_dispatcher", {})
    functions.drain("RefreshQueue")
    assert world.is_current()


def test_refresh_costs_three_writes_and_one_kms_call_with_the_dispatchers(functions, world):
    functions.call("refresh_dispatcher", {})  # clients are made
    world.link()
    since = world.aws.read_journal()[-1]["number"]
    functions.call("refresh_dispatcher", {})
    functions.drain("RefreshQueue")
    calls = world.aws.read_journal(since)
    writes = [
        c for c in calls if c["operation"] == "UpdateItem" and c["resource"].endswith("connections")
    ]
    assert len(writes) == 3
    assert len([call for call in calls if call["service"] == "kms"]) == 1


def test_tick_reads_all_pages_of_a_shard(functions, world, due):
    users = [f"user-{number}" for number in range(PAGE_ROWS + 25)]
    for user in users:
        due(user, NOW - 10, shard="00")
    assert functions.call("refresh_dispatcher", {})["queued"] == len(users)
    assert queued(world) == sorted(users)


def test_tick_ends_before_its_deadline_and_the_next_goes_on(functions, world, due):
    users = [f"user-{number}" for number in range(40)]
    for user in users:
        due(user, NOW - 10)
    first = functions.call("refresh_dispatcher", {}, remaining_ms=8_000)
    assert first == {"queued": 0, "isComplete": False}
    assert functions.call("refresh_dispatcher", {})["queued"] == 40


def test_parts_share_the_shards(functions, world, due):
    users = [f"user-{number}" for number in range(40)]
    for user in users:
        due(user, NOW - 10)
    parts = [functions.call("refresh_dispatcher", {"part": part, "parts": 3}) for part in range(3)]
    assert sum(part["queued"] for part in parts) == 40
    assert all(part["queued"] < 40 for part in parts)
    assert queued(world) == sorted(users)


def test_what_sqs_did_not_confirm_stays_due(functions, world, due, monkeypatch):
    due("user-1", NOW - 1)
    world.aws.add_fault("error", service="sqs", times=0)
    result = functions.invoke("refresh_dispatcher", {})
    assert result.function_error, "the failure is seen"
    assert find_next(world, "user-1") == NOW - 1
    world.aws.reset_faults()
    assert functions.call("refresh_dispatcher", {})["queued"] == 1


def test_crash_between_sending_and_moving_on_sends_again(functions, world, due):
    due("user-1", NOW - 1)
    world.aws.add_fault("error", service="dynamodb", operation="UpdateItem", times=0)
    assert functions.invoke("refresh_dispatcher", {}).function_error
    world.aws.reset_faults()
    functions.call("refresh_dispatcher", {})
    assert queued(world) == ["user-1", "user-1"], "twice, never forgotten"


def test_one_bad_shard_keeps_no_other_from_being_read(functions, world, due):
    bad, good = (
        "user-1",
        next(f"x{n}" for n in range(99) if choose_shard(f"x{n}") != choose_shard("user-1")),
    )
    due(bad, NOW - 1)
    due(good, NOW - 1)
    world.aws.add_fault(
        "error", service="dynamodb", operation="Query", match=f'"{choose_shard(bad)}"', times=0
    )
    assert functions.invoke("refresh_dispatcher", {}).function_error
    assert queued(world) == [good]


def test_worked_meanwhile_is_left_alone(world, due):
    due("user-1", NOW + 77)
    with pytest.raises(LostRaceError):
        DueStore(world.table).move_on("user-1", seen=NOW - 1, to=NOW + 900)
    assert find_next(world, "user-1") == NOW + 77


def test_tick_tells_what_it_queued_and_the_oldest(functions, world, due, capsys):
    due("late", NOW - 500)
    functions.call("refresh_dispatcher", {})
    out = capsys.readouterr().out
    assert '"ConnectionsQueued":[1.0]' in out
    oldest_seconds = float(out.split('"OldestDueSeconds":[')[1].split("]")[0])
    assert 500 <= oldest_seconds <= time.time() - NOW + 500


def test_every_shard_is_read(functions, world, due):
    for shard in range(DUE_SHARDS):
        due(f"in-{shard}", NOW - 1, shard=f"{shard:02d}")
    assert functions.call("refresh_dispatcher", {})["queued"] == DUE_SHARDS


class HalfSqs:
    """SQS that confirms every other message of a request, as it may."""

    def __init__(self, client):
        self._client = client

    def send_message_batch(self, *, QueueUrl, Entries):  # noqa: N803 (SQS's names)
        answer = self._client.send_message_batch(QueueUrl=QueueUrl, Entries=Entries[::2])
        failed = [{"Id": entry["Id"], "Code": "InternalError"} for entry in Entries[1::2]]
        return {**answer, "Failed": failed}


def test_only_what_sqs_confirmed_is_moved_on(world, due, monkeypatch):
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Kubroker")
    for number in range(4):
        due(f"user-{number}", NOW - 10 + number, shard="00")
    half: Any = HalfSqs(world.sqs)
    dispatch = Dispatch(
        DueStore(world.table),
        Queue(lambda: half, world.stack.queues["RefreshQueue"]),
        RefusalCounts(Table(world.aws.client("dynamodb"), world.stack.tables["LimitsTable"])),
        rules=RotationRules(),
        clock=Clock(),
    )
    assert dispatch.run(Clock().start(20)).queued == 2
    assert queued(world) == ["user-0", "user-2"]
    assert [find_next(world, f"user-{number}") < NOW for number in range(4)] == [
        False,
        True,
        False,
        True,
    ]
