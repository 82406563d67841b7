"""Faults for about one refresh in ten: KuCoin's, AWS's, and processes that are killed."""

import random
import threading
from collections import Counter
from typing import Any

from tests.soak.rig import Rig

# Share of refreshes, kind, phase. ``after`` costs the answer of a rotation that was done.
KUCOIN_FAULTS: list[tuple[float, dict[str, Any]]] = [
    (0.010, {"kind": "drop"}),
    (0.010, {"kind": "status_5xx"}),
    (0.010, {"kind": "rate_limit"}),
    (0.008, {"kind": "garbage"}),
    (0.008, {"kind": "html_403"}),
    (0.008, {"kind": "error", "code": "40003"}),
    (0.008, {"kind": "delay", "phase": "after", "seconds": 0.7}),
    (0.008, {"kind": "expires_in"}),
    (0.003, {"kind": "drop", "phase": "after"}),
    (0.003, {"kind": "cut", "phase": "after"}),
    (0.002, {"kind": "garbage", "phase": "after"}),
    (0.002, {"kind": "status_5xx", "phase": "after"}),
]
UPDATE = {"service": "dynamodb", "operation": "UpdateItem"}
AWS_FAULTS: list[dict[str, Any]] = [
    {**UPDATE, "match": "tokenCiphertext", "times": 1},
    {**UPDATE, "match": "tokenCiphertext", "times": 3},
    {**UPDATE, "match": "tokenCiphertext", "times": 1, "phase": "after"},
    {**UPDATE, "match": "leaseUntil", "times": 3},
    {**UPDATE, "match": "leaseUntil", "times": 1, "phase": "after"},
    {"service": "dynamodb", "operation": "GetItem", "times": 3},
    {"service": "kms", "operation": "Decrypt", "times": 3},
    {"service": "sqs", "operation": "SendMessageBatch", "times": 3},
    {"service": "sqs", "operation": "SendMessage", "times": 2},
]
AWS_SECONDS = 1.5
KILL_SECONDS = 12.0


class Chaos:
    """Threads that make trouble until they are stopped; counts what struck."""

    def __init__(self, rig: Rig, seed: int) -> None:
        self._rig = rig
        self._random = random.Random(seed)
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self.struck: Counter[str] = Counter()

    def start(self) -> None:
        for number, (probability, fault) in enumerate(KUCOIN_FAULTS):
            self._rig.simulator.add_fault(
                "refresh", times=None, probability=probability, seed=number, **fault
            )
        for work, seconds in ((self._strike_aws, AWS_SECONDS), (self._kill, KILL_SECONDS)):
            thread = threading.Thread(target=self._loop, args=(work, seconds), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """All is well again."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(30)
        for rule in self._rig.simulator.faults():
            self.struck[f"kucoin {rule['kind']}:{rule['phase']}"] += rule["struck"]
        self._rig.simulator.clear_faults()
        self._reset_aws()

    def _loop(self, work: Any, seconds: float) -> None:
        while not self._stopped.wait(seconds * self._random.uniform(0.5, 1.5)):
            work()

    def _strike_aws(self) -> None:
        self._reset_aws()
        fault = self._random.choice(AWS_FAULTS)
        kind = "drop" if fault.get("phase") == "after" else "error"
        # The workers' requests only: who judges has to see the truth.
        self._rig.aws.add_fault(kind, caller="kubroker-local-", **fault)

    def _reset_aws(self) -> None:
        for rule in self._rig.aws.list_faults():
            self.struck[f"aws {rule['service']} {rule['operation']}:{rule['phase']}"] += rule[
                "hits"
            ]
        self._rig.aws.reset_faults()

    def _kill(self) -> None:
        pids = self._rig.pool.pids("token_refresh", busy_only=True)
        if pids:
            self._rig.pool.kill(self._random.choice(pids))
            self.struck["process killed"] += 1
