"""The store of key creation: each write is one transition of a connection's ``keyAttempt``."""

import random
from collections.abc import Callable
from typing import Any

from kubroker.aws.table import Table, Update
from kubroker.connections.model import (
    KEY_LEASE_SECONDS,
    ApiKeyState,
    AttemptState,
    Connection,
    ConnectionStatus,
    KeyAttempt,
    KeyFacts,
)
from kubroker.connections.store import (
    CONNECTED_VALUES,
    IN_PROGRESS_VALUES,
    IS_CONNECTED,
    NO_ATTEMPT_IN_PROGRESS,
    SAME_GENERATION,
)
from kubroker.foundation.rotation_rules import RotationPolicy
from kubroker.rotation.token_changes import SHREDDED_TOKENS, build_swap

_THIS_ATTEMPT = "#keyAttempt.#attemptId = :attempt"
_IN_STATE = "#keyAttempt.#state = :expected"


class KeyAttemptStore:
    """Claims, outcomes and the swap."""

    def __init__(
        self,
        table: Table,
        policy: RotationPolicy,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Remembers the table ``Connections``, and what tokens are kept for."""
        self._table = table
        self._policy = policy
        self._jitter = jitter

    def request(self, connection: Connection, attempt: KeyAttempt, *, now: int) -> Connection:
        """Another attempt, where none is in progress.

        Raises:
            LostRaceError: One is in progress, or the connection was changed.
        """
        status = connection.connection_status
        if connection.api_key_state is ApiKeyState.NONE:
            status = ConnectionStatus.CONNECTING
        return self._write(
            connection.user_id,
            {
                "keyAttempt": attempt.to_item(),
                "connectionStatus": status,
                "updatedAt": now,
            },
            [SAME_GENERATION, IS_CONNECTED, NO_ATTEMPT_IN_PROGRESS],
            {
                ":generation": connection.link_generation,
                ":now": now,
                **IN_PROGRESS_VALUES,
                **CONNECTED_VALUES,
            },
        )

    def claim(self, connection: Connection, attempt_id: str, *, now: int) -> Connection:
        """REQUESTED → CREATING, before KuCoin is asked: a second delivery never asks."""
        return self._move(
            connection,
            attempt_id,
            AttemptState.REQUESTED,
            {
                "keyAttempt.state": AttemptState.CREATING,
                "keyAttempt.leaseUntil": now + KEY_LEASE_SECONDS,
                "updatedAt": now,
            },
        )

    def release(self, connection: Connection, attempt_id: str, *, now: int) -> None:
        """CREATING → REQUESTED: KuCoin was provably not asked."""
        self._move(
            connection,
            attempt_id,
            AttemptState.CREATING,
            {
                "keyAttempt.state": AttemptState.REQUESTED,
                "keyAttempt.leaseUntil": None,
                "updatedAt": now,
            },
        )

    def store(
        self,
        connection: Connection,
        attempt_id: str,
        *,
        data_key: bytes,
        ciphertext: bytes,
        facts: KeyFacts,
        now: int,
    ) -> Connection:
        """CREATING → STORED: the key exists at KuCoin and here, not yet checked."""
        return self._move(
            connection,
            attempt_id,
            AttemptState.CREATING,
            {
                "keyAttempt.state": AttemptState.STORED,
                "keyAttempt.dataKey": data_key,
                "keyAttempt.ciphertext": ciphertext,
                "keyAttempt.facts": facts.to_item(),
                "updatedAt": now,
            },
        )

    def note_unchecked(
        self, connection: Connection, attempt_id: str, code: str, *, now: int
    ) -> None:
        """STORED stays STORED: why KuCoin does not let the key be checked yet."""
        changes = {"keyAttempt.code": code, "updatedAt": now}
        self._move(connection, attempt_id, AttemptState.STORED, changes)

    def name_orphan(
        self, connection: Connection, attempt_id: str, facts: KeyFacts, *, now: int
    ) -> None:
        """CREATING → FAILED, whatever became of the link: a key was made that nobody can use."""
        self._write(
            connection.user_id,
            {
                "keyAttempt.state": AttemptState.FAILED,
                "keyAttempt.code": "key_orphaned",
                "keyAttempt.facts": facts.to_item(),
                "updatedAt": now,
            },
            [_THIS_ATTEMPT, _IN_STATE],
            {":attempt": attempt_id, ":expected": AttemptState.CREATING},
        )

    def fail(
        self,
        connection: Connection,
        attempt_id: str,
        *,
        expected: AttemptState,
        state: AttemptState,
        code: str,
        now: int,
    ) -> Connection:
        """``expected`` → FAILED or OUTCOME_UNKNOWN; the pair that waited is shredded.

        A key in use stays in use: only where there is none does the connection count as failed.
        """
        changes: dict[str, Any] = {
            "keyAttempt.state": state,
            "keyAttempt.code": code,
            "keyAttempt.dataKey": None,
            "keyAttempt.ciphertext": None,
            "updatedAt": now,
        }
        if connection.api_key_state is ApiKeyState.NONE:
            changes["connectionStatus"] = ConnectionStatus.FAILED
        if code not in _RETRYABLE_WITH_SAME_PAIR:
            changes["pendingLink"] = None
        return self._move(connection, attempt_id, expected, changes)

    def activate(
        self, connection: Connection, attempt: KeyAttempt, facts: KeyFacts, *, uid: str, now: int
    ) -> Connection:
        """STORED → DONE: one write swaps key, uid and, after a second link, the pair."""
        return self._move(
            connection,
            attempt.attempt_id,
            AttemptState.STORED,
            {
                "keyAttempt.state": AttemptState.DONE,
                "keyAttempt.code": None,
                "keyAttempt.dataKey": None,
                "keyAttempt.ciphertext": None,
                "keyAttempt.facts": facts.to_item(),
                **_name_replaced(connection),
                "apiKeyState": ApiKeyState.ACTIVE,
                "apiKeyCode": None,
                "apiKeyDataKey": attempt.data_key,
                "apiKeyCiphertext": attempt.ciphertext,
                "apiKeyFacts": facts.to_item(),
                "connectionStatus": ConnectionStatus.ACTIVE,
                "kucoinUid": uid,
                **_note_account_change(connection, uid, now),
                "updatedAt": now,
                **self._adopt_pending_pair(connection, now),
            },
        )

    def keep(self, connection: Connection, attempt_id: str, facts: KeyFacts, *, now: int) -> None:
        """REQUESTED → DONE without a new key: the one in use still serves; the pair is swapped."""
        self._move(
            connection,
            attempt_id,
            AttemptState.REQUESTED,
            {
                "keyAttempt.state": AttemptState.DONE,
                "keyAttempt.isKept": True,
                "keyAttempt.facts": facts.to_item(),
                "apiKeyFacts": facts.to_item(),
                "updatedAt": now,
                **self._adopt_pending_pair(connection, now),
            },
        )

    def _adopt_pending_pair(self, connection: Connection, now: int) -> dict[str, Any]:
        """The waiting pair becomes the one in use; under ``forget`` none is kept."""
        changes: dict[str, Any] = {}
        if (pending := connection.pending_link) is not None:
            swap = build_swap(
                connection.user_id, pending.pair, self._policy, now=now, jitter=self._jitter()
            )
            changes = {
                "linkGeneration": connection.link_generation + 1,
                "sessionId": pending.session_id,
                "accountLabel": pending.account_label,
                "pendingLink": None,
                **swap,
            }
        if self._policy is RotationPolicy.FORGET:
            changes |= SHREDDED_TOKENS
        return changes

    def _move(
        self,
        connection: Connection,
        attempt_id: str,
        expected: AttemptState,
        changes: dict[str, Any],
    ) -> Connection:
        """One transition of this attempt under this link.

        Raises:
            LostRaceError: The attempt or the link is another by now.
        """
        return self._write(
            connection.user_id,
            changes,
            [SAME_GENERATION, _THIS_ATTEMPT, _IN_STATE],
            {
                ":generation": connection.link_generation,
                ":attempt": attempt_id,
                ":expected": expected,
            },
        )

    def _write(
        self, user_id: str, changes: dict[str, Any], conditions: list[str], values: dict[str, Any]
    ) -> Connection:
        change = Update(
            key={"userId": user_id},
            set_=changes,
            add={"sequence": 1},
            conditions=conditions,
            values=values,
        )
        return Connection.model_validate(self._table.write(change))


# After these the user may try again with other permissions and the same authorization.
_RETRYABLE_WITH_SAME_PAIR = {
    "permission_mismatch",
    "key_limit_reached",
    "key_name_taken",
    "kucoin_unreachable",
    "key_outcome_unknown",
}


def _note_account_change(connection: Connection, uid: str, now: int) -> dict[str, Any]:
    """What was done before belongs to another account: exports have to tell."""
    is_another = (connection.kucoin_uid or connection.former_uid) not in (None, uid)
    return {"accountSince": now} if is_another else {}


def _name_replaced(connection: Connection) -> dict[str, Any]:
    """The key that was in use until now, named for deletion at KuCoin."""
    if connection.api_key_facts is None:
        return {}
    return {"keyAttempt.replaced": connection.api_key_facts.to_item()}
