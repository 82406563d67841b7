"""``make demo``: a pair is rotated, and another rotation survives the death of its worker."""

import contextlib
import threading
import time
from typing import Any

from local.demo.story import Step, StoryError, World

_RESCUED_SECONDS = 30.0
_POLL_SECONDS = 0.1
_COMMIT: dict[str, Any] = {
    "service": "dynamodb",
    "operation": "UpdateItem",
    "match": "tokenCiphertext",
    "caller": "token-refresh",
    "times": 0,
}


def refresh_now(world: World) -> str:
    """The broker asks for fresh tokens."""
    before = _find_live(world)
    _refresh(world)
    ends_at = world.connection["authorization"]["accessTokenExpiresAt"]
    return f"KuCoin's pair {before} became pair {_find_live(world)}, until {ends_at}"


def kill_worker(world: World) -> str:
    """DynamoDB takes no commit; SQS has just taken the pair; the process dies."""
    before = _find_live(world)
    world.stack.aws.add_fault("error", **_COMMIT)
    hold = world.stack.aws.hold(
        service="sqs", operation="SendMessage", caller="token-refresh", phase="after"
    )

    def refresh() -> None:
        with contextlib.suppress(StoryError):  # its answer dies with the process
            _refresh(world)

    caller = threading.Thread(target=refresh, daemon=True)
    caller.start()
    held = world.stack.aws.wait_held(hold)
    pid = int(held["caller"].rpartition(".")[2])
    world.stack.pool.kill(pid)
    world.stack.aws.reset_faults()
    caller.join(_RESCUED_SECONDS)
    return f"process {pid} killed; KuCoin had just made pair {_find_live(world)} of pair {before}"


def wait_rescued(world: World) -> str:
    """The rescue queue's function commits what the dead process could not."""
    deadline = time.monotonic() + _RESCUED_SECONDS
    while time.monotonic() < deadline:
        if _is_settled(world):
            return f"pair {_find_live(world)} is in the store; nobody had to authorize again"
        time.sleep(_POLL_SECONDS)
    raise StoryError("the rescue queue did not commit the pair")


def use_rescued(world: World) -> str:
    """The proof: KuCoin takes the rescued refresh token."""
    before = _find_live(world)
    _refresh(world)
    told = world.stack.simulator.rotations()
    if told["reused"] or told["lost"]:
        raise StoryError(f"reused {told['reused']}, lost {told['lost']}")
    return f"pair {before} became pair {_find_live(world)}; reused 0, lost 0, says KuCoin"


def _is_settled(world: World) -> bool:
    """Whether the store has the last claim's pair, and no claim is left."""
    answer = world.stack.aws.client("dynamodb").get_item(
        TableName=world.stack.stack.tables["ConnectionsTable"],
        Key={"userId": {"S": world.user}},
        ConsistentRead=True,
    )
    item = answer["Item"]
    return item["committedSeq"] == item["claimSeq"] and "rotation" not in item


def _refresh(world: World) -> None:
    world.connection = world.call("POST", f"/v1/connections/{world.user}/refresh")


def _find_live(world: World) -> int:
    """Number of the pair that KuCoin takes now."""
    chains = world.stack.simulator.rotations()["chains"]
    return int(next(chain for chain in chains if chain["user"] == world.kucoin_user)["live"])


ROTATION: list[Step] = [
    ("refresh the tokens (signed)", refresh_now),
    ("kill the worker of the next refresh", kill_worker),
    ("wait for the rescue", wait_rescued),
    ("refresh with the rescued pair", use_rescued),
]
