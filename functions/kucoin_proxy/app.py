"""Signs a caller's own request to KuCoin with the user's key, and forwards it."""

from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from kubroker.proxy.flow import Proxy
from kubroker.proxy.routes import METHODS, build_proxy_answer, parse_proxy_request
from kubroker.proxy.wiring import build_proxy
from kubroker.web.api import create_api, handle

app = create_api()


@cache
def proxy() -> Proxy:
    """Stores, vault, KuCoin and settings, made once at the first request."""
    return build_proxy()


@app.route("(?s:.+)", method=METHODS)
def forward() -> Response[str]:
    """One call; which host is the prefix's business."""
    remaining_ms = app.lambda_context.get_remaining_time_in_millis()
    request = parse_proxy_request(app.current_event)
    return build_proxy_answer(proxy().forward(request, remaining_seconds=remaining_ms / 1000))


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Runs one request."""
    return handle(app, event, context)
