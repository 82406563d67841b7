"""What KuCoin says about a currency: its chains, and what one unit costs."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One way for a currency to leave KuCoin.

    Attributes:
        chain_id: As requests name it: ``eth``, ``trx``, ``btc``.
        decimals: An amount has at most so many.
        minimum: The smallest amount.
        maximum: The largest amount, or None.
        minimum_fee: The network fee, at least.
        fee_rate: Share of the amount that the network fee is where that is more.
        needs_memo: Whether the destination is incomplete without a memo (tag).
        is_withdraw_enabled: Whether KuCoin sends on it now.
    """

    chain_id: str
    decimals: int
    minimum: Decimal
    maximum: Decimal | None = None
    minimum_fee: Decimal
    fee_rate: Decimal = Decimal(0)
    needs_memo: bool = False
    is_withdraw_enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Currency:
    """A currency.

    Attributes:
        code: ``USDT``.
        decimals: Of amounts inside KuCoin.
        chains: Every chain that KuCoin knows and whose terms can be read, enabled or not.
        unreadable_chains: Ids of the others; an empty one where not even the id can be read.
    """

    code: str
    decimals: int
    chains: tuple[Chain, ...]
    unreadable_chains: frozenset[str] = frozenset()

    def find_chain(self, chain_id: str) -> Chain | None:
        """The chain of that id, or None; ids are compared to the letter."""
        return next((chain for chain in self.chains if chain.chain_id == chain_id), None)

    def is_unreadable(self, chain_id: str) -> bool:
        """Whether KuCoin may know the chain, but tells terms of it that can't be read."""
        if chain_id in self.unreadable_chains:
            return True
        return "" in self.unreadable_chains and self.find_chain(chain_id) is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """KuCoin's prices in USD at a moment.

    Attributes:
        currency_usd: Of one unit of the currency; more than 0.
        usdt_usd: Of one USDT; more than 0.
        read_at: Epoch seconds.
    """

    currency_usd: Decimal
    usdt_usd: Decimal
    read_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What KuCoin lets an account withdraw of a currency.

    Attributes:
        available: Of the balance, or None where KuCoin does not tell.
        inner_fee: Network fee of a transfer inside KuCoin, or None.
    """

    available: Decimal | None
    inner_fee: Decimal | None
