"""Payments: how one stands, and whether the account covers it. Pure.

A payment is a withdrawal to one of the operator's own destinations that its user begins on a page.
"""

from dataclasses import dataclass
from decimal import Decimal

from kubroker.foundation.amounts import DOWN, UP, format_amount
from kubroker.foundation.errors import UnprocessableError

KIND = "payment"
# Fees that rose by more than this since they were shown are shown again first.
FEE_TOLERANCE = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Balances:
    """What an account has of a currency and can dispose of.

    Attributes:
        main: In the main account: withdrawals are paid from here alone.
        trade: In the trade account.
    """

    main: Decimal
    trade: Decimal


def check_covered(
    leaves: Decimal, currency: str, balances: Balances, withdrawable: Decimal
) -> None:
    """Whether the main account covers the amount and all fees.

    Args:
        leaves: Amount and fees.
        currency: Of all amounts.
        balances: As KuCoin tells them.
        withdrawable: What KuCoin lets be withdrawn.

    Raises:
        UnprocessableError: ``insufficient_balance``; says where the funds are.
    """
    usable = min(balances.main, withdrawable)
    if leaves <= usable:
        return
    shown = {
        "required": format_amount(leaves),
        "mainAccount": format_amount(balances.main),
        "tradeAccount": format_amount(balances.trade),
        "withdrawable": format_amount(usable),
    }
    words = (
        f"{shown['required']} {currency} has to leave the main account, fees included; "
        f"{shown['withdrawable']} {currency} can."
    )
    missing = UP.subtract(leaves, balances.main)
    if missing > 0 and balances.trade > 0:
        shown["missing"] = format_amount(missing)
        is_enough = balances.trade >= missing
        words += f" {shown['tradeAccount']} {currency} is in the trade account" + (
            f": move at least {shown['missing']} {currency} to the main account at KuCoin first."
            if is_enough
            else ", which is not enough either."
        )
    raise UnprocessableError(words, code="insufficient_balance", field="amount", members=shown)


def is_fee_as_shown(shown: Decimal | None, now: Decimal) -> bool:
    """Whether the user has seen these fees: prices move, so a hundredth more is taken for it."""
    if shown is None:
        return False
    return now <= DOWN.multiply(shown, 1 + FEE_TOLERANCE)
