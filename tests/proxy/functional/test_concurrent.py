"""A hundred rounds of calls at the same time, with a disconnect in between."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from kubroker.aws.table import Table
from kubroker.connections.key_use import MAX_READ_AGE_SECONDS
from kubroker.connections.store import ConnectionStore
from kubroker.foundation.errors import KubrokerError
from kubroker.proxy.flow import ProxyRequest
from tests.proxy.functional.conftest import SPOT
from tests.support.linked import link_user

ROUNDS = 100
CALLERS = 4
CALLS_EACH = 3


@dataclass(frozen=True)
class Told:
    """One call: when it began, and what came: KuCoin's status, or our code."""

    began: float
    outcome: int | str


def forward(proxy):
    """One call through a process's proxy, as its function makes it."""
    began = time.monotonic()
    request = ProxyRequest(user_id="user-1", host="spot", method="GET", tail="api/v1/accounts")
    try:
        return Told(began, proxy.forward(request, remaining_seconds=20).status)
    except KubrokerError as error:
        return Told(began, error.code)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_call_that_begins_after_a_disconnect_is_signed(api, functions, simulator, monkeypatch):
    # The threads outlive a call's environment, and a used up budget counts a metric.
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Kubroker")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "kucoin_proxy")
    link_user(functions.stack, simulator)
    assert api.get(f"{SPOT}/api/v1/accounts").status == 200  # a warm environment, as in Lambda
    proxy = functions.module("kucoin_proxy").proxy()
    stack = functions.stack
    table = Table(stack.aws.client("dynamodb"), stack.tables["ConnectionsTable"])
    store = ConnectionStore(table)  # the write of DELETE /v1/connections/{userId}
    told: list[Told] = []
    with ThreadPoolExecutor(CALLERS) as pool:
        for number in range(ROUNDS):
            key = link_user(functions.stack, simulator)
            seen = simulator.journal()[-1]["seq"]
            start = threading.Barrier(CALLERS + 1)

            def call(start=start):
                start.wait(10)
                return [forward(proxy) for _ in range(CALLS_EACH)]

            calls = [pool.submit(call) for _ in range(CALLERS)]
            start.wait(10)
            time.sleep(0.004 * (number % 12))
            store.disconnect(store.get("user-1"), now=int(time.time()))
            ended = time.monotonic()
            answers = [one for future in calls for one in future.result(60)]
            assert forward(proxy).outcome == "connection_disconnected"
            # A fast machine uses the account's quota up: such a call is not signed either.
            unsigned = {"connection_disconnected", "kucoin_quota_used_up"}
            assert {one.outcome for one in answers} <= {200, *unsigned}
            late = {one.outcome for one in answers if one.began >= ended}
            assert late <= unsigned
            entries = simulator.journal(since=seen, route="accounts")
            assert {entry["apiKey"] for entry in entries} <= {key["apiKey"]}, "an old key signed"
            assert len(entries) == sum(one.outcome == 200 for one in answers)
            told += answers
    forwarded = sum(one.outcome == 200 for one in told)
    assert len(told) == ROUNDS * CALLERS * CALLS_EACH
    assert 0 < forwarded < len(told), "a race has to be run to be won"
    assert len(proxy._keys._cache) == 0


def test_disconnect_while_kms_takes_its_time_leaves_the_call_unsigned(api, functions, simulator):
    stack = functions.stack
    link_user(stack, simulator)
    store = ConnectionStore(Table(stack.aws.client("dynamodb"), stack.tables["ConnectionsTable"]))
    hold = stack.aws.hold(operation="Decrypt")
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(api.get, f"{SPOT}/api/v1/accounts")
        held = stack.aws.wait_held(hold)
        store.disconnect(store.get("user-1"), now=int(time.time()))
        time.sleep(MAX_READ_AGE_SECONDS)  # what was read before is too old to sign by
        stack.aws.release(held["id"])
        answer = call.result(20)
    assert (answer.status, answer.json()["code"]) == (409, "connection_disconnected")
    assert simulator.journal() == []
