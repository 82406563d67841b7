"""The way back keeps what the broker put into its URL."""

import pytest

from kubroker.web.return_url import build_return_url


@pytest.mark.parametrize(
    ("return_url", "expected"),
    [
        ("https://b.example/back", "https://b.example/back?status=failed&code=x"),
        ("https://b.example/back?", "https://b.example/back?status=failed&code=x"),
        ("https://b.example", "https://b.example?status=failed&code=x"),
        ("https://b.example/?a=1&b=%2F+c", "https://b.example/?a=1&b=%2F+c&status=failed&code=x"),
        ("https://b.example/?a&a=", "https://b.example/?a&a=&status=failed&code=x"),
        ("https://b.example/?status=mine&a=1", "https://b.example/?a=1&status=failed&code=x"),
        ("https://b.example/?%73tatus=mine", "https://b.example/?status=failed&code=x"),
        ("https://b.example/?a=1#part", "https://b.example/?a=1&status=failed&code=x#part"),
        ("http://localhost:3003/r", "http://localhost:3003/r?status=failed&code=x"),
    ],
)
def test_build_return_url_existing_query_is_kept(return_url, expected):
    assert build_return_url(return_url, status="failed", code="x") == expected


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ("a b", "a%20b"),
        ("a&b=c", "a%26b%3Dc"),
        ("a#b?c", "a%23b%3Fc"),
        ("\r\nSet-Cookie: x", "%0D%0ASet-Cookie%3A%20x"),
        ('"><script>', "%22%3E%3Cscript%3E"),
        ("ü", "%C3%BC"),
        ("a/b+c%", "a%2Fb%2Bc%25"),
    ],
)
def test_build_return_url_value_is_encoded(value, encoded):
    assert (
        build_return_url("https://b.example/r", code=value) == f"https://b.example/r?code={encoded}"
    )


def test_build_return_url_none_is_left_out():
    assert build_return_url("https://b.example/r?a=1", session=None) == "https://b.example/r?a=1"
