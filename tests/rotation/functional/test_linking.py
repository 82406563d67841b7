"""Linking says when tokens are due first; under ``forget`` they are gone once the key verifies."""

import time

import pytest

from kubroker.connections.model import ApiKeyState, Authorization
from kubroker.rotation.model import choose_shard
from tests.support.rotation import refresh_event

HOUR = 3600
FUNCTIONS = ("connect", "key_creation", "token_refresh")


def set_policy(functions, policy: str) -> None:
    for name in FUNCTIONS:
        functions.set_environment(name, ROTATION_POLICY=policy)


@pytest.mark.parametrize(
    ("policy", "earliest", "latest"),
    [("keep", 21.5 * HOUR, 24 * HOUR), ("always-fresh", 0.74 * HOUR, 0.86 * HOUR)],
)
def test_first_link_is_due_by_policy(policy, earliest, latest, functions, world, link):
    set_policy(functions, policy)
    link.walk("alice")
    connection = world.get()
    assert earliest <= connection.action_due_at - time.time() <= latest
    assert connection.next_action_at == connection.action_due_at
    assert connection.due_shard == choose_shard("user-1")


def test_linked_tokens_are_refreshed_when_due(functions, world, link):
    link.walk("alice")
    world.make_due()
    functions.call("token_refresh", refresh_event("user-1"))
    assert world.is_current()


def test_forget_shreds_once_the_key_verifies(functions, world, link):
    set_policy(functions, "forget")
    link.walk("alice")
    connection = world.get()
    assert connection.api_key_state is ApiKeyState.ACTIVE
    assert connection.authorization is Authorization.FORGOTTEN
    assert (connection.token_data_key, connection.token_ciphertext) == (None, None)
    assert (connection.next_action_at, connection.due_shard) == (None, None)


def test_forget_keeps_the_tokens_until_then(functions, world, link):
    set_policy(functions, "forget")
    link.start("alice")
    link.complete()
    connection = world.get()
    assert connection.authorization is Authorization.LIVE
    assert connection.action_due_at == connection.refresh_token_expires_at


def test_second_link_swaps_in_a_pair_that_is_due_anew(functions, world, link):
    link.walk("alice")
    first = world.get()
    world.make_due()
    link.cookies = {}
    link.walk("alice")
    second = world.get()
    assert second.token_data_key != first.token_data_key
    assert 21.5 * HOUR <= second.action_due_at - time.time() <= 24 * HOUR
    assert (second.rotation, second.refused_at) == (None, None)
    world.make_due()
    functions.call("token_refresh", refresh_event("user-1"))
    assert world.is_current()


def test_link_after_the_user_had_to_authorize_again(functions, world, link):
    link.walk("alice")
    world.simulator.revoke_chain(world.chain_of()["id"])
    for _ in range(2):
        world.make_due()
        functions.call("token_refresh", refresh_event("user-1"))
    assert world.get().authorization is Authorization.REQUIRED
    link.cookies = {}
    link.walk("alice")
    assert world.get().authorization is Authorization.LIVE
    assert world.is_current()


def test_disconnect_takes_the_connection_out_of_the_index(functions, world, link, api):
    link.walk("alice")
    assert api.delete("/v1/connections/user-1").status == 200
    connection = world.get()
    assert (connection.next_action_at, connection.due_shard) == (None, None)
    assert functions.call("refresh_dispatcher", {})["queued"] == 0


def test_key_of_a_link_whose_access_token_was_short_is_made_with_a_fresh_one(
    functions, world, link
):
    """Key creation needs a live token: it refreshes first, by the same claim."""
    link.start("alice")
    link.complete()
    world.change(accessTokenExpiresAt=int(time.time()) + 5)
    link.create_key()
    connection = world.get()
    assert connection.api_key_state is ApiKeyState.ACTIVE
    assert connection.committed_seq == 1
    assert world.count_asked() == 1
