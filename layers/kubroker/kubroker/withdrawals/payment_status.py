"""How a withdrawal that is a payment stands for the broker. Pure."""

from enum import StrEnum

from kubroker.withdrawals.model import Withdrawal, WithdrawalState


class PaymentStatus(StrEnum):
    """How a payment stands for the broker.

    OPEN: the user can pay, or is entering codes. PROCESSING: KuCoin has it or is being asked.
    SETTLED: KuCoin has paid out. FAILED, CANCELLED, EXPIRED: definitely not paid.
    OUTCOME_UNKNOWN: nobody knows yet; it is never sent again.
    """

    OPEN = "OPEN"
    PROCESSING = "PROCESSING"
    SETTLED = "SETTLED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"


_S = WithdrawalState


_STATUS_OF_STATE = {
    _S.VERIFICATION_REQUIRED: PaymentStatus.OPEN,
    _S.SUBMITTING: PaymentStatus.PROCESSING,
    _S.SUBMITTED: PaymentStatus.PROCESSING,
    _S.SUCCESS: PaymentStatus.SETTLED,
    _S.FAILURE: PaymentStatus.FAILED,
    _S.REJECTED: PaymentStatus.FAILED,
    _S.NOT_DONE: PaymentStatus.FAILED,
    _S.CANCELLED: PaymentStatus.CANCELLED,
    _S.OUTCOME_UNKNOWN: PaymentStatus.OUTCOME_UNKNOWN,
}


def derive_payment_status(withdrawal: Withdrawal, now: int) -> PaymentStatus:
    """The status of a payment at a moment.

    Codes that lapsed leave it OPEN as long as it can be begun: new ones can be asked for.
    """
    status = _STATUS_OF_STATE.get(withdrawal.current_state(now))
    if status is not None:
        return status
    is_over = withdrawal.payment is None or now >= withdrawal.payment.expires_at
    return PaymentStatus.EXPIRED if is_over else PaymentStatus.OPEN
