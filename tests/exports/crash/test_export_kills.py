"""The crash matrix of exports and the collector: killed after every request that they make.

The function's process gets SIGKILL while the AWS stand-in holds its answer, one request further each
time. Then the message comes again, or the broker asks again, and in every case the export holds each
record once, and the archive too.
"""

import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any

import pytest

from kubroker.exports.archive.model import ARCHIVED_KINDS
from kubroker.exports.records import ExportKind
from kubroker.exports.windows import ARCHIVE_SETTLE_MS
from tests.exports.functional.book import compare
from tests.exports.functional.living import EPOCH_MS, World, show
from tests.support.api import ApiClient
from tests.support.forked_stack import ForkedFunctions

pytestmark = pytest.mark.timeout(1200)
KINDS = [ExportKind.SPOT_FILLS, ExportKind.DEPOSITS]


@pytest.fixture
def world(functions, api, simulator) -> World:
    made = World(functions, api, simulator)
    made.begin(1)
    made.live(1, 12, seed=1)
    return made


def kill_after(world: World, forked: ForkedFunctions, number: int, act: Callable[[], Any]) -> bool:
    """Kills the function once its request of that number is answered; false: it makes fewer."""
    aws = world.functions.stack.aws
    caller = world.functions.stack.find_function("export").name
    aws.hold(caller=caller, phase="after", skip=number)
    with ThreadPoolExecutor(1) as threads:
        outcome = threads.submit(act)
        while not (is_held := bool(aws.list_holds())) and not outcome.done():
            time.sleep(0.01)
        if is_held:
            forked.kill("export")
        outcome.result(timeout=300)
    aws.reset_faults()
    aws.release_delayed()
    return is_held


def check(world: World, export: dict[str, Any], kinds: list[ExportKind]) -> int:
    """Every record once; gives how many there are."""
    assert export["state"] == "READY", export
    end = int(datetime.fromisoformat(export["to"]).timestamp()) * 1000
    total, missing, twice, *rest = compare(world.read(export), world.book(EPOCH_MS, end, kinds))
    assert (missing, twice) == (0, 0), rest
    assert export["isComplete"] is True, world.coverage(export)
    return int(total)


def test_killed_while_it_is_opened(world, forked):
    aside = World(world.functions, ApiClient(forked, world.api.base_url), world.simulator)
    aside.users = world.users
    order = {"kinds": KINDS, "to": show(world.now_ms() - 120_000)}
    for number in itertools.count():
        key = f"key-{number}"
        is_killed = kill_after(world, forked, number, partial(aside.open, key, **order))
        assert check(world, world.export(key, **order), KINDS) > 12
        if not is_killed:
            break
    assert number >= 4


def test_killed_while_it_is_worked(world, forked):
    for number in itertools.count():
        opened = world.open(f"key-{number}", kinds=KINDS).json()
        is_killed = kill_after(world, forked, number, lambda: forked.drain("ExportQueue"))
        world.drain()
        export = world.get(opened["exportId"])
        assert check(world, export, KINDS) > 12
        assert world.manifest(export)["records"] == {
            kind: sum(file["records"] for file in export["files"] if file["kind"] == kind)
            for kind in KINDS
        }
        if not is_killed:
            break
    assert number >= 30


def test_killed_while_it_is_collected(world, forked):
    world.opt_in()
    is_killed, number = True, 0
    while is_killed:
        world.live(0.05, 3, seed=number + 2)
        world.functions.call("export", {"kind": "collect"})
        is_killed = kill_after(world, forked, number, lambda: forked.drain("ArchiveQueue"))
        world.drain()
        number += 1
    assert number >= 15
    world.live(0.05, 3, seed=1000)
    world.simulator.advance(2 * ARCHIVE_SETTLE_MS // 1000)
    world.collect()
    kinds = list(ARCHIVED_KINDS)
    export = world.export(kinds=kinds)
    assert check(world, export, kinds) > 12 + 3 * number
    windows = world.coverage(export)["user-0"]["windows"]
    assert {line["source"] for line in windows if line["records"]} == {"archive"}
