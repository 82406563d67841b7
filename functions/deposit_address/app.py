"""Deposit addresses: one user's, or those of a whole payout by way of the queue."""

from functools import cache, partial
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from kubroker.foundation.observability import log_failures
from kubroker.payouts.routes import DepositRoutes
from kubroker.payouts.wiring import build_deposit_use_cases
from kubroker.web.api import create_api, handle

app = create_api()
batch = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


@cache
def routes() -> DepositRoutes:
    """Stores, vault, KuCoin and settings, made once at the first use."""
    return DepositRoutes(build_deposit_use_cases())


def seconds_left() -> float:
    """Of this invocation."""
    return float(app.lambda_context.get_remaining_time_in_millis()) / 1000


@app.get("/v1/connections/<user_id>/deposit-addresses")
def list_addresses(user_id: str) -> Response[str]:
    """Those that are there."""
    return routes().list_addresses(app.current_event, user_id, seconds=seconds_left())


@app.post("/v1/connections/<user_id>/deposit-addresses")
def get_or_create(user_id: str) -> Response[str]:
    """The one that is asked for; safe to repeat."""
    return routes().get_or_create(app.current_event, user_id, seconds=seconds_left())


@app.post("/v1/payouts")
def open_payout() -> Response[str]:
    """Many users at once."""
    return routes().open_payout(app.current_event)


@app.get("/v1/payouts/<payout_id>")
def get_payout(payout_id: str) -> Response[str]:
    """How it stands."""
    return routes().get_payout(payout_id)


def work_batch(event: dict[str, Any], context: LambdaContext) -> Any:
    """Works a batch of the queue; what failed is delivered again."""
    seconds = context.get_remaining_time_in_millis() / 1000
    return process_partial_response(
        event=event,
        record_handler=log_failures(partial(routes().work, seconds=seconds)),
        processor=batch,
        context=context,
    )


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Runs one request, or one batch of the queue."""
    return (work_batch if "Records" in event else partial(handle, app))(event, context)
