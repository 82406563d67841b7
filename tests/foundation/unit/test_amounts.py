"""Numbers from outside: bounded, or none."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubroker.foundation.amounts import (
    MAX_EXPONENT,
    find_amount,
    find_integer,
    find_number,
    format_amount,
    parse_json,
)

ODD = [
    "1e9999999", "0e9999999", "0E-9999999", "1e-9999999", "1e61", "1e-61", "1" * 81, "1_0", " 1", "1 ",
    "\u0661", "NaN", "Infinity", "-Infinity", "sNaN", "0x1", "1e", "e1", ".5", "", "+1", "--1",
]  # fmt: skip


@pytest.mark.parametrize("text", ODD, ids=lambda text: text[:12])
def test_number_beyond_all_bounds_is_none(text):
    assert find_number(text) is None
    assert find_amount(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("0E-8", "0"),
        ("200.00000000", "200"),
        ("1e6", "1000000"),
        ("1.5E-7", "0.00000015"),
    ],
)
def test_number_as_kucoin_writes_it_is_exact(text, value):
    assert format_amount(find_amount(text)) == value
    assert find_number(f"-{text}") == -Decimal(text)


def test_negative_amount_is_none():
    assert find_amount("-1") is None
    assert find_amount(-1) is None
    assert find_amount(True) is None


@pytest.mark.parametrize("odd", ["1e9999999", "NaN", "-Infinity", "1" * 5000, "9" * 400 + ".5"])
def test_one_odd_number_costs_its_own_field(odd):
    told = parse_json(f'{{"odd": {odd}, "pair": "kept", "rows": [{odd}, 1.50, 7]}}')
    assert told == {"odd": None, "pair": "kept", "rows": [None, Decimal("1.50"), 7]}


@pytest.mark.parametrize("text", ["", "{", "nan", "[1,]", b"\xff", "{'a': 1}"])
def test_text_that_is_no_json_is_told(text):
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.decimals(), st.booleans(), st.none()))
def test_found_amount_is_finite_bounded_and_short(value):
    amount = find_amount(value)
    if amount is not None:
        assert amount.is_finite()
        assert amount >= 0
        assert abs(amount.adjusted()) <= MAX_EXPONENT
        assert len(format_amount(amount)) <= 2 * MAX_EXPONENT + 3


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=20))
def test_json_of_ordinary_values_is_as_it_was(value):
    assert parse_json(json.dumps(value)) == value or any(len(str(part)) > 80 for part in [value])


@pytest.mark.parametrize(
    ("value", "options", "found"),
    [
        (7, {}, 7), (0, {}, 0), (-1, {}, None), (True, {}, None), (None, {}, None), (7.0, {}, None),
        ("7", {}, None), ("7", {"takes_text": True}, 7), ("\u0667", {"takes_text": True}, None),
        ("1_0", {"takes_text": True}, None), ("-7", {"takes_text": True}, None),
        (2**63, {}, None), (9, {"maximum": 8}, None), (0, {"minimum": 1}, None),
    ],
)  # fmt: skip
def test_integer_is_whole_and_within_its_bounds(value, options, found):
    assert find_integer(value, **options) == found
