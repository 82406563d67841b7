"""The crash matrix: a worker is killed before and after every step of a rotation.

Savable means: KuCoin's answer was received whole, and DynamoDB or SQS took a write afterwards.
``lost`` counts pairs that KuCoin holds and nobody has any more; where it is not 0 the worker died
between KuCoin's rotation and the first write that was taken, in a world where the old refresh
token dies with its use. Of these, ``undelivered`` is KuCoin's own count: answers of which it knows
that they did not arrive whole.
"""

import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from kubroker.connections.model import Authorization
from tests.support.rotation import RotationWorld, build_event, refresh_event

LIVE = ("LIVE", None)
IN_DOUBT = ("REQUIRED", "in_doubt")


@dataclass(frozen=True)
class Ending:
    """What is left once everything that a crash left has been worked.

    Attributes:
        authorization: State and cause.
        asked: Refreshes that reached KuCoin, all in all.
        lost: Pairs that nobody has.
        undelivered: Of these, how many KuCoin knows of.
    """

    authorization: tuple[str, str | None]
    asked: int
    lost: int = 0
    undelivered: int = 0


@dataclass(frozen=True)
class Kill:
    """Where the worker is killed.

    Attributes:
        step: As ``rotation/rotate.py`` numbers them.
        aws: The AWS request that is held; the worker dies meanwhile. None: KuCoin holds.
        kucoin: The fault by which KuCoin holds the refresh.
        is_done_later: Whether KuCoin does its work after the worker's death.
        refuses: DynamoDB refuses every commit until the kill.
        dies, survives: The ending, in the world where the old refresh token dies with its use,
            and in the one where it survives.
    """

    step: str
    dies: Ending
    survives: Ending
    aws: dict[str, Any] | None = None
    kucoin: dict[str, Any] = field(default_factory=dict)
    is_done_later: bool = False
    refuses: bool = False


_UPDATE = {"service": "dynamodb", "operation": "UpdateItem"}
_SEND = {"service": "sqs", "operation": "SendMessage"}
_DECRYPT = {"service": "kms", "operation": "Decrypt"}
_UNTOUCHED = Ending(LIVE, asked=1)
_TWICE = Ending(LIVE, asked=2)

# fmt: off
KILLS = [
    #    step                                            dies                  survives
    Kill("1 claim, DynamoDB has not taken it",           _UNTOUCHED,           _UNTOUCHED,
         aws=_UPDATE),
    Kill("1 claim, DynamoDB has taken it",               _UNTOUCHED,           _UNTOUCHED,
         aws=_UPDATE | {"phase": "after"}),
    Kill("2 unwrap, KMS has not answered",               _UNTOUCHED,           _UNTOUCHED,
         aws=_DECRYPT),
    Kill("2 unwrap, KMS has answered",                   _UNTOUCHED,           _UNTOUCHED,
         aws=_DECRYPT | {"phase": "after"}),
    Kill("3 ask, KuCoin has it and never does it",       _TWICE,               _TWICE,
         kucoin={"kind": "hold", "phase": "before"}),
    Kill("3 ask, KuCoin does it after the death",        Ending(IN_DOUBT, 2, 1, 1), _TWICE,
         kucoin={"kind": "hold", "phase": "before"}, is_done_later=True),
    Kill("3 ask, KuCoin has done it and said nothing",   Ending(IN_DOUBT, 2, 1, 1), _TWICE,
         kucoin={"kind": "hold", "phase": "after"}),
    Kill("3 ask, half of the answer is here",            Ending(IN_DOUBT, 2, 1, 1), _TWICE,
         kucoin={"kind": "drip", "phase": "after", "seconds": 0.2}),
    Kill("4 commit, DynamoDB has not taken it",          Ending(IN_DOUBT, 2, 1, 0), _TWICE,
         aws=_UPDATE | {"skip": 1}),
    Kill("4 commit, DynamoDB has taken it",              _UNTOUCHED,           _UNTOUCHED,
         aws=_UPDATE | {"skip": 1, "phase": "after"}),
    Kill("5 rescue, neither has taken it",               Ending(IN_DOUBT, 2, 1, 0), _TWICE,
         aws=_SEND, refuses=True),
    Kill("5 rescue, SQS has taken it",                   _UNTOUCHED,           _UNTOUCHED,
         aws=_SEND | {"phase": "after"}, refuses=True),
]
# fmt: on


def _kill(case: Kill, world: RotationWorld, refresher) -> None:
    """Starts a worker, waits until it stands where the case says, kills it."""
    aws, simulator = world.aws, world.simulator
    if case.refuses:
        aws.add_fault("error", **_UPDATE, skip=1, times=0, code="InternalServerError")
    if case.aws is None:
        simulator.add_fault("refresh", **case.kucoin)
        worker = refresher.start(refresh_event("user-1"))
        if case.kucoin["kind"] == "hold":
            simulator.wait_for_holds()
        else:
            _wait_for(lambda: simulator.rotations()["rotations"])
        worker.kill()
        simulator.release(drop=not case.is_done_later)
        simulator.clear_faults()
        _wait_for(lambda: _is_settled(world))
    else:
        hold = aws.hold(**case.aws)
        worker = refresher.start(refresh_event("user-1"))
        aws.wait_held(hold)
        worker.kill()
    aws.reset_faults()


def _wait_for(find) -> None:
    deadline = time.monotonic() + 10
    while not find():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _is_settled(world: RotationWorld) -> bool:
    """Whether KuCoin knows how its last answer ended."""
    entry = world.simulator.journal(route="refresh")[-1]
    return entry["written"] is False or entry["delivered"] is not None


def _recover(world: RotationWorld, functions, refresher) -> None:
    """Everything that comes by itself: rescue, lapse, redelivery, the window of a refusal."""
    world.aws.release_delayed()
    functions.drain("RescueQueue")
    for _ in range(3):
        connection = world.get()
        if connection.rotation is not None:
            world.change(rotation__leaseUntil=1, rotation__graceUntil=1)
        if connection.refused_at is not None:
            world.change(refusedAt=1)
        assert refresher.call(refresh_event("user-1")) == {"batchItemFailures": []}


def _check(world: RotationWorld, ending: Ending) -> None:
    connection = world.get()
    state = (connection.authorization.value, connection.authorization_cause)
    told = world.simulator.rotations()
    is_live = connection.authorization is Authorization.LIVE
    assert state == ending.authorization
    assert connection.rotation is None, "a claim is stuck"
    assert world.count_asked() == ending.asked
    assert told["lost"] == ending.undelivered
    lost = 0 if is_live and world.is_accepted() and world.is_current() else 1
    assert lost == ending.lost
    if is_live:
        assert connection.action_due_at > time.time(), "it rests until it is due again"


@pytest.mark.parametrize("refresh_rotation", ["dies", "survives"])
@pytest.mark.parametrize("case", KILLS, ids=lambda case: case.step)
def test_rotation_killed(case, refresh_rotation, world, functions, refresher):
    world.simulator.set_worlds(refresh_rotation=refresh_rotation)
    world.link()
    _kill(case, world, refresher)
    _recover(world, functions, refresher)
    _check(world, getattr(case, refresh_rotation))


def test_matrix_loses_nothing_that_can_be_saved():
    for case in KILLS:
        is_answer_whole = case.aws is not None and case.aws.get("operation") != "Decrypt"
        is_taken = case.aws is not None and case.aws.get("phase") == "after"
        if is_answer_whole and is_taken:
            assert case.dies.lost == case.survives.lost == 0, case.step
        assert case.survives.lost == 0, case.step


@pytest.mark.parametrize("phase", ["before", "after"])
def test_rescue_killed_commits_at_the_next_delivery(phase, world, functions, refresher, rescuer):
    world.link()
    pair = _leave_pair_in_queue(world, refresher)
    hold = world.aws.hold(**_UPDATE, phase=phase)
    worker = rescuer.start(build_event("kubroker-local-token-rescue", pair))
    world.aws.wait_held(hold)
    worker.kill()
    world.aws.reset_faults()
    _recover(world, functions, refresher)
    _check(world, _UNTOUCHED)


@pytest.mark.parametrize(
    ("refresh_rotation", "between"),
    [("dies", IN_DOUBT), ("survives", LIVE)],
)
def test_lease_lapses_while_the_rescue_waits(
    refresh_rotation, between, world, functions, refresher
):
    """The next claim asks with the old refresh token before the rescue has committed."""
    world.simulator.set_worlds(refresh_rotation=refresh_rotation)
    world.link()
    pair = _leave_pair_in_queue(world, refresher)
    for _ in range(2):
        world.lapse()
        refresher.call(refresh_event("user-1"))
    connection = world.get()
    assert (connection.authorization.value, connection.authorization_cause) == between
    functions.call("token_rescue", build_event("kubroker-local-token-rescue", pair))
    functions.call("token_rescue", build_event("kubroker-local-token-rescue", pair))
    assert world.get().authorization is Authorization.LIVE
    assert world.is_accepted()
    assert world.is_current()


def _leave_pair_in_queue(world: RotationWorld, refresher) -> Any:
    """A worker that dies right after SQS took its pair; gives the message."""
    world.aws.add_fault("error", **_UPDATE, skip=1, times=0)
    hold = world.aws.hold(**_SEND, phase="after")
    worker = refresher.start(refresh_event("user-1"))
    world.aws.wait_held(hold)
    worker.kill()
    world.aws.reset_faults()
    (message,) = world.list_messages("RescueQueue")
    return message


def test_batch_killed_refreshes_everyone_at_the_next_delivery(world, functions, refresher):
    """Ten users in one process: each is somewhere else when it dies."""
    world.simulator.set_worlds(refresh_rotation="survives")
    users = [f"user-{number}" for number in range(1, 11)]
    world.simulator.add_users(10, prefix="crowd")
    for number, user in enumerate(users, 1):
        world.link(user, f"crowd-{number}")
    hold = world.aws.hold(**_UPDATE, skip=14)
    worker = refresher.start(refresh_event(*users))
    world.aws.wait_held(hold)
    worker.kill()
    world.aws.reset_faults()
    for user in users:
        if world.get(user).rotation is not None:
            world.change(user, rotation__leaseUntil=1, rotation__graceUntil=1)
    assert refresher.call(refresh_event(*users)) == {"batchItemFailures": []}
    for number, user in enumerate(users, 1):
        assert world.get(user).rotation is None
        assert world.is_current(user, f"crowd-{number}")
