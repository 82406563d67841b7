"""Changes of the tokens in use, for every write that swaps, settles or shreds them."""

from typing import Any

from kubroker.connections.model import Authorization, StagedPair
from kubroker.foundation.rotation_rules import RotationPolicy
from kubroker.rotation.model import choose_shard, plan_rotation

# What a fresh pair makes history.
SETTLED = dict.fromkeys(
    [
        "refusedAt",
        "refusalCause",
        "refusalDrops",
        "refreshFailures",
        "expiryWarningHours",
        "authorizationCause",
    ]
)
NOT_DUE = dict.fromkeys(["nextActionAt", "dueShard", "actionDueAt"])


def build_due(user_id: str, at: int) -> dict[str, Any]:
    """The attributes of a connection that needs care at a moment."""
    return {"actionDueAt": at, "nextActionAt": at, "dueShard": choose_shard(user_id)}


def build_swap(
    user_id: str, pair: StagedPair, policy: RotationPolicy, *, now: int, jitter: float
) -> dict[str, Any]:
    """The changes by which a staged pair becomes the one in use.

    Args:
        user_id: Whose.
        pair: The pair; its data key is what makes every older claim's commit fail.
        policy: When it will be due.
        now: Epoch seconds.
        jitter: In [0, 1).
    """
    due_at = plan_rotation(
        policy,
        issued_at=now,
        access_expires_at=pair.access_token_expires_at,
        refresh_expires_at=pair.refresh_token_expires_at,
        jitter=jitter,
    )
    return {
        **SETTLED,
        "authorization": Authorization.LIVE,
        "tokenDataKey": pair.data_key,
        "tokenCiphertext": pair.ciphertext,
        "accessTokenExpiresAt": pair.access_token_expires_at,
        "refreshTokenExpiresAt": pair.refresh_token_expires_at,
        "rotation": None,
        **build_due(user_id, due_at),
    }


SHREDDED_TOKENS: dict[str, Any] = {
    **dict.fromkeys(
        [
            "tokenDataKey",
            "tokenCiphertext",
            "accessTokenExpiresAt",
            "refreshTokenExpiresAt",
            "rotation",
        ]
    ),
    **SETTLED,
    **NOT_DUE,
    "authorization": Authorization.FORGOTTEN,
}
