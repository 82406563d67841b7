"""Amounts of money: Decimal inside, plain decimal text outside, never a float.

One context for all arithmetic: 60 digits, rounding up. Nothing in it ever rounds silently to the
user's cost: what is rounded is rounded by name, here and in ``withdrawal_fees``.
"""

import json
import re
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any

MAX_DECIMALS = 18
# Larger, smaller or longer than any that KuCoin tells: a number beyond is none.
MAX_EXPONENT = 60
MAX_NUMBER_CHARACTERS = 80
MAX_INTEGER = 2**63 - 1
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,4})?", re.ASCII)
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


def find_number(text: str) -> Decimal | None:
    """A decimal number from outside; None for what no arithmetic should meet.

    Args:
        text: With or without an exponent.
    """
    if len(text) > MAX_NUMBER_CHARACTERS or not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text)
    exponent = number.as_tuple().exponent
    is_small = isinstance(exponent, int) and exponent >= -MAX_EXPONENT
    return number if is_small and abs(number.adjusted()) <= MAX_EXPONENT else None


def parse_json(data: bytes | str) -> Any:
    """JSON from outside: fractions as Decimal; a number beyond all bounds, NaN, Infinity as None.

    So one odd number costs its own field, and never the answer around it.

    Raises:
        ValueError: It is not JSON, or not UTF-8.
        RecursionError: It is nested too deep.
    """

    def parse_integer(text: str) -> int | None:
        return int(text) if len(text) <= MAX_NUMBER_CHARACTERS else None

    return json.loads(
        data, parse_float=find_number, parse_int=parse_integer, parse_constant=lambda _: None
    )


def find_integer(
    value: object, *, minimum: int = 0, maximum: int = MAX_INTEGER, takes_text: bool = False
) -> int | None:
    """A whole number from outside within bounds, or None.

    Args:
        value: A JSON number; true is none.
        minimum: The smallest.
        maximum: The largest.
        takes_text: Whether plain digits in quotes are one too.
    """
    if takes_text and isinstance(value, str):
        value = int(value) if re.fullmatch(r"[0-9]{1,20}", value, re.ASCII) else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if minimum <= value <= maximum else None


def find_amount(value: object) -> Decimal | None:
    """An amount as KuCoin writes it: decimal text, in some answers a number; None otherwise."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    amount = find_number(str(value))
    return amount if amount is not None and amount >= 0 else None


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
