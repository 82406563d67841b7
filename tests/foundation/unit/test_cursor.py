"""Cursors are opaque, and a forged one is a refusal of ours, never an error."""

import base64
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubroker.foundation.cursors import build_cursor, parse_cursor
from kubroker.foundation.errors import BadRequestError

positions = st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=4)


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@given(positions)
def test_parse_gives_back_what_was_built(position: dict[str, str]) -> None:
    cursor = build_cursor(position)
    if len(cursor) <= 1024:
        assert parse_cursor(cursor) == position


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "*",
        "é",
        "a",
        _encode("[]"),
        _encode("1"),
        _encode("{"),
        _encode("[" * 700),
        _encode(json.dumps({"userId": "u" * 1000})),
    ],
    ids=range(9),
)
def test_parse_refuses_what_it_did_not_build(cursor: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_cursor(cursor)
    assert (caught.value.code, caught.value.field) == ("invalid_cursor", "cursor")


@given(st.text(max_size=60))
def test_parse_of_any_text_is_an_object_or_a_refusal(text: str) -> None:
    with contextlib.suppress(BadRequestError):
        assert isinstance(parse_cursor(text), dict)
