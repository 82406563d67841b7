"""One webhook to the broker's endpoint; what fails rests, longer each time, for a day.

A message that rests keeps its group, one user's events, in order behind it. After a day it goes to
the dead-letter queue and the group goes on.
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from kubroker.aws.clients import get_sqs
from kubroker.aws.secrets import get_secret_json
from kubroker.events.webhook_queue import WebhookQueue
from kubroker.events.webhook_retries import plan_retry
from kubroker.events.webhook_sender import WebhookSecrets, WebhookSender
from kubroker.foundation.errors import (
    BadRequestError,
    ConfigurationError,
    StoreError,
    UnavailableError,
)
from kubroker.foundation.observability import WEBHOOK_DELIVERED, WEBHOOK_FAILED, count, logger
from kubroker.foundation.settings import WebhookQueueSettings, WebhookSettings


class DeliverWebhook:
    """Works the queue's messages."""

    def __init__(
        self,
        sender: WebhookSender,
        queue: WebhookQueue,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Joins sender, queue, clock and chance."""
        self._sender = sender
        self._queue = queue
        self._now = now
        self._jitter = jitter

    def work(self, record: SQSRecord) -> None:
        """Delivers one message; raising leaves it in the queue, out of sight for a while.

        Raises:
            UnavailableError: The endpoint did not take it.
            ConfigurationError: The secret can't sign; nothing was sent.
            BadRequestError: A message that this release does not know.
        """
        message = record.json_body
        if message.get("kind") != "webhook":
            raise BadRequestError("This release does not know that kind of message.")
        try:
            self._sender.send(message["id"], message["payload"], at=self._now())
        except (UnavailableError, ConfigurationError) as error:
            count(WEBHOOK_FAILED)
            if isinstance(error, ConfigurationError):
                logger.error("no webhook can be sent", extra={"reason": error.message})
            self._rest(record, error.retry_after_seconds)
            raise
        count(WEBHOOK_DELIVERED)

    def _rest(self, record: SQSRecord, asked_seconds: int | None) -> None:
        tries = int(record.attributes.approximate_receive_count or "1")
        seconds = plan_retry(tries, jitter=self._jitter(), asked_seconds=asked_seconds)
        try:
            self._queue.rest(record.receipt_handle, seconds)
        except StoreError as error:
            logger.warning("a webhook rests for the queue's own time", extra={"code": error.code})


def build_deliver_webhook() -> DeliverWebhook:
    """Reads the settings and joins everything.

    Raises:
        ConfigurationError: A setting is missing, or the URL is not acceptable.
    """
    settings = WebhookSettings.from_environment()
    queue_url = WebhookQueueSettings.from_environment().webhook_queue_url
    sender = WebhookSender(
        settings.url,
        is_local=settings.public_base_url.startswith("http://localhost"),
        get_secrets=lambda: WebhookSecrets.parse(
            get_secret_json(settings.secret_name), name=settings.secret_name
        ),
    )
    return DeliverWebhook(sender, WebhookQueue(get_sqs(), queue_url))
