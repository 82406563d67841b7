"""A linked user, and what support sees of it."""

import pytest

from tests.support.money import Money
from tests.support.outside import Outside


@pytest.fixture
def money(api, functions, simulator, monkeypatch) -> Money:
    return Money(api, functions, simulator, monkeypatch)


@pytest.fixture
def outside(functions) -> Outside:
    return Outside(functions, None)
