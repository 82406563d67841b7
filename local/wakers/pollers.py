"""What makes functions run without a request: queues, streams and schedules."""

import re
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.aws.client import ACCOUNT_ID, REGION, AwsStandin
from local.deployment.deployed import DeployedStack, Schedule
from local.gateway.invocation import InvokeResult, ThrottledError
from local.wakers.queues import QueueFeed
from local.wakers.streams import StreamFeed

_QUEUE_WAIT_SECONDS = 2
_STREAM_SECONDS = 0.2
_PAUSE_SECONDS = 0.2  # after a failure of the stand-in: faults may be on
_RATE = re.compile(r"rate\((\d+) (second|minute|hour|day)s?\)")
_UNIT_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}

type Invoke = Callable[[str, dict[str, Any]], InvokeResult]


class Pollers:
    """Threads that feed the functions of a stack.

    Each can be driven by hand instead: ``feed_queue``, ``tick``.
    """

    def __init__(
        self,
        stack: DeployedStack,
        invoke: Invoke,
        *,
        speed: float = 1.0,
        sweep_seconds: float | None = None,
        queue_threads: int = 2,
    ) -> None:
        """Prepares; starts nothing yet.

        Args:
            stack: What is deployed.
            invoke: Runs a function by its name.
            speed: How much faster than real time schedules come, for soak runs.
            sweep_seconds: How often expired items are deleted, as DynamoDB's TTL would; never if
                None.
            queue_threads: Batches of one queue at the same time, at most its maximum concurrency.
        """
        self._stack = stack
        self._invoke = invoke
        self._speed = speed
        self._sweep_seconds = sweep_seconds
        self._queue_threads = queue_threads
        self._stopped = threading.Event()
        self._runs = threading.Event()
        self._runs.set()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Starts a thread for everything that feeds a function."""
        aws = self._stack.aws
        for source in self._stack.queue_sources:
            for _ in range(min(self._queue_threads, source.maximum_concurrency)):
                feed = QueueFeed(aws, source, self._invoke)
                self._run(partial(feed.feed_once, _QUEUE_WAIT_SECONDS))
        for source in self._stack.stream_sources:
            stream = StreamFeed(aws, source, self._invoke)
            self._run(stream.feed_once, _STREAM_SECONDS)
        for schedule in self._stack.schedules:
            if schedule.is_enabled:
                interval = parse_rate_seconds(schedule.expression) / self._speed
                self._run(partial(self._run_schedule, schedule), interval)
        if self._sweep_seconds:
            self._run(lambda: _sweep(aws), self._sweep_seconds)

    def feed_queue(self, logical_id: str) -> InvokeResult | None:
        """One batch of a queue by hand; None if it has nothing visible."""
        name = self._stack.queues[logical_id].rpartition("/")[2]
        source = next(
            item for item in self._stack.queue_sources if item.arn.rpartition(":")[2] == name
        )
        return QueueFeed(self._stack.aws, source, self._invoke).feed_once()

    def feed_stream(self, table: str) -> StreamFeed:
        """The feed of a table's stream, from its beginning, to be driven by hand."""
        arn = self._stack.streams[table]
        source = next(item for item in self._stack.stream_sources if item.arn == arn)
        return StreamFeed(self._stack.aws, source, self._invoke)

    def tick(self, schedule_name: str) -> InvokeResult:
        """Runs a schedule's function by hand.

        Args:
            schedule_name: The schedule's name, or its end after ``kubroker-local-``.
        """
        return self._run_schedule(
            next(item for item in self._stack.schedules if item.name.endswith(schedule_name))
        )

    def pause(self) -> None:
        """Nothing is fed until ``resume``, but for what is under way: idle polling costs a lot."""
        self._runs.clear()

    def resume(self) -> None:
        """Goes on after a pause."""
        self._runs.set()

    def stop(self) -> None:
        """Ends the threads; one that waits for a message ends a little later."""
        self._stopped.set()
        self._runs.set()
        for thread in self._threads:
            thread.join(0.05)

    def _run_schedule(self, schedule: Schedule) -> InvokeResult:
        return self._invoke(schedule.function_name, schedule.event or _build_scheduled_event())

    def _run(self, work: Callable[[], object], interval_seconds: float = 0.0) -> None:
        """Repeats the work; with an interval only where it had nothing to do, or is a schedule."""

        def loop() -> None:
            while not self._stopped.is_set():
                self._runs.wait()
                started = time.monotonic()
                try:
                    work()
                    pause = interval_seconds - (time.monotonic() - started)
                except (BotoCoreError, ClientError, ThrottledError, OSError):
                    pause = max(_PAUSE_SECONDS, interval_seconds)
                if pause > 0:
                    self._stopped.wait(pause)

        thread = threading.Thread(target=loop, daemon=True)
        self._threads.append(thread)
        thread.start()


def parse_rate_seconds(expression: str) -> float:
    """The seconds of ``rate(5 minutes)``.

    Raises:
        ValueError: It is another kind of expression.
    """
    rate = _RATE.fullmatch(expression)
    if rate is None:
        raise ValueError(f"the local stack knows rate(…) only, not {expression}")
    return float(rate[1]) * _UNIT_SECONDS[rate[2]]


def _build_scheduled_event() -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT_ID,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [],
        "detail": {},
    }


def _sweep(aws: AwsStandin) -> None:
    aws.sweep_expired_items(time.time())
