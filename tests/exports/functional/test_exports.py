"""Exports: every record once, whatever happens on the way."""

from tests.exports.functional.book import compare, sum_changes
from tests.exports.functional.living import EPOCH_MS, show

# The futures ledger tells what eight hours brought at their end.
SETTLED_SECONDS = 9 * 3600
ACCOUNTS = {"main", "trade", "contract"}


def test_export_holds_every_record_once(world):
    world.begin(2)
    world.live(2, 400, seed=1)
    export = world.export()
    assert export["state"] == "READY", export
    end = world.now_ms() // 1000 * 1000 - 120_000
    total, missing, surplus, *rest = compare(world.read(export), world.book(EPOCH_MS, end))
    assert (missing, surplus) == (0, 0), rest
    assert total > 400
    assert export["isComplete"] is True, world.coverage(export)


def test_collector_keeps_what_kucoin_forgets(world):
    world.begin(1)
    world.opt_in()
    for day in range(12):
        world.live(1, 25, seed=day)
        world.collect()
    export = world.export(format="csv")
    end = world.now_ms() // 1000 * 1000 - 120_000
    total, missing, surplus, *rest = compare(world.read(export), world.book(EPOCH_MS, end))
    assert (missing, surplus) == (0, 0), rest
    assert total > 300
    assert export["isComplete"] is True, world.coverage(export)


def test_ledgers_explain_every_balance(world):
    """Whatever moved is in a ledger with its sign: beside the records, the book's other entry."""
    world.begin(2)
    world.live(0.5, 50, seed=2)
    world.simulator.advance(SETTLED_SECONDS)
    before, start = world.balances(), world.now_ms()
    world.live(1.5, 250, seed=3, moneyPerDay=6)
    world.simulator.advance(SETTLED_SECONDS)
    kinds = ["funding_ledger", "trade_ledger", "futures_ledger"]
    export = world.export(kinds=kinds, **{"from": show(start)})
    changes, after = sum_changes(world.read(export)), world.balances()
    expected = {key: after[key] - before[key] for key in after if after[key] != before[key]}
    assert {key: change for key, change in changes.items() if change} == expected
    assert {account for (_, account, _), change in changes.items() if change} == ACCOUNTS
    assert export["isComplete"] is True, world.coverage(export)


def test_archive_gives_no_more_than_the_period(world):
    """An export begins and ends in the midst of what was collected together."""
    world.begin(1)
    world.opt_in()
    for day in range(2):
        world.live(1, 60, seed=day)
        world.collect()
    start, end = EPOCH_MS + 8 * 3_600_000, EPOCH_MS + 32 * 3_600_000
    export = world.export(**{"from": show(start), "to": show(end)})
    expected = world.book(start, end)
    total, missing, surplus, *rest = compare(world.read(export), expected)
    assert (missing, surplus) == (0, 0), rest
    assert 0 < total < sum(map(len, world.book(EPOCH_MS, end).values()))
    assert {line["source"] for line in world.coverage(export)["user-0"]["windows"]} >= {"archive"}
