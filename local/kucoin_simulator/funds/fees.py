"""What a withdrawal costs and who pays it.

Source:
    Fast API page 9: OAuth service fee 10 % of the amount, at least the equivalent of 1 USDT, at
    most of 30 USDT, on top of the usual withdrawal fee; 8.2 for feeDeductType. Not documented, and
    assumed here: the service fee is charged in the withdrawn currency, rounded to the chain's
    withdrawPrecision, and deducted the same way as the network fee.
"""

import decimal
from dataclasses import dataclass
from decimal import Decimal

from local.kucoin_simulator.funds.catalog import Chain

SERVICE_RATE = Decimal("0.10")
SERVICE_MIN_USDT = Decimal(1)
SERVICE_MAX_USDT = Decimal(30)
INTERNAL = "INTERNAL"
EXTERNAL = "EXTERNAL"


@dataclass(frozen=True, slots=True)
class Cost:
    """The figures of one withdrawal, in its currency.

    Attributes:
        deducted: What leaves the account.
        received: What arrives.
        deduct_type: INTERNAL or EXTERNAL, decided.
    """

    network_fee: Decimal
    service_fee: Decimal
    deducted: Decimal
    received: Decimal
    deduct_type: str

    @property
    def fee(self) -> Decimal:
        """Both fees."""
        return self.network_fee + self.service_fee


def service_fee(
    amount: Decimal, price_usdt: Decimal, precision: int, rounding: str = decimal.ROUND_UP
) -> Decimal:
    """Return the OAuth service fee.

    Args:
        amount: The withdrawal's amount.
        price_usdt: What one unit is worth in USDT.
        precision: Decimals of the result.
        rounding: A rounding mode of `decimal`; up unless told otherwise.
    """
    lowest, highest = SERVICE_MIN_USDT / price_usdt, SERVICE_MAX_USDT / price_usdt
    fee = min(max(amount * SERVICE_RATE, lowest), highest)
    return fee.quantize(Decimal(1).scaleb(-precision), rounding=rounding)


def network_fee(amount: Decimal, chain: Chain, *, is_inner: bool) -> Decimal:
    """Return KuCoin's usual withdrawal fee; internal transfers cost nothing."""
    if is_inner:
        return Decimal(0)
    rated = (amount * chain.fee_rate).quantize(
        Decimal(1).scaleb(-chain.precision), rounding=decimal.ROUND_UP
    )
    return chain.min_fee + rated


def settle(
    amount: Decimal, network: Decimal, service: Decimal, *, deduct_type: str, available: Decimal
) -> Cost:
    """Decide who pays the fees.

    Args:
        amount: The withdrawal's amount.
        network: Network fee.
        service: Service fee.
        deduct_type: INTERNAL (out of the amount), EXTERNAL (on top), or empty: on top where the
            main account covers both, else out of the amount.
        available: What the main account holds.
    """
    both = network + service
    if not deduct_type:
        deduct_type = EXTERNAL if available >= amount + both else INTERNAL
    if deduct_type == EXTERNAL:
        return Cost(network, service, amount + both, amount, EXTERNAL)
    return Cost(network, service, amount, amount - both, INTERNAL)
