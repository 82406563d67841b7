"""Events, and who learns of them."""

import pytest

from tests.support.money import Money
from tests.support.outside import Outside


@pytest.fixture
def outside(functions, endpoint) -> Outside:
    return Outside(functions, endpoint)


@pytest.fixture
def money(api, functions, simulator, monkeypatch) -> Money:
    return Money(api, functions, simulator, monkeypatch)
