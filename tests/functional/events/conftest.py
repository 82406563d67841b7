"""Events, and who learns of them."""

import pytest

from tests.support.linking import Link
from tests.support.money import Money
from tests.support.outside import Outside


@pytest.fixture
def outside(functions, endpoint) -> Outside:
    return Outside(functions, endpoint)


@pytest.fixture
def link(api, simulator, functions, addresses) -> Link:
    return Link(api, simulator, functions, f"{addresses.broker}/kucoin/return")


@pytest.fixture
def money(api, functions, simulator, monkeypatch) -> Money:
    return Money(api, functions, simulator, monkeypatch)
