"""SQS: sending messages of one queue."""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from kubroker.aws.clients import translate_errors

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class Queue:
    """One queue that we send to. Messages are JSON objects with a ``schemaVersion``."""

    def __init__(self, get_client: Callable[[], "SQSClient"], url: str) -> None:
        """Remembers the queue's URL, and how to get the client once something is sent."""
        self._get_client = get_client
        self._url = url

    def send_all(self, messages: Sequence[dict[str, Any]]) -> set[int]:
        """Sends at most ten messages in one request.

        Returns:
            The positions of those that SQS confirmed.

        Raises:
            StoreError: SQS could not be asked: any may or may not have been sent.
        """
        entries: Any = [
            {"Id": str(number), "MessageBody": _build_body(message)}
            for number, message in enumerate(messages)
        ]
        with translate_errors("sending messages"):
            answer = self._get_client().send_message_batch(QueueUrl=self._url, Entries=entries)
        return {int(sent["Id"]) for sent in answer.get("Successful", [])}

    def send(self, message: dict[str, Any], *, delay_seconds: int = 0) -> None:
        """Sends one message.

        Args:
            message: A JSON object without secrets in clear.
            delay_seconds: 0 to 900.

        Raises:
            StoreError: SQS could not be asked: it may or may not have been sent.
        """
        with translate_errors("sending a message"):
            self._get_client().send_message(
                QueueUrl=self._url, MessageBody=_build_body(message), DelaySeconds=delay_seconds
            )


def _build_body(message: dict[str, Any]) -> str:
    return json.dumps({"schemaVersion": 1, **message}, separators=(",", ":"))
