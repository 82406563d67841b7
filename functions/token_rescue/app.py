"""Commits the pairs that a token refresh could not commit itself."""

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from kubroker.rotation.save import Rescue, build_rescue

batch = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


@cache
def rescue() -> Rescue:
    """Store and settings, made once at the first use."""
    return build_rescue()


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Runs one batch of the queue."""
    return process_partial_response(
        event=event, record_handler=rescue().work, processor=batch, context=context
    )
