"""Eight workers and two callers who need a token, on one connection, two hundred rounds."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from kubroker.connections.store import ConnectionStore
from kubroker.kucoin.oauth import OAuthClient
from kubroker.kucoin.transport import KucoinTransport
from kubroker.rotation.rotate import Ending
from kubroker.rotation.wiring import build_access_tokens, build_rotation
from local.gateway.invocation import build_environment
from tests.support.unhurried import PATIENCE_SECONDS, build_slow_clock

ROUNDS = 200
WORKERS, CALLERS = 8, 2
ENDINGS = {Ending.REFRESHED, Ending.HELD, Ending.IDLE, Ending.OVERTAKEN}


@pytest.fixture
def contenders(functions, world, monkeypatch, unhurried):
    """A worker's refresh and a caller's token, each with clients of its own."""
    function = world.stack.find_function("key_creation")
    for name, value in build_environment(function, world.aws.url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ROTATION_LEASE_SECONDS", "25")
    clock = build_slow_clock()
    oauth = OAuthClient(world.settings, lambda: None, KucoinTransport())
    rotations = [build_rotation(world.settings, oauth, clock) for _ in range(WORKERS)]
    tokens = [
        build_access_tokens(
            world.settings, oauth, ConnectionStore(world.table), world.vault, clock=clock
        )
        for _ in range(CALLERS)
    ]
    return clock, rotations, tokens


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_race_is_one_refresh_a_round_and_never_a_spent_token(world, contenders):
    clock, rotations, tokens = contenders
    world.simulator.set_worlds(refresh_rotation="reuse_kills_chain")
    world.link()
    gate = threading.Barrier(WORKERS + CALLERS)

    def work(rotation):
        gate.wait(PATIENCE_SECONDS)
        return rotation.refresh("user-1", deadline=clock.start(PATIENCE_SECONDS)).ending

    def call(access_tokens, connection):
        gate.wait(PATIENCE_SECONDS)
        return access_tokens.get(connection).get_secret_value()

    with ThreadPoolExecutor(WORKERS + CALLERS) as threads:
        for number in range(1, ROUNDS + 1):
            world.change(actionDueAt=1, accessTokenExpiresAt=1)
            connection = world.get()
            working = [threads.submit(work, rotation) for rotation in rotations]
            calling = [threads.submit(call, one, connection) for one in tokens]
            endings = [future.result(PATIENCE_SECONDS) for future in working]
            found = {future.result(PATIENCE_SECONDS) for future in calling}
            after = world.get()
            assert set(endings) <= ENDINGS
            assert after.committed_seq == number, "one commit a round"
            assert after.rotation is None
            assert found == {world.open_pair()["accessToken"]}
    told = world.simulator.rotations()
    assert world.count_asked() == len(told["rotations"]) == ROUNDS
    assert (told["reused"], told["lost"]) == (0, 0)
    assert world.is_current()
