"""KuCoin sends the user's browser back here."""

import time
from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from kubroker.foundation.errors import KubrokerError
from kubroker.linking.callback_route import CallbackRoute, build_callback_route
from kubroker.web.api import create_api, handle


@cache
def route() -> CallbackRoute:
    """Stores, vault, KuCoin and settings, made once at the first request."""
    return build_callback_route()


def render_page(error: KubrokerError) -> Response[str]:
    """An error on a browser's route."""
    return route().pages.error(error)


app = create_api(render_page)


@app.get("/oauth/callback")
def receive() -> Response[str]:
    """State, browser, code exchange, and back to the broker with a completion code."""
    return route().receive(app.current_event, int(time.time()))


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Runs one request."""
    return handle(app, event, context)
