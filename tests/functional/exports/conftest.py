"""Users who lived on a simulated clock, and their exports."""

import pytest

from tests.functional.exports.living import World


@pytest.fixture
def world(functions, api, simulator):
    return World(functions, api, simulator)
