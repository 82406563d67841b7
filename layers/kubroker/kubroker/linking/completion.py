"""Redeeming a completion code: what makes a link usable, and for whom.

A link that is forwarded to a victim would tie the victim's account to the sender's userId. So
the staged pair becomes a connection only when the broker, for the user who is logged in at its
own site, redeems the code that the victim's browser was sent back with.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_urlsafe

from kubroker.aws.queue import Queue
from kubroker.connections.model import (
    AttemptState,
    Authorization,
    Connection,
    ConnectionStatus,
    KeyAttempt,
    PendingLink,
    StagedPair,
)
from kubroker.connections.store import ConnectionStore
from kubroker.foundation.errors import (
    ConflictError,
    ForbiddenError,
    GoneError,
    LostRaceError,
    NotFoundError,
)
from kubroker.foundation.hashes import hash_secret, is_secret_of
from kubroker.foundation.rotation_rules import RotationPolicy
from kubroker.keys.requests import build_create_key_message, send_again
from kubroker.linking.model import ConnectSession, SessionStatus
from kubroker.linking.store import SessionStore
from kubroker.rotation.model import choose_shard, plan_rotation


@dataclass(frozen=True, kw_only=True)
class Completed:
    """The connection, and the handle of the hosted status page."""

    connection: Connection
    status_handle: str


class Completion:
    """Turns an authorized session into a connection."""

    def __init__(
        self,
        sessions: SessionStore,
        connections: ConnectionStore,
        queue: Queue,
        *,
        policy: RotationPolicy,
        new_secret: Callable[[int], str] = token_urlsafe,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Joins the stores and the queue of key creation; the policy says when tokens are due."""
        self._policy = policy
        self._jitter = jitter
        self._sessions = sessions
        self._connections = connections
        self._queue = queue
        self._new_secret = new_secret

    def complete(
        self, session_id: str, *, user_id: str, completion_code: str, now: int
    ) -> Completed:
        """Redeems the code; again with the same code it answers with the current state.

        Args:
            session_id: Of the session that the broker opened.
            user_id: The user who is logged in at the broker now.
            completion_code: As the user's browser brought it.
            now: Epoch seconds.

        Raises:
            NotFoundError: No such session.
            ForbiddenError: Another user's session, or a wrong code.
            GoneError: The code has expired.
            ConflictError: The session is not authorized yet, or the connection is in the way.
            StoreError: DynamoDB or SQS could not be asked; asking again is safe.
        """
        session = self._get(session_id, user_id)
        if not is_secret_of(completion_code, session.completion_hash):
            raise ForbiddenError(
                "The completion code is not this session's.", code="completion_code_invalid"
            )
        status_secret = self._new_secret(32)
        handle = f"{session_id}.{status_secret}"
        if session.session_status is SessionStatus.COMPLETED:
            self._sessions.renew_status_link(session_id, status_hash=hash_secret(status_secret))
            connection = self._connections.get(user_id)
        else:
            connection = self._link(session, hash_secret(status_secret), now)
        self._queue_key(session, connection)
        return Completed(connection=connection, status_handle=handle)

    def _get(self, session_id: str, user_id: str) -> ConnectSession:
        session = self._sessions.find(session_id)
        if session is None:
            raise NotFoundError("There is no such session.", code="session_not_found")
        if session.user_id != user_id:
            raise ForbiddenError(
                "This session was opened for another user than the one who is logged in. "
                "Nothing was linked.",
                code="user_mismatch",
            )
        if session.session_status in {SessionStatus.OPEN, SessionStatus.AUTHORIZING}:
            raise ConflictError("The user has not authorized yet.", code="session_not_authorized")
        return session

    def _link(self, session: ConnectSession, status_hash: str, now: int) -> Connection:
        if session.session_status is not SessionStatus.AUTHORIZED or session.staged is None:
            raise GoneError(
                "The session has ended; open a new one.", code=session.end_code or "session_used"
            )
        if now >= (session.completion_expires_at or 0):
            raise GoneError("The completion code has expired.", code="session_expired")
        previous = self._connections.find(session.user_id)
        completion = self._sessions.build_completion(session, status_hash=status_hash, now=now)
        try:
            if previous is None or previous.connection_status is ConnectionStatus.DISCONNECTED:
                due_at = plan_rotation(
                    self._policy,
                    issued_at=now,
                    access_expires_at=session.staged.access_token_expires_at,
                    refresh_expires_at=session.staged.refresh_token_expires_at,
                    jitter=self._jitter(),
                )
                connection = _build_first(session, session.staged, previous, due_at, now=now)
                self._connections.link(
                    connection,
                    previous=previous,
                    completion=completion,
                    sessions=self._sessions.table,
                )
                return connection
            if previous.key_attempt is not None and previous.key_attempt.is_in_progress(now):
                send_again(self._queue, previous)
            connection = _build_again(session, session.staged, previous, now)
            self._connections.link_again(
                connection, previous=previous, completion=completion, sessions=self._sessions.table
            )
        except LostRaceError as error:
            raise ConflictError(
                "The session or the connection changed meanwhile; ask again.",
                code="link_in_progress",
            ) from error
        return connection

    def _queue_key(self, session: ConnectSession, connection: Connection) -> None:
        """Queues the attempt while it waits; a repeated message finds it claimed."""
        attempt = connection.key_attempt
        if attempt is None or attempt.session_id != session.session_id:
            return
        if attempt.state is AttemptState.REQUESTED:
            self._queue.send(build_create_key_message(connection, attempt))


def _build_attempt(session: ConnectSession, now: int) -> KeyAttempt:
    return KeyAttempt(
        attempt_id=session.session_id,
        session_id=session.session_id,
        state=AttemptState.REQUESTED,
        permissions=session.chosen,
        is_addressbook_only=session.chosen_addressbook_only,
        requested_at=now,
    )


def _build_first(
    session: ConnectSession,
    pair: StagedPair,
    previous: Connection | None,
    due_at: int,
    *,
    now: int,
) -> Connection:
    """A connection anew; counters, archive and account go on where a disconnected one was."""
    return Connection(
        user_id=session.user_id,
        account_label=session.account_label,
        session_id=session.session_id,
        link_generation=previous.link_generation + 1 if previous else 1,
        claim_seq=previous.claim_seq if previous else 0,
        committed_seq=previous.claim_seq if previous else 0,
        connection_status=ConnectionStatus.CONNECTING,
        authorization=Authorization.LIVE,
        token_data_key=pair.data_key,
        token_ciphertext=pair.ciphertext,
        access_token_expires_at=pair.access_token_expires_at,
        refresh_token_expires_at=pair.refresh_token_expires_at,
        action_due_at=due_at,
        next_action_at=due_at,
        due_shard=choose_shard(session.user_id),
        key_attempt=_build_attempt(session, now),
        former_uid=(previous.kucoin_uid or previous.former_uid) if previous else None,
        allow_account_change=session.allow_account_change,
        account_since=previous.account_since if previous else None,
        archived_since=previous.archived_since if previous else None,
        created_at=now,
        updated_at=now,
        sequence=previous.sequence + 1 if previous else 1,
    )


def _build_again(
    session: ConnectSession, pair: StagedPair, previous: Connection, now: int
) -> Connection:
    """The connection as it is, with the new pair waiting beside the old."""
    if previous.connection_status is ConnectionStatus.DISCONNECTING:
        raise ConflictError(
            "The connection is being disconnected; link again once it is DISCONNECTED.",
            code="connection_disconnecting",
        )
    if previous.key_attempt is not None and previous.key_attempt.is_in_progress(now):
        raise ConflictError(
            "A key of this user is being created; ask again in a minute.", code="link_in_progress"
        )
    return previous.model_copy(
        update={
            "link_generation": previous.link_generation + 1,
            "pending_link": PendingLink(
                session_id=session.session_id,
                account_label=session.account_label,
                pair=pair,
                allow_account_change=session.allow_account_change,
                requested_at=now,
            ),
            "key_attempt": _build_attempt(session, now),
            "updated_at": now,
        }
    )
