"""What support asks: what happened to a user, and who is behind an id."""

from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from kubroker.audit.store import get_audit
from kubroker.aws.clients import get_dynamodb
from kubroker.aws.table import Table
from kubroker.foundation.settings import CommonSettings, WithdrawalTableSettings
from kubroker.support.search import Search
from kubroker.support.views import (
    SearchResponse,
    TimelineResponse,
    parse_search_query,
    parse_timeline_query,
)
from kubroker.web.api import create_api, handle, json_response
from kubroker.web.fields import parse_user_id

app = create_api()


@cache
def search() -> Search:
    """The indexes, made once at the first request."""
    connections = CommonSettings.from_environment().connections_table
    withdrawals = WithdrawalTableSettings.from_environment().withdrawals_table
    return Search(Table(get_dynamodb(), connections), Table(get_dynamodb(), withdrawals))


@app.get("/v1/connections/<user_id>/timeline")
def show_timeline(user_id: str) -> Response[str]:
    """What happened, the latest first; also of a user whose connection has ended."""
    limit, before = parse_timeline_query(app.current_event.query_string_parameters)
    page = get_audit().find_page(parse_user_id(user_id), limit=limit, before=before)
    return json_response(TimelineResponse.build(*page))


@app.get("/v1/search")
def find_user() -> Response[str]:
    """Who is behind an id of KuCoin's, a withdrawal or a transaction."""
    query = parse_search_query(app.current_event.query_string_parameters)
    return json_response(SearchResponse.build(search().find(query.field, query.value)))


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Runs one request."""
    return handle(app, event, context)
