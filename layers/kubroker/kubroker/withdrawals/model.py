"""A withdrawal: its states, what may follow what, and the stored record.

States::

    CREATED ──claim──> SUBMITTING ──> SUBMITTED ──> SUCCESS | FAILURE | CANCELLED
       ^                │ │ │ │ └───> REJECTED(code)
       └── unsent ──────┘ │ │ └─────> SECURITY_SETUP_REQUIRED(link) ──claim──> SUBMITTING
                          │ └───────> VERIFICATION_REQUIRED ──claim──> SUBMITTING
                          │                └── time ──> EXPIRED ──claim──> SUBMITTING
                          └─────────> OUTCOME_UNKNOWN ──> SUBMITTED | NOT_DONE | by an operator

A SUBMITTING past ``submitUntil`` is OUTCOME_UNKNOWN, whoever looks. OUTCOME_UNKNOWN is never sent
again: no claim leads out of it.

A payment is a withdrawal that its user has to start: CREATED until the user presses "Pay". Past
``payment.expiresAt`` what is definitely not done is EXPIRED for good; no claim is made any more.
"""

import re
from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from kubroker.foundation.amounts import UP
from kubroker.foundation.stored import StoredModel

SCHEMA_VERSION = 1
WITHDRAWAL_ID = re.compile(r"[a-z2-7]{16}")
# Longer than a function behind the API lives, so that a lapsed one has no owner.
SUBMIT_SECONDS = 30
MAX_WRONG_TRIES = 5
# Code of a payment whose time is over.
CHECKOUT_EXPIRED = "checkout_expired"


class WithdrawalState(StrEnum):
    """Where a withdrawal stands; see the module's drawing."""

    CREATED = "CREATED"
    SUBMITTING = "SUBMITTING"
    VERIFICATION_REQUIRED = "VERIFICATION_REQUIRED"
    SECURITY_SETUP_REQUIRED = "SECURITY_SETUP_REQUIRED"
    SUBMITTED = "SUBMITTED"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    NOT_DONE = "NOT_DONE"


_S = WithdrawalState
# What KuCoin's answer to an attempt can lead to, in time or after the attempt has lapsed.
_AFTER_ANSWER = {
    _S.VERIFICATION_REQUIRED,
    _S.SECURITY_SETUP_REQUIRED,
    _S.SUBMITTED,
    _S.REJECTED,
    _S.EXPIRED,
    _S.CREATED,
}
TRANSITIONS: dict[WithdrawalState, set[WithdrawalState]] = {
    _S.CREATED: {_S.SUBMITTING, _S.CANCELLED, _S.EXPIRED},
    _S.SUBMITTING: {*_AFTER_ANSWER, _S.OUTCOME_UNKNOWN},
    _S.VERIFICATION_REQUIRED: {_S.SUBMITTING, _S.EXPIRED, _S.CANCELLED},
    _S.SECURITY_SETUP_REQUIRED: {_S.SUBMITTING, _S.CANCELLED, _S.EXPIRED},
    _S.EXPIRED: {_S.SUBMITTING, _S.CANCELLED},
    _S.SUBMITTED: {_S.SUCCESS, _S.FAILURE, _S.CANCELLED},
    _S.OUTCOME_UNKNOWN: {*_AFTER_ANSWER, _S.SUCCESS, _S.FAILURE, _S.CANCELLED, _S.NOT_DONE},
    _S.SUCCESS: set(),
    _S.FAILURE: set(),
    _S.CANCELLED: set(),
    _S.REJECTED: set(),
    _S.NOT_DONE: set(),
}
FINAL = frozenset(state for state, following in TRANSITIONS.items() if not following)
# Definitely not done, and free to be submitted again under the same id.
RESUBMITTABLE = frozenset({_S.CREATED, _S.SECURITY_SETUP_REQUIRED, _S.EXPIRED})
# KuCoin may have it or may be getting it: a second payment of the same kind has to wait.
IN_FLIGHT = frozenset({_S.SUBMITTING, _S.OUTCOME_UNKNOWN})
# Definite failures: nothing has left the account, or it has come back. All reserved goes back.
GIVES_BACK = frozenset({_S.REJECTED, _S.NOT_DONE, _S.FAILURE, _S.CANCELLED})
# Not done, but KuCoin has counted the request: only the value goes back.
GIVES_BACK_VALUE = frozenset({_S.EXPIRED, _S.SECURITY_SETUP_REQUIRED})
# The tracker looks after these.
TRACKED = frozenset(
    {_S.CREATED, _S.SUBMITTING, _S.VERIFICATION_REQUIRED, _S.OUTCOME_UNKNOWN, _S.SUBMITTED}
)


class QuotedFees(StoredModel):
    """The quote that a withdrawal was made with; amounts as decimal text."""

    network_fee: str
    service_fee: str
    value_usdt: str
    currency_usd: str
    usdt_usd: str
    read_at: int

    @property
    def total(self) -> Decimal:
        """Both fees."""
        return UP.add(Decimal(self.network_fee), Decimal(self.service_fee))


class Reservation(StoredModel):
    """What a withdrawal holds of the limits, until a definite failure.

    Attributes:
        day: UTC date whose USDT total it counts in.
        value_usdt: How much it counts, as decimal text.
        windows: Id of each window of transfers that it counts in, to the window's start.
    """

    day: str
    value_usdt: str
    windows: dict[str, int] = Field(default_factory=dict)


class Attempt(StoredModel):
    """One request to KuCoin.

    Attributes:
        timestamp_ms: What it is signed with: KuCoin takes it no later than its window allows.
        submit_until: Epoch seconds; past it the outcome is unknown.
        is_verification: Whether it carries 2FA codes (which are not stored).
        return_to: The state to go back to if it was provably not sent.
    """

    attempt_id: str
    timestamp_ms: int
    submit_until: int
    is_verification: bool
    return_to: WithdrawalState


class Verification(StoredModel):
    """KuCoin's validation transaction.

    Attributes:
        all_factors: Alternatives, each the list of factors that it needs.
        sent_factors: Those whose code KuCoin has just sent.
        until: Epoch seconds; after it a new one has to be asked for.
        wrong_tries: Codes refused so far.
        was_put_off: KuCoin has seen codes for it and put us off (a limit): if it calls the
            transaction used up next, then perhaps because it has done the withdrawal.
    """

    transaction_id: str
    all_factors: list[list[str]]
    sent_factors: list[list[str]]
    until: int
    wrong_tries: int = 0
    was_put_off: bool = False

    @property
    def tries_left(self) -> int:
        """Before we ask for a new transaction."""
        return max(0, MAX_WRONG_TRIES - self.wrong_tries)


class Settlement(StoredModel):
    """An operator's word on an outcome that KuCoin did not tell; kept for good."""

    outcome: WithdrawalState
    evidence: str
    operator: str
    caller_arn: str
    settled_at: int


class Checkout(StoredModel):
    """What makes a withdrawal a payment.

    Attributes:
        payee: Id in the operator's list; the destination itself stands in the withdrawal.
        payee_name: As the user was shown it.
        expires_at: Epoch seconds; from then on it can't be begun.
        known_duplicates: Withdrawals of the same payment that the broker knows to be open.
    """

    payee: str
    payee_name: str
    expires_at: int
    known_duplicates: list[str] = Field(default_factory=list)


class Withdrawal(StoredModel):
    """The item of ``Withdrawals``.

    ==========================  ====  =====================================================
    userId, withdrawalId        key   the id is a hash of userId and Idempotency-Key
    state, code                 s     ``WithdrawalState``, KuCoin's refusal in our words
    requestHash                 hash  of the caller's request: another under the key is 422
    body                        json  to the letter what KuCoin gets; holds the recipient
    paymentId                   hash  uid, currency, address, amount: the duplicate lock
    quote, reservation          map   fees as quoted; what it holds of the limits
    attempt, verification       map   the request in flight; the codes that KuCoin wants
    verifyHashes                list  SHA-256 of the secrets in verification page URLs
    remarkId                    s     stands first in KuCoin's remark; in no URL and no event
    kucoinWithdrawalId          s     index ``byKucoinId``
    fee, walletTxId, …          s     as KuCoin settled it
    payment                     map   of a payment only: payee, until when it can be begun
    kind, paymentStatus         s     of a payment only: sparse index ``payments``
    reference                   s     the broker's own name of the payment
    openShard, nextCheckAt      s, n  sparse index ``open``: when the tracker looks again
    tries                       n     requests to KuCoin so far, but for those not sent
    firstEmptyReadingAt         s     first complete history without a trace of it
    isAdopted                   bool  found in KuCoin's history, not named by its answer
    forgedAt, forgedBy          s     our remark stood beside other facts: KuCoin's id of that
    sequence                    n     raised by every change: the fence of every write
    ==========================  ====  =====================================================

    Never a 2FA code. Times are epoch seconds.
    """

    user_id: str
    withdrawal_id: str
    schema_version: int = SCHEMA_VERSION
    state: WithdrawalState
    code: str | None = None
    detail: str | None = None
    kucoin_uid: str
    request_hash: str
    body: str
    remark_id: str | None = None
    payment_id: str
    currency: str
    address: str
    amount: str
    withdraw_type: str
    chain: str | None = None
    is_inner: bool = False
    memo: str | None = None
    fee_deduct_type: str | None = None
    quote: QuotedFees
    reservation: Reservation | None = None
    return_url: str
    attempt: Attempt | None = None
    verification: Verification | None = None
    verify_hashes: list[str] = Field(default_factory=list)
    security_url: str | None = None
    kucoin_withdrawal_id: str | None = None
    kucoin_status: str | None = None
    fee: str | None = None
    wallet_tx_id: str | None = None
    failure_reason: str | None = None
    return_status: str | None = None
    return_amount: str | None = None
    settlement: Settlement | None = None
    payment: Checkout | None = None
    kind: str | None = None
    payment_status: str | None = None
    reference: str | None = None
    cancel_requested_at: int | None = None
    open_shard: str | None = None
    next_check_at: int | None = None
    checks: int = 0
    tries: int = 0
    first_empty_reading_at: int | None = None
    is_remark_checked: bool = False
    is_adopted: bool = False
    forged_at: int | None = None
    forged_by: str | None = None
    created_at: int
    updated_at: int
    submitted_at: int | None = None
    settled_at: int | None = None
    sequence: int = 1

    def current_state(self, now: int) -> WithdrawalState:
        """The state at a moment: what has lapsed is told as what it is."""
        if self.state is _S.SUBMITTING and self.attempt and now >= self.attempt.submit_until:
            return _S.OUTCOME_UNKNOWN
        if self.state is _S.VERIFICATION_REQUIRED:
            until = self.verification.until if self.verification else 0
            return _S.EXPIRED if now >= until else self.state
        return _S.EXPIRED if self.is_checkout_over(now) else self.state

    def is_checkout_over(self, now: int) -> bool:
        """Whether this is a payment that can't be begun any more, and is not done."""
        is_waiting = self.state in RESUBMITTABLE
        return self.payment is not None and is_waiting and now >= self.payment.expires_at

    @property
    def is_open_checkout(self) -> bool:
        """Whether this is a payment whose time has still to be called."""
        is_waiting = self.state in RESUBMITTABLE
        return self.payment is not None and is_waiting and self.code != CHECKOUT_EXPIRED

    @property
    def remark_name(self) -> str:
        """What its remark begins with: records of earlier releases have their own id there."""
        return self.remark_id or self.withdrawal_id

    @property
    def is_in_question(self) -> bool:
        """Whether a forged remark waits for an operator: no end is known yet."""
        return self.forged_at is not None and self.state in {_S.OUTCOME_UNKNOWN, _S.SUBMITTED}

    @property
    def handle(self) -> str:
        """What names it in a verification URL, before the secret."""
        return f"{self.user_id}.{self.withdrawal_id}"


def check_transition(before: WithdrawalState, after: WithdrawalState) -> None:
    """Holds every write to the drawing.

    Raises:
        ValueError: The drawing has no such arrow.
    """
    if after is not before and after not in TRANSITIONS[before]:
        raise ValueError(f"a withdrawal never goes from {before} to {after}")
