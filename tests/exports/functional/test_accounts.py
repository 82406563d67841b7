"""Exports of users whose KuCoin account is not the one it was."""

import time

import pytest

from kubroker.exports.records import ExportKind
from kubroker.exports.windows import ARCHIVE_SETTLE_MS
from tests.exports.functional.living import DAY_MS, EPOCH_MS, show
from tests.support.forked_stack import Point, Standstill
from tests.support.linked import link_user


def relink(world, *, since_ms):
    """`user-0` links another account, as linking leaves it."""
    world.simulator.add_user("second")
    link_user(
        world.functions.stack,
        world.simulator,
        user_id="user-0",
        kucoin_user="second",
        account_since=since_ms // 1000,
        archived_since=EPOCH_MS // 1000,
    )
    world.users["user-0"] = "second"


def test_earlier_account_is_a_stated_gap(world):
    world.begin(1)
    world.opt_in()
    world.live(1, 20, seed=1)
    world.collect()
    relinked_ms = world.now_ms() // 1000 * 1000
    relink(world, since_ms=relinked_ms)
    world.live(1, 20, seed=2)
    world.collect()
    export = world.export()
    assert (export["state"], export["isComplete"]) == ("READY", False)
    gaps = world.coverage(export)["user-0"]["gaps"]
    assert {gap["kind"] for gap in gaps} == set(ExportKind)
    assert {(gap["from"], gap["to"], gap["reason"]) for gap in gaps} == {
        (
            "2025-01-01T00:00:00.000Z",
            show(relinked_ms).replace("Z", ".000Z"),
            "earlier_account",
        )
    }
    assert "Another KuCoin account was linked then" in world.fetch(export)["summary.html"].decode()
    second = {str(item["record"]["id"]) for item in world.simulator.records("spot-fills", "second")}
    found = {row["recordId"] for row in world.read(export)[ExportKind.SPOT_FILLS]}
    assert found <= second
    later = world.export("later", **{"from": show(relinked_ms + 1000)})
    assert later["isComplete"] is True, world.coverage(later)


def test_account_that_changes_while_it_is_read_is_a_gap(world):
    world.begin(1)
    world.live(1, 20, seed=1)
    opened = world.open(kinds=["spot_fills", "deposits"]).json()
    world.simulator.add_fault("spot_fills", "rate_limit", times=1)
    world.functions.drain("ExportQueue", limit=500)
    relink(world, since_ms=world.now_ms())
    world.drain()
    export = world.get(opened["exportId"])
    gaps = world.coverage(export)["user-0"]["gaps"]
    assert "account_changed" in {gap["reason"] for gap in gaps}
    assert export["isComplete"] is False


def disconnect_and_link(link, world, kucoin_user):
    assert link.api.delete("/v1/connections/user-1").json()["status"] == "DISCONNECTED"
    connection = link.walk(kucoin_user, "SPOT", allowAccountChange=kucoin_user == "bob")
    assert connection["status"] == "ACTIVE"
    return connection


@pytest.mark.parametrize("kucoin_user", ["alice", "bob"], ids=["same", "another"])
def test_account_that_is_linked_after_a_disconnect_is_known_as_another_one(
    link, world, kucoin_user
):
    link.walk("alice", "SPOT")
    disconnect_and_link(link, world, kucoin_user)
    end_ms = world.now_ms() - 120_000
    start = show(end_ms - DAY_MS)
    world.users = {"user-1": kucoin_user}
    export = world.export(kinds=["deposits"], **{"from": start, "to": show(end_ms)})
    gaps = world.coverage(export)["user-1"]["gaps"]
    expected = ["earlier_account"] if kucoin_user == "bob" else []
    assert [gap["reason"] for gap in gaps] == expected
    assert export["isComplete"] is (kucoin_user == "alice")


def test_connection_that_is_linked_after_a_disconnect_is_archived_on(link, world):
    link.walk("alice", "SPOT")
    since = link.api.put("/v1/archives/user-1").json()["archivedSince"]
    connection = disconnect_and_link(link, world, "alice")
    assert connection["archivedSince"] == since
    world.collect()
    assert world.simulator.journal(route="trade_ledger", user="alice")


def test_archive_of_the_former_account_is_found_where_a_link_got_no_key(link, world):
    world.simulator.reset(now_ms=int(time.time()) * 1000 - 2 * DAY_MS)
    link.walk("alice", "SPOT")
    world.users = {"user-1": "alice"}
    world.live(1, 10, seed=1)
    link.api.put("/v1/archives/user-1")
    world.collect()
    collected = link.api.get("/v1/archives/user-1").json()["collectedUntil"]
    assert all(collected.values())
    assert link.api.delete("/v1/connections/user-1").json()["status"] == "DISCONNECTED"
    link.simulator.set_worlds(one_key_per_broker=True)
    assert link.walk("alice", "SPOT")["status"] == "FAILED"
    assert link.api.get("/v1/archives/user-1").json()["collectedUntil"] == collected
    end_ms = world.now_ms() - 2 * ARCHIVE_SETTLE_MS
    period = {"from": show(end_ms - DAY_MS // 2), "to": show(end_ms)}
    export = world.export(kinds=["trade_ledger"], **period)
    assert export["isComplete"] is True, world.coverage(export)
    assert export["records"] > 0


def test_connection_that_opted_out_stays_out_after_a_disconnect(link, world):
    link.walk("alice", "SPOT")
    link.api.put("/v1/archives/user-1")
    link.api.delete("/v1/archives/user-1")
    assert disconnect_and_link(link, world, "alice")["archivedSince"] is None
    world.collect()
    assert world.simulator.journal(route="trade_ledger") == []


def test_user_who_opts_in_while_the_collector_forgets_is_collected(world, forked):
    world.begin(1)
    world.opt_in()
    opt_out_half(world)
    world.functions.call("export", {"kind": "collect"})
    point = Point("about to forget", {"operation": "UpdateItem", "match": "isCollected"})
    aws = world.functions.stack.aws
    still = Standstill(aws, world.simulator, point, lambda: forked.drain("ArchiveQueue"))
    world.opt_in()
    still.go_on()
    assert world.simulator.journal(route="trade_ledger") == []
    world.collect()
    assert world.simulator.journal(route="trade_ledger", user="lives-0")


def opt_out_half(world):
    """The connection says so; taking the user off the collector's list never came."""
    stack = world.functions.stack
    stack.aws.client("dynamodb").update_item(
        TableName=stack.tables["ConnectionsTable"],
        Key={"userId": {"S": "user-0"}},
        UpdateExpression="REMOVE archivedSince",
    )
