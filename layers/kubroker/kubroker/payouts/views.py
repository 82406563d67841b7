"""Requests and answers of deposit addresses and payouts."""

import re
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints

from kubroker.foundation.errors import BadRequestError, NotFoundError, UnprocessableError
from kubroker.payouts.addresses_model import Account, AddressWish, DepositAddress
from kubroker.payouts.flow import FileLink
from kubroker.payouts.model import MAX_USERS, Payout, PayoutState
from kubroker.web.api import RequestModel, ResponseModel, format_time
from kubroker.web.fields import UserId

# Ten thousand users with the longest names there are, and room for blanks.
MAX_PAYOUT_BYTES = 2 * 1024 * 1024
_CURRENCY = r"^[A-Za-z0-9]{1,32}$"
_CHAIN = r"^[A-Za-z0-9._-]{1,32}$"
CurrencyCode = Annotated[str, StringConstraints(pattern=_CURRENCY)]
ChainId = Annotated[str, StringConstraints(pattern=_CHAIN)]
AccountName = Annotated[Account, Field(strict=False)]


class AddressRequest(RequestModel):
    """``POST /v1/connections/{userId}/deposit-addresses``; amount is for Lightning only."""

    currency: CurrencyCode
    chain: ChainId
    account: AccountName
    amount: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,20}(\.[0-9]{1,20})?$")] | None = (
        None
    )

    def build_wish(self) -> AddressWish:
        """As the use case takes it."""
        return AddressWish(self.currency, self.chain, self.account, self.amount)


class PayoutRequest(RequestModel):
    """``POST /v1/payouts``."""

    currency: CurrencyCode
    chain: ChainId
    account: AccountName
    user_ids: Annotated[list[UserId], Field(min_length=1, max_length=MAX_USERS)]

    def build_wish(self) -> AddressWish:
        """As the use case takes it."""
        return AddressWish(self.currency, self.chain, self.account)

    def check_users(self) -> None:
        """Each user once.

        Raises:
            UnprocessableError: One is there twice.
        """
        if len(set(self.user_ids)) < len(self.user_ids):
            raise UnprocessableError(
                "userIds names a user twice.", code="duplicate_user", field="userIds"
            )


class AddressResponse(ResponseModel):
    """One address. A memo that is not null has to be given with each transfer."""

    address: str
    memo: str | None
    currency: str
    chain: str
    chain_name: str | None
    contract_address: str | None
    account: Account | None
    expires_at: str | None
    is_new: bool

    @classmethod
    def build(cls, found: DepositAddress, *, is_new: bool) -> Self:
        """The address with its time in ISO 8601."""
        return cls(
            address=found.address,
            memo=found.memo,
            currency=found.currency,
            chain=found.chain,
            chain_name=found.chain_name,
            contract_address=found.contract_address,
            account=found.account,
            expires_at=format_time(found.expires_at),
            is_new=is_new,
        )


class AddressListResponse(ResponseModel):
    """``GET /v1/connections/{userId}/deposit-addresses``; ``unreadable`` ones are left out."""

    addresses: list[AddressResponse]
    unreadable: int


class PayoutFileView(ResponseModel):
    """A file, and a link that works until ``linkExpiresAt``."""

    format: str
    url: str
    link_expires_at: str | None
    size_bytes: int
    sha256: str


class PayoutProgress(ResponseModel):
    """Users by what came of them so far."""

    total: int
    found: int
    failed: int
    waiting: int


class PayoutResponse(ResponseModel):
    """A payout; its files once it is READY."""

    payout_id: str
    state: PayoutState
    currency: str
    chain: str
    account: Account
    users: PayoutProgress
    created_at: str | None
    ready_at: str | None
    files: list[PayoutFileView]

    @classmethod
    def build(cls, payout: Payout, links: list[FileLink]) -> Self:
        """The head with its links."""
        waiting = payout.total - payout.found - payout.failed
        return cls(
            payout_id=payout.payout_id,
            state=payout.payout_state,
            currency=payout.currency,
            chain=payout.chain,
            account=payout.account,
            users=PayoutProgress(
                total=payout.total, found=payout.found, failed=payout.failed, waiting=waiting
            ),
            created_at=format_time(payout.created_at),
            ready_at=format_time(payout.ready_at),
            files=[
                PayoutFileView(
                    format=link.file.format,
                    url=link.url,
                    link_expires_at=format_time(link.expires_at),
                    size_bytes=link.file.size_bytes,
                    sha256=link.file.sha256,
                )
                for link in links
            ],
        )


def parse_payout_id(value: str) -> str:
    """A payout's id from a path.

    Raises:
        NotFoundError: It can't be one.
    """
    if not re.fullmatch(r"[0-9a-f]{32}", value):
        raise NotFoundError("There is no such payout.", code="payout_not_found")
    return value


def parse_address_query(query: dict[str, Any] | None) -> tuple[str, str | None]:
    """Currency and chain of ``GET …/deposit-addresses``.

    Raises:
        BadRequestError: An unknown parameter.
        UnprocessableError: A value is not acceptable.
    """
    given = query or {}
    if unknown := set(given) - {"currency", "chain"}:
        raise BadRequestError(
            "There is no such parameter.", code="unknown_parameter", field=min(unknown)[:64]
        )
    currency, chain = given.get("currency", ""), given.get("chain")
    if not re.fullmatch(_CURRENCY, currency):
        raise UnprocessableError("currency has to be a currency's code.", field="currency")
    if chain is not None and not re.fullmatch(_CHAIN, chain):
        raise UnprocessableError("chain has to be one of KuCoin's chainIds.", field="chain")
    return currency, chain
