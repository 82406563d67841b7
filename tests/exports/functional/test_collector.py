"""The daily collector: who is collected, until when, how late, each record once."""

import time

import pytest

from kubroker.aws.clients import get_sqs
from kubroker.aws.table import marshal
from kubroker.connections.model import ApiKeyState, Authorization, Connection, ConnectionStatus
from kubroker.exports.archive.model import ARCHIVED_KINDS, REGISTRY
from kubroker.exports.records import ExportKind
from kubroker.exports.windows import ARCHIVE_SETTLE_MS
from tests.exports.functional.collecting import Collecting
from tests.exports.functional.living import DAY_MS, EPOCH_MS
from tests.support.forked_stack import Point, Standstill
from tests.support.linked import link_user

HOUR_MS = 3_600_000
LEDGERS = ("trade_ledger", "funding_ledger", "futures_ledger")


@pytest.fixture
def collecting(world, capsys):
    return Collecting(world, capsys)


def collect_user(user="user-0"):
    """The event of a user's message."""
    body = f'{{"kind":"collect_user","userId":"{user}"}}'
    record = {
        "messageId": "1",
        "receiptHandle": "1",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
    }
    return {"Records": [record]}


def test_records_of_the_last_hour_come_the_next_day_and_once(collecting, world):
    collecting.begin()
    world.live(1, 40, seed=1)
    world.live(0.03, 5, seed=2)
    collecting.collect()
    first_ms = collecting.expect_whole()
    assert abs(world.now_ms() - ARCHIVE_SETTLE_MS - first_ms) < HOUR_MS / 10
    young = world.book(first_ms, world.now_ms(), ARCHIVED_KINDS)
    assert any(young.values())
    world.live(1, 20, seed=3)
    collecting.collect()
    assert collecting.expect_whole() > first_ms + DAY_MS
    assert all(len(collecting.chunks(kind)) >= 2 for kind in ARCHIVED_KINDS)


def test_round_ends_where_its_first_message_found_its_end(collecting, world):
    collecting.begin()
    world.live(1, 30, seed=1)
    collecting.refuse("funding_ledger", times=2)
    collecting.start()
    collecting.step()
    began_ms = world.now_ms()
    while collecting.step():
        world.simulator.advance(5 * 3600)
    assert len(collecting.pauses()) == 2
    assert abs(collecting.expect_whole() - (began_ms - ARCHIVE_SETTLE_MS)) < HOUR_MS / 10


def test_lateness_is_told_once_a_user_and_round(collecting, world):
    """The maximum over kinds, when the round begins; retries of its messages tell nothing."""
    late = dict.fromkeys(ARCHIVED_KINDS, EPOCH_MS + 12 * HOUR_MS)
    collecting.begin(2, collected={**late, ExportKind.FUTURES_LEDGER: EPOCH_MS})
    world.simulator.advance(30 * 3600)
    collecting.refuse("futures_ledger", times=3)
    collecting.metrics()
    collecting.collect()
    told = collecting.metrics()
    assert len(collecting.pauses()) == 3
    assert told["ArchiveBehindHours"] == [pytest.approx(30, abs=0.1)] * 2
    assert told["ArchiveRoundStarted"] == [1]
    assert "ArchiveFailed" not in told
    assert "ArchiveGapFound" not in told


def test_user_who_comes_back_after_a_pause_is_not_late(collecting, world):
    collecting.begin()
    world.simulator.advance(60 * 3600)
    collecting.change("user-0", since_ms=world.now_ms() - HOUR_MS)
    collecting.metrics()
    collecting.collect()
    assert collecting.metrics()["ArchiveBehindHours"] == [pytest.approx(1, abs=0.1)]


def test_new_user_is_not_late(collecting, world):
    collecting.begin(collected={})
    world.live(0.5, 10, seed=1)
    collecting.metrics()
    collecting.collect()
    told = collecting.metrics()
    assert told["ArchiveBehindHours"] == [0]
    assert "ArchiveGapFound" not in told
    until_ms = collecting.expect_whole(LEDGERS)
    assert collecting.chunks(ExportKind.TRADE_LEDGER)[0].start_ms < until_ms - 2 * DAY_MS


def test_what_is_lost_is_a_gap_once_and_no_lateness(collecting, world):
    until = dict.fromkeys(ARCHIVED_KINDS, EPOCH_MS + 4 * DAY_MS)
    collecting.begin(collected={**until, ExportKind.TRADE_LEDGER: EPOCH_MS})
    world.simulator.advance(5 * DAY_MS // 1000)
    collecting.refuse("trade_ledger", times=3)
    collecting.metrics()
    collecting.collect()
    told = collecting.metrics()
    assert told["ArchiveBehindHours"] == [pytest.approx(24, abs=0.1)]
    assert told["ArchiveGapFound"] == [1]
    (chunk,) = collecting.chunks(ExportKind.TRADE_LEDGER)
    assert chunk.start_ms > EPOCH_MS + 2 * DAY_MS
    world.simulator.advance(DAY_MS // 1000)
    collecting.collect()
    assert "ArchiveGapFound" not in collecting.metrics()


def test_user_without_a_key_in_use_is_passed_over_until_linked_again(collecting, world):
    collecting.begin(2)
    lose_key(world, "user-0")
    assert world.api.delete("/v1/connections/user-1").json()["status"] == "DISCONNECTED"
    world.live(1, 30, seed=1)
    collecting.metrics()
    collecting.collect()
    told = collecting.metrics()
    assert told["ArchiveWithoutKey"] == [1, 1]
    assert told.keys() == {"ArchiveWithoutKey", "ArchiveRoundStarted"}
    assert collecting.sent == []
    assert world.simulator.journal(route="trade_ledger") == []
    for user, name in world.users.items():
        link_user(
            world.functions.stack,
            world.simulator,
            user_id=user,
            kucoin_user=name,
            archived_since=EPOCH_MS // 1000,
        )
    collecting.collect()
    for user in world.users:
        collecting.expect_whole(user=user)
    assert "ArchiveWithoutKey" not in collecting.metrics()


def lose_key(world, user):
    """KuCoin knows it no more, and the daily look at keys has noted that."""
    stack = world.functions.stack
    stack.aws.client("dynamodb").update_item(
        TableName=stack.tables["ConnectionsTable"],
        Key=marshal({"userId": user}),
        UpdateExpression="SET apiKeyState = :gone",
        ExpressionAttributeValues=marshal({":gone": ApiKeyState.GONE}),
    )


def test_same_message_twice_at_once_keeps_each_record_once(collecting, world, forked):
    collecting.begin()
    world.live(1, 40, seed=1)
    point = Point("chunk about to be kept", {"operation": "TransactWriteItems"})
    event = collect_user()
    first = Standstill(
        collecting.aws, world.simulator, point, lambda: forked.invoke("export", event)
    )
    assert world.functions.call("export", event) == {"batchItemFailures": []}
    assert first.go_on().payload == {"batchItemFailures": []}
    world.drain()
    collecting.expect_whole()


def test_same_message_again_keeps_nothing_twice(collecting, world):
    collecting.begin()
    world.live(1, 40, seed=1)
    for _ in range(2):
        world.functions.call("export", collect_user())
        collecting.expect_whole()


def test_every_page_of_users_is_walked(collecting, world):
    """A hundred on a page, the last one full; none of them has a key, so each one is counted."""
    world.begin(0)
    users = [f"user-{number:04d}" for number in range(200)]
    now = int(time.time())
    items: dict[str, list[dict]] = {"ConnectionsTable": [], "ExportsTable": []}
    for user in users:
        connection = Connection(
            user_id=user,
            account_label="Main account",
            link_generation=1,
            connection_status=ConnectionStatus.DISCONNECTED,
            authorization=Authorization.FORGOTTEN,
            created_at=now,
            updated_at=now,
            archived_since=now,
        )
        items["ConnectionsTable"].append(connection.to_item())
        items["ExportsTable"].append({"exportId": REGISTRY, "item": user, "isCollected": True})
    for table, rows in items.items():
        requests = [{"PutRequest": {"Item": marshal(row)}} for row in rows]
        for start in range(0, len(requests), 25):
            batch = {collecting.stack.tables[table]: requests[start : start + 25]}
            collecting.database.batch_write_item(RequestItems=batch)
    collecting.metrics()
    collecting.collect()
    assert sum(collecting.metrics()["ArchiveWithoutKey"]) == len(users)


def test_batch_that_sqs_takes_in_part_comes_again(collecting, world):
    collecting.begin(2)
    world.live(1, 20, seed=1)
    collecting.start()
    taken: list[dict] = []

    def forget_one(parsed, **_):
        if not taken:
            taken.append(parsed["Successful"].pop())

    get_sqs().meta.events.register("after-call.sqs.SendMessageBatch", forget_one)
    result = collecting.step()
    assert len(result.payload["batchItemFailures"]) == 1
    world.drain()
    for user in world.users:
        collecting.expect_whole(user=user)
