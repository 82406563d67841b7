"""Rotating a pair: when it is due, who may do it, what each outcome means. Pure.

A refresh spends the old pair, and its answer is the only copy of the new one. Kubroker's order
(claim, unwrap, ask, commit, rescue) and this module's decisions keep the two apart: what is
*known* of the refresh token in the store, and what is only *doubted*.
"""

import zlib
from enum import StrEnum

from pydantic import ConfigDict

from kubroker.connections.model import (
    ApiKeyState,
    Authorization,
    Connection,
    RotationRecord,
)
from kubroker.foundation.rotation_rules import RotationPolicy, RotationRules
from kubroker.foundation.stored import StoredModel

# More shards may be added at any time; fewer never, or their tail would be read no more.
DUE_SHARDS = 32
WARNING_HOURS = (6, 24)
# Of a token's life: the pair is due between these two, spread by jitter.
_KEEP_SPAN = (0.30, 1 / 3)
_FRESH_SPAN = (0.75, 0.85)
_MAX_DOUBLINGS = 6


class Outcome(StrEnum):
    """What asking KuCoin came to; ``usecases.rotation_outcomes`` has the table."""

    REFRESHED = "REFRESHED"
    REFRESHED_HALF = "REFRESHED_HALF"
    REFUSED = "REFUSED"
    MISCONFIGURED = "MISCONFIGURED"
    NOT_SPENT = "NOT_SPENT"
    IN_DOUBT = "IN_DOUBT"


class Cause(StrEnum):
    """Why an authorization became REQUIRED."""

    REFUSED = "refused"
    IN_DOUBT = "in_doubt"
    EXPIRED = "expired"


class Action(StrEnum):
    """What a connection needs now."""

    NOTHING = "NOTHING"
    REFRESH = "REFRESH"
    SHRED = "SHRED"
    SETTLE_REFUSAL = "SETTLE_REFUSAL"


class RotatedPair(StoredModel):
    """A new pair as ciphertext, with what its commit is fenced by; also the rescue's message.

    Attributes:
        data_key: The wrapped data key that it is sealed under: the link's own, never changed by
            a rotation. A connection with another one has another link.
        is_half: KuCoin gave no new refresh token: the old one is in it, and doubted.
    """

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    user_id: str
    claim_seq: int
    data_key: bytes
    ciphertext: bytes
    access_token_expires_at: int
    refresh_token_expires_at: int
    action_due_at: int
    is_half: bool = False

    def build_doubt(self, now: int) -> RotationRecord:
        """What is left of the claim of half a pair: lapsed, in doubt."""
        record = RotationRecord(
            claim_seq=self.claim_seq, attempt_id="half", lease_until=now, grace_until=now
        )
        return record.lapse(now)


def choose_shard(user_id: str) -> str:
    """The shard of the index ``due`` that a user's connection stands in."""
    return name_shard(zlib.crc32(user_id.encode()) % DUE_SHARDS)


def name_shard(number: int) -> str:
    """A shard's key."""
    return f"{number:02d}"


def plan_rotation(
    policy: RotationPolicy,
    *,
    issued_at: int,
    access_expires_at: int,
    refresh_expires_at: int,
    jitter: float,
) -> int:
    """When a pair is due.

    Args:
        policy: The operator's.
        issued_at: Epoch seconds, from before KuCoin was asked.
        access_expires_at: Epoch seconds.
        refresh_expires_at: Epoch seconds.
        jitter: In [0, 1): spreads connections that were linked together.

    Returns:
        Epoch seconds; under ``forget`` the end, when there is nothing left to keep.
    """
    if policy is RotationPolicy.FORGET:
        return refresh_expires_at
    if policy is RotationPolicy.ALWAYS_FRESH:
        life, (earliest, latest) = access_expires_at - issued_at, _FRESH_SPAN
    else:
        life, (earliest, latest) = refresh_expires_at - issued_at, _KEEP_SPAN
    return issued_at + int(max(life, 0) * (earliest + (latest - earliest) * jitter))


def plan_back_off(
    rules: RotationRules, *, failures: int, now: int, refresh_expires_at: int, jitter: float
) -> int:
    """When to try again after a passing failure: full jitter, and once more just before the end.

    Args:
        rules: Has the first pause and the lease.
        failures: How many there were in a row, this one included.
        now: Epoch seconds.
        refresh_expires_at: Epoch seconds.
        jitter: In [0, 1).
    """
    ceiling = rules.back_off_seconds << min(failures - 1, _MAX_DOUBLINGS)
    at = now + 1 + int(ceiling * jitter)
    last_call = refresh_expires_at - rules.lease_seconds
    return last_call if now < last_call < at else at


def is_over(rules: RotationRules, *, now: int, refresh_expires_at: int) -> bool:
    """Whether a refresh token has ended for certain: its end, and the longest back-off."""
    return now >= refresh_expires_at + (rules.back_off_seconds << _MAX_DOUBLINGS)


def find_warning(now: int, refresh_expires_at: int) -> int | None:
    """The warning that applies: 6 or 24 hours before the refresh token's end, or none yet."""
    hours_left = (refresh_expires_at - now) / 3600
    return next((hours for hours in WARNING_HOURS if hours_left <= hours), None)


def decide_action(
    connection: Connection, rules: RotationRules, now: int, *, is_forced: bool = False
) -> Action:
    """What a connection needs now.

    Args:
        connection: As read just now.
        rules: The operator's.
        now: Epoch seconds.
        is_forced: Somebody needs an access token, or asked: due or not.
    """
    is_live = connection.authorization is Authorization.LIVE
    if connection.is_disconnected or not is_live or connection.token_ciphertext is None:
        return Action.NOTHING
    if connection.refused_at is not None:
        is_settled = now >= connection.refused_at + rules.refusal_window_seconds
        return Action.SETTLE_REFUSAL if is_settled else Action.NOTHING
    if is_forced:
        return Action.REFRESH
    if now < (connection.action_due_at or 0):
        return Action.NOTHING
    if rules.policy is RotationPolicy.FORGET:
        return Action.SHRED if is_done_with_tokens(connection, now) else Action.NOTHING
    return Action.REFRESH


def is_done_with_tokens(connection: Connection, now: int) -> bool:
    """Under ``forget``: the key is there and none is being made, or the tokens have ended."""
    if now >= (connection.refresh_token_expires_at or 0):
        return True
    attempt = connection.key_attempt
    is_busy = attempt is not None and attempt.is_in_progress(now)
    return connection.api_key_state is ApiKeyState.ACTIVE and not is_busy


def find_cause(connection: Connection, now: int) -> Cause:
    """Why a refusal of this claim's refresh token sends the user to authorize again."""
    if connection.rotation is not None and connection.rotation.is_in_doubt:
        return Cause.IN_DOUBT
    if now >= (connection.refresh_token_expires_at or 0):
        return Cause.EXPIRED
    return Cause.REFUSED
