"""The routes of the function ``deposit_address``."""

from http import HTTPStatus

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from kubroker.payouts.views import (
    MAX_PAYOUT_BYTES,
    AddressListResponse,
    AddressRequest,
    AddressResponse,
    PayoutRequest,
    PayoutResponse,
    parse_address_query,
    parse_payout_id,
)
from kubroker.payouts.wiring import DepositUseCases
from kubroker.web.api import json_response, parse_body
from kubroker.web.fields import parse_idempotency_key, parse_user_id

# Our own answer needs some of what the invocation has left.
MARGIN_SECONDS = 2.0


class DepositRoutes:
    """Each method answers one route; ``work`` takes the queue's messages."""

    def __init__(self, usecases: DepositUseCases) -> None:
        """Remembers the use cases."""
        self._usecases = usecases

    def list_addresses(
        self, event: APIGatewayProxyEventV2, user_id: str, *, seconds: float
    ) -> Response[str]:
        """``GET …/deposit-addresses``."""
        currency, chain = parse_address_query(event.query_string_parameters)
        found = self._usecases.addresses.find_all(
            parse_user_id(user_id), currency, chain, seconds=seconds - MARGIN_SECONDS
        )
        rows = [AddressResponse.build(address, is_new=False) for address in found]
        return json_response(AddressListResponse(addresses=rows, unreadable=found.unreadable))

    def get_or_create(
        self, event: APIGatewayProxyEventV2, user_id: str, *, seconds: float
    ) -> Response[str]:
        """``POST …/deposit-addresses``."""
        request = parse_body(event, AddressRequest)
        found, is_new = self._usecases.addresses.get_or_create(
            parse_user_id(user_id), request.build_wish(), seconds=seconds - MARGIN_SECONDS
        )
        status = HTTPStatus.CREATED if is_new else HTTPStatus.OK
        return json_response(AddressResponse.build(found, is_new=is_new), status)

    def open_payout(self, event: APIGatewayProxyEventV2) -> Response[str]:
        """``POST /v1/payouts``."""
        key = parse_idempotency_key(dict(event.headers or {}))
        request = parse_body(event, PayoutRequest, MAX_PAYOUT_BYTES)
        request.check_users()
        payout = self._usecases.payouts.open(key, request.user_ids, request.build_wish())
        return json_response(PayoutResponse.build(payout, []), HTTPStatus.ACCEPTED)

    def get_payout(self, payout_id: str) -> Response[str]:
        """``GET /v1/payouts/{id}``."""
        payout, links = self._usecases.payouts.get(parse_payout_id(payout_id))
        return json_response(PayoutResponse.build(payout, links))

    def work(self, record: SQSRecord, *, seconds: float) -> None:
        """One message of the queue."""
        self._usecases.work.work(record, seconds=seconds)
