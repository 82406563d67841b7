"""KuCoin's rebate reports for the broker, and the daily check that orders carry its tag."""

from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from kubroker.revenue.routes import RebateRoutes
from kubroker.revenue.wiring import Rebates, build_rebates
from kubroker.web.api import create_api, handle

app = create_api()


@cache
def rebates() -> Rebates:
    """Stores, KuCoin and settings, made once at the first use."""
    return build_rebates()


@app.get("/v1/rebates")
def order_report() -> Response[str]:
    """A link to the file of orders that brought rebates."""
    seconds = app.lambda_context.get_remaining_time_in_millis() / 1000
    return RebateRoutes(rebates()).order_report(app.current_event, seconds=seconds)


@app.get("/v1/tag-checks/<day>")
def show_check(day: str) -> Response[str]:
    """What a day's check found."""
    return RebateRoutes(rebates()).show_check(day)


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Runs one request, or one schedule."""
    if "kind" in event:
        return rebates().run_schedule(event, context)
    return handle(app, event, context)
