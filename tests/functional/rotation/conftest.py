"""Connections whose tokens are due."""

import pytest

from tests.support.rotation import RotationWorld


@pytest.fixture
def world(functions, clean_stack, simulator) -> RotationWorld:
    """Store, vault and KuCoin, seen from above."""
    return RotationWorld(clean_stack, simulator)
