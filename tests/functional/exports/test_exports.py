"""Exports: every record once, whatever happens on the way."""

from tests.functional.exports.living import EPOCH_MS, compare


def test_export_holds_every_record_once(world):
    world.begin(2)
    world.live(6, 400, seed=1)
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
