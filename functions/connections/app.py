"""The broker looks at its connections, and ends them."""

import time
from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from kubroker.aws.clients import get_dynamodb
from kubroker.aws.table import Table
from kubroker.connections.disconnect import Disconnect
from kubroker.connections.store import ConnectionStore
from kubroker.connections.views import (
    ConnectionListResponse,
    ConnectionResponse,
    ReceiptResponse,
    parse_list_query,
)
from kubroker.foundation.settings import CommonSettings
from kubroker.foundation.stored import read_list
from kubroker.web.api import create_api, handle, json_response
from kubroker.web.fields import parse_user_id
from kubroker.withdrawals.store import WithdrawalStore
from kubroker.withdrawals.store_wiring import build_withdrawal_store

app = create_api()


@cache
def connections() -> ConnectionStore:
    """The store, made once at the first request."""
    return ConnectionStore(
        Table(get_dynamodb(), CommonSettings.from_environment().connections_table)
    )


@cache
def withdrawals() -> WithdrawalStore:
    """Tells which withdrawals are open, made once at the first disconnect."""
    return build_withdrawal_store()


@app.get("/v1/connections")
def list_connections() -> Response[str]:
    """One page, by status or all."""
    status, limit, cursor = parse_list_query(app.current_event.query_string_parameters)
    page, next_cursor = connections().find_page(status=status, limit=limit, cursor=cursor)
    now = int(time.time())
    rows = read_list(page, lambda connection: ConnectionResponse.build(connection, now=now))
    view = ConnectionListResponse(
        connections=rows, unreadable=rows.unreadable, next_cursor=next_cursor
    )
    return json_response(view)


@app.get("/v1/connections/<user_id>")
def get_connection(user_id: str) -> Response[str]:
    """One connection; never a secret."""
    connection = connections().get(parse_user_id(user_id))
    return json_response(ConnectionResponse.build(connection, now=int(time.time())))


@app.delete("/v1/connections/<user_id>")
def disconnect(user_id: str) -> Response[str]:
    """Blocks, shreds, and tells what remains at KuCoin; repeatable."""
    usecase = Disconnect(connections(), withdrawals().find_in_flight)
    receipt = usecase.disconnect(parse_user_id(user_id), now=int(time.time()))
    return json_response(ReceiptResponse.build(receipt))


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Runs one request."""
    return handle(app, event, context)
