"""Finds the connections that are due, and only those, and queues them.

First sent, then moved on: a crash between the two queues a connection twice, which the claim
makes harmless; the other order could forget one. What was queued leaves the head of the index
for a quarter of an hour, so that a backlog does not keep its tail from being read.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from kubroker.aws.clients import get_dynamodb, get_sqs
from kubroker.aws.queue import Queue
from kubroker.aws.table import Table
from kubroker.foundation.clock import Clock, Deadline
from kubroker.foundation.errors import LostRaceError, StoreError
from kubroker.foundation.observability import (
    CONNECTIONS_QUEUED,
    OLDEST_DUE_SECONDS,
    add_metrics,
    logger,
)
from kubroker.foundation.rotation_rules import RotationRules
from kubroker.foundation.settings import (
    CommonSettings,
    DispatchSettings,
    LimitsSettings,
    RotationSettings,
)
from kubroker.rotation.due import DueStore
from kubroker.rotation.model import DUE_SHARDS
from kubroker.rotation.refusal_rules import RefusalBucket
from kubroker.rotation.refusals import RefusalCounts

MESSAGES_A_REQUEST = 10
_THREADS = 8


@dataclass(frozen=True, kw_only=True)
class Tick:
    """What one tick did.

    Attributes:
        queued: Connections that were sent to the queue.
        oldest_due_seconds: How long the head of the index had been due.
        is_complete: Whether everything due was read; else the next tick goes on.
    """

    queued: int
    oldest_due_seconds: int
    is_complete: bool


class Dispatch:
    """One tick."""

    def __init__(
        self,
        due: DueStore,
        queue: Queue,
        counts: RefusalCounts,
        *,
        rules: RotationRules,
        clock: Clock,
    ) -> None:
        """Joins index, queue and counts."""
        self._due = due
        self._queue = queue
        self._counts = counts
        self._rules = rules
        self._clock = clock

    def run(self, deadline: Deadline, *, part: int = 0, parts: int = 1) -> Tick:
        """Works the shards in parallel, starting with another one each minute.

        Args:
            deadline: When to stop reading; the next tick goes on.
            part: Which part of the shards, where several dispatchers share them.
            parts: How many share them.

        Raises:
            StoreError: AWS failed in some shard; all others were worked.
        """
        now = self._clock.now()
        own = [shard for shard in range(DUE_SHARDS) if shard % parts == part]
        first = now // 60 % max(1, len(own))
        with ThreadPoolExecutor(_THREADS) as threads:
            done = list(
                threads.map(
                    lambda shard: self._work_safely(shard, now, deadline), own[first:] + own[:first]
                )
            )
        ticks = [tick for tick in done if isinstance(tick, Tick)]
        tick = Tick(
            queued=sum(tick.queued for tick in ticks),
            oldest_due_seconds=max((tick.oldest_due_seconds for tick in ticks), default=0),
            is_complete=all(tick.is_complete for tick in ticks),
        )
        self._tell(tick, now)
        for error in done:
            if isinstance(error, StoreError):
                raise error
        return tick

    def _tell(self, tick: Tick, now: int) -> None:
        add_metrics(
            {
                CONNECTIONS_QUEUED: (tick.queued, "Count"),
                OLDEST_DUE_SECONDS: (tick.oldest_due_seconds, "Seconds"),
            }
        )
        if not tick.is_complete:
            logger.warning("a tick ended before the due connections did")
        if tick.queued:
            queued = RefusalBucket(attempted=tick.queued)
            self._counts.add(self._rules.find_bucket(now), queued, now=now)

    def _work_safely(self, shard: int, now: int, deadline: Deadline) -> Tick | StoreError:
        try:
            return self._work(shard, now, deadline)
        except StoreError as error:
            logger.error("a shard was not finished", extra={"reason": error.message})
            return error

    def _work(self, shard: int, now: int, deadline: Deadline) -> Tick:
        """Pages through one shard until nothing is due, or the deadline."""
        queued, oldest, start = 0, 0, None
        while deadline.left() > 0:
            rows, start = self._due.find_page(shard, now=now, start=start)
            if rows:
                oldest = max(oldest, now - rows[0][1])
            for chunk in _chunks(rows):
                if deadline.left() <= 0:
                    return Tick(queued=queued, oldest_due_seconds=oldest, is_complete=False)
                queued += self._queue_chunk(chunk, now)
            if start is None:
                return Tick(queued=queued, oldest_due_seconds=oldest, is_complete=True)
        return Tick(queued=queued, oldest_due_seconds=oldest, is_complete=False)

    def _queue_chunk(self, chunk: list[tuple[str, int]], now: int) -> int:
        """Sends, then moves on what SQS confirmed."""
        sent = self._queue.send_all(
            [{"kind": "refresh", "userId": user_id} for user_id, _ in chunk]
        )
        for number in sent:
            user_id, seen = chunk[number]
            try:
                self._due.move_on(user_id, seen=seen, to=now + self._rules.requeue_seconds)
            except LostRaceError:
                continue  # worked already, or disconnected
        return len(sent)


def _chunks(rows: list[tuple[str, int]]) -> Iterable[list[tuple[str, int]]]:
    for start in range(0, len(rows), MESSAGES_A_REQUEST):
        yield rows[start : start + MESSAGES_A_REQUEST]


def build_dispatch() -> Dispatch:
    """Reads the settings and joins everything.

    Raises:
        ConfigurationError: A setting is missing or malformed.
    """
    client = get_dynamodb()
    return Dispatch(
        DueStore(Table(client, CommonSettings.from_environment().connections_table)),
        Queue(get_sqs, DispatchSettings.from_environment().refresh_queue_url),
        RefusalCounts(Table(client, LimitsSettings.from_environment().limits_table)),
        rules=RotationSettings.from_environment().build_rules(),
        clock=Clock(),
    )
