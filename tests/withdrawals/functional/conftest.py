"""Withdrawals against the stand-ins."""

import pytest

from tests.support.money import Money


@pytest.fixture
def money(api, functions, simulator, monkeypatch):
    """`user-1` is linked to alice, who may withdraw; KuCoin wants two codes of her."""
    made = Money(api, functions, simulator, monkeypatch)
    made.connect()
    yield made
    made.switch("on")
