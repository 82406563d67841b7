"""The broker's own account at KuCoin, its key in the secret; alice is `user-1`."""

import pytest

from local.broker_account import give_broker_account, put_secret
from tests.support.linked import link_user

DAY_SECONDS = 86_400


@pytest.fixture
def broker(functions, simulator):
    """The account is there, and its key in the secret until the test is over."""
    give_broker_account(functions.stack, simulator)
    yield simulator
    put_secret(functions.stack)


@pytest.fixture
def linked(functions, simulator):
    simulator.add_balance("alice", "USDT", "100000", account="trade")
    return link_user(functions.stack, simulator)
