"""The routes of payments, for the broker's services."""

import time
from collections.abc import Callable
from http import HTTPStatus

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from kubroker.foundation.amounts import parse_amount
from kubroker.foundation.settings import ConnectSettings
from kubroker.foundation.stored import read_list
from kubroker.payments.flow import NewPayment, Payments
from kubroker.payments.store import PaymentList
from kubroker.payments.views import (
    PaymentListResponse,
    PaymentRequest,
    PaymentResponse,
    parse_payment_id,
    parse_payments_query,
)
from kubroker.web.api import json_response, parse_body
from kubroker.web.browser import build_base_url
from kubroker.web.fields import parse_idempotency_key
from kubroker.withdrawals.model import Withdrawal
from kubroker.withdrawals.routes import choose_return_url
from kubroker.withdrawals.wiring import WithdrawalUseCases

BASE = "/v1/payments"


class PaymentRoutes:
    """Each method answers one route."""

    def __init__(
        self, settings: ConnectSettings, usecases: WithdrawalUseCases, payments: Payments
    ) -> None:
        """Joins settings and use cases."""
        self._settings = settings
        self._usecases = usecases
        self._payments = payments
        self._list = PaymentList(usecases.store)

    def open(self, event: APIGatewayProxyEventV2) -> Response[str]:
        """``POST /v1/payments``: 201 for a new one; for a repetition how it stands."""
        key = parse_idempotency_key(dict(event.headers or {}))
        request = parse_body(event, PaymentRequest)
        payments = self._payments
        payee = payments.get_payee(request.payee)
        opened = payments.open(
            NewPayment(
                user_id=request.user_id,
                idempotency_key=key,
                payee=payee,
                order=payee.build_order(request.currency, parse_amount(request.amount)),
                reference=request.reference,
                remark=request.reference,
                recipient=payee.recipient.build_fields() if payee.recipient else {},
                return_url=choose_return_url(self._settings, request.return_url),
                is_return_url_given=request.return_url is not None,
                known_duplicates=frozenset(request.known_duplicates),
            )
        )
        payment, handle = self._usecases.links.issue(opened.withdrawal)
        url = build_base_url(event, self._settings.public_base_url)
        view = PaymentResponse.build(
            payment, now=_now(), checkout_url=f"{url}/verify/{handle}" if handle else None
        )
        return json_response(view, HTTPStatus.CREATED if opened.is_new else HTTPStatus.OK)

    def get(self, payment_id: str) -> Response[str]:
        """``GET /v1/payments/{id}``."""
        return _answer(self._payments.get(parse_payment_id(payment_id)))

    def list(self, event: APIGatewayProxyEventV2) -> Response[str]:
        """``GET /v1/payments``."""
        filters, limit, cursor = parse_payments_query(event.query_string_parameters)
        page, next_cursor = self._list.find_page(filters=filters, limit=limit, cursor=cursor)
        now = _now()
        views = read_list(page, lambda payment: PaymentResponse.build(payment, now=now))
        # What lapsed a moment ago is stored as it was until somebody looks.
        rows = [view for view in views if view.status == filters.get("paymentStatus", view.status)]
        view = PaymentListResponse(
            payments=rows, unreadable=views.unreadable, next_cursor=next_cursor
        )
        return json_response(view)

    def cancel(self, payment_id: str) -> Response[str]:
        """``DELETE /v1/payments/{id}``."""
        payment = self._payments.get(parse_payment_id(payment_id))
        management = self._usecases.management
        return _answer(management.cancel(payment.user_id, payment.withdrawal_id))


def add_payment_routes(app: APIGatewayHttpResolver, routes: Callable[[], PaymentRoutes]) -> None:
    """Adds the routes to a resolver.

    Args:
        app: The function's.
        routes: Gives what answers them, made at the first request.
    """

    @app.post(BASE)
    def open_payment() -> Response[str]:
        return routes().open(app.current_event)

    @app.get(BASE)
    def list_payments() -> Response[str]:
        return routes().list(app.current_event)

    @app.get(f"{BASE}/<payment_id>")
    def get_payment(payment_id: str) -> Response[str]:
        return routes().get(payment_id)

    @app.delete(f"{BASE}/<payment_id>")
    def cancel_payment(payment_id: str) -> Response[str]:
        return routes().cancel(payment_id)


def _answer(payment: Withdrawal) -> Response[str]:
    return json_response(PaymentResponse.build(payment, now=_now()))


def _now() -> int:
    return int(time.time())
