"""The linking story as a fixture."""

import pytest

from tests.support.linking import Link


@pytest.fixture
def link(api, simulator, functions, addresses) -> Link:
    """A linking session about to be opened for `user-1`."""
    return Link(api, simulator, functions, f"{addresses.broker}/kucoin/return")
