"""Creates API keys: from the queue, and on the broker's request."""

import time
from functools import cache, partial
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from kubroker.connections.views import ConnectionResponse, CreateKeyRequest
from kubroker.foundation.observability import log_failures
from kubroker.linking.key_queue import KeyMessages, build_key_messages
from kubroker.web.api import create_api, handle, json_response, parse_body
from kubroker.web.fields import parse_user_id

app = create_api()
batch = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


@cache
def messages() -> KeyMessages:
    """Stores, vault, KuCoin and settings, made once at the first use."""
    return build_key_messages()


@app.post("/v1/connections/<user_id>/api-key")
def request_key(user_id: str) -> Response[str]:
    """Another key, for example with other permissions."""
    request = parse_body(app.current_event, CreateKeyRequest)
    now = int(time.time())
    connection = messages().requests.request(
        parse_user_id(user_id),
        request.permissions,
        is_addressbook_only=request.is_addressbook_only,
        now=now,
    )
    return json_response(ConnectionResponse.build(connection, now=now), HTTPStatus.ACCEPTED)


def work_batch(event: dict[str, Any], context: LambdaContext) -> Any:
    """Works a batch of the queue; what failed is delivered again."""
    return process_partial_response(
        event=event,
        record_handler=log_failures(messages().work),
        processor=batch,
        context=context,
    )


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Runs one request, or one batch of the queue."""
    return (work_batch if "Records" in event else partial(handle, app))(event, context)
