"""What Kubroker tells the outside: the types of events and what each one carries.

docs/events.md is generated from these models. Nothing here may ever hold a secret, a ciphertext,
an address or a word of KuCoin's.
"""

import hashlib
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny
from pydantic.alias_generators import to_camel

from kubroker.kucoin.permissions import Permission

SCHEMA_VERSION = 1
# One write may tell several things: each has its place behind the write's own number.
PLACES_A_WRITE = 10


class EventData(BaseModel):
    """The part that differs from type to type."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True
    )
    is_on_by_default: ClassVar[bool] = True


class Event(BaseModel):
    """One event: the detail on the bus, and the body of a webhook."""

    model_config = EventData.model_config

    id: str = Field(description="The same for the same event, however often it is delivered.")
    type: str = Field(description="The event's type; on the bus also its detail-type.")
    timestamp: str = Field(description="When it happened: ISO 8601, UTC, whole seconds.")
    user_id: str | None = Field(
        description="The broker's name of the user; null where it is about many users."
    )
    subject: str = Field(
        description="What it is about: `connection/USER`, `withdrawal/USER/WITHDRAWAL`, "
        "`payment/USER/PAYMENT`, `payout/PAYOUT`, or `export/EXPORT`."
    )
    sequence: int = Field(
        description="Rises within a subject, with gaps: an event with a lower number than one "
        "already seen of the same subject is older news."
    )
    schema_version: int = Field(SCHEMA_VERSION, description="The version of these models.")
    data: SerializeAsAny[EventData]

    def to_json(self) -> str:
        """The event as it goes out, the same text each time."""
        return self.model_dump_json(by_alias=True)


def build_event_id(subject: str, sequence: int, written_at: int, event_type: str) -> str:
    """An id that depends on nothing but the write that the event tells of."""
    text = f"{subject}\n{sequence}\n{written_at}\n{event_type}"
    return f"evt_{hashlib.sha256(text.encode()).hexdigest()[:32]}"


class ConnectionAuthorized(EventData):
    """The broker redeemed a completion code: the user's tokens are there, no API key yet."""

    session_id: str = Field(description="The linking session.")
    link_generation: int = Field(description="As `linkGeneration` of the API.")
    is_relink: bool = Field(description="Beside a connection that stands, until its key is there.")


class KeyData(EventData):
    """The part that several events about keys share."""

    attempt_id: str = Field(description="The linking session, or the request for another key.")
    permissions: list[Permission]
    is_addressbook_only: bool


class ApiKeyCreated(KeyData):
    """An API key is there, checked with KuCoin, and in use."""

    kucoin_uid: str | None
    name: str
    hint: str = Field(description="The last four characters of the key's id.")
    ip_whitelist: list[str]
    replaced_hint: str | None = Field(description="Hint of the key to delete at KuCoin, if any.")


class ApiKeyKept(KeyData):
    """After a second link the key that was there goes on serving."""


class ApiKeyFailed(KeyData):
    """No API key was made; a key in use stays in use."""

    code: str | None = Field(description="As `apiKey.code` of the API.")


class ApiKeyOutcomeUnknown(KeyData):
    """KuCoin was asked for a key and nobody knows whether it made one; it is not asked again."""


class ApiKeyGone(EventData):
    """The API key in use no longer exists at KuCoin: signed calls fail."""

    code: str | None


class TokensRefreshed(EventData):
    """A pair of tokens was rotated. Off by default: parameter PublishTokenRefreshes."""

    is_on_by_default: ClassVar[bool] = False
    access_token_expires_at: int | None = Field(description="Epoch seconds.")
    refresh_token_expires_at: int | None = Field(description="Epoch seconds.")


class RefreshTokenExpiring(EventData):
    """Refreshes keep failing and the refresh token is about to end, in 24 and in 6 hours."""

    hours_left: int = Field(description="24 or 6.")
    refresh_token_expires_at: int | None = Field(description="Epoch seconds.")


class ReauthorizationRequired(EventData):
    """The tokens are of no use any more: the user has to link again. The API key goes on."""

    cause: str | None = Field(description="refused, expired or in_doubt.")


class AuthorizationRestored(EventData):
    """An authorization that was required is there again."""


class ConnectionDisconnecting(EventData):
    """New work is refused, the tokens are shredded; open withdrawals are followed to their end."""

    link_generation: int


class ConnectionDisconnected(EventData):
    """The connection has ended, every data key is shredded."""

    link_generation: int


class WithdrawalData(EventData):
    """The part that every event about a withdrawal has."""

    withdrawal_id: str
    state: str = Field(description="As `state` of the API.")
    currency: str
    amount: str = Field(description="Decimal text.")
    withdraw_type: str
    chain: str | None
    code: str | None = Field(description="Why it failed, as `code` of the API.")
    kucoin_withdrawal_id: str | None = Field(description="KuCoin's id.")
    wallet_tx_id: str | None = Field(description="The transaction on the chain.")
    fee: str | None


class WithdrawalVerificationRequired(WithdrawalData):
    """KuCoin wants codes from the user."""

    verify_until: int | None = Field(description="Epoch seconds.")


class WithdrawalSecuritySetupRequired(WithdrawalData):
    """KuCoin wants the user to set up security first; the API has the link."""


class WithdrawalSubmitted(WithdrawalData):
    """KuCoin has taken the withdrawal."""


class WithdrawalSettled(WithdrawalData):
    """KuCoin has paid out."""


class WithdrawalFailed(WithdrawalData):
    """Definitely not paid out: refused, failed, or found not done."""


class WithdrawalCancelled(WithdrawalData):
    """Cancelled before KuCoin paid out."""


class WithdrawalExpired(WithdrawalData):
    """The time for the user's codes is over; the same key submits it again."""


class WithdrawalOutcomeUnknown(WithdrawalData):
    """KuCoin was asked and nobody knows whether it pays; never sent again, an operator is paged."""


class WithdrawalRemarkForged(WithdrawalData):
    """Another withdrawal at KuCoin carries this one's remark: an operator has to look.

    Somebody copied it. The state stays what it was: nothing is concluded from the other one.
    """

    forged_by: str | None = Field(description="KuCoin's id of the other withdrawal.")


class WithdrawalReturnUpdated(WithdrawalData):
    """What becomes of the funds of a withdrawal that failed after it was taken."""

    return_status: str
    return_amount: str | None


class PayoutsReady(EventData):
    """Every user of a payout is settled and its files are there: `GET /v1/payouts/{id}`."""

    payout_id: str
    currency: str
    chain: str
    account: str = Field(description="main or trade.")
    total: int = Field(description="Users asked for.")
    found: int = Field(description="Users with an address.")
    failed: int = Field(description="Users without; the files say why.")


class ExportReady(EventData):
    """An export's files are there: `GET /v1/exports/{id}`."""

    export_id: str
    users: int = Field(description="Users whose records were asked for.")
    users_with_gaps: int = Field(description="Users of whom something is lacking.")
    records: int


class ExportFailed(EventData):
    """An export was given up; the same request again resumes it."""

    export_id: str
    code: str | None = Field(description="Why, as `code` of the API.")


class PaymentData(EventData):
    """The part that every event about a payment has."""

    payment_id: str = Field(description="Also the id of the withdrawal underneath.")
    reference: str | None = Field(description="The broker's own name of it.")
    payee: str = Field(description="Its id in the operator's list.")
    status: str | None = Field(description="As `status` of the API.")
    currency: str
    amount: str = Field(description="Decimal text: what the payee gets.")
    code: str | None = Field(description="Why it failed, as `code` of the API.")
    kucoin_withdrawal_id: str | None = Field(description="KuCoin's id.")
    wallet_tx_id: str | None = Field(description="The transaction on the chain.")
    fee: str | None


class PaymentSubmitted(PaymentData):
    """The user has confirmed and KuCoin has taken it; it is not paid out yet."""


class PaymentSettled(PaymentData):
    """KuCoin has paid out: the payee gets the amount."""


class PaymentFailed(PaymentData):
    """Definitely not paid: refused, failed, or found not done."""


class PaymentCancelled(PaymentData):
    """Cancelled by the user or the broker before KuCoin paid out."""


class PaymentExpired(PaymentData):
    """Its time is over and nothing was paid; it can't be begun any more."""


class PaymentOutcomeUnknown(PaymentData):
    """KuCoin was asked and nobody knows whether it pays; never sent again, an operator is paged."""


class PaymentRemarkForged(PaymentData):
    """Another withdrawal of the user's carries this payment's remark: an operator has to look.

    It does not count as the payment, and tells nothing about it: deliver nothing for it.
    """

    forged_by: str | None = Field(description="KuCoin's id of the other withdrawal.")


class PaymentReturnUpdated(PaymentData):
    """What becomes of the funds of a payment that failed after it was taken."""

    return_status: str
    return_amount: str | None
