"""Delivers webhooks to the broker's endpoint."""

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from kubroker.events.deliver import DeliverWebhook, build_deliver_webhook
from kubroker.foundation.observability import log_failures

batch = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


@cache
def delivery() -> DeliverWebhook:
    """Endpoint, secret and queue, made once at the first message."""
    return build_deliver_webhook()


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Runs one message of the queue."""
    work = log_failures(delivery().work)
    return process_partial_response(
        event=event, record_handler=work, processor=batch, context=context
    )
