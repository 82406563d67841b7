"""What came of an attempt, written so that it can't be lost or overwritten."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kubroker.foundation.errors import (
    KubrokerError,
    LostRaceError,
    StoreError,
)
from kubroker.foundation.observability import (
    WITHDRAWAL_CONTRADICTED,
    WITHDRAWAL_OUTCOME_UNKNOWN,
    count,
    logger,
)
from kubroker.withdrawals.answered_paths import AnsweredPaths
from kubroker.withdrawals.model import (
    IN_FLIGHT,
    Withdrawal,
    WithdrawalState,
)
from kubroker.withdrawals.store import Change, WithdrawalStore
from kubroker.withdrawals.tries import build_untried

_TRIES = 6
_PAUSE_SECONDS = 0.3


class WithdrawalRecords:
    """The last step of an attempt."""

    def __init__(
        self,
        withdrawals: WithdrawalStore,
        paths: AnsweredPaths,
        *,
        now: Callable[[], int],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Joins store, clock, and what is known of KuCoin's path for withdrawals."""
        self._withdrawals = withdrawals
        self.paths = paths
        self._now = now
        self._sleep = sleep

    def write(
        self,
        claimed: Withdrawal,
        after: WithdrawalState,
        changes: Mapping[str, Any],
        *,
        extra: Sequence[Change] = (),
    ) -> Withdrawal:
        """Records KuCoin's answer to this attempt; late is better than never.

        The tracker may have found the attempt lapsed, or KuCoin's entry, in the meantime.

        Args:
            claimed: As claimed.
            after: What the answer means.
            changes: See ``WithdrawalStore.move``.
            extra: More of the same transaction; without conditions.

        Returns:
            The withdrawal as it is now.

        Raises:
            StoreError: It can't be written: the attempt lapses, and the tracker finds out.
        """
        current, failure = claimed, None
        for number in range(_TRIES):
            if number:
                self._sleep(_PAUSE_SECONDS * number)
            try:
                if number:
                    current = self._withdrawals.get(claimed.user_id, claimed.withdrawal_id)
                if not _is_open_for(current, claimed):
                    return self._compare(current, after, changes)
                return self._withdrawals.move(current, after, changes, now=self._now(), extra=extra)
            except LostRaceError:
                continue
            except StoreError as error:
                failure = error
        logger.error(
            "KuCoin's answer to a withdrawal can't be recorded",
            extra={
                "withdrawalId": claimed.withdrawal_id,
                "answered": after,
                "kucoinWithdrawalId": changes.get("kucoin_withdrawal_id"),
            },
        )
        raise failure or StoreError("a withdrawal's record kept changing")

    def release(self, claimed: Withdrawal, *, was_put_off: bool = False) -> Withdrawal:
        """Nothing was sent, or nothing was done: back to where the attempt began.

        Args:
            claimed: As claimed.
            was_put_off: See ``Verification``.
        """
        attempt, verification = claimed.attempt, claimed.verification
        changes: dict[str, Any] = {}
        extra: Sequence[Change] = ()
        # Codes that reached KuCoin were tried, whatever it says of them.
        if not (was_put_off and attempt and attempt.is_verification):
            changes = {"tries": max(0, claimed.tries - 1)}
            extra = build_untried(self._withdrawals.limits, claimed)
        elif verification is not None:
            changes = {"verification": verification.model_copy(update={"was_put_off": True})}
        after = attempt.return_to if attempt else WithdrawalState.CREATED
        return self.write(claimed, after, changes, extra=extra)

    def doubt(self, claimed: Withdrawal, error: KubrokerError) -> Withdrawal:
        """KuCoin may have done it: nobody sends it again, the tracker looks for it."""
        count(WITHDRAWAL_OUTCOME_UNKNOWN)
        logger.error(
            "a withdrawal's outcome is unknown",
            extra={"withdrawalId": claimed.withdrawal_id, "reason": error.message},
        )
        return self.write(
            claimed, WithdrawalState.OUTCOME_UNKNOWN, {"code": "kucoin_outcome_unknown"}
        )

    def _compare(
        self, current: Withdrawal, after: WithdrawalState, changes: Mapping[str, Any]
    ) -> Withdrawal:
        """Somebody else wrote the end of this attempt: it should be the same."""
        kucoin_id = changes.get("kucoin_withdrawal_id")
        is_named = kucoin_id is not None
        is_same = current.kucoin_withdrawal_id == kucoin_id if is_named else current.state is after
        if not is_same:
            count(WITHDRAWAL_CONTRADICTED)
            logger.error(
                "KuCoin's answer contradicts the record",
                extra={
                    "withdrawalId": current.withdrawal_id,
                    "recorded": current.state,
                    "answered": after,
                    "kucoinWithdrawalId": kucoin_id,
                },
            )
        return current


def _is_open_for(current: Withdrawal, claimed: Withdrawal) -> bool:
    """Whether the record still waits for this attempt's answer."""
    return (
        current.state in IN_FLIGHT
        and current.attempt is not None
        and claimed.attempt is not None
        and current.attempt.attempt_id == claimed.attempt.attempt_id
    )
