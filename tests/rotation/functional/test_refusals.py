"""Refusals are counted and held; so many that they can't be the users' doing change nothing."""

import pytest

from kubroker.aws.table import Table
from kubroker.connections.model import Authorization
from kubroker.rotation.refusal_rules import RefusalBucket
from kubroker.rotation.refusals import RefusalCounts
from tests.support.rotation import refresh_event


def link_crowd(world, count: int) -> list[str]:
    world.simulator.add_users(count, prefix="crowd")
    users = [f"user-{number}" for number in range(1, count + 1)]
    for number, user in enumerate(users, 1):
        world.link(user, f"crowd-{number}")
    return users


def settle(functions, world, users: list[str]) -> None:
    for user in users:
        world.make_due(user)
    functions.call("token_refresh", refresh_event(*users))


def move_buckets(world, seconds: int) -> None:
    """Makes the counts as old as ``refusedAt`` was made."""
    client, table = world.aws.client("dynamodb"), world.stack.tables["LimitsTable"]
    for item in client.scan(TableName=table)["Items"]:
        client.delete_item(TableName=table, Key={"limitId": item["limitId"]})
        item["limitId"]["S"] = f"rotation#{1 // 60}"
        client.put_item(TableName=table, Item=item)


def test_one_refusal_changes_the_state_after_its_window(functions, world):
    world.link()
    world.simulator.revoke_chain(world.chain_of()["id"])
    functions.call("token_refresh", refresh_event("user-1"))
    held = world.get()
    assert (held.authorization, held.refusal_cause) == (Authorization.LIVE, "refused")
    assert held.action_due_at == held.refused_at + 600
    functions.call("token_refresh", refresh_event("user-1"))
    assert world.get() == held, "not before its window has passed"
    settle(functions, world, ["user-1"])
    after = world.get()
    assert (after.authorization, after.authorization_cause) == (Authorization.REQUIRED, "refused")
    assert (after.refused_at, after.next_action_at, after.rotation) == (None, None, None)
    assert world.count_asked() == 1, "a dead refresh token is asked with once"


@pytest.mark.parametrize(("refused", "is_mass"), [(4, False), (5, True)])
def test_mass_refusal_changes_no_state_and_pages(refused, is_mass, functions, world, capsys):
    users = link_crowd(world, refused)
    fault = world.simulator.add_fault("refresh", "error", code="40002", times=None)
    functions.call("token_refresh", refresh_event(*users))
    assert ("MassRefusalFound" in capsys.readouterr().out) is is_mass
    assert all(world.get(user).authorization is Authorization.LIVE for user in users)
    world.simulator.call("DELETE", f"/faults/{fault}")
    move_buckets(world, 600)
    settle(functions, world, users)
    states = {world.get(user).authorization for user in users}
    assert states == {Authorization.LIVE if is_mass else Authorization.REQUIRED}
    if is_mass:
        settle(functions, world, users)
        for number, user in enumerate(users, 1):
            assert world.is_current(user, f"crowd-{number}"), "tried again, and it works"


def test_refusals_that_are_few_among_many_are_believed(functions, world):
    """Six of a thousand in the window: users withdraw their authorization."""
    users = link_crowd(world, 6)
    world.simulator.add_fault("refresh", "error", code="40002", times=None)
    functions.call("token_refresh", refresh_event(*users))
    move_buckets(world, 600)
    counts(world).add(0, RefusalBucket(attempted=1000), now=1)
    settle(functions, world, users)
    assert {world.get(user).authorization for user in users} == {Authorization.REQUIRED}


def test_refusal_that_can_not_be_counted_is_no_refusal_yet(functions, world):
    world.link()
    world.simulator.add_fault("refresh", "error", code="40002")
    world.aws.add_fault("error", service="dynamodb", match="rotation#", times=0)
    functions.call("token_refresh", refresh_event("user-1"))
    after = world.get()
    assert (after.refused_at, after.refresh_failures) == (None, 1)
    assert after.authorization is Authorization.LIVE


def test_settling_while_counts_can_not_be_read_changes_no_state(functions, world):
    world.link()
    world.simulator.add_fault("refresh", "error", code="40002")
    functions.call("token_refresh", refresh_event("user-1"))
    world.make_due()
    world.aws.add_fault("error", service="dynamodb", operation="BatchGetItem", times=0)
    answer = functions.call("token_refresh", refresh_event("user-1"))
    assert answer["batchItemFailures"], "delivered again"
    assert world.get().authorization is Authorization.LIVE


def test_relink_makes_a_held_refusal_history(functions, world):
    from tests.rotation.functional.test_saving import activate, wait_beside

    world.link()
    world.simulator.add_fault("refresh", "error", code="40002")
    functions.call("token_refresh", refresh_event("user-1"))
    store, attempt, _ = wait_beside(world)
    activate(store, attempt, world)
    after = world.get()
    assert (after.refused_at, after.refusal_cause) == (None, None)
    assert after.authorization is Authorization.LIVE


def test_dead_pairs_are_believed_once_kucoin_is_well_again(functions, world):
    """Five users revoked at once look like a mass refusal; their retries must not feed it."""
    users = link_crowd(world, 5)
    for number in range(1, 6):
        world.simulator.revoke_chain(world.chain_of(f"crowd-{number}")["id"])
    functions.call("token_refresh", refresh_event(*users))
    move_buckets(world, 600)
    settle(functions, world, users)
    assert all(world.get(user).refusal_drops == 1 for user in users), "not believed yet"
    clear_counts(world)
    for user in users:
        world.lapse(user)
    functions.call("token_refresh", refresh_event(*users))
    move_buckets(world, 600)
    settle(functions, world, users)
    assert all(world.get(user).refusal_drops == 2 for user in users), "nobody else was asked"
    clear_counts(world)
    for user in users:
        world.lapse(user)
    functions.call("token_refresh", refresh_event(*users))
    move_buckets(world, 600)
    counts(world).add(0, RefusalBucket(attempted=11), now=1)
    settle(functions, world, users)
    assert {world.get(user).authorization for user in users} == {Authorization.REQUIRED}


def counts(world) -> RefusalCounts:
    return RefusalCounts(Table(world.aws.client("dynamodb"), world.stack.tables["LimitsTable"]))


def clear_counts(world) -> None:
    client, table = world.aws.client("dynamodb"), world.stack.tables["LimitsTable"]
    for item in client.scan(TableName=table)["Items"]:
        client.delete_item(TableName=table, Key={"limitId": item["limitId"]})
