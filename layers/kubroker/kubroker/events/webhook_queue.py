"""The FIFO queue of webhooks: one group a user, so that no user's event waits for another's.

What is about many users has a group of its own subject.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kubroker.aws.clients import translate_errors
from kubroker.events.types import Event

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

SCHEMA_VERSION = 1
LONGEST_SECONDS = 43_200


class WebhookQueue:
    """Sends events, and lets a message rest until its next try.

    Source: SQS, message groups and deduplication: a group's messages come in order, the next one
    only once the one before is deleted; the same deduplication id within five minutes is one.
    """

    def __init__(self, client: "SQSClient", url: str) -> None:
        """Remembers the client and the queue's URL."""
        self._client = client
        self._url = url

    def send(self, events: Sequence[Event]) -> set[int]:
        """Sends at most ten events.

        Returns:
            The positions of those that SQS did not take.

        Raises:
            StoreError: SQS could not be asked: any may or may not have been sent.
        """
        entries: Any = [
            {
                "Id": str(place),
                "MessageBody": build_message(event),
                "MessageGroupId": event.user_id or event.subject,
                "MessageDeduplicationId": event.id,
            }
            for place, event in enumerate(events)
        ]
        with translate_errors("sending webhooks"):
            answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        return {int(failed["Id"]) for failed in answer.get("Failed", [])}

    def rest(self, receipt_handle: str, seconds: int) -> None:
        """Keeps a received message, and its group, out of sight.

        Raises:
            StoreError: SQS could not be asked: the queue's own timeout holds.
        """
        with translate_errors("putting a webhook off"):
            self._client.change_message_visibility(
                QueueUrl=self._url,
                ReceiptHandle=receipt_handle,
                VisibilityTimeout=min(max(seconds, 0), LONGEST_SECONDS),
            )


def build_message(event: Event) -> str:
    """The message of an event: its text is what the endpoint will get, at each try."""
    message = {
        "schemaVersion": SCHEMA_VERSION,
        "kind": "webhook",
        "id": event.id,
        "payload": event.to_json(),
    }
    return json.dumps(message, separators=(",", ":"))
