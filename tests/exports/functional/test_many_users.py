"""Exports of more users than a page of the planning takes: each user once, each count right."""

import time

import pytest

from kubroker.aws.table import marshal
from kubroker.connections.model import Authorization, Connection, ConnectionStatus
from kubroker.exports.model import PLAN_USERS
from kubroker.exports.records import ExportKind
from tests.exports.functional.book import compare
from tests.exports.functional.living import EPOCH_MS, show

KINDS = [ExportKind.DEPOSITS, ExportKind.FUNDING_LEDGER]
STRANGERS = [f"stranger-{number:03d}" for number in range(191)]
LEFT = [f"left-{number}" for number in range(6)]
SECOND_PAGE = {"operation": "TransactWriteItems", "match": "planCursor", "skip": 1}


def disconnect(world, users):
    """Their connections, as a disconnect leaves them."""
    now = int(time.time())
    items = [
        Connection(
            user_id=user,
            account_label="Main account",
            link_generation=2,
            connection_status=ConnectionStatus.DISCONNECTED,
            authorization=Authorization.FORGOTTEN,
            created_at=now,
            updated_at=now,
        ).to_item()
        for user in users
    ]
    requests = [{"PutRequest": {"Item": marshal(item)}} for item in items]
    table = world.functions.stack.tables["ConnectionsTable"]
    for start in range(0, len(requests), 25):
        world.functions.stack.aws.client("dynamodb").batch_write_item(
            RequestItems={table: requests[start : start + 25]}
        )


def order(world, key="one", **changes):
    opened = world.open(key, kinds=KINDS, **changes)
    assert opened.status == 202, opened.text
    return opened.json()["exportId"]


def deliver(world):
    """One message; true if it was worked."""
    (result,) = world.functions.drain("ExportQueue", limit=1)
    assert result.function_error is None, result.logs
    return result.payload == {"batchItemFailures": []}


def units(world, export_id):
    """Whose units there are, as the table has them."""
    database = world.functions.stack.aws.client("dynamodb")
    pages = database.get_paginator("query").paginate(
        TableName=world.functions.stack.tables["ExportsTable"],
        KeyConditionExpression="exportId = :e AND begins_with(#i, :u)",
        ExpressionAttributeNames={"#i": "item"},
        ExpressionAttributeValues=marshal({":e": export_id, ":u": "unit#"}),
    )
    return [item["userId"]["S"] for page in pages for item in page["Items"]]


def expect_whole(world, export_id, users, why):
    """READY, a line of each user, and the records of those who are linked."""
    export = world.get(export_id)
    assert export["state"] == "READY", export
    lacking = len(users) - len(world.users)
    assert export["users"] == {
        "total": len(users),
        "done": len(users),
        "waiting": 0,
        "withGaps": lacking,
        "isPlanned": True,
    }
    contents = world.fetch(export)
    lines = [
        line
        for name, text in contents.items()
        if name.startswith("coverage")
        for line in text.splitlines()
    ]
    coverage = world.coverage(export)
    assert len(lines) == len(users)
    assert set(coverage) == set(users)
    for user, line in coverage.items():
        reasons = [why[user]] * len(KINDS) if user in why else []
        assert [gap["reason"] for gap in line["gaps"]] == reasons, line
    manifest = world.manifest(export)
    assert manifest["users"] == {
        "total": len(users),
        "complete": len(world.users),
        "withGaps": lacking,
    }
    assert sum(manifest["gaps"]["byReason"].values()) == lacking * len(KINDS)
    assert len(manifest["gaps"]["first"]) == 100
    end = world.now_ms() // 1000 * 1000 - 120_000
    total, missing, twice, *rest = compare(world.read(export), world.book(EPOCH_MS, end, KINDS))
    assert (missing, twice) == (0, 0), rest
    assert total == export["records"] > 0


@pytest.fixture
def crowd(world):
    """Three users who lived for two days."""
    world.begin(3)
    world.live(2, 60, seed=1)
    return world


@pytest.mark.slow
def test_list_of_three_pages_has_each_user_once(crowd):
    disconnect(crowd, LEFT)
    users = [*STRANGERS[:100], *crowd.users, *LEFT, *STRANGERS[100:]]
    export_id = order(crowd, userIds=users)
    crowd.drain()
    why = dict.fromkeys(STRANGERS, "connection_not_found")
    why |= dict.fromkeys(LEFT, "connection_disconnected")
    expect_whole(crowd, export_id, users, why)


@pytest.mark.slow
def test_all_users_on_three_pages_are_each_there_once(crowd):
    disconnect(crowd, [*STRANGERS, *LEFT])
    export_id = order(crowd, userIds=None, allUsers=True)
    crowd.drain()
    why = dict.fromkeys([*STRANGERS, *LEFT], "connection_disconnected")
    expect_whole(crowd, export_id, [*STRANGERS, *LEFT, *crowd.users], why)


FAILURES = {
    "nothing written": {**SECOND_PAGE, "times": 3},
    "answer lost": {**SECOND_PAGE, "phase": "after", "times": 1},
    "no answer at all": {**SECOND_PAGE, "phase": "after", "times": 3},
    "queue down": {"operation": "SendMessageBatch", "times": 3},
}
READ_FAILURES = {
    False: {"operation": "GetItem", "match": "users#", "skip": 1, "times": 3},
    True: {"operation": "Scan", "skip": 1, "times": 3},
}


@pytest.mark.parametrize("is_of_all", [False, True], ids=["list", "all"])
@pytest.mark.parametrize("fault", [*FAILURES, "nothing read"])
def test_planning_that_fails_on_its_second_page_goes_on_there(world, fault, is_of_all):
    world.simulator.reset(now_ms=EPOCH_MS + 86_400_000)
    if is_of_all:
        disconnect(world, STRANGERS)
    whose = {"userIds": None, "allUsers": True} if is_of_all else {"userIds": STRANGERS}
    export_id = order(world, **whose)
    aws = world.functions.stack.aws
    aws.add_fault("error", **FAILURES.get(fault, READ_FAILURES[is_of_all]))
    is_worked = deliver(world)
    assert is_worked is (fault == "answer lost")
    (rule,) = aws.list_faults()
    assert rule["hits"] == rule["times"]
    aws.release_delayed()
    assert deliver(world)
    assert sorted(units(world, export_id)) == STRANGERS
    told = world.get(export_id)["users"]
    assert (told["total"], told["waiting"], told["isPlanned"]) == (191, 191, True)


def test_planning_without_time_goes_on_with_its_next_message(world, monkeypatch):
    world.simulator.reset(now_ms=EPOCH_MS + 86_400_000)
    export_id = order(world, userIds=STRANGERS)
    call = world.functions.call
    monkeypatch.setattr(
        world.functions, "call", lambda name, event: call(name, event, remaining_ms=5_000)
    )
    assert deliver(world)
    assert units(world, export_id) == []
    monkeypatch.undo()
    assert deliver(world)
    assert sorted(units(world, export_id)) == STRANGERS


@pytest.mark.parametrize("count", [PLAN_USERS, 2 * PLAN_USERS])
def test_full_last_page_of_all_users_ends_the_planning(world, count):
    world.simulator.reset(now_ms=EPOCH_MS + 86_400_000)
    disconnect(world, STRANGERS[:count])
    export_id = order(world, userIds=None, allUsers=True)
    assert deliver(world)
    assert sorted(units(world, export_id)) == STRANGERS[:count]
    told = world.get(export_id)["users"]
    assert (told["total"], told["waiting"], told["isPlanned"]) == (count, count, True)


def test_export_of_all_users_without_any_is_ready(world):
    world.simulator.reset(now_ms=EPOCH_MS + 86_400_000)
    export = world.export(userIds=None, allUsers=True, kinds=KINDS)
    assert (export["state"], export["isComplete"], export["records"]) == ("READY", True, 0)
    assert export["users"]["total"] == 0
    assert world.coverage(export) == {}


def meet(world, **criteria):
    """Transactions that end a unit meet another one on the head."""
    world.functions.stack.aws.add_fault(
        "error",
        operation="TransactWriteItems",
        match="usersWithGaps",
        code="TransactionCanceledException",
        reasons=["None", "TransactionConflict"],
        **criteria,
    )


def test_units_that_end_at_the_same_moment_are_each_counted_once(crowd):
    export_id = order(crowd)
    assert deliver(crowd)
    meet(crowd, times=2)
    for _ in range(3):
        assert deliver(crowd)
    told = crowd.get(export_id)["users"]
    assert (told["done"], told["waiting"]) == (3, 0)
    crowd.drain()
    expect_ready(crowd, export_id)


def test_unit_that_keeps_meeting_others_is_delivered_again_and_counted_once(crowd):
    export_id = order(crowd)
    assert deliver(crowd)
    meet(crowd, times=0)
    assert not deliver(crowd)
    assert crowd.get(export_id)["users"]["waiting"] == 3
    crowd.functions.stack.aws.reset_faults()
    crowd.drain()
    expect_ready(crowd, export_id)


def expect_ready(world, export_id):
    export = world.get(export_id)
    assert (export["state"], export["isComplete"]) == ("READY", True), export
    end = world.now_ms() // 1000 * 1000 - 120_000
    total, missing, twice, *rest = compare(world.read(export), world.book(EPOCH_MS, end, KINDS))
    assert (missing, twice) == (0, 0), rest
    assert total == export["records"] > 0


def test_export_ordered_twice_while_it_is_planned_has_each_user_once(world):
    world.simulator.reset(now_ms=EPOCH_MS + 86_400_000)
    period = {"to": show(EPOCH_MS + 3_600_000)}
    export_id = order(world, userIds=STRANGERS, **period)
    world.functions.stack.aws.add_fault("error", **SECOND_PAGE, times=3)
    assert not deliver(world)
    assert order(world, userIds=STRANGERS, **period) == export_id
    assert deliver(world)
    world.functions.stack.aws.release_delayed()
    assert deliver(world)
    assert sorted(units(world, export_id)) == STRANGERS
    assert world.get(export_id)["users"]["total"] == len(STRANGERS)
