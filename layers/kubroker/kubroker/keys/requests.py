"""The broker asks for another API key, for example with other permissions."""

from collections.abc import Callable
from secrets import token_urlsafe

from kubroker.aws.queue import Queue
from kubroker.connections.model import (
    AttemptState,
    Authorization,
    Connection,
    KeyAttempt,
    build_disconnected,
)
from kubroker.connections.store import ConnectionStore
from kubroker.foundation.errors import ConflictError, LostRaceError
from kubroker.keys.store import KeyAttemptStore
from kubroker.kucoin.permissions import Permission, check_available, sort_permissions

# The code of an attempt that KuCoin refused, since the user's account lacks a permission.
PERMISSION_MISMATCH = "permission_mismatch"
_ATTEMPT_ID_BYTES = 16


class KeyRequests:
    """Starts attempts; the queue works them."""

    def __init__(
        self,
        connections: ConnectionStore,
        attempts: KeyAttemptStore,
        queue: Queue,
        *,
        unavailable: frozenset[Permission],
        new_secret: Callable[[int], str] = token_urlsafe,
    ) -> None:
        """Joins the stores and the queue of key creation.

        Args:
            connections: The store of connections.
            attempts: The store of key attempts.
            queue: Of key creation.
            unavailable: Permissions that this installation can't ask KuCoin for.
            new_secret: Bytes of randomness to text.
        """
        self._connections = connections
        self._attempts = attempts
        self._queue = queue
        self._unavailable = unavailable
        self._new_secret = new_secret

    def request(
        self,
        user_id: str,
        permissions: list[Permission],
        *,
        is_addressbook_only: bool,
        now: int,
        session_id: str | None = None,
    ) -> Connection:
        """Asks for a key with these permissions; the key in use serves until it is replaced.

        Args:
            user_id: Whose.
            permissions: GENERAL is always included.
            is_addressbook_only: Whether withdrawals go to the user's address book only.
            now: Epoch seconds.
            session_id: The linking session whose page asks, if one does.

        Raises:
            UnprocessableError: A permission that this installation can't ask KuCoin for.
            NotFoundError: The user has no connection.
            ConflictError: Disconnected, not authorized, or an attempt is in progress.
            StoreError: AWS could not be asked; asking again is safe.
        """
        check_available(permissions, self._unavailable)
        connection = self._connections.get(user_id)
        if connection.is_disconnected:
            raise build_disconnected()
        pending = connection.pending_link
        if connection.authorization is not Authorization.LIVE and pending is None:
            raise ConflictError(
                "The user has to authorize again first.", code="authorization_required"
            )
        attempt = KeyAttempt(
            attempt_id=self._new_secret(_ATTEMPT_ID_BYTES),
            session_id=session_id or (pending.session_id if pending else None),
            state=AttemptState.REQUESTED,
            permissions=sort_permissions({Permission.GENERAL, *permissions}),
            is_addressbook_only=is_addressbook_only,
            requested_at=now,
        )
        try:
            connection = self._attempts.request(connection, attempt, now=now)
        except LostRaceError as error:
            send_again(self._queue, connection)
            raise ConflictError(
                "A key of this user is being created; ask again in a minute.",
                code="key_creation_in_progress",
            ) from error
        self._queue.send(build_create_key_message(connection, attempt))
        return connection

    def retry_with_fewer(
        self,
        user_id: str,
        session_id: str,
        settle: Callable[[list[Permission]], list[Permission]],
        *,
        is_addressbook_only: bool,
        now: int,
    ) -> Connection:
        """From the page: again with permissions that were chosen before, or fewer.

        Args:
            user_id: Whose.
            session_id: The linking session whose page asks.
            settle: From what was asked for to what is asked for now, as in the first consent.
            is_addressbook_only: The broker's demand, or the user's choice in the page's form.
            now: Epoch seconds.

        Raises:
            ConflictError: The session's attempt did not end in a permission mismatch.
            UnprocessableError: As in the first consent, of what was chosen there.
        """
        connection = self._connections.get(user_id)
        attempt = connection.key_attempt
        if attempt is None or attempt.session_id != session_id:
            raise ConflictError("This link is over.", code="session_used")
        if attempt.code != PERMISSION_MISMATCH:
            send_again(self._queue, connection)
            raise ConflictError("Nothing is to be tried again.", code="session_used")
        return self.request(
            user_id,
            settle(attempt.permissions),
            is_addressbook_only=is_addressbook_only,
            now=now,
            session_id=session_id,
        )


def send_again(queue: Queue, connection: Connection) -> None:
    """Queues an attempt that waits for a worker; its own message may never have been sent.

    A message too many does no harm: the claim is the lock.
    """
    attempt = connection.key_attempt
    if attempt is not None and attempt.state in {AttemptState.REQUESTED, AttemptState.STORED}:
        queue.send(build_create_key_message(connection, attempt))


def build_create_key_message(connection: Connection, attempt: KeyAttempt) -> dict[str, object]:
    """The message of the key-creation queue: names only."""
    return {
        "kind": "create_key",
        "userId": connection.user_id,
        "attemptId": attempt.attempt_id,
    }
