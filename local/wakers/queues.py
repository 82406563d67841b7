"""Feeds a function from its queue, as Lambda's event source mapping does."""

import json
from collections.abc import Callable
from typing import Any

from local.aws.client import REGION, AwsStandin
from local.deployment.deployed import EventSource
from local.gateway.invocation import InvokeResult


def build_sqs_event(messages: list[dict[str, Any]], queue_arn: str) -> dict[str, Any]:
    """The event of a batch of received messages."""
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message.get("Attributes", {}),
                "messageAttributes": {},
                "md5OfBody": message["MD5OfBody"],
                "eventSource": "aws:sqs",
                "eventSourceARN": queue_arn,
                "awsRegion": REGION,
            }
            for message in messages
        ]
    }


class QueueFeed:
    """One queue of one function; a batch at a time."""

    def __init__(
        self,
        aws: AwsStandin,
        source: EventSource,
        invoke: Callable[[str, dict[str, Any]], InvokeResult],
    ) -> None:
        """Args: the stand-in, what feeds what, and how to run a function."""
        self.source = source
        self._invoke = invoke
        self._queue = aws.client("sqs")
        name = source.arn.rpartition(":")[2]
        self.url = self._queue.get_queue_url(QueueName=name)["QueueUrl"]

    def feed_once(self, wait_seconds: int = 0) -> InvokeResult | None:
        """Receives a batch and runs the function with it.

        What succeeded is deleted; the rest becomes visible again after the queue's timeout.

        Args:
            wait_seconds: How long to wait for the first message.

        Returns:
            What the function gave; None if the queue had nothing.
        """
        received = self._queue.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=min(self.source.batch_size, 10),
            WaitTimeSeconds=wait_seconds,
            AttributeNames=["All"],
        ).get("Messages", [])
        if not received:
            return None
        event = build_sqs_event(received, self.source.arn)
        result = self._invoke(self.source.function_name, event)
        failed = find_failed_items(result, self.source, [item["MessageId"] for item in received])
        for message in received:
            if message["MessageId"] not in failed:
                self._queue.delete_message(
                    QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"]
                )
        return result


def find_failed_items(result: InvokeResult, source: EventSource, all_ids: list[str]) -> set[str]:
    """Which records of a batch were not worked off.

    Source:
        Lambda, "Implementing partial batch responses": an answer that can't be read, or names
        none or an unknown item, fails the whole batch.
    """
    if result.function_error:
        return set(all_ids)
    if not source.reports_item_failures or not result.payload:
        return set()
    try:
        payload = result.payload
        payload = json.loads(payload) if isinstance(payload, str) else payload
        failures = payload.get("batchItemFailures") or []
        named = {failure["itemIdentifier"] for failure in failures}
    except (ValueError, KeyError, TypeError, AttributeError):
        return set(all_ids)
    return named if named <= set(all_ids) else set(all_ids)
