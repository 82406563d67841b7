"""Exports of users whose KuCoin account is not the one it was."""

from kubroker.domain.export_records import ExportKind
from tests.functional.exports.living import EPOCH_MS, show
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
