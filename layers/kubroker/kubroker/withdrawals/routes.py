"""The routes of the function ``withdrawal``, joined from settings, stores and use cases."""

import time
from collections.abc import Mapping
from http import HTTPStatus

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from kubroker.foundation.errors import UnprocessableError
from kubroker.foundation.settings import ConnectSettings
from kubroker.foundation.stored import read_list
from kubroker.web.api import json_response, parse_body
from kubroker.web.browser import build_base_url
from kubroker.web.fields import parse_idempotency_key, parse_user_id
from kubroker.withdrawals.manage import OperatorsWord
from kubroker.withdrawals.model import Withdrawal
from kubroker.withdrawals.requests import (
    QuoteRequest,
    SettlementRequest,
    VerificationRequest,
    WithdrawalRequest,
    check_codes,
    parse_withdrawal_id,
    parse_withdrawals_query,
)
from kubroker.withdrawals.store import WithdrawalStore
from kubroker.withdrawals.views import (
    QuoteResponse,
    WithdrawalListResponse,
    WithdrawalResponse,
    find_problem,
    find_status,
)
from kubroker.withdrawals.wiring import WithdrawalUseCases
from kubroker.withdrawals.withdraw import NewWithdrawal


class WithdrawalRoutes:
    """Each method answers one route of the broker's services."""

    def __init__(self, settings: ConnectSettings, usecases: WithdrawalUseCases) -> None:
        """Joins settings and use cases."""
        self._settings = settings
        self._usecases = usecases

    @property
    def _store(self) -> WithdrawalStore:
        return self._usecases.store

    def quote(self, event: APIGatewayProxyEventV2, user_id: str) -> Response[str]:
        """``POST …/withdrawals/quote``."""
        request = parse_body(event, QuoteRequest)
        priced = self._usecases.quote(parse_user_id(user_id), request.build_order())
        return json_response(QuoteResponse.build(request.currency, priced))

    def submit(self, event: APIGatewayProxyEventV2, user_id: str) -> Response[str]:
        """``POST …/withdrawals``."""
        key = parse_idempotency_key(dict(event.headers or {}))
        request = parse_body(event, WithdrawalRequest)
        recipient = request.recipient
        submitted = self._usecases.withdraw.submit(
            NewWithdrawal(
                user_id=parse_user_id(user_id),
                idempotency_key=key,
                order=request.build_order(request.address, request.memo),
                remark=request.remark,
                recipient=recipient.build_fields() if recipient else {},
                return_url=choose_return_url(self._settings, request.return_url),
                is_return_url_given=request.return_url is not None,
                known_duplicates=frozenset(request.known_duplicates),
            )
        )
        return self._answer(event, submitted.withdrawal, is_new=submitted.is_new)

    def verify(
        self, event: APIGatewayProxyEventV2, user_id: str, withdrawal_id: str
    ) -> Response[str]:
        """``POST …/{id}/verification``."""
        request = parse_body(event, VerificationRequest)
        factors: Mapping[str, object] = request.factors
        withdrawal = self._usecases.verification.verify(
            parse_user_id(user_id),
            parse_withdrawal_id(withdrawal_id),
            check_codes(dict(request.factors)) if factors else {},
        )
        return self._answer(event, withdrawal, is_new=False)

    def get(self, user_id: str, withdrawal_id: str) -> Response[str]:
        """``GET …/{id}``."""
        withdrawal = self._store.get(parse_user_id(user_id), parse_withdrawal_id(withdrawal_id))
        return json_response(WithdrawalResponse.build(withdrawal, now=_now()))

    def list(self, event: APIGatewayProxyEventV2, user_id: str) -> Response[str]:
        """``GET …/withdrawals``."""
        state, limit, cursor = parse_withdrawals_query(event.query_string_parameters)
        page, next_cursor = self._store.find_page(
            parse_user_id(user_id), state=state, limit=limit, cursor=cursor
        )
        now = _now()
        rows = read_list(page, lambda withdrawal: WithdrawalResponse.build(withdrawal, now=now))
        view = WithdrawalListResponse(
            withdrawals=rows, unreadable=rows.unreadable, next_cursor=next_cursor
        )
        return json_response(view)

    def cancel(self, user_id: str, withdrawal_id: str) -> Response[str]:
        """``DELETE …/{id}``."""
        withdrawal = self._usecases.management.cancel(
            parse_user_id(user_id), parse_withdrawal_id(withdrawal_id)
        )
        return json_response(WithdrawalResponse.build(withdrawal, now=_now()))

    def settle(
        self, event: APIGatewayProxyEventV2, user_id: str, withdrawal_id: str
    ) -> Response[str]:
        """``POST …/{id}/settlement``."""
        request = parse_body(event, SettlementRequest)
        withdrawal = self._usecases.management.settle(
            parse_user_id(user_id),
            parse_withdrawal_id(withdrawal_id),
            OperatorsWord(
                outcome=request.state,
                kucoin_withdrawal_id=request.kucoin_withdrawal_id,
                evidence=request.evidence,
                operator=request.operator,
                caller_arn=_find_caller(event),
            ),
        )
        return json_response(WithdrawalResponse.build(withdrawal, now=_now()))

    def _answer(
        self, event: APIGatewayProxyEventV2, withdrawal: Withdrawal, *, is_new: bool
    ) -> Response[str]:
        """The state, with a link to the hosted page while codes are wanted; or the refusal."""
        if problem := find_problem(withdrawal):
            raise problem
        withdrawal, handle = self._usecases.links.issue(withdrawal)
        base_url = build_base_url(event, self._settings.public_base_url)
        view = WithdrawalResponse.build(
            withdrawal, now=_now(), verify_url=f"{base_url}/verify/{handle}" if handle else None
        )
        status: HTTPStatus = find_status(withdrawal, is_new=is_new)
        return json_response(view, status)


def choose_return_url(settings: ConnectSettings, asked: str | None) -> str:
    """As asked, if it is allowed; else the first that is.

    Raises:
        UnprocessableError: ``return_url_not_allowed``.
    """
    if asked is None:
        return settings.return_url_allow_list[0]
    if not settings.is_return_url_allowed(asked):
        raise UnprocessableError(
            "returnUrl is not on this installation's allow-list.",
            code="return_url_not_allowed",
            field="returnUrl",
        )
    return asked


def _find_caller(event: APIGatewayProxyEventV2) -> str:
    """Who signed the request, as IAM names it."""
    context = event.get("requestContext") or {}
    iam = (context.get("authorizer") or {}).get("iam") or {}
    return str(iam.get("userArn") or "")


def _now() -> int:
    return int(time.time())
