"""The lease's clock runs while the claim is on its way; a clock of this test's own tells the time."""

import threading

import pytest

from kubroker.foundation.clock import Clock
from kubroker.kucoin.oauth import OAuthClient
from kubroker.kucoin.transport import KucoinTransport
from kubroker.rotation.rotate import Ending
from kubroker.rotation.wiring import build_rotation
from local.gateway.invocation import build_environment

LEASE_SECONDS = 20
CLAIM = {"service": "dynamodb", "operation": "UpdateItem"}


@pytest.fixture
def hours():
    """What the monotonic clock says."""
    return [0.0]


@pytest.fixture
def rotation(functions, world, monkeypatch, hours):
    function = world.stack.find_function("token_refresh")
    for name, value in build_environment(function, world.aws.url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ROTATION_LEASE_SECONDS", str(LEASE_SECONDS))
    oauth = OAuthClient(world.settings, lambda: None, KucoinTransport())
    return build_rotation(world.settings, oauth, Clock(monotonic=lambda: hours[0]))


@pytest.mark.parametrize(
    ("taken", "ending", "asked"),
    [(0, Ending.REFRESHED, 1), (LEASE_SECONDS * 0.75, Ending.FAILED, 0)],
)
def test_lease_is_counted_from_before_the_claim(taken, ending, asked, rotation, world, hours):
    """DynamoDB counts it from the claim's beginning: a slow claim leaves less time to ask."""
    world.link()
    deadline = Clock(monotonic=lambda: hours[0]).start(1000)
    found = []
    hold = world.aws.hold(**CLAIM)
    worker = threading.Thread(
        target=lambda: found.append(rotation.refresh("user-1", deadline=deadline))
    )
    worker.start()
    world.aws.wait_held(hold)
    hours[0] += taken
    world.aws.release()
    worker.join(60)
    assert [refresh.ending for refresh in found] == [ending]
    assert world.count_asked() == asked
    assert world.get().rotation is None
