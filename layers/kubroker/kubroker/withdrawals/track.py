"""Following each open withdrawal to its end. Reads only: nothing is ever submitted here."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from kubroker.foundation.clock import read_now
from kubroker.foundation.errors import (
    KubrokerError,
    KucoinError,
    LostRaceError,
)
from kubroker.foundation.observability import (
    log_unexpected,
    logger,
)
from kubroker.withdrawals.following import WithdrawalFollower
from kubroker.withdrawals.lapses import settle_lapse
from kubroker.withdrawals.model import Withdrawal, WithdrawalState
from kubroker.withdrawals.store import SHARDS, WithdrawalStore
from kubroker.withdrawals.tracking import (
    ABANDONED_SECONDS,
    HistoryEntry,
    Verdict,
    judge,
)

_BATCH = 25


class TrackWithdrawals:
    """Looks at what is due."""

    def __init__(
        self,
        *,
        withdrawals: WithdrawalStore,
        follower: WithdrawalFollower,
        margin_seconds: int,
        now: Callable[[], int] = read_now,
    ) -> None:
        """Joins stores and KuCoin.

        Args:
            withdrawals: The store.
            follower: Follows what KuCoin has.
            margin_seconds: How late KuCoin's history may be.
            now: The clock, epoch seconds.
        """
        self._withdrawals = withdrawals
        self._follower = follower
        self._margin_seconds = margin_seconds
        self._now = now

    def run(self, *, has_time: Callable[[], bool]) -> int:
        """Looks at everything that is due, while there is time.

        Shards side by side. One that fails does not keep the others waiting: it comes again with
        the next run.

        Returns:
            How many were looked at.
        """
        with ThreadPoolExecutor(len(SHARDS)) as threads:
            return sum(threads.map(lambda shard: self._run_shard(shard, has_time), SHARDS))

    def _run_shard(self, shard: int, has_time: Callable[[], bool]) -> int:
        """A look moves a withdrawal on, so the next query finds others, unless the index lags."""
        seen: set[tuple[str, str]] = set()
        while has_time():
            due = self._withdrawals.find_due(shard, now=self._now(), limit=_BATCH)
            fresh = [one for one in due if one not in seen]
            for user_id, withdrawal_id in fresh:
                if not has_time():
                    return len(seen)
                seen.add((user_id, withdrawal_id))
                self._look_safely(user_id, withdrawal_id)
            if len(due) < _BATCH or not fresh:
                break
        return len(seen)

    def look(self, user_id: str, withdrawal_id: str) -> Withdrawal | None:
        """One look at one withdrawal; again any time.

        Returns:
            The withdrawal as it is now, or None where there is none.

        Raises:
            StoreError: AWS could not be asked; it stays due.
        """
        withdrawal = self._withdrawals.find(user_id, withdrawal_id)
        if withdrawal is None:
            return None
        try:
            withdrawal = settle_lapse(self._withdrawals, withdrawal, now=self._now())
            if withdrawal.state is WithdrawalState.CREATED and withdrawal.payment is None:
                return self._give_up(withdrawal)
            if withdrawal.state is WithdrawalState.OUTCOME_UNKNOWN:
                return self._find_out(withdrawal)
            if withdrawal.kucoin_withdrawal_id and withdrawal.next_check_at:
                return self._follower.follow(withdrawal)
        except LostRaceError:
            logger.info("a withdrawal changed in the same moment")
        return withdrawal

    def _look_safely(self, user_id: str, withdrawal_id: str) -> None:
        try:
            self.look(user_id, withdrawal_id)
        except KubrokerError as error:
            logger.warning(
                "a withdrawal could not be looked at",
                extra={"withdrawalId": withdrawal_id, "reason": error.message},
            )
        except Exception as error:  # noqa: BLE001 - one must not stop all
            log_unexpected(error)

    def _give_up(self, withdrawal: Withdrawal) -> Withdrawal:
        """CREATED, and nobody came back for it: definitely not done."""
        if self._now() < withdrawal.created_at + ABANDONED_SECONDS:
            return withdrawal
        return self._withdrawals.move(
            withdrawal, WithdrawalState.EXPIRED, {"code": "abandoned"}, now=self._now()
        )

    def _find_out(self, withdrawal: Withdrawal) -> Withdrawal:
        """OUTCOME_UNKNOWN: what KuCoin's history proves, and nothing beyond it."""
        credentials = self._follower.find_credentials(withdrawal)
        if credentials is None:
            return self._follower.report_stuck(withdrawal, "no API key to look with")
        try:
            reading = self._follower.read_history(withdrawal, credentials)
        except KucoinError as error:
            return self._follower.postpone_unread(withdrawal, error)
        verdict, entry = judge(
            withdrawal, reading, margin_seconds=self._margin_seconds, now=self._now()
        )
        if entry is not None:
            is_ours = verdict is Verdict.FOUND
            take = self._adopt if is_ours else self._follower.report_forgery
            return take(withdrawal, entry)
        if verdict is Verdict.NOT_DONE:
            changes = {"code": "not_done", "settled_at": self._now()}
            return self._withdrawals.move(
                withdrawal, WithdrawalState.NOT_DONE, changes, now=self._now()
            )
        if verdict is Verdict.STUCK:
            return self._follower.report_stuck(withdrawal, "KuCoin's history proves nothing")
        first = {"first_empty_reading_at": self._now()}
        return self._follower.postpone(withdrawal, first if verdict is Verdict.FIRST_EMPTY else {})

    def _adopt(self, withdrawal: Withdrawal, entry: HistoryEntry) -> Withdrawal:
        """KuCoin has it."""
        found = self._withdrawals.move(
            withdrawal,
            WithdrawalState.SUBMITTED,
            {
                "kucoin_withdrawal_id": entry.kucoin_id,
                "is_adopted": True,
                "submitted_at": self._now(),
                "code": None,
            },
            now=self._now(),
        )
        return self._follower.follow(found)
