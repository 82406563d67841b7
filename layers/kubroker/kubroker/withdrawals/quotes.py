"""What a withdrawal would cost, from what KuCoin says now; refuses what KuCoin would refuse."""

from dataclasses import dataclass
from decimal import Decimal

from kubroker.foundation.errors import KucoinError, UnavailableError
from kubroker.foundation.observability import logger
from kubroker.foundation.withdrawal_protocol import WithdrawalProtocol
from kubroker.kucoin.currency import Quota
from kubroker.kucoin.market import MarketClient
from kubroker.kucoin.signer import ApiCredentials
from kubroker.withdrawals.client import WithdrawalClient
from kubroker.withdrawals.fees import (
    FeeDeductType,
    Quote,
    build_quote,
    decide_deduct_type,
)
from kubroker.withdrawals.model import QuotedFees
from kubroker.withdrawals.rules import (
    Order,
    Terms,
    check_amount,
    check_destination,
    check_funds,
    find_terms,
)

_DEADLINE_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A quote with what it was made from.

    Attributes:
        available: What the account can withdraw, or None where the key can't see it.
        deduct_type: Which way KuCoin will take the fees, or None where that depends on a balance
            not seen.
    """

    quote: Quote
    terms: Terms
    available: Decimal | None
    deduct_type: FeeDeductType | None

    def to_stored(self) -> QuotedFees:
        """The figures as kept with the withdrawal."""
        quote = self.quote
        return QuotedFees(
            network_fee=str(quote.network_fee),
            service_fee=str(quote.service_fee),
            value_usdt=str(quote.value_usdt),
            currency_usd=str(quote.prices.currency_usd),
            usdt_usd=str(quote.prices.usdt_usd),
            read_at=quote.prices.read_at,
        )


class WithdrawalQuotes:
    """Asks KuCoin for terms, prices and balance."""

    def __init__(
        self, market: MarketClient, withdrawals: WithdrawalClient, protocol: WithdrawalProtocol
    ) -> None:
        """Joins KuCoin's clients."""
        self._market = market
        self._withdrawals = withdrawals
        self._protocol = protocol

    def price(self, order: Order, credentials: ApiCredentials) -> Priced:
        """A quote for an amount that KuCoin takes.

        Args:
            order: Its destination is not looked at.
            credentials: The user's key, which may see the balance.

        Raises:
            UnprocessableError: See ``withdrawal_rules``.
            UnavailableError: KuCoin can't be read: no price, no quote.
        """
        try:
            currency = self._market.find_currency(
                order.currency, deadline_seconds=_DEADLINE_SECONDS
            )
            quota = self._find_quota(order, credentials) if currency else None
            terms = find_terms(
                order, currency, quota, adds_rate=self._protocol.network_fee_adds_rate
            )
            check_amount(order.amount, terms)
            prices = self._market.get_prices(order.currency, deadline_seconds=_DEADLINE_SECONDS)
        except KucoinError as error:
            logger.warning("no terms of a withdrawal", extra={"reason": error.message})
            raise UnavailableError(
                "KuCoin's terms and prices can't be read now. Nothing was withdrawn; ask again.",
                code="kucoin_unreadable",
                retry_after_seconds=5,
            ) from error
        available = quota.available if quota else None
        quote = build_quote(order.amount, terms.network_fee, prices, decimals=terms.decimals)
        return Priced(
            quote=quote,
            terms=terms,
            available=available,
            deduct_type=decide_deduct_type(order.fee_deduct_type, quote, available),
        )

    def check(self, order: Order, credentials: ApiCredentials) -> Priced:
        """A quote for a withdrawal that can be asked for: destination and funds as well.

        Raises:
            UnprocessableError: See ``withdrawal_rules``.
            UnavailableError: KuCoin can't be read.
        """
        priced = self.price(order, credentials)
        check_destination(order, priced.terms)
        check_funds(order, priced.quote, priced.available)
        return priced

    def _find_quota(self, order: Order, credentials: ApiCredentials) -> Quota | None:
        """Balance and inner fee; None where this key can't see them now."""
        try:
            return self._withdrawals.find_quota(
                order.currency, order.chain, credentials, deadline_seconds=_DEADLINE_SECONDS
            )
        except KucoinError as error:
            logger.info("no quota to be seen", extra={"reason": error.message})
            return None
