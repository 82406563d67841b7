"""Somebody needs an access token now: key creation, by the same claim as the queue."""

import threading
import time

import pytest
from pydantic import SecretStr

from kubroker.connections.store import ConnectionStore
from kubroker.foundation.errors import ConflictError, UnavailableError
from kubroker.rotation.access_tokens import AccessTokens
from local.gateway.invocation import build_environment
from tests.support.rotation import refresh_event


@pytest.fixture
def tokens(functions, world, monkeypatch) -> AccessTokens:
    """As key_creation has them, with one more clock for this test's patience."""
    from kubroker.kucoin.oauth import OAuthClient
    from kubroker.kucoin.transport import KucoinTransport
    from kubroker.rotation.wiring import build_access_tokens

    function = world.stack.find_function("key_creation")
    for name, value in build_environment(function, world.aws.url).items():
        monkeypatch.setenv(name, value)
    oauth = OAuthClient(world.settings, lambda: None, KucoinTransport())
    return build_access_tokens(world.settings, oauth, ConnectionStore(world.table), world.vault)


def get(tokens: AccessTokens, world) -> str:
    token = tokens.get(world.get())
    assert isinstance(token, SecretStr)
    return token.get_secret_value()


def test_long_token_is_taken_as_it_is(tokens, world):
    world.link()
    assert get(tokens, world) == world.open_pair()["accessToken"]
    assert world.count_asked() == 0


@pytest.mark.parametrize("seconds_left", [-100, 0, 19])
def test_short_token_is_refreshed_first(seconds_left, tokens, world):
    world.link(due_in=5000)
    world.change(accessTokenExpiresAt=int(time.time()) + seconds_left)
    assert get(tokens, world) == world.open_pair()["accessToken"]
    assert world.is_current()
    assert world.count_asked() == 1


def test_while_another_refreshes_its_new_token_is_waited_for(tokens, world, functions):
    world.link()
    world.simulator.add_fault("refresh", "hold", phase="after")
    worker = threading.Thread(
        target=functions.call, args=("token_refresh", refresh_event("user-1"))
    )
    worker.start()
    world.simulator.wait_for_holds()
    found: list[str] = []
    caller = threading.Thread(target=lambda: found.append(get(tokens, world)))
    caller.start()
    caller.join(0.5)
    assert not found, "the old token is dead by now"
    world.simulator.release()
    worker.join(20)
    caller.join(20)
    assert found == [world.open_pair()["accessToken"]]
    assert world.count_asked() == 1


def test_another_that_is_gone_is_waited_for_until_its_lease_ends(tokens, world):
    world.link()
    now = int(time.time())
    claim = {"claimSeq": 1, "attemptId": "x", "leaseUntil": now + 1, "graceUntil": now + 60}
    world.change(claimSeq=1, rotation={**claim, "isInDoubt": False})
    with pytest.raises(UnavailableError, match="being refreshed") as caught:
        tokens.get(world.get())
    assert now + 1 <= int(time.time()) <= now + 4
    assert caught.value.code == "refresh_in_progress"
    assert 1 <= caught.value.retry_after_seconds <= 20
    assert world.count_asked() == 0


@pytest.mark.parametrize(
    "fault", [{"kind": "error", "code": "400003"}, {"kind": "error", "code": "40003"}], ids=str
)
def test_token_that_is_short_but_alive_serves_while_refreshes_fail(fault, tokens, world):
    world.link()
    world.change(accessTokenExpiresAt=int(time.time()) + 10)
    world.simulator.add_fault("refresh", **fault)
    assert get(tokens, world) == world.open_pair()["accessToken"]


def test_token_that_may_be_dead_does_not_serve(tokens, world):
    """The refresh may have happened: the old access token would be refused."""
    world.link()
    world.change(accessTokenExpiresAt=int(time.time()) + 10)
    world.simulator.add_fault("refresh", "drop", phase="after")
    with pytest.raises(UnavailableError) as caught:
        tokens.get(world.get())
    assert caught.value.code == "refresh_failed"
    assert caught.value.retry_after_seconds >= 1


def test_doubted_token_is_refreshed_even_if_it_is_long(tokens, world):
    world.simulator.set_worlds(refresh_rotation="survives")
    world.link()
    now = int(time.time())
    claim = {"claimSeq": 1, "attemptId": "x", "leaseUntil": now - 9, "graceUntil": now - 1}
    world.change(claimSeq=1, rotation={**claim, "isInDoubt": True})
    assert get(tokens, world) == world.open_pair()["accessToken"]
    assert world.count_asked() == 1


def test_ended_token_with_kucoin_unreachable_is_passing(tokens, world):
    world.link()
    world.change(accessTokenExpiresAt=1)
    world.simulator.add_fault("refresh", "error", code="99999")
    with pytest.raises(UnavailableError):
        tokens.get(world.get())


@pytest.mark.parametrize("authorization", ["REQUIRED", "FORGOTTEN"])
def test_ended_token_without_authorization_is_definite(authorization, tokens, world):
    world.link(authorization=authorization)
    world.change(accessTokenExpiresAt=1)
    with pytest.raises(ConflictError) as caught:
        tokens.get(world.get())
    assert caught.value.code == "authorization_required"


def test_refused_refresh_is_definite_for_the_caller(tokens, world):
    world.link()
    world.change(accessTokenExpiresAt=1)
    world.simulator.revoke_chain(world.chain_of()["id"])
    for _ in range(2):
        with pytest.raises(ConflictError) as caught:
            tokens.get(world.get())
        assert caught.value.code == "authorization_required"
    assert world.count_asked() == 1


def test_shredded_tokens_are_definite(tokens, world):
    world.link()
    world.change(tokenDataKey=None, tokenCiphertext=None, authorization="FORGOTTEN")
    with pytest.raises(ConflictError):
        tokens.get(world.get())


def test_pair_safe_in_the_rescue_queue_serves_at_once(tokens, world, monkeypatch):
    world.link()
    world.change(accessTokenExpiresAt=1)
    world.aws.add_fault("error", service="dynamodb", operation="UpdateItem", skip=1, times=0)
    token = get(tokens, world)
    world.aws.reset_faults()
    chain = world.chain_of()
    from tests.support.rotation import fingerprint

    assert chain["pairs"][-1]["accessFingerprint"] == fingerprint(token)
