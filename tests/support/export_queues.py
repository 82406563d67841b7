"""The queues of exports and of the archive, worked off."""

from typing import Any

from tests.support.functions import FunctionHarness

QUEUES = ("ExportQueue", "ArchiveQueue")


def drain_exports(functions: FunctionHarness, *, limit: int = 500) -> None:
    """Works both until nothing is left, what is delayed too.

    Raises:
        AssertionError: There is always more.
    """
    for _ in range(60):
        worked: list[Any] = []
        for queue in QUEUES:
            worked += functions.drain(queue, limit=limit)
        if not worked and not functions.stack.aws.release_delayed():
            return
    raise AssertionError("the queues of exports don't get empty")


def count_messages(functions: FunctionHarness, queue: str) -> int:
    """How many messages a queue has, visible, delayed or in flight."""
    names = ["", "Delayed", "NotVisible"]
    told = functions.stack.aws.client("sqs").get_queue_attributes(
        QueueUrl=functions.stack.queues[queue], AttributeNames=["All"]
    )["Attributes"]
    return sum(int(told[f"ApproximateNumberOfMessages{name}"]) for name in names)


def lose_messages(functions: FunctionHarness, queue: str) -> None:
    """All that a queue has is gone."""
    queues, url = functions.stack.aws.client("sqs"), functions.stack.queues[queue]
    functions.stack.aws.release_delayed()
    while batch := queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in batch:
            queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def deliver_at_last(functions: FunctionHarness, body: str) -> None:
    """A message of the export queue, delivered for the last time."""
    record = {
        "messageId": "1",
        "receiptHandle": "1",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "5"},
        "eventSource": "aws:sqs",
    }
    functions.call("export", {"Records": [record]})
