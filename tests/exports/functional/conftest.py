"""Users who lived on a simulated clock, and their exports."""

import pytest

from tests.exports.functional.living import World
from tests.support.forked_stack import ForkedFunctions


@pytest.fixture
def world(functions, api, simulator):
    return World(functions, api, simulator)


@pytest.fixture(scope="module")
def forked(stack):
    functions = ForkedFunctions(stack)
    yield functions
    functions.stop()
