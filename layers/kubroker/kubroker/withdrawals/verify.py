"""The second step of a withdrawal: the codes that KuCoin wants, and the links to our page."""

from collections.abc import Callable, Mapping
from secrets import token_urlsafe

from pydantic import SecretStr

from kubroker.connections.store import ConnectionStore
from kubroker.foundation.clock import read_now
from kubroker.foundation.errors import (
    ConflictError,
    LostRaceError,
    NotFoundError,
    UnprocessableError,
)
from kubroker.foundation.hashes import hash_secret, is_secret_of
from kubroker.withdrawals.ids import parse_verify_handle
from kubroker.withdrawals.lapses import settle_lapse
from kubroker.withdrawals.model import (
    Verification,
    Withdrawal,
    WithdrawalState,
)
from kubroker.withdrawals.store import WithdrawalStore
from kubroker.withdrawals.submit import Submission, SubmitRequest

_DONE = {
    WithdrawalState.SUBMITTED,
    WithdrawalState.SUCCESS,
    WithdrawalState.FAILURE,
    WithdrawalState.CANCELLED,
    WithdrawalState.REJECTED,
    WithdrawalState.OUTCOME_UNKNOWN,
    WithdrawalState.NOT_DONE,
}
_KEPT_LINKS = 3
_KEPT_LINKS_OF_PAYMENT = 10  # a broker may open one anew whenever its own page is loaded
_TRIES = 4
_SECRET_BYTES = 32


class VerifyWithdrawal:
    """Takes codes, once."""

    def __init__(
        self,
        withdrawals: WithdrawalStore,
        connections: ConnectionStore,
        submission: Submission,
        *,
        now: Callable[[], int] = read_now,
    ) -> None:
        """Joins stores and submission."""
        self._withdrawals = withdrawals
        self._connections = connections
        self._submission = submission
        self._now = now

    def verify(
        self, user_id: str, withdrawal_id: str, factors: Mapping[str, SecretStr]
    ) -> Withdrawal:
        """Submits the identical body with the codes; repeating it submits nothing again.

        Args:
            user_id: Whose.
            withdrawal_id: Which.
            factors: Code by factor; has to be one of the alternatives.

        Returns:
            The withdrawal as it is now; one that is done already as it stands.

        Raises:
            NotFoundError: There is none.
            UnprocessableError: ``verification_code_wrong``, ``verification_factors``.
            ConflictError: ``verification_expired``, ``verification_in_progress``,
                ``verification_not_required``.
            KubrokerError: As for ``Submission.run``.
        """
        withdrawal = settle_lapse(
            self._withdrawals, self._withdrawals.get(user_id, withdrawal_id), now=self._now()
        )
        if withdrawal.state in _DONE:
            return withdrawal
        verification = _check_waiting(withdrawal)
        chosen = _choose(verification, factors)
        connection = self._connections.get(user_id)
        try:
            return self._submission.run(withdrawal, connection, SubmitRequest(factors=chosen))
        except LostRaceError:
            found = self._withdrawals.get(user_id, withdrawal_id)
            if found.state in _DONE:
                return found
            _check_waiting(found)
            raise _build_in_progress() from None


class VerifyLinks:
    """Links to the hosted page: ``userId.withdrawalId.secret``; hashes are kept of the last few."""

    def __init__(
        self,
        withdrawals: WithdrawalStore,
        *,
        now: Callable[[], int] = read_now,
        new_secret: Callable[[int], str] = token_urlsafe,
    ) -> None:
        """Joins store, clock and randomness."""
        self._withdrawals = withdrawals
        self._now = now
        self._new_secret = new_secret

    def issue(self, withdrawal: Withdrawal) -> tuple[Withdrawal, str | None]:
        """A new link while codes are wanted or a payment can be begun.

        Those given before go on working.

        Returns:
            The withdrawal as it is now, and the handle, or None where there is nothing to do.

        Raises:
            StoreError: DynamoDB could not be asked.
        """
        for _ in range(_TRIES):
            is_waiting = withdrawal.state is WithdrawalState.VERIFICATION_REQUIRED
            if not is_waiting and not withdrawal.is_open_checkout:
                return withdrawal, None
            secret = self._new_secret(_SECRET_BYTES)
            kept = _KEPT_LINKS_OF_PAYMENT if withdrawal.payment else _KEPT_LINKS
            hashes = [hash_secret(secret), *withdrawal.verify_hashes][:kept]
            try:
                changed = self._withdrawals.move(
                    withdrawal, withdrawal.state, {"verify_hashes": hashes}, now=self._now()
                )
            except LostRaceError:
                withdrawal = self._withdrawals.get(withdrawal.user_id, withdrawal.withdrawal_id)
            else:
                return changed, f"{changed.handle}.{secret}"
        return withdrawal, None

    def find(self, handle: str) -> Withdrawal:
        """The withdrawal of a link, whatever became of it.

        Raises:
            NotFoundError: Not one of ours, or its link is over.
        """
        parts = parse_verify_handle(handle)
        withdrawal = self._withdrawals.find(parts[0], parts[1]) if parts else None
        if parts is None or withdrawal is None:
            raise _build_unknown()
        matches = [is_secret_of(parts[2], kept) for kept in withdrawal.verify_hashes]
        if not any(matches):
            raise _build_unknown()
        return settle_lapse(self._withdrawals, withdrawal, now=self._now())


def _check_waiting(withdrawal: Withdrawal) -> Verification:
    """The verification that waits for codes."""
    if withdrawal.state is WithdrawalState.EXPIRED:
        raise ConflictError(
            "The time for these codes is over. Ask for the withdrawal again with the same key to "
            "get new ones.",
            code="verification_expired",
        )
    if withdrawal.state is WithdrawalState.SUBMITTING:
        raise _build_in_progress()
    if (
        withdrawal.state is not WithdrawalState.VERIFICATION_REQUIRED
        or withdrawal.verification is None
    ):
        raise ConflictError("KuCoin wants no codes now.", code="verification_not_required")
    return withdrawal.verification


def _choose(
    verification: Verification, factors: Mapping[str, SecretStr]
) -> Mapping[str, SecretStr]:
    """The codes in KuCoin's order of the alternative that they make up."""
    for alternative in verification.all_factors:
        if set(alternative) == set(factors):
            return {name: factors[name] for name in alternative}
    wanted = " or ".join("+".join(one) for one in verification.all_factors)
    raise UnprocessableError(
        f"KuCoin wants these codes, all of one alternative: {wanted}.",
        code="verification_factors",
        field="factors",
        members={"allowed": verification.all_factors},
    )


def _build_in_progress() -> ConflictError:
    return ConflictError(
        "This withdrawal is being submitted right now; look at its state in a few seconds.",
        code="verification_in_progress",
    )


def _build_unknown() -> NotFoundError:
    return NotFoundError("This link is not valid (any more).", code="verify_link_unknown")
