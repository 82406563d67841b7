"""Amounts of money: Decimal inside, plain decimal text outside, never a float.

One context for all arithmetic: 60 digits, rounding up. Nothing in it ever rounds silently to the
user's cost: what is rounded is rounded by name, here and in ``withdrawal_fees``.
"""

import re
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

MAX_DECIMALS = 18
AMOUNT_PATTERN = r"^(0|[1-9][0-9]{0,19})(\.[0-9]{1,18})?$"
_AMOUNT = re.compile(AMOUNT_PATTERN, re.ASCII)
# Enough for 38 digits times a price of 20: products are exact, quotients are rounded up.
UP = Context(prec=60, rounding=ROUND_CEILING)
DOWN = Context(prec=60, rounding=ROUND_FLOOR)


def parse_amount(text: str) -> Decimal:
    """Reads plain decimal text.

    Args:
        text: At most 20 digits before and 18 after the point; no sign, no exponent, no blanks.

    Returns:
        The exact value; zero is possible.

    Raises:
        ValueError: It has another form.
    """
    if not _AMOUNT.fullmatch(text):
        raise ValueError("not a plain decimal number")
    return Decimal(text)


def find_amount(value: object) -> Decimal | None:
    """An amount as KuCoin writes it: decimal text, in some answers a number; None otherwise."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        amount = Decimal(value)
    except ArithmeticError:
        return None
    return amount if amount.is_finite() and amount >= 0 else None


def format_amount(amount: Decimal) -> str:
    """Plain text without exponent and without zeros at its end: ``0.1``, ``1200``."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") or "0" if "." in text else text


def round_up(amount: Decimal, decimals: int) -> Decimal:
    """To that many decimals, never below the exact value."""
    return amount.quantize(Decimal(1).scaleb(-decimals), context=UP)


def has_decimals(amount: Decimal, decimals: int) -> bool:
    """Whether the amount is a multiple of 10 to the minus ``decimals``."""
    return amount == amount.quantize(Decimal(1).scaleb(-decimals), context=DOWN)
