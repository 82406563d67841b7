"""How often, and how long, a withdrawal may be taken up again; counted in the claim's transaction.

Every code that is tried and every renewal is a request to KuCoin, and often a mail to the user.
Counted are requests that reached KuCoin, or may have: by record, and by KuCoin account and UTC day
what comes after a record's first one.
"""

from kubroker.foundation.clock import build_day
from kubroker.foundation.errors import ConflictError, TooManyRequestsError
from kubroker.withdrawals.limit_store import LimitStore
from kubroker.withdrawals.limits import seconds_to_next_day
from kubroker.withdrawals.model import SUBMIT_SECONDS, Withdrawal
from kubroker.withdrawals.store import Change


class WithdrawalTries:
    """The operator's limits on codes and renewals."""

    def __init__(self, limits: LimitStore, *, per_record: int, per_day: int) -> None:
        """Joins the counters and their limits."""
        self._limits = limits
        self._per_record = per_record
        self._per_day = per_day

    def build(self, withdrawal: Withdrawal, now: int) -> list[Change]:
        """Looks whether there is one left for a clear answer; the transaction's condition holds it.

        Returns:
            What counts it in its day; the record counts itself.

        Raises:
            ConflictError: ``tries_used_up``: this record is not sent any more.
            TooManyRequestsError: ``daily_tries_reached``.
            StoreError: They can't be read: nothing is tried.
        """
        if withdrawal.tries >= self._per_record:
            raise ConflictError(
                f"KuCoin was asked {self._per_record} times for this withdrawal, which is all that "
                "the operator allows. Nothing was sent.",
                code="tries_used_up",
            )
        if withdrawal.tries == 0:
            return []
        uid, day = withdrawal.kucoin_uid, build_day(now)
        if self._limits.find_tries(uid, day) >= self._per_day:
            raise TooManyRequestsError(
                "Codes were tried or asked for again too often today from this account. "
                "Nothing was sent.",
                code="daily_tries_reached",
                retry_after_seconds=seconds_to_next_day(now),
                members={"allowed": self._per_day},
            )
        change = self._limits.build_try(uid, day, maximum=self._per_day, now=now)
        return [(self._limits.table, change)]


def build_untried(limits: LimitStore, claimed: Withdrawal) -> list[Change]:
    """Takes the try of a claim out of its day again, where it was counted there."""
    if claimed.tries < 2 or claimed.attempt is None:
        return []
    day = build_day(find_claimed_at(claimed) or 0)
    return [(limits.table, limits.build_untry(claimed.kucoin_uid, day))]


def find_claimed_at(withdrawal: Withdrawal) -> int | None:
    """When it was last claimed, epoch seconds; None where it never was."""
    attempt = withdrawal.attempt
    return attempt.submit_until - SUBMIT_SECONDS if attempt is not None else None


def is_made_since(withdrawal: Withdrawal, made_at: int) -> bool:
    """Whether the same payment, made at that time, may be this one.

    Since its last attempt. What was never tried counts from its creation, but for a payment: its
    user sees what it is, and its time ends by itself.
    """
    claimed_at = find_claimed_at(withdrawal)
    if claimed_at is not None:
        return made_at >= claimed_at
    return withdrawal.payment is None and made_at > withdrawal.created_at
