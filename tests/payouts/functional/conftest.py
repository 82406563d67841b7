"""Deposit addresses as a caller sees them."""

import pytest

from tests.support.linked import link_user


@pytest.fixture
def linked(functions, simulator):
    """`user-1` is linked to alice's account; what KuCoin showed of the key."""
    return link_user(functions.stack, simulator)
