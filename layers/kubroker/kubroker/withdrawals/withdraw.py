"""The broker asks for a withdrawal: the same key is the same withdrawal, for good."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from secrets import token_bytes
from typing import Any

from kubroker.connections.model import Connection
from kubroker.connections.secrets import open_credentials
from kubroker.connections.store import ConnectionStore
from kubroker.connections.vault import Vault
from kubroker.foundation.amounts import format_amount
from kubroker.foundation.clock import read_now
from kubroker.foundation.errors import LostRaceError, UnprocessableError
from kubroker.withdrawals.claims import WithdrawalClaims
from kubroker.withdrawals.client import build_body
from kubroker.withdrawals.fees import FeeDeductType
from kubroker.withdrawals.ids import (
    REMARK_BYTES,
    build_remark,
    build_remark_id,
    derive_payment_id,
    derive_withdrawal_id,
    hash_request,
    normalize_destination,
)
from kubroker.withdrawals.keys import check_may_withdraw
from kubroker.withdrawals.lapses import settle_lapse
from kubroker.withdrawals.model import (
    RESUBMITTABLE,
    QuotedFees,
    Withdrawal,
    WithdrawalState,
)
from kubroker.withdrawals.quotes import Priced, WithdrawalQuotes
from kubroker.withdrawals.rules import Order, WithdrawType
from kubroker.withdrawals.store import WithdrawalStore
from kubroker.withdrawals.submit import Submission, SubmitRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWithdrawal:
    """What a broker's service asks for; checked by the request model before.

    Attributes:
        remark: The caller's text; our id goes before it.
        recipient: The recipient's identity in KuCoin's field names.
        return_url: Where browsers go after KuCoin's or our page; on the allow-list.
        is_return_url_given: Whether it was asked for, and so belongs to the request's identity.
        known_duplicates: Withdrawals of the same payment that the caller knows to be open; not
            part of the request's identity.
    """

    user_id: str
    idempotency_key: str
    order: Order
    remark: str | None
    recipient: Mapping[str, str] = field(default_factory=dict)
    return_url: str
    is_return_url_given: bool = False
    known_duplicates: frozenset[str] = frozenset()

    @property
    def withdrawal_id(self) -> str:
        """Ours."""
        return derive_withdrawal_id(self.user_id, self.idempotency_key)

    def hash(self) -> str:
        """The same for the same request."""
        order = self.order
        fields: dict[str, Any] = {
            "currency": order.currency,
            "amount": format_amount(order.amount),
            "withdrawType": str(order.withdraw_type),
            "address": order.address,
            "chain": order.chain,
            "isInner": order.is_inner,
            "memo": order.memo,
            "feeDeductType": str(order.fee_deduct_type) if order.fee_deduct_type else None,
            "remark": self.remark,
            "recipient": sorted(self.recipient.items()),
            "returnUrl": self.return_url if self.is_return_url_given else None,
        }
        return hash_request(fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The withdrawal, and whether this very request made it."""

    withdrawal: Withdrawal
    is_new: bool


class Withdraw:
    """Creates, and resumes what is definitely not done."""

    def __init__(
        self,
        *,
        withdrawals: WithdrawalStore,
        connections: ConnectionStore,
        claims: WithdrawalClaims,
        quotes: WithdrawalQuotes,
        submission: Submission,
        vault: Vault,
        now: Callable[[], int] = read_now,
    ) -> None:
        """Joins stores, KuCoin and the submission."""
        self._withdrawals = withdrawals
        self._connections = connections
        self._claims = claims
        self._quotes = quotes
        self._submission = submission
        self._vault = vault
        self._now = now

    def submit(self, request: NewWithdrawal) -> Submitted:
        """Makes the withdrawal, or tells how the one of this key stands.

        Raises:
            UnprocessableError: The key came with another request before, or a rule refuses.
            ConflictError: ``possible_duplicate``, or the connection can't withdraw.
            TooManyRequestsError: A limit is reached.
            UnavailableError: Nothing was sent; ask again with the same key.
            NotFoundError: The user has no connection.
            StoreError: AWS could not be asked; the same key tells how it stands.
        """
        existing = self._withdrawals.find(request.user_id, request.withdrawal_id)
        if existing is None:
            existing = self._create(request)
            is_new = existing.sequence == 1
        else:
            is_new = False
        if existing.request_hash != request.hash():
            raise build_key_reused(existing.withdrawal_id)
        return Submitted(
            withdrawal=self.resume(existing, acknowledged=request.known_duplicates), is_new=is_new
        )

    def resume(
        self, withdrawal: Withdrawal, *, acknowledged: frozenset[str] = frozenset()
    ) -> Withdrawal:
        """Submits what is definitely not done; leaves everything else as it is.

        Raises:
            KubrokerError: As for ``submit``.
        """
        withdrawal = settle_lapse(self._withdrawals, withdrawal, now=self._now())
        if withdrawal.state not in RESUBMITTABLE:
            return withdrawal
        connection = self._connections.get(withdrawal.user_id)
        check_may_withdraw(connection, of_uid=withdrawal.kucoin_uid)
        quote = None
        if withdrawal.state is not WithdrawalState.CREATED:
            quote = self._price(connection, rebuild_order(withdrawal)).to_stored()
        try:
            return self._submission.run(
                withdrawal, connection, SubmitRequest(quote=quote, acknowledged=acknowledged)
            )
        except LostRaceError:
            return self._withdrawals.get(withdrawal.user_id, withdrawal.withdrawal_id)

    def _create(self, request: NewWithdrawal) -> Withdrawal:
        connection = self._connections.get(request.user_id)
        uid = check_may_withdraw(connection)
        self._submission.check_switch()
        priced = self._price(connection, request.order)
        now = self._now()
        record = build_record(request, kucoin_uid=uid, quote=priced.to_stored(), now=now)
        return self._claims.create(record, acknowledged=request.known_duplicates, now=now)

    def _price(self, connection: Connection, order: Order) -> Priced:
        check_may_withdraw(connection)
        return self._quotes.check(order, open_credentials(self._vault, connection))


def build_key_reused(withdrawal_id: str) -> UnprocessableError:
    """The key came with another request before."""
    return UnprocessableError(
        "This Idempotency-Key was used with another request. Use a new key for a new "
        "withdrawal or payment.",
        code="idempotency_key_reused",
        field="Idempotency-Key",
        members={"withdrawalId": withdrawal_id},
    )


def build_record(
    request: NewWithdrawal, *, kucoin_uid: str, quote: QuotedFees, now: int
) -> Withdrawal:
    """The record as it begins: CREATED, with the exact body that KuCoin will get."""
    order, withdrawal_id = request.order, request.withdrawal_id
    remark_id = build_remark_id(token_bytes(REMARK_BYTES))
    return Withdrawal(
        user_id=request.user_id,
        withdrawal_id=withdrawal_id,
        state=WithdrawalState.CREATED,
        kucoin_uid=kucoin_uid,
        request_hash=request.hash(),
        remark_id=remark_id,
        body=build_body(
            order,
            remark=build_remark(remark_id, request.remark),
            recipient=request.recipient,
        ),
        payment_id=derive_payment_id(
            kucoin_uid,
            order.currency,
            normalize_destination(order.withdraw_type, order.address),
            order.amount,
        ),
        currency=order.currency,
        address=order.address,
        amount=format_amount(order.amount),
        withdraw_type=order.withdraw_type,
        chain=order.chain,
        is_inner=order.is_inner,
        memo=order.memo,
        fee_deduct_type=order.fee_deduct_type,
        quote=quote,
        return_url=request.return_url,
        created_at=now,
        updated_at=now,
    )


def rebuild_order(withdrawal: Withdrawal) -> Order:
    """What the rules need to know of a stored withdrawal."""
    deduct_type = withdrawal.fee_deduct_type
    return Order(
        currency=withdrawal.currency,
        amount=Decimal(withdrawal.amount),
        withdraw_type=WithdrawType(withdrawal.withdraw_type),
        address=withdrawal.address,
        chain=withdrawal.chain,
        is_inner=withdrawal.is_inner,
        memo=withdrawal.memo,
        fee_deduct_type=FeeDeductType(deduct_type) if deduct_type else None,
    )
