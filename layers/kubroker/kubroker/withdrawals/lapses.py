"""What time alone changes: an attempt without an answer, codes nobody entered."""

from kubroker.foundation.errors import (
    LostRaceError,
)
from kubroker.foundation.observability import (
    WITHDRAWAL_OUTCOME_UNKNOWN,
    count,
    logger,
)
from kubroker.withdrawals.model import (
    CHECKOUT_EXPIRED,
    Withdrawal,
    WithdrawalState,
)
from kubroker.withdrawals.store import WithdrawalStore

_CODES = {
    WithdrawalState.OUTCOME_UNKNOWN: "kucoin_outcome_unknown",
    WithdrawalState.EXPIRED: "verification_expired",
}


def settle_lapse(withdrawals: WithdrawalStore, withdrawal: Withdrawal, *, now: int) -> Withdrawal:
    """A SUBMITTING past its time becomes OUTCOME_UNKNOWN, a verification past its EXPIRED.

    A payment that can't be begun any more becomes EXPIRED for good.

    Returns:
        The withdrawal as it is now.

    Raises:
        StoreError: DynamoDB could not be asked.
    """
    state = withdrawal.current_state(now)
    is_over = withdrawal.is_open_checkout and withdrawal.is_checkout_over(now)
    if state is withdrawal.state and not is_over:
        return withdrawal
    changes = {"code": CHECKOUT_EXPIRED, "settled_at": now} if is_over else {"code": _CODES[state]}
    try:
        settled = withdrawals.move(withdrawal, state, changes, now=now)
    except LostRaceError:
        return withdrawals.get(withdrawal.user_id, withdrawal.withdrawal_id)
    if state is WithdrawalState.OUTCOME_UNKNOWN:
        count(WITHDRAWAL_OUTCOME_UNKNOWN)
        logger.error(
            "an attempt to withdraw was interrupted: its outcome is unknown",
            extra={"withdrawalId": withdrawal.withdrawal_id},
        )
    return settled
