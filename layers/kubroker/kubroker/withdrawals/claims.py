"""Taking the right to submit: limits, payment lock and connection in the transaction of the claim.

One conditional write decides among all who come together. Why it failed is found out by reading
again, and told as what it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from secrets import token_hex
from typing import Any

from kubroker.connections.store import ConnectionStore
from kubroker.foundation.amounts import format_amount
from kubroker.foundation.clock import build_day
from kubroker.foundation.errors import (
    ConflictError,
    LostRaceError,
    TooManyRequestsError,
    UnavailableError,
)
from kubroker.withdrawals.keys import build_connection_check, check_may_withdraw
from kubroker.withdrawals.limit_store import LimitStore, Made
from kubroker.withdrawals.limits import LIMITED_TYPES, seconds_to_next_day
from kubroker.withdrawals.model import (
    SUBMIT_SECONDS,
    Attempt,
    QuotedFees,
    Reservation,
    Withdrawal,
    WithdrawalState,
)
from kubroker.withdrawals.store import Change, WithdrawalStore, name_holder
from kubroker.withdrawals.tries import WithdrawalTries, is_made_since

_TRIES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRequest:
    """What a claim is made for.

    Attributes:
        is_verification: Whether 2FA codes come along.
        quote: A fresh quote, where the withdrawal holds no reservation any more.
        acknowledged: Ids of withdrawals of the same payment that the caller knows to be open.
        timestamp_ms: Gives KuCoin's time, for the signature.
    """

    is_verification: bool
    quote: QuotedFees | None
    acknowledged: frozenset[str]
    timestamp_ms: Callable[[], int]


class WithdrawalClaims:
    """Creates records and claims attempts."""

    def __init__(
        self,
        withdrawals: WithdrawalStore,
        connections: ConnectionStore,
        limits: LimitStore,
        *,
        usdt_per_day: Decimal,
        tries: WithdrawalTries,
    ) -> None:
        """Joins the stores."""
        self._tries = tries
        self._withdrawals = withdrawals
        self._connections = connections
        self._limits = limits
        self._usdt_per_day = usdt_per_day

    def create(
        self, withdrawal: Withdrawal, *, acknowledged: frozenset[str], now: int
    ) -> Withdrawal:
        """CREATED with its reservation, in one transaction.

        Returns:
            The new record, or the one that was there already.

        Raises:
            TooManyRequestsError: A limit is reached.
            ConflictError: The same payment is in flight, or the connection is gone.
            StoreError: DynamoDB could not be asked; nothing is submitted.
        """
        for _ in range(_TRIES):
            self.check_payment(withdrawal, acknowledged)
            reservation, changes = self._reserve(withdrawal, withdrawal.quote, now)
            record = withdrawal.model_copy(update={"reservation": reservation})
            extra = [self._build_check(withdrawal), *changes]
            try:
                return self._withdrawals.create(record, now=now, extra=extra)
            except LostRaceError:
                found = self._withdrawals.find(withdrawal.user_id, withdrawal.withdrawal_id)
                if found is not None:
                    return found
                self._check_connection(withdrawal)
        raise _build_busy()

    def open(self, withdrawal: Withdrawal, *, acknowledged: frozenset[str], now: int) -> Withdrawal:
        """A payment, CREATED, with nothing reserved: that comes once its user begins it.

        Returns:
            The new record, or the one that was there already.

        Raises:
            TooManyRequestsError: Today's limit has no room for it.
            ConflictError: The same payment is in flight, or the connection is gone.
            StoreError: DynamoDB could not be asked.
        """
        for _ in range(_TRIES):
            self.check_payment(withdrawal, acknowledged)
            self._check_day(withdrawal, withdrawal.quote, now)
            payer = self._limits.build_payer(withdrawal.withdrawal_id, withdrawal.user_id)
            extra = [self._build_check(withdrawal), (self._limits.table, payer)]
            try:
                return self._withdrawals.create(withdrawal, now=now, extra=extra)
            except LostRaceError:
                payer_id = self._limits.find_payer(withdrawal.withdrawal_id) or withdrawal.user_id
                found = self._withdrawals.find(payer_id, withdrawal.withdrawal_id)
                if found is not None:
                    return found
                self._check_connection(withdrawal)
        raise _build_busy()

    def claim(self, withdrawal: Withdrawal, request: ClaimRequest, *, now: int) -> Withdrawal:
        """→ SUBMITTING, before KuCoin is asked.

        Returns:
            The withdrawal, ours to submit.

        Raises:
            LostRaceError: It is elsewhere by now; read it again.
            TooManyRequestsError: A limit is reached.
            ConflictError: The same payment is in flight or was made since, the connection is gone,
                the record's tries are used up, or the time of a payment is over.
        """
        for _ in range(_TRIES):
            if withdrawal.is_checkout_over(now):
                raise ConflictError(
                    "The time to pay is over. Nothing was sent.", code="payment_expired"
                )
            attempt = _build_attempt(request, now)
            changes, extra = self._build_claim(withdrawal, request, now)
            changes |= {"attempt": attempt, "code": None, "detail": None, "security_url": None}
            try:
                return self._withdrawals.move(
                    withdrawal, WithdrawalState.SUBMITTING, changes, now=now, extra=extra
                )
            except LostRaceError:
                found = self._withdrawals.get(withdrawal.user_id, withdrawal.withdrawal_id)
            if found.attempt is not None and found.attempt.attempt_id == attempt.attempt_id:
                return found
            if found.state is not withdrawal.state or found.attempt != withdrawal.attempt:
                raise LostRaceError("another caller has claimed this withdrawal")
            self._check_connection(withdrawal)
            withdrawal = found
        raise _build_busy()

    def check_payment(self, withdrawal: Withdrawal, acknowledged: frozenset[str]) -> frozenset[str]:
        """Whether nobody else has the same payment in flight, or the caller knows.

        Returns:
            The holders seen, which the caller goes on in spite of.

        Raises:
            ConflictError: ``possible_duplicate``, with the ids.
        """
        holders = self._limits.find_holders(withdrawal.payment_id) - {name_holder(withdrawal)}
        unknown = sorted({holder.partition("/")[2] for holder in holders} - acknowledged)
        if unknown:
            raise ConflictError(
                "The same payment is being made, or its outcome is unknown: "
                f"{', '.join(unknown)}. If this is another one, name those in knownDuplicates.",
                code="possible_duplicate",
                members={"withdrawalIds": unknown},
            )
        return holders

    def _check_made(self, withdrawal: Withdrawal, acknowledged: frozenset[str]) -> Made | None:
        """Whether the same payment was not made since this one was last tried.

        A second order of the same amount is its own; an old one that is taken up again may be the
        one that was meanwhile made under another key.

        Returns:
            The last one made, whenever that was.

        Raises:
            ConflictError: ``possible_duplicate``, with its id.
        """
        made = self._limits.find_made(withdrawal.payment_id)
        # Another caller of the same key may just have made this very one: the write tells.
        is_own = made is not None and made.holder == name_holder(withdrawal)
        if made is None or is_own or not is_made_since(withdrawal, made.at):
            return made
        made_id = made.holder.partition("/")[2]
        if made_id in acknowledged:
            return made
        raise ConflictError(
            f"The same payment was made since: {made_id}. If this is another one, name that in "
            "knownDuplicates.",
            code="possible_duplicate",
            members={"withdrawalIds": [made_id]},
        )

    def _build_claim(
        self, withdrawal: Withdrawal, request: ClaimRequest, now: int
    ) -> tuple[dict[str, Any], list[Change]]:
        """Changes of the record, and the rest of the transaction."""
        changes: dict[str, Any] = {}
        extra = [self._build_check(withdrawal)]
        seen = made = None
        if not request.is_verification:
            seen = self.check_payment(withdrawal, request.acknowledged)
            made = self._check_made(withdrawal, request.acknowledged)
        hold = self._limits.build_hold(
            withdrawal.payment_id, name_holder(withdrawal), seen=seen, made=made
        )
        extra += [(self._limits.table, hold), *self._tries.build(withdrawal, now)]
        changes["tries"] = withdrawal.tries + 1
        if withdrawal.reservation is None:
            quote = request.quote or withdrawal.quote
            reservation, counted = self._reserve(withdrawal, quote, now)
            changes |= {"reservation": reservation, "quote": quote}
            extra += counted
        return changes, extra

    def _reserve(
        self, withdrawal: Withdrawal, quote: QuotedFees, now: int
    ) -> tuple[Reservation, list[Change]]:
        """Looks at the limits for a clear answer; the transaction's conditions hold them.

        Raises:
            TooManyRequestsError: ``daily_limit_reached`` or ``transfer_limit_reached``.
            StoreError: They can't be read: no withdrawal.
        """
        uid, day = withdrawal.kucoin_uid, self._check_day(withdrawal, quote, now)
        is_limited = withdrawal.withdraw_type in LIMITED_TYPES
        windows = self._limits.find_windows(uid) if is_limited else ()
        for window in windows:
            if wait := window.find_wait(now):
                raise TooManyRequestsError(
                    f"KuCoin takes {window.rule.maximum} withdrawals to UID, MAIL or PHONE in "
                    f"{window.rule.seconds} seconds; the next fits in {wait} seconds.",
                    code="transfer_limit_reached",
                    retry_after_seconds=wait,
                    members={"allowed": window.rule.maximum},
                )
        starts = {
            window.limit_id: now if window.is_over(now) else window.started_at or now
            for window in windows
        }
        reservation = Reservation(day=day, value_usdt=quote.value_usdt, windows=starts)
        counted = self._limits.build_reservation(
            uid, reservation, windows=windows, usdt_per_day=self._usdt_per_day, now=now
        )
        return reservation, [(self._limits.table, change) for change in counted]

    def _check_day(self, withdrawal: Withdrawal, quote: QuotedFees, now: int) -> str:
        """Looks whether today's limit has room; gives the day."""
        uid, day = withdrawal.kucoin_uid, build_day(now)
        room = self._usdt_per_day - self._limits.find_spent(uid, day)
        if Decimal(quote.value_usdt) > room:
            left = format_amount(max(room, Decimal(0)))
            raise TooManyRequestsError(
                f"The operator's limit leaves {left} USDT to withdraw from this account today.",
                code="daily_limit_reached",
                field="amount",
                retry_after_seconds=seconds_to_next_day(now),
                members={"allowed": left},
            )
        return day

    def _check_connection(self, withdrawal: Withdrawal) -> None:
        """After a lost race: whether the connection is why."""
        connection = self._connections.get(withdrawal.user_id)
        check_may_withdraw(connection, of_uid=withdrawal.kucoin_uid)

    def _build_check(self, withdrawal: Withdrawal) -> Change:
        check = build_connection_check(withdrawal.user_id, withdrawal.kucoin_uid)
        return (self._connections.table, check)


def _build_attempt(request: ClaimRequest, now: int) -> Attempt:
    """Where it was provably not sent, the withdrawal goes back to where its codes still count."""
    verifying = WithdrawalState.VERIFICATION_REQUIRED
    return Attempt(
        attempt_id=token_hex(8),
        timestamp_ms=request.timestamp_ms(),
        submit_until=now + SUBMIT_SECONDS,
        is_verification=request.is_verification,
        return_to=verifying if request.is_verification else WithdrawalState.CREATED,
    )


def _build_busy() -> UnavailableError:
    return UnavailableError(
        "Too many withdrawals of this account come together; ask again with the same key.",
        code="withdrawals_contended",
        retry_after_seconds=1,
    )
