"""Days and years lived on KuCoin's clock, with crashes and 429s: missing 0, twice 0.

``make test`` lives ten days, ``make year`` 365 with 50,000 fills (EXPORT_DAYS, EXPORT_FILLS).
"""

import os
import sys
import tracemalloc

import pytest

from tests.exports.functional.book import compare
from tests.exports.functional.living import EPOCH_MS
from tests.support.forked_stack import Point, Standstill

DAYS = int(os.environ.get("EXPORT_DAYS", "10"))
FILLS = int(os.environ.get("EXPORT_FILLS", "1200"))
SYMBOLS = ["BTC-USDT", "ETH-USDT", "ETH-BTC"]
EVERY_DAYS = 10
MIB = 1024 * 1024
# However long the period: a part, a file's upload part and the totals.
MOST_MIB = 100
KILLS = [
    Point("chunk about to be kept", {"operation": "TransactWriteItems"}),
    Point("chunk kept", {"operation": "TransactWriteItems", "phase": "after"}),
    Point("object written", {"service": "s3", "phase": "after"}),
    Point("asked KuCoin", kucoin=("funding_ledger", "after")),
]
EXPORT_KILLS = [
    Point("planned", {"operation": "TransactWriteItems", "phase": "after"}),
    Point("step kept", {"operation": "TransactWriteItems", "phase": "after", "skip": 2}),
    Point("part written", {"service": "s3", "phase": "after"}),
    Point("another part written", {"service": "s3", "phase": "after", "skip": 1}),
]


def die(world, forked, queue, point):
    """A worker is killed while it stands at the point; its message comes again."""
    aws, simulator = world.functions.stack.aws, world.simulator
    still = Standstill(aws, simulator, point, lambda: forked.drain(queue))
    still.kill(forked, "export")
    aws.release_delayed()
    return 1


@pytest.mark.slow
def test_days_with_crashes_and_limits_are_exported_once(world, forked):
    aws, kills, limited = world.functions.stack.aws, 0, 0
    world.begin(3)
    world.opt_in()
    for day in range(DAYS):
        share = FILLS * (day + 1) // DAYS - FILLS * day // DAYS
        world.live(1, share, seed=day, symbols=SYMBOLS)
        if day % 3 == 2:
            world.simulator.add_fault("spot_fills", "rate_limit", times=2)
            world.simulator.add_fault("trade_ledger", "drop", times=1)
            limited += 2
        if day % EVERY_DAYS == EVERY_DAYS // 2:
            world.functions.call("export", {"kind": "collect"})
            kills += die(world, forked, "ArchiveQueue", KILLS[day // EVERY_DAYS % len(KILLS)])
        world.collect()
        world.simulator.clear_faults()
        if day % EVERY_DAYS == EVERY_DAYS - 1:
            print(f"day {day + 1} of {DAYS}", file=sys.stderr)
    end = world.now_ms() // 1000 * 1000 - 120_000
    opened = world.open().json()
    for point in EXPORT_KILLS:
        kills += die(world, forked, "ExportQueue", point)
    tracemalloc.start()
    world.drain()
    peak = tracemalloc.get_traced_memory()[1] / MIB
    tracemalloc.stop()
    export = world.get(opened["exportId"])
    assert export["state"] == "READY", export
    size = sum(file["sizeBytes"] for file in export["files"]) / MIB
    total, missing, twice, *rest = compare(world.read(export), world.book(EPOCH_MS, end))
    fills = sum(file["records"] for file in export["files"] if file["kind"].endswith("_fills"))
    print(
        f"exports: {DAYS} days, 3 users, {fills} fills, {total} records, {kills} kills, "
        f"{limited} times 429: missing {missing}, twice {twice}; "
        f"files {size:.1f} MiB, the worker's memory at most {peak:.1f} MiB",
        file=sys.stderr,
    )
    assert (missing, twice) == (0, 0), rest
    assert export["isComplete"] is True, world.coverage(export)
    assert kills >= 2
    assert peak < MOST_MIB
    assert aws.list_faults() == []
