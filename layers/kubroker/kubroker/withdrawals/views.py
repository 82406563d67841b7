"""How withdrawals are told: to the broker's services as JSON, refusals as problems."""

from decimal import Decimal
from http import HTTPStatus
from typing import Any, Self

from kubroker.foundation.amounts import DOWN, UP, format_amount
from kubroker.foundation.errors import ConflictError, KubrokerError, UnprocessableError
from kubroker.web.api import ResponseModel, format_time
from kubroker.withdrawals.fees import FeeDeductType
from kubroker.withdrawals.model import Settlement, Withdrawal, WithdrawalState
from kubroker.withdrawals.quotes import Priced

_S = WithdrawalState
# A first answer tells by its status how far the withdrawal got; a repetition tells the state.
_STATUS_OF_NEW = {_S.SUBMITTED: HTTPStatus.CREATED}
_STATUS_OF_STATE = {
    _S.VERIFICATION_REQUIRED: HTTPStatus.ACCEPTED,
    _S.SUBMITTING: HTTPStatus.ACCEPTED,
    _S.CREATED: HTTPStatus.ACCEPTED,
    _S.OUTCOME_UNKNOWN: HTTPStatus.ACCEPTED,
}


class MovementView(ResponseModel):
    """What leaves the account, fees included, and what arrives."""

    leaves: str
    arrives: str


class FeesView(ResponseModel):
    """Fees in the withdrawal's currency, and the prices they were made with."""

    network_fee: str
    service_fee: str
    total_fee: str
    value_usdt: str
    currency_usd: str
    usdt_usd: str
    prices_read_at: str | None
    movements: dict[str, MovementView]


class QuoteResponse(ResponseModel):
    """``POST …/withdrawals/quote``."""

    currency: str
    amount: str
    fees: FeesView
    available: str | None
    applied_deduct_type: str | None

    @classmethod
    def build(cls, currency: str, priced: Priced) -> Self:
        """The quote in plain decimal text."""
        quote, stored = priced.quote, priced.to_stored()
        available = priced.available
        return cls(
            currency=currency,
            amount=format_amount(quote.amount),
            fees=FeesView(
                network_fee=format_amount(quote.network_fee),
                service_fee=format_amount(quote.service_fee),
                total_fee=format_amount(quote.total_fee),
                value_usdt=format_amount(quote.value_usdt),
                currency_usd=stored.currency_usd,
                usdt_usd=stored.usdt_usd,
                prices_read_at=format_time(stored.read_at),
                movements={
                    name: MovementView(
                        leaves=format_amount(movement.leaves),
                        arrives=format_amount(movement.arrives),
                    )
                    for name, movement in quote.movements.items()
                },
            ),
            available=format_amount(available) if available is not None else None,
            applied_deduct_type=priced.deduct_type,
        )


class VerificationView(ResponseModel):
    """The codes that KuCoin wants."""

    alternatives: list[list[str]]
    sent: list[list[str]]
    until: str | None
    tries_left: int


class SettlementView(ResponseModel):
    """An operator's word."""

    outcome: str
    evidence: str
    operator: str
    settled_at: str | None

    @classmethod
    def build(cls, settlement: Settlement) -> Self:
        """With its time in ISO 8601."""
        return cls(
            outcome=settlement.outcome,
            evidence=settlement.evidence,
            operator=settlement.operator,
            settled_at=format_time(settlement.settled_at),
        )


class WithdrawalResponse(ResponseModel):
    """A withdrawal as the broker sees it; never a code."""

    withdrawal_id: str
    user_id: str
    kind: str | None
    reference: str | None
    status: WithdrawalState
    code: str | None
    detail: str | None
    currency: str
    amount: str
    address: str
    withdraw_type: str
    chain: str | None
    is_inner: bool
    memo: str | None
    fee_deduct_type: str | None
    quoted_fees: FeesView
    verification: VerificationView | None
    verify_url: str | None
    security_url: str | None
    kucoin_withdrawal_id: str | None
    kucoin_status: str | None
    fee: str | None
    wallet_tx_id: str | None
    failure_reason: str | None
    return_status: str | None
    return_amount: str | None
    cancel_requested_at: str | None
    forged_at: str | None
    forged_by: str | None
    settlement: SettlementView | None
    created_at: str | None
    updated_at: str | None
    submitted_at: str | None
    settled_at: str | None

    @classmethod
    def build(cls, withdrawal: Withdrawal, *, now: int, verify_url: str | None = None) -> Self:
        """The view at a moment: what has lapsed is told as what it is."""
        plain = {
            name: getattr(withdrawal, name)
            for name in cls.model_fields
            if name in Withdrawal.model_fields
        }
        state = withdrawal.current_state(now)
        settlement = withdrawal.settlement
        changed: dict[str, Any] = {
            "status": state,
            "quoted_fees": build_fees(withdrawal),
            "verification": _build_verification(withdrawal, state),
            "verify_url": verify_url,
            "settlement": SettlementView.build(settlement) if settlement else None,
            **{
                name: format_time(getattr(withdrawal, name))
                for name in plain
                if name.endswith("_at")
            },
        }
        return cls(**{**plain, **changed})


class WithdrawalListResponse(ResponseModel):
    """One page of withdrawals, latest first; ``unreadable`` ones are left out."""

    withdrawals: list[WithdrawalResponse]
    unreadable: int
    next_cursor: str | None


def build_fees(withdrawal: Withdrawal) -> FeesView:
    """The quote that a withdrawal was made with."""
    quote, amount = withdrawal.quote, Decimal(withdrawal.amount)
    movements = {
        FeeDeductType.INTERNAL: (amount, DOWN.subtract(amount, quote.total)),
        FeeDeductType.EXTERNAL: (UP.add(amount, quote.total), amount),
    }
    return FeesView(
        network_fee=format_amount(Decimal(quote.network_fee)),
        service_fee=format_amount(Decimal(quote.service_fee)),
        total_fee=format_amount(quote.total),
        value_usdt=format_amount(Decimal(quote.value_usdt)),
        currency_usd=quote.currency_usd,
        usdt_usd=quote.usdt_usd,
        prices_read_at=format_time(quote.read_at),
        movements={
            name: MovementView(leaves=format_amount(leaves), arrives=format_amount(arrives))
            for name, (leaves, arrives) in movements.items()
        },
    )


def find_status(withdrawal: Withdrawal, *, is_new: bool) -> HTTPStatus:
    """The HTTP status that goes with a withdrawal."""
    if is_new and withdrawal.state in _STATUS_OF_NEW:
        return _STATUS_OF_NEW[withdrawal.state]
    return _STATUS_OF_STATE.get(withdrawal.state, HTTPStatus.OK)


def find_problem(withdrawal: Withdrawal) -> KubrokerError | None:
    """What KuCoin refused, as an error for the caller; None where nothing was refused."""
    members = {"withdrawalId": withdrawal.withdrawal_id}
    if withdrawal.state is _S.SECURITY_SETUP_REQUIRED:
        return ConflictError(
            "KuCoin wants this user to set up more security first. Send the user to the link; "
            "then ask again with the same key."
            if withdrawal.security_url
            else "KuCoin wants this user to set up more security first, under Account Security on "
            "KuCoin's website; then ask again with the same key.",
            code="security_setup_required",
            members={**members, "link": withdrawal.security_url},
        )
    if withdrawal.state is _S.REJECTED:
        return UnprocessableError(
            withdrawal.detail or "KuCoin refused the withdrawal.",
            code=withdrawal.code or "kucoin_refused",
            members=members,
        )
    if withdrawal.state is _S.EXPIRED:
        return ConflictError(
            "The time for the codes is over. Ask for the withdrawal again with the same key to "
            "get new ones.",
            code="verification_expired",
            members=members,
        )
    return None


def _build_verification(withdrawal: Withdrawal, state: WithdrawalState) -> VerificationView | None:
    verification = withdrawal.verification
    if verification is None or state is not _S.VERIFICATION_REQUIRED:
        return None
    return VerificationView(
        alternatives=verification.all_factors,
        sent=verification.sent_factors,
        until=format_time(verification.until),
        tries_left=verification.tries_left,
    )
