"""One withdrawal at KuCoin, looked at with the user's own key."""

from collections.abc import Callable
from typing import Any

from kubroker.connections.secrets import open_credentials
from kubroker.connections.store import ConnectionStore
from kubroker.connections.vault import Vault
from kubroker.foundation.amounts import format_amount
from kubroker.foundation.errors import (
    KucoinError,
    KucoinRefusedError,
    VaultError,
)
from kubroker.foundation.observability import (
    WITHDRAWAL_FAILED,
    WITHDRAWAL_FEE_DIFFERED,
    WITHDRAWAL_REMARK_FORGED,
    WITHDRAWAL_STUCK,
    WITHDRAWAL_SUCCEEDED,
    count,
    logger,
)
from kubroker.kucoin.address_watch import watch_address
from kubroker.kucoin.api_keys import CheckRefusal, classify_check_refusal
from kubroker.kucoin.signer import ApiCredentials
from kubroker.withdrawals.client import WithdrawalClient
from kubroker.withdrawals.keys import can_follow
from kubroker.withdrawals.limit_store import LimitStore
from kubroker.withdrawals.model import Withdrawal, WithdrawalState
from kubroker.withdrawals.store import WithdrawalStore
from kubroker.withdrawals.tracking import (
    HISTORY_LEAD_MS,
    HISTORY_SPAN_MS,
    HistoryEntry,
    KucoinStatus,
    Likeness,
    Reading,
    compare,
    differs_from_quote,
    find_suspects,
    is_remark_of,
)

DEADLINE_SECONDS = 6.0
# A withdrawal that KuCoin has not settled for so long is for a person to look at.
OVERDUE_SECONDS = 72 * 3600
_MAX_WORDS = 200


class WithdrawalFollower:
    """Follows one with the user's key; serves while the connection is DISCONNECTING too."""

    def __init__(
        self,
        *,
        withdrawals: WithdrawalStore,
        connections: ConnectionStore,
        limits: LimitStore,
        client: WithdrawalClient,
        vault: Vault,
        now: Callable[[], int],
    ) -> None:
        """Joins stores and KuCoin."""
        self._withdrawals = withdrawals
        self._connections = connections
        self._limits = limits
        self._client = client
        self._vault = vault
        self._now = now

    def find_credentials(self, withdrawal: Withdrawal) -> ApiCredentials | None:
        """The key of the same KuCoin account, or None where there is none (any more).

        Raises:
            StoreError: AWS could not be asked.
        """
        connection = self._connections.find(withdrawal.user_id)
        if connection is None or not can_follow(connection, withdrawal.kucoin_uid):
            return None
        try:
            return open_credentials(self._vault, connection)
        except VaultError:
            return None

    def follow(self, withdrawal: Withdrawal) -> Withdrawal:
        """SUBMITTED to its end, or FAILURE until its funds are back.

        Returns:
            The withdrawal as it is now.

        Raises:
            LostRaceError: It changed meanwhile.
            StoreError: AWS could not be asked; it stays due.
        """
        credentials = self.find_credentials(withdrawal)
        if credentials is None or withdrawal.kucoin_withdrawal_id is None:
            return self.report_stuck(withdrawal, "no API key to look with")
        try:
            entry = self._client.get(
                withdrawal.kucoin_withdrawal_id, credentials, deadline_seconds=DEADLINE_SECONDS
            )
            noted: dict[str, Any] = {"kucoin_status": entry.status[:40]}
            # A remark that found the withdrawal is no proof that remarks come back.
            if not withdrawal.is_remark_checked and not withdrawal.is_adopted:
                noted |= self._watch_remark(withdrawal, credentials, entry)
            doubt = self._doubt(withdrawal, entry, credentials)
        except KucoinError as error:
            return self.postpone_unread(withdrawal, error)
        if doubt is Likeness.OTHER:
            return self.report_forgery(withdrawal, entry)
        if doubt is Likeness.UNSURE:
            return self.report_stuck(withdrawal, "KuCoin's entry may be another withdrawal")
        return self._take_news(withdrawal, entry, noted)

    def _doubt(
        self, withdrawal: Withdrawal, entry: HistoryEntry, credentials: ApiCredentials
    ) -> Likeness:
        """Whether the end that KuCoin tells is this withdrawal's.

        Told as done is only what is the same in all that can be compared. One that was found in
        the history, and not named by KuCoin's answer, may be the user's own: so where it failed,
        no other entry may be ours.
        """
        likeness = compare(withdrawal, entry)
        if entry.status == KucoinStatus.SUCCESS:
            is_named = not withdrawal.is_adopted or withdrawal.payment is None
            return Likeness.SAME if likeness is Likeness.UNSURE and is_named else likeness
        if entry.status == KucoinStatus.FAILURE and withdrawal.is_adopted:
            reading = self.read_history(withdrawal, credentials)
            return Likeness.UNSURE if find_suspects(withdrawal, reading) else Likeness.SAME
        return Likeness.SAME

    def read_history(self, withdrawal: Withdrawal, credentials: ApiCredentials) -> Reading:
        """KuCoin's clock first, then the whole history of the time around our request.

        Raises:
            KucoinError: KuCoin said no or could not be asked.
            StoreError: AWS could not be asked.
        """
        kucoin_now_ms = self._client.read_clock(deadline_seconds=DEADLINE_SECONDS)
        asked_at_ms = withdrawal.attempt.timestamp_ms if withdrawal.attempt else 0
        entries = self._client.read_history(
            credentials,
            currency=withdrawal.currency,
            start_at_ms=max(0, asked_at_ms - HISTORY_LEAD_MS),
            end_at_ms=asked_at_ms + HISTORY_SPAN_MS,
            deadline_seconds=DEADLINE_SECONDS,
        )
        return Reading(
            entries=entries,
            claimed={e.kucoin_id for e in entries if self._withdrawals.is_claimed(e.kucoin_id)},
            kucoin_now_ms=kucoin_now_ms,
            is_remark_proven=self._limits.is_remark_proven(withdrawal.withdraw_type),
        )

    def _take_news(
        self, withdrawal: Withdrawal, entry: HistoryEntry, noted: dict[str, Any]
    ) -> Withdrawal:
        if withdrawal.state is WithdrawalState.FAILURE:
            return self.postpone(withdrawal, {**noted, **_read_return(entry)})
        if entry.status == KucoinStatus.SUCCESS:
            return self._succeed(withdrawal, entry, noted)
        if entry.status == KucoinStatus.FAILURE:
            return self._fail(withdrawal, entry, noted)
        if self._now() > (withdrawal.submitted_at or 0) + OVERDUE_SECONDS:
            return self.report_stuck(withdrawal, "KuCoin has not settled it for three days")
        return self.postpone(withdrawal, noted)

    def postpone(self, withdrawal: Withdrawal, changes: dict[str, Any] | None = None) -> Withdrawal:
        """Nothing new: the next look comes later."""
        noted = {"checks": withdrawal.checks + 1, **(changes or {})}
        return self._withdrawals.move(withdrawal, withdrawal.state, noted, now=self._now())

    def postpone_unread(self, withdrawal: Withdrawal, error: KucoinError) -> Withdrawal:
        """KuCoin did not tell: passing, unless the key is gone for good."""
        logger.info("no news of a withdrawal", extra={"reason": error.message})
        if isinstance(error, KucoinRefusedError):
            refusal = classify_check_refusal(error)
            watch_address(error)
            if refusal in {CheckRefusal.KEY_GONE, CheckRefusal.IP_NOT_ALLOWED}:
                return self.report_stuck(withdrawal, f"KuCoin refuses its key: {refusal}")
        return self.postpone(withdrawal)

    def report_stuck(self, withdrawal: Withdrawal, why: str) -> Withdrawal:
        """Pages an operator, at every look until it is settled."""
        count(WITHDRAWAL_STUCK)
        logger.error(
            "a withdrawal needs an operator",
            extra={
                "withdrawalId": withdrawal.withdrawal_id,
                "withdrawalState": withdrawal.state,
                "why": why,
            },
        )
        return self.postpone(withdrawal)

    def report_forgery(self, withdrawal: Withdrawal, entry: HistoryEntry) -> Withdrawal:
        """Our remark at KuCoin beside another amount or destination: told once, paged at each look.

        The state stays as it is: what became of the withdrawal is not known from this entry.
        """
        is_news = withdrawal.forged_at is None
        if is_news:
            count(WITHDRAWAL_REMARK_FORGED)
            noted = {"forged_at": self._now(), "forged_by": entry.kucoin_id}
            withdrawal = self._withdrawals.move(
                withdrawal, withdrawal.state, noted, now=self._now()
            )
        return self.report_stuck(
            withdrawal, f"its remark stands at another withdrawal of KuCoin's, {entry.kucoin_id}"
        )

    def _watch_remark(
        self, withdrawal: Withdrawal, credentials: ApiCredentials, entry: HistoryEntry
    ) -> dict[str, Any]:
        """Whether the history shows our remark on what is certainly ours: proof, or against it."""
        history = self._client.read_history(
            credentials,
            currency=withdrawal.currency,
            start_at_ms=max(0, entry.created_at_ms - 1),
            end_at_ms=entry.created_at_ms + 1,
            deadline_seconds=DEADLINE_SECONDS,
        )
        shown = next((one for one in history if one.kucoin_id == entry.kucoin_id), None)
        if shown is None:
            return {}
        self._limits.note_remark(
            withdrawal.withdraw_type,
            came_back=is_remark_of(shown.remark, withdrawal.remark_name),
            now=self._now(),
        )
        return {"is_remark_checked": True}

    def _succeed(
        self, withdrawal: Withdrawal, entry: HistoryEntry, noted: dict[str, Any]
    ) -> Withdrawal:
        changes = {
            **noted,
            "fee": format_amount(entry.fee) if entry.fee is not None else None,
            "wallet_tx_id": entry.wallet_tx_id,
            "settled_at": self._now(),
        }
        settled = self._withdrawals.move(
            withdrawal, WithdrawalState.SUCCESS, changes, now=self._now()
        )
        count(WITHDRAWAL_SUCCEEDED)
        if entry.fee is not None and differs_from_quote(withdrawal, entry.fee):
            count(WITHDRAWAL_FEE_DIFFERED)
            logger.warning(
                "KuCoin took another fee than quoted",
                extra={
                    "withdrawalId": withdrawal.withdrawal_id,
                    "quoted": format_amount(withdrawal.quote.total),
                    "taken": format_amount(entry.fee),
                },
            )
        return settled

    def _fail(
        self, withdrawal: Withdrawal, entry: HistoryEntry, noted: dict[str, Any]
    ) -> Withdrawal:
        """KuCoin calls what was cancelled a failure too; we know who asked for it."""
        is_cancelled = withdrawal.cancel_requested_at is not None
        after = WithdrawalState.CANCELLED if is_cancelled else WithdrawalState.FAILURE
        changes = {
            **noted,
            "code": "cancelled" if is_cancelled else "kucoin_failure",
            "failure_reason": (entry.failure_reason or "")[:_MAX_WORDS] or None,
            "settled_at": self._now(),
            **_read_return(entry),
        }
        count(WITHDRAWAL_FAILED)
        return self._withdrawals.move(withdrawal, after, changes, now=self._now())


def _read_return(entry: HistoryEntry) -> dict[str, Any]:
    """What became of the funds of a failed one."""
    return {
        "return_status": (entry.return_status or "")[:_MAX_WORDS] or None,
        "return_amount": entry.return_amount,
    }
