"""Exports of users' records, and the daily collector, each worked by way of its queue."""

from functools import cache, partial
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from kubroker.exports.routes import ExportRoutes
from kubroker.exports.wiring import build_export_use_cases
from kubroker.foundation.observability import log_failures
from kubroker.web.api import create_api, handle

app = create_api()
batch = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


@cache
def routes() -> ExportRoutes:
    """Stores, vault, KuCoin and settings, made once at the first use."""
    return ExportRoutes(build_export_use_cases())


@app.post("/v1/exports")
def open_export() -> Response[str]:
    """Users, kinds, a period; safe to repeat."""
    return routes().open_export(app.current_event)


@app.get("/v1/exports")
def list_exports() -> Response[str]:
    """The latest first."""
    return routes().list_exports(app.current_event)


@app.get("/v1/exports/<export_id>")
def get_export(export_id: str) -> Response[str]:
    """How it stands; its files."""
    return routes().get_export(export_id)


@app.delete("/v1/exports/<export_id>")
def cancel_export(export_id: str) -> Response[str]:
    """Ends a running one."""
    return routes().cancel_export(export_id)


@app.route("/v1/archives/<user_id>", method=["GET", "PUT", "DELETE"])
def archive(user_id: str) -> Response[str]:
    """Looks at a connection's archive, has it archived daily, ends that."""
    return routes().archive(app.current_event, user_id)


def work_batch(event: dict[str, Any], context: LambdaContext) -> Any:
    """Works a batch of a queue; what failed is delivered again."""
    seconds = context.get_remaining_time_in_millis() / 1000
    return process_partial_response(
        event=event,
        record_handler=log_failures(partial(routes().work, seconds=seconds)),
        processor=batch,
        context=context,
    )


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Runs one request, one batch of a queue, a schedule, or an operator's invocation."""
    if "kind" in event:
        return routes().run(event)
    return (work_batch if "Records" in event else partial(handle, app))(event, context)
