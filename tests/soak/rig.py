"""What the soak runs on: stand-ins, the deployed stack, the functions' processes, scaled lives."""

import json
import threading
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from local.aws.client import AwsStandin
from local.deployment.deploy import deploy
from local.deployment.deployed import EventSource
from local.deployment.parameters import build_local_parameters
from local.gateway.invocation import InvokeResult, ThrottledError
from local.gateway.runtime import FunctionPool
from local.kucoin_simulator.control.client import SimulatorControl
from local.processes import ROOT, start_module, stop, wait_ready
from local.wakers.queues import QueueFeed
from tests.support.rotation import RotationWorld

ACCESS_SECONDS = 20
REFRESH_SECONDS = 60
TICK_SECONDS = 2.0
LEASE_SECONDS = 4
# Kubroker's own times, as far from their defaults as the tokens' lives are.
PARAMETERS = {
    "RotationPolicy": "always-fresh",
    "RotationLeaseSeconds": str(LEASE_SECONDS),
    "RotationGraceSeconds": "3",
    "RotationRequeueSeconds": "12",
    "RotationBackOffSeconds": "1",
    "RotationRefusalWindowSeconds": "2",
    "KucoinProtocolOverrides": json.dumps({"refresh_token_seconds": REFRESH_SECONDS}),
}
VISIBILITY_SECONDS = {"RefreshQueue": "8", "RescueQueue": "2"}
REFRESH_THREADS = 3


class Rig:
    """A context: everything runs inside it and nothing after it.

    Attributes:
        killed: userId and moment of every user whose worker's process was killed or failed.
    """

    def __init__(self) -> None:
        self._open = ExitStack()
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self.killed: list[tuple[str, float]] = []
        self.ticks = 0

    def __enter__(self) -> Self:
        aws_process = start_module(["local.aws.standin", "--port", "0"])
        self._open.callback(stop, aws_process)
        simulator_process = start_module(["local.kucoin_simulator", "--port", "0"])
        self._open.callback(stop, simulator_process)
        self.aws = AwsStandin(wait_ready(aws_process, "aws stand-in ready"))
        simulator_url = wait_ready(simulator_process, "simulator ready")
        self.simulator = SimulatorControl(simulator_url)
        self.simulator.set_settings(
            access_token_seconds=ACCESS_SECONDS, refresh_token_seconds=REFRESH_SECONDS
        )
        parameters = build_local_parameters(
            gateway_url="http://localhost:3000",
            simulator_url=simulator_url,
            broker_url="http://localhost:3003",
            **PARAMETERS,
        )
        self.stack = deploy(self.aws, parameters)
        for queue, seconds in VISIBILITY_SECONDS.items():
            self.aws.client("sqs").set_queue_attributes(
                QueueUrl=self.stack.queues[queue], Attributes={"VisibilityTimeout": seconds}
            )
        self.world = RotationWorld(self.stack, self.simulator)
        logs: Path = ROOT / "build" / "soak-logs"
        self.pool = FunctionPool(self.stack, log_folder=logs)
        self._open.callback(self.pool.stop)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._open.close()

    def start(self) -> None:
        """Ticks, and feeds both queues."""
        self._run(self._tick, TICK_SECONDS)
        for source in self.stack.queue_sources:
            if source.arn.endswith("-token-refresh"):
                for _ in range(REFRESH_THREADS):
                    self._run(partial(self._build_feed(source).feed_once, 1), 0)
            elif source.arn.endswith("-token-rescue"):
                self._run(partial(self._build_feed(source).feed_once, 1), 0)

    def halt(self) -> None:
        """No more ticks and batches; waits for those on their way."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(40)

    def _tick(self) -> None:
        self.ticks += 1
        self.pool.invoke("refresh_dispatcher", {})

    def _build_feed(self, source: EventSource) -> QueueFeed:
        return QueueFeed(self.aws, source, self._invoke)

    def _invoke(self, name: str, event: dict[str, Any]) -> InvokeResult:
        """Runs a batch; who was in one that died is remembered."""
        result = self.pool.invoke(name, event)
        if result.function_error and name.endswith("-token-refresh"):
            bodies = [json.loads(record["body"]) for record in event["Records"]]
            self.killed += [(body["userId"], time.time()) for body in bodies]
        return result

    def _run(self, work: Any, interval_seconds: float) -> None:
        def loop() -> None:
            while not self._stopped.is_set():
                started = time.monotonic()
                try:
                    work()
                except (OSError, ThrottledError, BotoCoreError, ClientError):
                    self._stopped.wait(0.2)  # a fault struck the poller itself
                pause = interval_seconds - (time.monotonic() - started)
                if pause > 0:
                    self._stopped.wait(pause)

        thread = threading.Thread(target=loop, daemon=True)
        self._threads.append(thread)
        thread.start()
