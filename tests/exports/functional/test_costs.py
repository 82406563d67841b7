"""What archiving a user costs a day, in calls: docs/scale.md reckons with it."""

from collections import Counter

import pytest

DAY_SECONDS = 86_400
LISTS = {
    "timestamp": 2,
    "trade_ledger": 5,
    "futures_fills": 1,
    "funding_ledger": 2,
    "futures_ledger": 2,
}


@pytest.fixture
def archived(world):
    world.begin(1)
    world.opt_in()
    world.live(1, 10, seed=1, symbols=["BTC-USDT", "ETH-USDT"])
    world.collect()
    return world


def count_round(world):
    """Calls to KuCoin by route and requests to AWS by operation of one day's round."""
    aws, export = world.functions.stack.aws, world.functions.stack.find_function("export").name
    asked, since = len(world.simulator.journal()), aws.read_journal()[-1]["number"]
    world.collect()
    calls = Counter(entry["route"] for entry in world.simulator.journal()[asked:])
    requests = Counter(
        call["operation"].split()[0]
        for call in aws.read_journal(since)
        if call["caller"].partition(".")[0] == export
    )
    return calls, requests


def test_day_without_anything_costs_twelve_calls(archived):
    archived.simulator.advance(DAY_SECONDS)
    calls, requests = count_round(archived)
    assert calls == LISTS
    assert (requests["GetItem"], requests["TransactWriteItems"], requests["PUT"]) == (21, 5, 0)


def test_day_with_ten_fills_costs_eighteen_calls(archived):
    archived.live(1, 10, seed=2, symbols=["BTC-USDT", "ETH-USDT"])
    calls, requests = count_round(archived)
    assert calls == {**LISTS, "trade_ledger": 7, "spot_fills": 4}
    assert (requests["GetItem"], requests["TransactWriteItems"], requests["PUT"]) == (27, 5, 4)
