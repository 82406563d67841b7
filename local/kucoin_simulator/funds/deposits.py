"""Deposit addresses and deposits as KuCoin keeps and shows them."""

import hashlib
import secrets
from dataclasses import dataclass
from decimal import Decimal

from local.kucoin_simulator.funds.catalog import Chain, Currency, plain
from local.kucoin_simulator.wire import Json

STATUSES = ("PROCESSING", "SUCCESS", "FAILURE")
INVOICE_CHAIN = "btcln"
INVOICE_MS = 3600 * 1000
PREFIXES = {"trx": "T", "btc": "bc1q", "xrp": "r", "lunc": "terra1", INVOICE_CHAIN: "lnbc"}


@dataclass(frozen=True, slots=True)
class DepositAddress:
    """Where funds of one currency arrive over one chain.

    Attributes:
        account: ``main`` or ``trade``: where they are credited.
        expires_ms: For a Lightning invoice; zero otherwise.
    """

    user: str
    currency: str
    chain_id: str
    chain_name: str
    contract: str
    account: str
    address: str
    memo: str
    expires_ms: int = 0

    def as_json(self) -> Json:
        """Return it as KuCoin does."""
        return {
            "address": self.address,
            "memo": self.memo,
            "chainId": self.chain_id,
            "to": self.account.upper(),
            "expirationDate": self.expires_ms,
            "currency": self.currency,
            "chainName": self.chain_name,
        }


@dataclass(slots=True)
class Deposit:
    """One deposit; an inner one came from another KuCoin account and has no transaction."""

    deposit_id: str
    user: str
    currency: str
    chain_id: str
    address: str
    memo: str
    account: str
    amount: Decimal
    is_inner: bool
    wallet_tx_id: str | None
    status: str
    created_ms: int
    updated_ms: int
    remark: str = ""

    def as_json(self) -> Json:
        """Return it as KuCoin does."""
        return {
            "currency": self.currency,
            "chain": self.chain_id,
            "status": self.status,
            "address": self.address,
            "memo": self.memo,
            "isInner": self.is_inner,
            "amount": plain(self.amount),
            "fee": "0",
            "walletTxId": self.wallet_tx_id,
            "createdAt": self.created_ms,
            "updatedAt": self.updated_ms,
            "remark": self.remark,
            "arrears": False,
        }


def new_address(
    user: str, currency: Currency, chain: Chain, account: str, *, expires_ms: int = 0
) -> DepositAddress:
    """Return the address of a user on a chain: the same for every currency of the chain.

    Where a memo is needed all users share the address, and the memo tells them apart.
    """
    owner = "everyone" if chain.need_tag else user
    salt = secrets.token_hex(8) if chain.chain_id == INVOICE_CHAIN else ""
    digest = hashlib.sha256(f"{owner}/{chain.chain_id}/{salt}".encode()).hexdigest()
    prefix = PREFIXES.get(chain.chain_id, "0x")
    memo = str(int(hashlib.sha256(user.encode()).hexdigest()[:7], 16)) if chain.need_tag else ""
    return DepositAddress(
        user=user,
        currency=currency.code,
        chain_id=chain.chain_id,
        chain_name=chain.name,
        contract=chain.contract,
        account=account,
        address=prefix + digest[: 40 if prefix == "0x" else 33],
        memo=memo,
        expires_ms=expires_ms,
    )


def arrive(address: DepositAddress, amount: Decimal, now_ms: int, *, remark: str = "") -> Deposit:
    """Return a deposit that has just been seen at an address."""
    return Deposit(
        deposit_id=secrets.token_hex(12),
        user=address.user,
        currency=address.currency,
        chain_id=address.chain_id,
        address=address.address,
        memo=address.memo,
        account=address.account,
        amount=amount,
        is_inner=False,
        wallet_tx_id=secrets.token_hex(32),
        status="PROCESSING",
        created_ms=now_ms,
        updated_ms=now_ms,
        remark=remark,
    )
