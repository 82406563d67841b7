"""A deposit address: where a user's account takes one currency over one chain. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Account(StrEnum):
    """Which of the user's accounts is credited."""

    MAIN = "main"
    TRADE = "trade"


@dataclass(frozen=True, slots=True)
class AddressWish:
    """What is asked for; nothing of it is ever guessed.

    Attributes:
        currency: For example ``USDT``.
        chain: KuCoin's chainId, for example ``trx``.
        account: Which account is to be credited.
        amount: For a Lightning invoice only; a decimal string.
    """

    currency: str
    chain: str
    account: Account
    amount: str | None = None


@dataclass(frozen=True, slots=True)
class DepositAddress:
    """An address as KuCoin tells it.

    Attributes:
        address: To the letter.
        memo: Has to be given with each transfer where it is not None, else the funds are lost.
        chain: KuCoin's chainId.
        currency: What it takes.
        account: What it credits; None where KuCoin does not say.
        expires_at: Epoch seconds; None where it does not expire (all but Lightning).
        contract_address: Of the token; None where there is none.
        chain_name: For people.
    """

    address: str
    memo: str | None
    chain: str
    currency: str
    account: Account | None
    expires_at: int | None
    contract_address: str | None
    chain_name: str | None

    def fits(self, wish: AddressWish, now: int) -> bool:
        """Whether it serves what is asked for, now."""
        is_alive = self.expires_at is None or self.expires_at > now
        same = (self.currency, self.chain, self.account) == (
            wish.currency,
            wish.chain,
            wish.account,
        )
        return same and is_alive


def find_address(data: Any) -> DepositAddress | None:
    """Reads one of KuCoin's addresses; None where what funds depend on is missing.

    Source: ``GET /api/v3/deposit-addresses``: address, memo, chainId, to (MAIN, TRADE),
    expirationDate (ms, 0 for none), currency, contractAddress, chainName.
    """
    if not isinstance(data, dict):
        return None
    address, chain, currency = (_find_text(data, key) for key in ("address", "chainId", "currency"))
    if address is None or chain is None or currency is None:
        return None
    memo, expires_ms = data.get("memo"), data.get("expirationDate")
    if not isinstance(memo, str | None):
        return None
    to = str(data.get("to", "")).lower()
    return DepositAddress(
        address=address,
        memo=memo or None,
        chain=chain,
        currency=currency,
        account=Account(to) if to in set(Account) else None,
        expires_at=expires_ms // 1000 if isinstance(expires_ms, int) and expires_ms > 0 else None,
        contract_address=_find_text(data, "contractAddress"),
        chain_name=_find_text(data, "chainName"),
    )


def _find_text(data: dict[str, Any], name: str) -> str | None:
    value = data.get(name)
    return value if isinstance(value, str) and 0 < len(value) <= 4096 else None
