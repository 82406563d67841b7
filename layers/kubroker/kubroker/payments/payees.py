"""Who can be paid: the operator's list of destinations, and nobody else. Pure.

The list is JSON, for example::

    [
        {
            "id": "shop",
            "name": "Example Shop",
            "withdrawType": "ADDRESS",
            "address": "T…",
            "chain": "trx",
            "currencies": ["USDT"],
        },
        {
            "id": "shop-inside",
            "name": "Example Shop",
            "withdrawType": "UID",
            "address": "1234567",
            "currencies": ["USDT", "BTC"],
        },
    ]
"""

import json
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from kubroker.foundation.errors import ConfigurationError, UnprocessableError
from kubroker.withdrawals.fees import FeeDeductType
from kubroker.withdrawals.model import Withdrawal
from kubroker.withdrawals.rules import Order, WithdrawType, find_address_fault

MOST_PAYEES = 50
PAYEE_ID = r"^[A-Za-z0-9_-]{1,64}$"
# Printable: no control characters, no line breaks, no bidirectional overrides.
_NAME = r"^[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+$"
_Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
_Name = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=_NAME)]
_Words = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_NAME)]


class _Configured(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        defer_build=True,
    )


class PayeeIdentity(_Configured):
    """Who the payee is, for the travel rule; a company by default. Fields as ``Recipient`` has.

    Source: kucoin-protocol, 5: field names seen in a public client.
    """

    receiver_type: Literal["COMPANY", "INDIVIDUAL"] = "COMPANY"
    company_name: _Name | None = None
    first_name: _Name | None = None
    last_name: _Name | None = None
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    wallet: _Words | None = None
    tin: _Words | None = None
    identity_no: _Words | None = None
    identity_type: _Words | None = None
    questionnaire: _Words | None = None
    reason_of_transfer: _Words | None = None

    def build_fields(self) -> dict[str, str]:
        """KuCoin's own field names."""
        return self.model_dump(by_alias=True, exclude_none=True)


class Payee(_Configured):
    """One destination of the operator's list.

    Attributes:
        payee_id: How the broker's service names it.
        name: As the user is shown it.
        withdraw_type: ADDRESS on a chain, or UID of a KuCoin account.
        currencies: What it can be paid in.
        chain: KuCoin's chainId; belongs to ADDRESS.
        memo: The address's memo (tag), if it has one.
        recipient: Who it is, where KuCoin asks for it.
    """

    payee_id: Annotated[str, StringConstraints(pattern=PAYEE_ID)] = Field(alias="id")
    name: _Name
    withdraw_type: Literal["ADDRESS", "UID"]
    address: str
    currencies: Annotated[tuple[_Code, ...], Field(min_length=1, max_length=20)]
    chain: _Code | None = None
    memo: Annotated[str, StringConstraints(pattern=r"^[!-~]([ -~]{0,126}[!-~])?$")] | None = None
    recipient: PayeeIdentity | None = None

    @model_validator(mode="after")
    def _check_destination(self) -> Self:
        fault = find_address_fault(WithdrawType(self.withdraw_type), self.address)
        if fault is not None:
            raise ValueError(f"address has to be {fault}")
        if self.withdraw_type == "ADDRESS" and self.chain is None:
            raise ValueError("a payee of withdrawType ADDRESS needs its chain")
        if self.withdraw_type == "UID" and (self.chain or self.memo):
            raise ValueError("a payee of withdrawType UID has neither chain nor memo")
        return self

    def build_order(self, currency: str, amount: Decimal) -> Order:
        """The withdrawal that pays it: fees on top, so that it gets the amount.

        Raises:
            UnprocessableError: ``payee_currency``: it can't be paid in that currency.
        """
        if currency not in self.currencies:
            raise UnprocessableError(
                f"{self.payee_id} can be paid in {', '.join(self.currencies)}.",
                code="payee_currency",
                field="currency",
                members={"allowed": list(self.currencies)},
            )
        return Order(
            currency=currency,
            amount=amount,
            withdraw_type=WithdrawType(self.withdraw_type),
            address=self.address,
            chain=self.chain,
            memo=self.memo,
            fee_deduct_type=FeeDeductType.EXTERNAL,
        )

    def is_destination_of(self, withdrawal: Withdrawal) -> bool:
        """Whether a payment opened before still goes where the list says."""
        there = (withdrawal.withdraw_type, withdrawal.address, withdrawal.chain, withdrawal.memo)
        is_same = there == (self.withdraw_type, self.address, self.chain, self.memo)
        return is_same and withdrawal.currency in self.currencies


def parse_payees(text: str) -> tuple[Payee, ...]:
    """Reads the list; one payee that is wrong makes all of it unusable.

    Args:
        text: JSON; empty for nobody.

    Raises:
        ConfigurationError: Says which payee and what is wrong with it.
    """
    try:
        listed = json.loads(text or "[]")
    except (ValueError, RecursionError):
        raise ConfigurationError("PaymentPayees is not JSON.") from None
    if not isinstance(listed, list) or len(listed) > MOST_PAYEES:
        raise ConfigurationError(f"PaymentPayees has to be a list of at most {MOST_PAYEES}.")
    payees = tuple(_parse_payee(item, number) for number, item in enumerate(listed, 1))
    ids = [payee.payee_id for payee in payees]
    if twice := sorted({one for one in ids if ids.count(one) > 1}):
        raise ConfigurationError(f"PaymentPayees has these ids twice: {', '.join(twice)}.")
    return payees


def _parse_payee(item: Any, number: int) -> Payee:
    try:
        return Payee.model_validate(item)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        words = first["msg"].removeprefix("Value error, ")
        named = f"payee {number}" + (f", {place}" if place else "")
        raise ConfigurationError(f"PaymentPayees, {named}: {words}.") from None
