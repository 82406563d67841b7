"""The proxy as a caller sees it."""

import pytest

from tests.support.linked import link_user

SPOT = "/v1/connections/user-1/kucoin"
FUTURES = "/v1/connections/user-1/kucoin-futures"


@pytest.fixture
def linked(functions, simulator):
    """`user-1` is linked to alice's account; what KuCoin showed of the key."""
    return link_user(functions.stack, simulator)
