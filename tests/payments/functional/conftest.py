"""Payments against the stand-ins."""

import pytest

from tests.support.paying import Paying


@pytest.fixture
def paying(api, functions, simulator, monkeypatch, unhurried):
    """`user-1` is linked to alice, who may withdraw; KuCoin wants two codes of her."""
    made = Paying(api, functions, simulator, monkeypatch)
    made.connect()
    yield made
    made.switch("on")
