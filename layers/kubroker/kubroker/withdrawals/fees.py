"""What a withdrawal costs: KuCoin's network fee and the service fee of the Fast API.

Rounding: every fee is rounded **up** to the chain's decimals, so what arrives is never less and
what leaves is never more than was quoted, as far as the price stays. Values in USDT are rounded
up to 8 decimals: limits see at least what leaves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from kubroker.foundation.amounts import UP, round_up
from kubroker.kucoin.currency import Prices

# Source: kucoin-fast-api, 9: 10 % of the amount, at least 1 and at most 30 USDT equivalent.
SERVICE_SHARE = Decimal("0.10")
SERVICE_MINIMUM_USDT = Decimal(1)
SERVICE_MAXIMUM_USDT = Decimal(30)
USDT_DECIMALS = 8


class FeeDeductType(StrEnum):
    """Where the fees are taken from.

    Source: kucoin-fast-api, 8.2: EXTERNAL from the account besides the amount, INTERNAL from the
    amount; unspecified is EXTERNAL where the balance suffices, else INTERNAL.
    """

    INTERNAL = "INTERNAL"
    EXTERNAL = "EXTERNAL"


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkFee:
    """How KuCoin's usual withdrawal fee is made.

    Attributes:
        minimum: In the currency.
        rate: Share of the amount.
        adds_rate: Whether that share comes on top of the minimum; otherwise the larger counts.
    """

    minimum: Decimal
    rate: Decimal = Decimal(0)
    adds_rate: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """What leaves the account, fees included, and what arrives."""

    leaves: Decimal
    arrives: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The fees of one withdrawal, all in its currency but ``value_usdt``.

    Attributes:
        movements: For each way to deduct the fees.
        value_usdt: The amount's worth.
        prices: The prices that the service fee was made with.
    """

    amount: Decimal
    network_fee: Decimal
    service_fee: Decimal
    movements: Mapping[FeeDeductType, Movement]
    value_usdt: Decimal
    prices: Prices

    @property
    def total_fee(self) -> Decimal:
        """Both fees."""
        return UP.add(self.network_fee, self.service_fee)


def compute_network_fee(amount: Decimal, fee: NetworkFee, *, decimals: int) -> Decimal:
    """The minimum with its share of the amount, rounded up to the chain's decimals."""
    share = UP.multiply(amount, fee.rate)
    exact = UP.add(fee.minimum, share) if fee.adds_rate else max(fee.minimum, share)
    return round_up(exact, decimals)


def compute_service_fee(amount: Decimal, prices: Prices, *, decimals: int) -> Decimal:
    """10 % of the amount within 1 and 30 USDT, rounded up to the chain's decimals.

    The bounds are compared as exact products in USD; only a bound that applies is divided by the
    price, and that quotient is rounded up too.
    """
    share = UP.multiply(amount, SERVICE_SHARE)
    share_usd = UP.multiply(share, prices.currency_usd)
    low_usd = UP.multiply(SERVICE_MINIMUM_USDT, prices.usdt_usd)
    high_usd = UP.multiply(SERVICE_MAXIMUM_USDT, prices.usdt_usd)
    if share_usd < low_usd:
        share = UP.divide(low_usd, prices.currency_usd)
    elif share_usd > high_usd:
        share = UP.divide(high_usd, prices.currency_usd)
    return round_up(share, decimals)


def compute_value_usdt(amount: Decimal, prices: Prices) -> Decimal:
    """The amount's worth in USDT, rounded up to 8 decimals."""
    usd = UP.multiply(amount, prices.currency_usd)
    return round_up(UP.divide(usd, prices.usdt_usd), USDT_DECIMALS)


def build_quote(amount: Decimal, fee: NetworkFee, prices: Prices, *, decimals: int) -> Quote:
    """Both fees and what they do to the amount.

    Args:
        amount: A multiple of the chain's precision.
        fee: KuCoin's usual withdrawal fee.
        prices: KuCoin's own.
        decimals: Of the chain.

    Returns:
        The quote; what arrives under INTERNAL is 0 or less where the amount can't bear the fees.
    """
    network_fee = compute_network_fee(amount, fee, decimals=decimals)
    service_fee = compute_service_fee(amount, prices, decimals=decimals)
    total = UP.add(network_fee, service_fee)
    return Quote(
        amount=amount,
        network_fee=network_fee,
        service_fee=service_fee,
        movements={
            FeeDeductType.INTERNAL: Movement(leaves=amount, arrives=UP.subtract(amount, total)),
            FeeDeductType.EXTERNAL: Movement(leaves=UP.add(amount, total), arrives=amount),
        },
        value_usdt=compute_value_usdt(amount, prices),
        prices=prices,
    )


def decide_deduct_type(
    asked: FeeDeductType | None, quote: Quote, available: Decimal | None
) -> FeeDeductType | None:
    """Which way KuCoin will take the fees, or None where that depends on a balance not seen."""
    if asked is not None:
        return asked
    if available is None:
        return None
    suffices = available >= quote.movements[FeeDeductType.EXTERNAL].leaves
    return FeeDeductType.EXTERNAL if suffices else FeeDeductType.INTERNAL
