"""Rotates token pairs: from the queue, and on the broker's request."""

import time
from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from kubroker.connections.views import ConnectionResponse
from kubroker.rotation.wiring import RotationMessages, build_rotation_messages
from kubroker.web.api import create_api, handle, json_response
from kubroker.web.fields import parse_user_id

app = create_api()


@cache
def messages() -> RotationMessages:
    """Stores, vault, KuCoin and settings, made once at the first use."""
    return build_rotation_messages()


@app.post("/v1/connections/<user_id>/refresh")
def refresh(user_id: str) -> Response[str]:
    """A refresh now, due or not."""
    remaining_ms = app.lambda_context.get_remaining_time_in_millis()
    connection = messages().refresh_now(parse_user_id(user_id), remaining_ms=remaining_ms)
    return json_response(ConnectionResponse.build(connection, now=int(time.time())))


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Runs one request, or one batch of the queue."""
    if "Records" not in event:
        return handle(app, event, context)
    return messages().work_batch(event, remaining_ms=context.get_remaining_time_in_millis())
