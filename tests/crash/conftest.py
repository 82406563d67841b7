"""Workers that are killed with SIGKILL while a stand-in holds one of their requests."""

from collections.abc import Iterator

import pytest

from tests.support.forked import ForkedFunction
from tests.support.forked_stack import ForkedFunctions
from tests.support.linking import Link
from tests.support.rotation import RotationWorld


@pytest.fixture
def world(functions, clean_stack, simulator) -> RotationWorld:
    """Store, vault and KuCoin, seen from above."""
    return RotationWorld(clean_stack, simulator)


@pytest.fixture(scope="module")
def refresher(stack):
    """The function token_refresh; each call is a process."""
    made = ForkedFunction(stack, "token_refresh")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def rescuer(stack):
    """The function token_rescue; each call is a process."""
    made = ForkedFunction(stack, "token_rescue")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def forked(stack) -> Iterator[ForkedFunctions]:
    """Every function; each call is a process."""
    functions = ForkedFunctions(stack)
    yield functions
    functions.stop()


@pytest.fixture
def link(api, simulator, functions, addresses) -> Link:
    """A linking session about to be opened for `user-1`."""
    return Link(api, simulator, functions, f"{addresses.broker}/kucoin/return")
