"""The arithmetic of docs/scale.md: what refreshing so many connections takes and costs.

``make docs`` writes its tables; a test fails where they are stale. Every number that is not
computed here stands in ``Model`` with where it comes from.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

DOCUMENT = Path(__file__).parents[1] / "docs/scale.md"
SIZES = (1_000, 100_000, 1_000_000, 10_000_000)
DAYS = 30
MONTH_SECONDS = DAYS * 86_400
DUE_SHARDS = 32


@dataclass(frozen=True)
class Policy:
    """A policy and how often it rotates a pair.

    Attributes:
        seconds: Mean time between two rotations: the middle of the plan's span.
    """

    name: str
    seconds: float


POLICIES = (
    Policy("keep", (0.30 + 1 / 3) / 2 * 3 * 86_400),
    Policy("always-fresh", 0.80 * 3600),
)


@dataclass(frozen=True)
class Prices:
    """USD, on demand, first tier, no free tier.

    Attributes:
        writes: A million DynamoDB write request units; ``reads`` likewise.
        kms: Ten thousand requests.
        sqs: A million requests of a standard queue.
        gigabyte_seconds: Lambda, x86; ``invocations`` a million.
        log_gigabyte: CloudWatch Logs, ingested.
        metric: A custom metric a month; ``alarm`` likewise.
        storage: A gigabyte of table a month, with point-in-time recovery.
    """

    region: str
    writes: float
    reads: float
    kms: float
    sqs: float
    gigabyte_seconds: float
    invocations: float
    log_gigabyte: float
    metric: float
    alarm: float
    storage: float


PRICES = (
    Prices("us-east-1", 0.625, 0.125, 0.03, 0.40, 0.0000166667, 0.20, 0.50, 0.30, 0.10, 0.45),
    Prices("eu-west-1", 0.705, 0.1415, 0.03, 0.40, 0.0000166667, 0.20, 0.57, 0.30, 0.10, 0.507),
)


@dataclass(frozen=True)
class Model:
    """One refresh, one tick.

    Attributes:
        item_kib: An item with tokens of 400 characters, key and facts is 2.6 KiB: three units
            a write. KuCoin's tokens may be longer.
        index_writes: The index ``due`` is rewritten by dispatcher and commit, each a deletion
            and an insertion; ``byStatus`` holds nothing that a rotation changes.
        batch_seconds: Ten users at once: KuCoin's 300 ms (assumed), five AWS calls, 65 ms of
            processor time at the 0.58 processors of 1,024 MiB.
        tick_seconds: What a tick costs whatever is due, and ``queue_seconds`` per connection.
        log_bytes: Two metric lines, and a tenth of Lambda's own.
    """

    item_kib: int = 3
    index_writes: int = 4
    batch_seconds: float = 0.5
    tick_seconds: float = 0.5
    queue_seconds: float = 0.0024
    log_bytes: int = 800
    metrics: int = 14
    alarms: int = 16

    @property
    def write_units(self) -> int:
        """Of a refresh: dispatcher, claim and commit, and the index."""
        return 3 * self.item_kib + self.index_writes


MODEL = Model()


def compute_rate(connections: int, policy: Policy) -> float:
    """Refreshes a second."""
    return connections / policy.seconds


def compute_cost(connections: int, policy: Policy, prices: Prices) -> dict[str, float]:
    """USD a month by service."""
    refreshes = compute_rate(connections, policy) * MONTH_SECONDS
    ticks = MONTH_SECONDS / 60
    queued_seconds = ticks * MODEL.tick_seconds + refreshes * MODEL.queue_seconds
    refresh_seconds = refreshes / 10 * MODEL.batch_seconds
    storage_gigabytes = connections * MODEL.item_kib / 1024**2
    return {
        "KMS": refreshes / 1e4 * prices.kms + 2,
        "DynamoDB": refreshes / 1e6 * (MODEL.write_units * prices.writes + prices.reads)
        + ticks * DUE_SHARDS * 0.5 / 1e6 * prices.reads
        + storage_gigabytes * prices.storage,
        "Lambda": (queued_seconds + refresh_seconds) * prices.gigabyte_seconds
        + (refreshes / 10 + ticks) / 1e6 * prices.invocations,
        "SQS": refreshes * 0.3 / 1e6 * prices.sqs,
        "CloudWatch": refreshes * MODEL.log_bytes / 1e9 * prices.log_gigabyte
        + MODEL.metrics * prices.metric
        + MODEL.alarms * prices.alarm,
    }


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(header)
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def build_load() -> str:
    """What is to be done at each size, against what each service does."""
    rows = []
    for policy in POLICIES:
        for size in SIZES:
            rate = compute_rate(size, policy)
            due = rate * 60
            busy = due * MODEL.queue_seconds + MODEL.tick_seconds
            rows.append(
                [
                    f"{policy.name}, {size:,}",
                    f"{rate:,.2f}" if rate < 10 else f"{rate:,.0f}",
                    f"{rate * MODEL.write_units:,.0f}",
                    f"{rate * MODEL.index_writes / DUE_SHARDS:,.1f}",
                    f"{math.ceil(rate / 10 * MODEL.batch_seconds):,}",
                    f"{due:,.0f}",
                    f"{busy:,.1f} s",
                    f"{math.ceil(busy / 45)}",
                ]
            )
    header = [
        "policy, connections",
        "refreshes/s = KMS calls/s",
        "write units/s",
        "index writes/s a shard",
        "batches at once",
        "due a minute",
        "dispatching takes",
        "dispatchers",
    ]
    return _table(header, rows)


def build_costs() -> str:
    """USD a month at each size."""
    services = list(compute_cost(1, POLICIES[0], PRICES[0]))
    rows = [
        [
            f"{policy.name}, {size:,}, {prices.region}",
            *(f"{cost[service]:,.2f}" for service in services),
            f"{sum(cost.values()):,.0f}",
            f"{sum(cost.values()) / size * 1000:,.2f}",
        ]
        for policy in POLICIES
        for size in SIZES
        for prices in PRICES
        for cost in [compute_cost(size, policy, prices)]
    ]
    return _table(
        ["policy, connections, region", *services, "USD a month", "per 1,000 connections"], rows
    )


TABLES = {"load": build_load, "costs": build_costs}


def fill(text: str) -> str:
    """The document with its tables as they are now."""
    for name, build in TABLES.items():
        start, end = f"<!-- table: {name} -->", "<!-- end -->"
        head, _, rest = text.partition(start)
        tail = rest.partition(end)[2]
        text = f"{head}{start}\n{build()}\n{end}{tail}"
    return text


def main() -> None:
    """Writes the document."""
    DOCUMENT.write_text(fill(DOCUMENT.read_text()))


if __name__ == "__main__":
    main()
