"""The linking story and the broker's endpoint as fixtures."""

import pytest

from tests.support.linking import Link
from tests.support.outside import Endpoint


@pytest.fixture
def link(api, simulator, functions, addresses) -> Link:
    """A linking session about to be opened for `user-1`."""
    return Link(api, simulator, functions, f"{addresses.broker}/kucoin/return")


@pytest.fixture
def endpoint():
    """Takes webhooks."""
    made = Endpoint()
    yield made
    made.stop()
