"""Withdrawals and payments: services quote, submit, open, manage; users pay, verify on a page."""

from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from kubroker.payments.routes import add_payment_routes
from kubroker.payments.wiring import BASE, WithdrawalApi, build_withdrawal_api
from kubroker.web.api import create_api, handle


@cache
def routes() -> WithdrawalApi:
    """Made once, at the first request."""
    return build_withdrawal_api()


app = create_api(lambda error: routes().page.error(error))  # noqa: PLW0108 - not at import
add_payment_routes(app, lambda: routes().payments)


@app.post(BASE)
def submit(user_id: str) -> Response[str]:
    """Makes a withdrawal, or tells how the one of this key stands."""
    return routes().services.submit(app.current_event, user_id)


@app.get(BASE)
def list_withdrawals(user_id: str) -> Response[str]:
    """One page, latest first, by status or all."""
    return routes().services.list(app.current_event, user_id)


@app.post(f"{BASE}/quote")
def quote(user_id: str) -> Response[str]:
    """What a withdrawal would cost."""
    return routes().services.quote(app.current_event, user_id)


@app.get(f"{BASE}/<withdrawal_id>")
def get(user_id: str, withdrawal_id: str) -> Response[str]:
    """One withdrawal; never a code."""
    return routes().services.get(user_id, withdrawal_id)


@app.delete(f"{BASE}/<withdrawal_id>")
def cancel(user_id: str, withdrawal_id: str) -> Response[str]:
    """Cancels, as long as KuCoin allows it."""
    return routes().services.cancel(user_id, withdrawal_id)


@app.post(f"{BASE}/<withdrawal_id>/verification")
def verify(user_id: str, withdrawal_id: str) -> Response[str]:
    """Takes the codes that KuCoin wants."""
    return routes().services.verify(app.current_event, user_id, withdrawal_id)


@app.post(f"{BASE}/<withdrawal_id>/settlement")
def settle(user_id: str, withdrawal_id: str) -> Response[str]:
    """Takes an operator's word on an unknown outcome."""
    return routes().services.settle(app.current_event, user_id, withdrawal_id)


@app.get("/verify/<token>")
def show(token: str) -> Response[str]:
    """The page that asks for the codes. Changes nothing: link previews fetch it too."""
    return routes().page.show(token)


@app.post("/verify/<token>")
def take(token: str) -> Response[str]:
    """The codes, or a wish for new ones."""
    return routes().page.take(app.current_event, token)


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Runs one request."""
    return handle(app, event, context)
