"""The double-entry book: every movement has two sides, and nothing is ever changed afterwards."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from local.kucoin_simulator.funds.catalog import plain

OUTSIDE = "outside"
KUCOIN = "kucoin"
_NOTHING: Mapping[str, str] = {}


class InsufficientFundsError(Exception):
    """A user's account would fall below zero; nothing was posted."""


@dataclass(frozen=True, slots=True, order=True)
class Account:
    """One account of the book.

    Attributes:
        owner: A user's name, ``outside`` (the world beyond KuCoin) or ``kucoin``.
        kind: ``main``, ``trade``, ``contract`` and the same after ``hold:`` for users;
            ``network_fees``, ``service_fees``, ``trading_fees``, ``retained``, ``liquidity`` (the
            other side of spot trades), ``futures_pnl`` for KuCoin; ``world`` for outside.
    """

    owner: str
    kind: str
    currency: str


@dataclass(frozen=True, slots=True)
class Posting:
    """One balanced movement: its legs add up to zero in every currency.

    Attributes:
        context: What ledgers tell besides: symbol, orderId, tradeId of a trade.
    """

    seq: int
    time_ms: int
    biz_type: str
    reference: str
    legs: tuple[tuple[Account, Decimal], ...]
    context: Mapping[str, str] = field(default_factory=dict, compare=False)

    def as_json(self) -> dict[str, Any]:
        """Return it for control."""
        return {
            "seq": self.seq,
            "timeMs": self.time_ms,
            "bizType": self.biz_type,
            "reference": self.reference,
            "legs": [
                {
                    "owner": account.owner,
                    "account": account.kind,
                    "currency": account.currency,
                    "amount": plain(amount),
                }
                for account, amount in self.legs
            ],
        }


class Book:
    """Balances and the append-only list of postings that explains them."""

    def __init__(self) -> None:
        """Start empty."""
        self._balances: dict[Account, Decimal] = defaultdict(Decimal)
        self.postings: list[Posting] = []
        self.on_post: Callable[[Posting], None] | None = None

    def post(
        self,
        biz_type: str,
        reference: str,
        time_ms: int,
        legs: Mapping[Account, Decimal],
        *,
        context: Mapping[str, str] | None = None,
    ) -> Posting:
        """Move funds.

        Args:
            biz_type: What it is: ``Deposit``, ``Withdrawal``, …
            reference: Id of what caused it.
            time_ms: KuCoin's clock.
            legs: Signed amount by account.
            context: For the ledgers.

        Raises:
            InsufficientFundsError: A user's account would fall below zero.
            ValueError: The legs do not balance.
        """
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for account, amount in legs.items():
            sums[account.currency] += amount
            is_users = account.owner not in (OUTSIDE, KUCOIN)
            if is_users and self._balances[account] + amount < 0:
                raise InsufficientFundsError(f"{account.owner} {account.kind} {account.currency}")
        if any(sums.values()):
            raise ValueError("the legs do not add up to zero")
        number = len(self.postings) + 1
        posting = Posting(
            number, time_ms, biz_type, reference, tuple(legs.items()), context or _NOTHING
        )
        for account, amount in legs.items():
            self._balances[account] += amount
        self.postings.append(posting)
        if self.on_post is not None:
            self.on_post(posting)
        return posting

    def balance(self, owner: str, kind: str, currency: str) -> Decimal:
        """Return what an account holds."""
        return self._balances.get(Account(owner, kind, currency), Decimal(0))

    def balances(self, owner: str | None = None) -> dict[Account, Decimal]:
        """Return all balances, or one owner's."""
        return {
            account: amount
            for account, amount in sorted(self._balances.items())
            if owner in (None, account.owner)
        }

    def is_sound(self) -> bool:
        """Tell whether the postings explain every balance and all of it adds up to zero."""
        recomputed: dict[Account, Decimal] = defaultdict(Decimal)
        totals: dict[str, Decimal] = defaultdict(Decimal)
        for posting in self.postings:
            for account, amount in posting.legs:
                recomputed[account] += amount
                totals[account.currency] += amount
        stands = all(recomputed[account] == amount for account, amount in self._balances.items())
        return stands and not any(totals.values())
