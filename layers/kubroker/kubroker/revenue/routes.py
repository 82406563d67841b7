"""The routes of the function ``rebate``."""

import time

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from kubroker.revenue.views import (
    RebateReportResponse,
    TagCheckResponse,
    parse_day_segment,
    parse_rebate_query,
)
from kubroker.revenue.wiring import Rebates
from kubroker.web.api import json_response

# KuCoin writes a file before it answers.
REPORT_SECONDS = 20.0
MARGIN_SECONDS = 2.0


class RebateRoutes:
    """Each method answers one route."""

    def __init__(self, rebates: Rebates) -> None:
        """Remembers the use cases."""
        self._rebates = rebates

    def order_report(self, event: APIGatewayProxyEventV2, *, seconds: float) -> Response[str]:
        """``GET /v1/rebates``."""
        query = parse_rebate_query(event.query_string_parameters)
        url = self._rebates.order_report(
            query.begin,
            query.end,
            query.trade_type,
            seconds=min(REPORT_SECONDS, seconds - MARGIN_SECONDS),
        )
        return json_response(RebateReportResponse.build(query, url, now=int(time.time())))

    def show_check(self, day: str) -> Response[str]:
        """``GET /v1/tag-checks/{day}``."""
        return json_response(
            TagCheckResponse.build(self._rebates.checks.get(parse_day_segment(day)))
        )
