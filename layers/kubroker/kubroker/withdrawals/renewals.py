"""New codes by the link of a withdrawal's page alone, for a time."""

from collections.abc import Callable

from kubroker.foundation.clock import read_now
from kubroker.foundation.errors import ConflictError
from kubroker.withdrawals.lapses import settle_lapse
from kubroker.withdrawals.model import Withdrawal, WithdrawalState
from kubroker.withdrawals.store import WithdrawalStore
from kubroker.withdrawals.withdraw import Withdraw

# Its user was asked for codes, and can be asked again.
_RENEWABLE = frozenset({WithdrawalState.CREATED, WithdrawalState.EXPIRED})


class Renewals:
    """Takes up again what its codes were not entered for in time."""

    def __init__(
        self,
        withdrawals: WithdrawalStore,
        withdraw: Withdraw,
        *,
        seconds: int,
        now: Callable[[], int] = read_now,
    ) -> None:
        """Joins store and submission.

        Args:
            withdrawals: The store.
            withdraw: Submits again.
            seconds: How long after its creation a link renews.
            now: The clock, epoch seconds.
        """
        self._withdrawals = withdrawals
        self._withdraw = withdraw
        self._seconds = seconds
        self._now = now

    def is_possible(self, withdrawal: Withdrawal) -> bool:
        """Whether there is something to renew, and time for it."""
        return withdrawal.state in _RENEWABLE and self._is_in_time(withdrawal)

    def renew(self, withdrawal: Withdrawal) -> Withdrawal:
        """KuCoin is asked for new codes; nothing happens where none were asked for in vain.

        Nobody has signed this: unlike the broker's same key it acknowledges no duplicate.

        Raises:
            ConflictError: ``renewal_over``, ``possible_duplicate``, ``tries_used_up``.
            KubrokerError: As for ``Withdraw.submit``.
        """
        withdrawal = settle_lapse(self._withdrawals, withdrawal, now=self._now())
        if withdrawal.state not in _RENEWABLE:
            return withdrawal
        if not self._is_in_time(withdrawal):
            raise ConflictError(
                "This link is too old for new codes. Nothing was sent.", code="renewal_over"
            )
        return self._withdraw.resume(withdrawal)

    def _is_in_time(self, withdrawal: Withdrawal) -> bool:
        return self._now() < withdrawal.created_at + self._seconds
