"""What a tick reads: items of the index per connection that is due, however many there are."""

import contextlib
import io
import os
import time
from typing import Any

import boto3
from moto import mock_aws

from kubroker.aws.queue import Queue
from kubroker.aws.table import Table, marshal
from kubroker.foundation.clock import Clock
from kubroker.foundation.rotation_rules import RotationRules
from kubroker.rotation.dispatch import Dispatch
from kubroker.rotation.due import DueStore
from kubroker.rotation.model import DUE_SHARDS
from kubroker.rotation.refusals import RefusalCounts
from kubroker.rotation.token_changes import build_due
from local.aws.data import make_atomic
from tests.support.deployed import load_translated

SIZES = (1_000, 20_000)
DUE = 100
_KEPT = {"AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode"}


def measure_dispatcher() -> list[tuple[str, float, str, float | None, float | None]]:
    """Items read per due connection at each size, against the goal of one."""
    return [
        (f"items read per due, {size} connections", _measure(size), "", None, 1.0) for size in SIZES
    ]


@mock_aws
def _measure(size: int) -> float:
    """One tick over the template's own table and index, in memory."""
    make_atomic()  # the dispatcher's threads
    database: Any = boto3.client("dynamodb", region_name="eu-west-1")
    for logical_id in ("ConnectionsTable", "LimitsTable"):
        properties = load_translated()["Resources"][logical_id]["Properties"]
        kept = {name: value for name, value in properties.items() if name in _KEPT}
        database.create_table(TableName=logical_id, **kept)
    sqs: Any = boto3.client("sqs", region_name="eu-west-1")
    url = sqs.create_queue(QueueName="refresh")["QueueUrl"]
    now = int(time.time())
    _fill(database, size, now)
    read: list[int] = []
    database.meta.events.register(
        "after-call.dynamodb.Query", lambda parsed, **_: read.append(parsed["ScannedCount"])
    )
    clock = Clock()
    dispatch = Dispatch(
        DueStore(Table(database, "ConnectionsTable")),
        Queue(lambda: sqs, url),
        RefusalCounts(Table(database, "LimitsTable")),
        rules=RotationRules(),
        clock=clock,
    )
    os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Kubroker")
    os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "refresh_dispatcher")
    with contextlib.redirect_stdout(io.StringIO()):
        tick = dispatch.run(clock.start(600))
    if tick.queued != DUE or len(read) != DUE_SHARDS:
        raise RuntimeError(f"queued {tick.queued} of {DUE} in {len(read)} queries")
    return sum(read) / DUE


def _fill(database: Any, size: int, now: int) -> None:
    """Connections evenly over the next day; a hundred are due."""
    for start in range(0, size, 25):
        requests = []
        for number in range(start, min(start + 25, size)):
            at = now - 60 if number < DUE else now + 60 + number * 86_400 // size
            item = {"userId": f"user-{number}", **build_due(f"user-{number}", at)}
            requests.append({"PutRequest": {"Item": marshal(item)}})
        database.batch_write_item(RequestItems={"ConnectionsTable": requests})
