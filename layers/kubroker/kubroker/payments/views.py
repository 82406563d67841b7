"""The broker API's requests and answers about payments."""

import re
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints

from kubroker.foundation.amounts import UP, format_amount
from kubroker.foundation.errors import BadRequestError, NotFoundError, UnprocessableError
from kubroker.payments.payees import PAYEE_ID
from kubroker.web.api import RequestModel, ResponseModel, format_time
from kubroker.web.fields import USER_ID_PATTERN, Label, UserId
from kubroker.withdrawals.model import WITHDRAWAL_ID, Withdrawal, WithdrawalState
from kubroker.withdrawals.payment_status import PaymentStatus, derive_payment_status
from kubroker.withdrawals.requests import Amount, Currency, Id

PayeeId = Annotated[str, StringConstraints(pattern=PAYEE_ID)]
_LABEL_CHARACTERS = re.compile(
    r"[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]{1,60}"
)
_FILTERS = {"userId": "userId", "status": "paymentStatus", "reference": "reference"}


class PaymentRequest(RequestModel):
    """``POST /v1/payments``; the destination is the payee's and can't be named here."""

    user_id: UserId
    payee: PayeeId
    currency: Currency
    amount: Amount
    reference: Label
    return_url: Annotated[str, StringConstraints(min_length=1, max_length=1024)] | None = None
    known_duplicates: Annotated[list[Id], Field(max_length=10)] = Field(default_factory=list)


class PaymentFeesView(ResponseModel):
    """KuCoin's fees as last quoted, in the payment's currency; they come on top of the amount."""

    network_fee: str
    service_fee: str
    total_fee: str
    leaves: str
    arrives: str
    prices_read_at: str | None


class PaymentResponse(ResponseModel):
    """A payment as the broker sees it; never a code."""

    payment_id: str
    user_id: str
    status: PaymentStatus
    code: str | None
    detail: str | None
    payee: str
    payee_name: str
    reference: str
    currency: str
    amount: str
    address: str
    withdraw_type: str
    chain: str | None
    memo: str | None
    quoted_fees: PaymentFeesView
    checkout_url: str | None
    expires_at: str | None
    withdrawal_status: WithdrawalState
    kucoin_withdrawal_id: str | None
    fee: str | None
    wallet_tx_id: str | None
    failure_reason: str | None
    return_status: str | None
    return_amount: str | None
    forged_at: str | None
    forged_by: str | None
    created_at: str | None
    updated_at: str | None
    submitted_at: str | None
    settled_at: str | None

    @classmethod
    def build(cls, payment: Withdrawal, *, now: int, checkout_url: str | None = None) -> Self:
        """The view at a moment: what has lapsed is told as what it is."""
        plain = {
            name: getattr(payment, name)
            for name in cls.model_fields
            if name in Withdrawal.model_fields
        }
        times = {name: format_time(value) for name, value in plain.items() if name.endswith("_at")}
        checkout = payment.payment
        changed: dict[str, Any] = {
            "payment_id": payment.withdrawal_id,
            "status": derive_payment_status(payment, now),
            "payee": checkout.payee if checkout else "",
            "payee_name": checkout.payee_name if checkout else "",
            "expires_at": format_time(checkout.expires_at if checkout else None),
            "quoted_fees": _build_fees(payment),
            "checkout_url": checkout_url,
            "withdrawal_status": payment.current_state(now),
        }
        return cls(**{**plain, **times, **changed})


class PaymentListResponse(ResponseModel):
    """One page of payments, latest first; ``unreadable`` ones are left out."""

    payments: list[PaymentResponse]
    unreadable: int
    next_cursor: str | None


def _build_fees(payment: Withdrawal) -> PaymentFeesView:
    quote, amount = payment.quote, Decimal(payment.amount)
    return PaymentFeesView(
        network_fee=format_amount(Decimal(quote.network_fee)),
        service_fee=format_amount(Decimal(quote.service_fee)),
        total_fee=format_amount(quote.total),
        leaves=format_amount(UP.add(amount, quote.total)),
        arrives=format_amount(amount),
        prices_read_at=format_time(quote.read_at),
    )


def parse_payment_id(value: str) -> str:
    """A payment's id from a path.

    Raises:
        NotFoundError: It can't be one of ours.
    """
    if not WITHDRAWAL_ID.fullmatch(value):
        raise NotFoundError("There is no such payment.", code="payment_not_found")
    return value


def parse_payments_query(query: dict[str, str]) -> tuple[dict[str, str], int, str | None]:
    """Filters by stored names, limit and cursor of ``GET /v1/payments``.

    Raises:
        BadRequestError: An unknown parameter.
        UnprocessableError: A value is not acceptable.
    """
    if unknown := set(query) - {*_FILTERS, "limit", "cursor"}:
        raise BadRequestError(
            "There is no such parameter.", code="unknown_parameter", field=min(unknown)[:64]
        )
    if not re.fullmatch(USER_ID_PATTERN, query.get("userId", "x")):
        raise UnprocessableError("userId has to be 1 to 128 of A-Z a-z 0-9 _ -.", field="userId")
    if "status" in query and query["status"] not in set(PaymentStatus):
        raise UnprocessableError(
            f"status has to be one of {', '.join(PaymentStatus)}.", field="status"
        )
    if not _LABEL_CHARACTERS.fullmatch(query.get("reference", "x")):
        raise UnprocessableError(
            "reference has to be 1 to 60 printable characters.", field="reference"
        )
    limit = query.get("limit", "50")
    if not re.fullmatch(r"[1-9][0-9]?|100", limit, re.ASCII):
        raise UnprocessableError("limit has to be 1 to 100.", field="limit")
    filters = {stored: query[name] for name, stored in _FILTERS.items() if name in query}
    return filters, int(limit), query.get("cursor")
