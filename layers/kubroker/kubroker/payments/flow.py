"""Pay with KuCoin: the broker opens a payment, its user begins it; underneath is a withdrawal.

1 open: CREATED, bound to a payee of the operator's list, nothing reserved, nothing asked of KuCoin
but reads. 2 pay: as any withdrawal from its claim on, so a payment is never sent twice either.
What is refused before the claim leaves the payment open; what time ends is EXPIRED.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from kubroker.connections.model import Connection
from kubroker.connections.store import ConnectionStore
from kubroker.foundation.amounts import format_amount, parse_amount
from kubroker.foundation.clock import read_now
from kubroker.foundation.errors import (
    ConflictError,
    LostRaceError,
    NotFoundError,
    UnprocessableError,
)
from kubroker.foundation.settings import PaymentSettings
from kubroker.payments.funds import PaymentFunds
from kubroker.payments.model import KIND, is_fee_as_shown
from kubroker.payments.payees import Payee, parse_payees
from kubroker.withdrawals.claims import WithdrawalClaims
from kubroker.withdrawals.ids import derive_checkout_id, hash_request
from kubroker.withdrawals.keys import check_may_withdraw
from kubroker.withdrawals.lapses import settle_lapse
from kubroker.withdrawals.model import Checkout, Withdrawal, WithdrawalState
from kubroker.withdrawals.payment_status import PaymentStatus, derive_payment_status
from kubroker.withdrawals.quotes import Priced
from kubroker.withdrawals.store import WithdrawalStore
from kubroker.withdrawals.submit import Submission, SubmitRequest
from kubroker.withdrawals.withdraw import (
    NewWithdrawal,
    Submitted,
    build_key_reused,
    build_record,
    rebuild_order,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPayment(NewWithdrawal):
    """What a broker's service asks for: a withdrawal to a payee, with the broker's reference.

    Attributes:
        payee: Of the operator's list; the order is made from it.
        reference: The broker's own name of it; stands in ``remark`` after our id.
    """

    payee: Payee
    reference: str

    @property
    def withdrawal_id(self) -> str:
        """One for a key, whoever pays."""
        return derive_checkout_id(self.idempotency_key)

    def hash(self) -> str:
        """The same for the same request, also where the list has changed since."""
        fields: dict[str, Any] = {
            "userId": self.user_id,
            "payee": self.payee.payee_id,
            "currency": self.order.currency,
            "amount": format_amount(self.order.amount),
            "reference": self.reference,
            "returnUrl": self.return_url if self.is_return_url_given else None,
        }
        return hash_request(fields)


class Payments:
    """Opens payments and begins them."""

    def __init__(
        self,
        *,
        withdrawals: WithdrawalStore,
        connections: ConnectionStore,
        claims: WithdrawalClaims,
        funds: PaymentFunds,
        submission: Submission,
        settings: PaymentSettings,
        now: Callable[[], int] = read_now,
    ) -> None:
        """Joins stores, KuCoin and the submission.

        Args:
            withdrawals: The store.
            connections: Whose key pays.
            claims: Takes the right to submit.
            funds: KuCoin's terms and balances.
            submission: Makes attempts.
            settings: The operator's list, and how long a payment can be begun.
            now: The clock, epoch seconds.
        """
        self._withdrawals = withdrawals
        self._connections = connections
        self._claims = claims
        self._funds = funds
        self._submission = submission
        self._settings = settings
        self._now = now

    def get_payee(self, payee_id: str) -> Payee:
        """One of the operator's list.

        Raises:
            UnprocessableError: ``payee_unknown``: nobody else can be paid.
            ConfigurationError: The list is malformed.
        """
        payees = parse_payees(self._settings.payees)
        payee = next((one for one in payees if one.payee_id == payee_id), None)
        if payee is None:
            raise UnprocessableError(
                "This installation's list of payees does not have it (parameter PaymentPayees).",
                code="payee_unknown",
                field="payee",
                members={"allowed": [one.payee_id for one in payees]},
            )
        return payee

    def open(self, request: NewPayment) -> Submitted:
        """Opens the payment, or tells how the one of this key stands.

        Raises:
            UnprocessableError: The key came with another request before, or a rule refuses.
            ConflictError: ``possible_duplicate``, or the connection can't withdraw.
            TooManyRequestsError: A limit is reached.
            UnavailableError: KuCoin can't be read, or withdrawals are switched off.
            NotFoundError: The user has no connection.
            StoreError: AWS could not be asked; the same key tells how it stands.
        """
        existing, is_new = self._find(request.withdrawal_id), False
        if existing is None:
            existing = self._create(request)
            is_new = existing.sequence == 1
        if existing.request_hash != request.hash():
            raise build_key_reused(existing.withdrawal_id)
        return Submitted(withdrawal=self._settle(existing), is_new=is_new)

    def get(self, payment_id: str) -> Withdrawal:
        """A payment by its id alone.

        Raises:
            NotFoundError: There is no such payment.
        """
        found = self._find(payment_id)
        if found is None:
            raise NotFoundError("There is no such payment.", code="payment_not_found")
        return self._settle(found)

    def pay(self, payment: Withdrawal, *, shown_fees: str | None) -> Withdrawal:
        """The user begins it: KuCoin is asked, unless something has come in between.

        Pressed twice or in two windows, one claim decides.

        Args:
            payment: As read.
            shown_fees: The fees that the user was shown, as decimal text; None where unknown.

        Returns:
            The payment as it is now.

        Raises:
            ConflictError: ``fees_changed``, ``payee_not_listed``, ``payment_expired``,
                ``possible_duplicate``, or the connection can't withdraw. Nothing was sent.
            UnprocessableError: ``insufficient_balance``, or a rule refuses. Nothing was sent.
            KubrokerError: As for ``Submission.run``.
        """
        payment = self._settle(payment)
        if payment.state is WithdrawalState.VERIFICATION_REQUIRED:
            return payment
        if derive_payment_status(payment, self._now()) is not PaymentStatus.OPEN:
            return payment
        self._submission.check_listed(payment)
        connection = self._get_connection(payment)
        priced = self._funds.check(rebuild_order(payment), connection)
        self._check_fees(payment, priced, shown_fees)
        known = frozenset(payment.payment.known_duplicates if payment.payment else ())
        wish = SubmitRequest(quote=priced.to_stored(), acknowledged=known)
        try:
            return self._submission.run(payment, connection, wish)
        except LostRaceError:
            return self._withdrawals.get(payment.user_id, payment.withdrawal_id)

    def _find(self, payment_id: str) -> Withdrawal | None:
        payer = self._withdrawals.limits.find_payer(payment_id)
        return self._withdrawals.find(payer, payment_id) if payer is not None else None

    def _settle(self, payment: Withdrawal) -> Withdrawal:
        return settle_lapse(self._withdrawals, payment, now=self._now())

    def _create(self, request: NewPayment) -> Withdrawal:
        connection = self._connections.get(request.user_id)
        uid = check_may_withdraw(connection)
        self._submission.check_switch()
        priced = self._funds.check(request.order, connection)
        now = self._now()
        record = build_record(request, kucoin_uid=uid, quote=priced.to_stored(), now=now)
        checkout = Checkout(
            payee=request.payee.payee_id,
            payee_name=request.payee.name,
            expires_at=now + self._settings.minutes * 60,
            known_duplicates=sorted(request.known_duplicates),
        )
        payment = record.model_copy(
            update={"payment": checkout, "kind": KIND, "reference": request.reference}
        )
        return self._claims.open(payment, acknowledged=request.known_duplicates, now=now)

    def _get_connection(self, payment: Withdrawal) -> Connection:
        connection = self._connections.get(payment.user_id)
        check_may_withdraw(connection, of_uid=payment.kucoin_uid)
        return connection

    def _check_fees(self, payment: Withdrawal, priced: Priced, shown_fees: str | None) -> None:
        """Whether the user has seen what it costs now; what has changed is kept to be shown."""
        if is_fee_as_shown(_parse_shown(shown_fees), priced.quote.total_fee):
            return
        self._withdrawals.move(
            payment, payment.state, {"quote": priced.to_stored()}, now=self._now()
        )
        raise ConflictError(
            "KuCoin's fees have changed since they were shown. Nothing was sent.",
            code="fees_changed",
        )


def check_listed(payees: str, withdrawal: Withdrawal) -> None:
    """What the operator has taken off the list since can't be paid any more, at no step.

    Args:
        payees: The operator's list, as its parameter has it.
        withdrawal: A payment; any other withdrawal has no payee and passes.

    Raises:
        ConflictError: ``payee_not_listed``.
        ConfigurationError: The list is malformed.
    """
    if withdrawal.payment is None:
        return
    for payee in parse_payees(payees):
        if payee.payee_id == withdrawal.payment.payee and payee.is_destination_of(withdrawal):
            return
    raise ConflictError(
        "The payee is not on this installation's list any more. Nothing was sent.",
        code="payee_not_listed",
    )


def _parse_shown(text: str | None) -> Decimal | None:
    """The fees that the page sent back; None where they are none of ours."""
    try:
        return parse_amount(text or "")
    except ValueError:
        return None
