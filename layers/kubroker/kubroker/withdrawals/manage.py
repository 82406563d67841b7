"""Cancelling a withdrawal, and settling one by an operator's word."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kubroker.connections.secrets import open_credentials
from kubroker.connections.store import ConnectionStore
from kubroker.connections.vault import Vault
from kubroker.foundation.clock import read_now
from kubroker.foundation.errors import (
    ConflictError,
    KucoinError,
    KucoinRefusedError,
    LostRaceError,
    UnavailableError,
    UnprocessableError,
)
from kubroker.foundation.observability import logger
from kubroker.withdrawals.client import WithdrawalClient
from kubroker.withdrawals.keys import can_follow, check_same_account
from kubroker.withdrawals.lapses import settle_lapse
from kubroker.withdrawals.model import (
    FINAL,
    IN_FLIGHT,
    Settlement,
    Withdrawal,
    WithdrawalState,
)
from kubroker.withdrawals.store import WithdrawalStore

_DEADLINE_SECONDS = 8.0
_BY_OPERATOR = {
    WithdrawalState.OUTCOME_UNKNOWN: {
        WithdrawalState.SUBMITTED,
        WithdrawalState.SUCCESS,
        WithdrawalState.FAILURE,
        WithdrawalState.NOT_DONE,
    },
    # Where its key is gone, nobody else can tell how a submitted one ended.
    WithdrawalState.SUBMITTED: {WithdrawalState.SUCCESS, WithdrawalState.FAILURE},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorsWord:
    """What an operator found out, and how.

    Attributes:
        outcome: SUBMITTED, SUCCESS, FAILURE or NOT_DONE.
        kucoin_withdrawal_id: KuCoin's id, needed for all but NOT_DONE.
        evidence: Where it can be seen again: a ticket, KuCoin's support's answer.
        operator: Who says so.
        caller_arn: Who signed the request.
    """

    outcome: WithdrawalState
    kucoin_withdrawal_id: str | None
    evidence: str
    operator: str
    caller_arn: str


class ManageWithdrawals:
    """Ends withdrawals on request."""

    def __init__(
        self,
        *,
        withdrawals: WithdrawalStore,
        connections: ConnectionStore,
        client: WithdrawalClient,
        vault: Vault,
        now: Callable[[], int] = read_now,
    ) -> None:
        """Joins stores and KuCoin."""
        self._withdrawals = withdrawals
        self._connections = connections
        self._client = client
        self._vault = vault
        self._now = now

    def cancel(self, user_id: str, withdrawal_id: str) -> Withdrawal:
        """Cancels: at once where KuCoin has nothing yet, else by KuCoin, as long as it allows it.

        Returns:
            The withdrawal as it is now; CANCELLED comes once KuCoin's history says so.

        Raises:
            NotFoundError: There is none.
            ConflictError: ``withdrawal_in_flight``, ``withdrawal_settled``, ``cancel_refused``.
            UnavailableError: KuCoin gave no answer; asking again does no harm.
        """
        withdrawal = self._get(user_id, withdrawal_id)
        if withdrawal.state is WithdrawalState.CANCELLED:
            return withdrawal
        if withdrawal.state in FINAL or withdrawal.is_checkout_over(self._now()):
            raise ConflictError(
                f"The withdrawal is over: {withdrawal.state}.", code="withdrawal_settled"
            )
        if withdrawal.state in IN_FLIGHT:
            raise ConflictError(
                "KuCoin may be doing it right now; it can be cancelled once it is SUBMITTED.",
                code="withdrawal_in_flight",
            )
        try:
            if withdrawal.state is not WithdrawalState.SUBMITTED:
                return self._withdrawals.move(
                    withdrawal,
                    WithdrawalState.CANCELLED,
                    {"code": "cancelled", "settled_at": self._now()},
                    now=self._now(),
                )
            return self._cancel_at_kucoin(withdrawal)
        except LostRaceError:
            return self._withdrawals.get(user_id, withdrawal_id)

    def settle(self, user_id: str, withdrawal_id: str, word: OperatorsWord) -> Withdrawal:
        """Settles what KuCoin does not tell; the evidence is kept with the withdrawal.

        Raises:
            NotFoundError: There is none.
            ConflictError: ``not_to_be_settled``: its state is known, or another one came first.
            UnprocessableError: The outcome does not fit, or KuCoin's id is missing or another's.
        """
        withdrawal = self._get(user_id, withdrawal_id)
        allowed = _BY_OPERATOR.get(withdrawal.state)
        if allowed is None:
            raise ConflictError(
                f"The withdrawal is {withdrawal.state}: nothing is left to an operator.",
                code="not_to_be_settled",
            )
        self._check_word(withdrawal, word, allowed)
        now = self._now()
        changes: dict[str, Any] = {
            "settlement": Settlement(
                outcome=word.outcome,
                evidence=word.evidence,
                operator=word.operator,
                caller_arn=word.caller_arn,
                settled_at=now,
            ),
            "code": "settled_by_operator",
        }
        if word.kucoin_withdrawal_id is not None:
            changes["kucoin_withdrawal_id"] = word.kucoin_withdrawal_id
        if word.outcome is not WithdrawalState.SUBMITTED:
            changes["settled_at"] = now
        try:
            settled = self._withdrawals.move(withdrawal, word.outcome, changes, now=now)
        except LostRaceError as error:
            raise ConflictError(
                "The withdrawal changed in the same moment; look again.", code="not_to_be_settled"
            ) from error
        logger.warning(
            "an operator settled a withdrawal",
            extra={"withdrawalId": withdrawal_id, "outcome": word.outcome},
        )
        return settled

    def _get(self, user_id: str, withdrawal_id: str) -> Withdrawal:
        withdrawal = self._withdrawals.get(user_id, withdrawal_id)
        return settle_lapse(self._withdrawals, withdrawal, now=self._now())

    def _check_word(
        self, withdrawal: Withdrawal, word: OperatorsWord, allowed: set[WithdrawalState]
    ) -> None:
        if word.outcome not in allowed:
            names = sorted(allowed)
            raise UnprocessableError(
                f"From {withdrawal.state} an operator can settle {', '.join(names)}.",
                code="outcome_not_possible",
                field="outcome",
                members={"allowed": names},
            )
        kucoin_id = word.kucoin_withdrawal_id
        if (kucoin_id is None) != (word.outcome is WithdrawalState.NOT_DONE):
            raise UnprocessableError(
                "KuCoin's id of the withdrawal belongs to every outcome but NOT_DONE.",
                code="kucoin_id_does_not_fit",
                field="kucoinWithdrawalId",
            )
        if kucoin_id is None or kucoin_id == withdrawal.kucoin_withdrawal_id:
            return
        if withdrawal.kucoin_withdrawal_id is not None or self._withdrawals.is_claimed(kucoin_id):
            raise UnprocessableError(
                "That id of KuCoin's belongs to another withdrawal.",
                code="kucoin_id_does_not_fit",
                field="kucoinWithdrawalId",
            )

    def _cancel_at_kucoin(self, withdrawal: Withdrawal) -> Withdrawal:
        """Asks KuCoin, after it was noted that it is asked.

        So one that KuCoin did, and whose answer or record was lost, ends as CANCELLED all the
        same. A definite no takes the note back.
        """
        connection = self._connections.find(withdrawal.user_id)
        kucoin_id = withdrawal.kucoin_withdrawal_id
        if connection is None or kucoin_id is None:
            raise ConflictError("The connection is gone.", code="api_key_not_active")
        check_same_account(connection, withdrawal.kucoin_uid)
        if not can_follow(connection, withdrawal.kucoin_uid):
            raise ConflictError("The connection's key is gone.", code="api_key_not_active")
        credentials = open_credentials(self._vault, connection)
        was_asked = withdrawal.cancel_requested_at is not None
        if not was_asked:
            withdrawal = self._note_cancel(withdrawal, self._now())
        try:
            self._client.cancel(kucoin_id, credentials, deadline_seconds=_DEADLINE_SECONDS)
        except KucoinRefusedError as error:
            # An earlier try without an answer may be why KuCoin has nothing left to cancel.
            if not was_asked:
                self._note_cancel(withdrawal, None)
            raise ConflictError(
                f"KuCoin does not allow it any more: {error.kucoin_message[:200]}",
                code="cancel_refused",
            ) from error
        except KucoinError as error:
            raise UnavailableError(
                "KuCoin gave no answer to the cancellation; ask again.",
                code="kucoin_unreachable",
                retry_after_seconds=5,
            ) from error
        return withdrawal

    def _note_cancel(self, withdrawal: Withdrawal, at: int | None) -> Withdrawal:
        changes = {"cancel_requested_at": at}
        return self._withdrawals.move(withdrawal, withdrawal.state, changes, now=self._now())
