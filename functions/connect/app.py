"""Linking sessions: opened by the broker's service, walked by the user's browser."""

import time
from functools import cache
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from kubroker.connections.views import HealthResponse
from kubroker.foundation.errors import KubrokerError
from kubroker.linking.routes import ConnectRoutes, build_connect_routes
from kubroker.linking.views import CompleteSessionRequest, OpenSessionRequest
from kubroker.web.api import create_api, handle, json_response, parse_body


@cache
def routes() -> ConnectRoutes:
    """Stores, use cases and settings, made once at the first request."""
    return build_connect_routes()


def render_page(error: KubrokerError) -> Response[str]:
    """An error on a browser's route."""
    return routes().pages.error(error)


app = create_api(render_page)


def now() -> int:
    """The clock, epoch seconds."""
    return int(time.time())


@app.get("/health")
def health() -> Response[str]:
    """Whether this function and its settings are fit."""
    return json_response(HealthResponse(status="ok", stage=routes().stage))


@app.post("/v1/connect-sessions")
def open_session() -> Response[str]:
    """Opens a session for a user."""
    request = parse_body(app.current_event, OpenSessionRequest)
    return json_response(
        routes().open_session(app.current_event, request, now()), HTTPStatus.CREATED
    )


@app.post("/v1/connect-sessions/<session_id>/complete")
def complete_session(session_id: str) -> Response[str]:
    """Redeems a completion code."""
    request = parse_body(app.current_event, CompleteSessionRequest)
    return json_response(routes().complete(app.current_event, session_id, request, now()))


@app.get("/connect/<token>")
def show(token: str) -> Response[str]:
    """Consent, progress or the end. Changes nothing: link previews fetch it too."""
    return routes().show(app.current_event, token, now())


@app.post("/connect/<token>")
def choose(token: str) -> Response[str]:
    """The user's choice: on to KuCoin, or another try with fewer permissions."""
    return routes().choose(app.current_event, token, now())


@app.get("/connect/<token>/status")
def status(token: str) -> Response[str]:
    """What the progress page polls."""
    return json_response(routes().find_status(token, now()))


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Runs one request."""
    return handle(app, event, context)
