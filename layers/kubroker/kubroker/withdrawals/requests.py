"""The broker API's requests and answers about withdrawals."""

import re
from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints

from kubroker.foundation.amounts import AMOUNT_PATTERN, parse_amount
from kubroker.foundation.errors import BadRequestError, NotFoundError, UnprocessableError
from kubroker.web.api import RequestModel
from kubroker.web.fields import PRINTABLE, Label
from kubroker.withdrawals.fees import FeeDeductType
from kubroker.withdrawals.model import WITHDRAWAL_ID, WithdrawalState
from kubroker.withdrawals.rules import Order, WithdrawType

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
Chain = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
Amount = Annotated[str, StringConstraints(pattern=AMOUNT_PATTERN)]
Address = Annotated[str, StringConstraints(pattern=r"^[!-~]([ -~]{0,254}[!-~])?$")]
Memo = Annotated[str, StringConstraints(pattern=r"^[!-~]([ -~]{0,126}[!-~])?$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Words = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=PRINTABLE)]
Answers = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=PRINTABLE)]
Id = Annotated[str, StringConstraints(pattern=f"^{WITHDRAWAL_ID.pattern}$")]
Factor = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9_]{1,20}$")]
KucoinId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
Text = Annotated[str, StringConstraints(min_length=10, max_length=2000)]

_CODE = re.compile(r"[0-9A-Za-z]{4,12}")
_ENDINGS = Literal["SUBMITTED", "SUCCESS", "FAILURE", "NOT_DONE"]


class Recipient(RequestModel):
    """Who receives it, for the travel rule; KuCoin says which of it a transfer needs.

    Source: kucoin-protocol, 5: field names seen in a public client; none says what they may hold.

    Attributes:
        wallet: Where it arrives: an exchange's name, or that the wallet is the recipient's own.
        tin: Taxpayer identification number.
        identity_no: Of the document that ``identity_type`` names.
        questionnaire: The answers that KuCoin asks for, as text.
    """

    type: Literal["INDIVIDUAL", "COMPANY"]
    first_name: Label | None = None
    last_name: Label | None = None
    company_name: Label | None = None
    country: Country | None = None
    wallet: Words | None = None
    tin: Words | None = None
    identity_no: Words | None = None
    identity_type: Words | None = None
    questionnaire: Answers | None = None
    reason_of_transfer: Words | None = None

    def build_fields(self) -> dict[str, str]:
        """KuCoin's own field names."""
        fields: dict[str, str] = self.model_dump(by_alias=True, exclude_none=True)
        return {"receiverType": fields.pop("type"), **fields}


class QuoteRequest(RequestModel):
    """``POST …/withdrawals/quote``."""

    currency: Currency
    amount: Amount
    withdraw_type: WithdrawType
    chain: Chain | None = None
    is_inner: bool = False
    fee_deduct_type: FeeDeductType | None = None

    def build_order(self, address: str = "", memo: str | None = None) -> Order:
        """What rules and fees need to know."""
        return Order(
            currency=self.currency,
            amount=parse_amount(self.amount),
            withdraw_type=self.withdraw_type,
            address=address,
            chain=self.chain,
            is_inner=self.is_inner,
            memo=memo,
            fee_deduct_type=self.fee_deduct_type,
        )


class WithdrawalRequest(QuoteRequest):
    """``POST …/withdrawals``."""

    address: Address
    remark: Label | None = None
    memo: Memo | None = None
    recipient: Recipient | None = None
    return_url: Annotated[str, StringConstraints(min_length=1, max_length=1024)] | None = None
    known_duplicates: Annotated[list[Id], Field(max_length=10)] = Field(default_factory=list)


class VerificationRequest(RequestModel):
    """``POST …/{id}/verification``; the codes are secrets from here on."""

    factors: Annotated[dict[Factor, SecretStr], Field(min_length=1, max_length=5)]


class SettlementRequest(RequestModel):
    """``POST …/{id}/settlement``."""

    outcome: _ENDINGS
    kucoin_withdrawal_id: KucoinId | None = None
    evidence: Text
    operator: Label

    @property
    def state(self) -> WithdrawalState:
        """The outcome as a state."""
        return WithdrawalState(self.outcome)


def check_codes(factors: dict[str, SecretStr]) -> dict[str, SecretStr]:
    """Whether each code has the form of one; blanks around it are what people type.

    Raises:
        UnprocessableError: One has not; its value is not told.
    """
    codes = {name: value.get_secret_value().strip() for name, value in factors.items()}
    for name, code in codes.items():
        if not _CODE.fullmatch(code):
            raise UnprocessableError(
                f"The code {name} has to be 4 to 12 letters and digits.",
                code="verification_code_malformed",
                field=f"factors.{name}",
            )
    return {name: SecretStr(code) for name, code in codes.items()}


def parse_withdrawal_id(value: str) -> str:
    """A withdrawal's id from a path.

    Raises:
        NotFoundError: It can't be one of ours.
    """
    if not WITHDRAWAL_ID.fullmatch(value):
        raise NotFoundError("There is no such withdrawal.", code="withdrawal_not_found")
    return value


def parse_withdrawals_query(
    query: dict[str, str],
) -> tuple[WithdrawalState | None, int, str | None]:
    """Status, limit and cursor of ``GET …/withdrawals``.

    Raises:
        BadRequestError: An unknown parameter.
        UnprocessableError: A value is not acceptable.
    """
    if unknown := set(query) - {"status", "limit", "cursor"}:
        raise BadRequestError(
            "There is no such parameter.", code="unknown_parameter", field=min(unknown)[:64]
        )
    status = query.get("status")
    if status is not None and status not in set(WithdrawalState):
        raise UnprocessableError(
            f"status has to be one of {', '.join(WithdrawalState)}.", field="status"
        )
    limit = query.get("limit", "50")
    if not re.fullmatch(r"[1-9][0-9]?|100", limit, re.ASCII):
        raise UnprocessableError("limit has to be 1 to 100.", field="limit")
    return WithdrawalState(status) if status else None, int(limit), query.get("cursor")
