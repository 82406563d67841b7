"""The broker asks for another API key, for example with other permissions."""

from collections.abc import Callable
from secrets import token_urlsafe

from kubroker.aws.connections import ConnectionStore
from kubroker.aws.key_attempts import KeyAttemptStore
from kubroker.aws.queue import Queue
from kubroker.domain.connection import AttemptState, Authorization, Connection, KeyAttempt
from kubroker.domain.permissions import Permission, check_available, sort_permissions
from kubroker.domain.session import ConnectSession, LinkEnd, settle_choice
from kubroker.errors import ConflictError, LostRaceError
from kubroker.usecases.completion import build_create_key_message, send_again

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
            raise ConflictError(
                "The connection is disconnected; link the account again.",
                code="connection_disconnected",
            )
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
        self, session: ConnectSession, permissions: list[Permission], *, now: int
    ) -> Connection:
        """From the page: again with permissions that were chosen before, or fewer.

        What the broker can't do without is asked for again, as in the first consent.

        Raises:
            ConflictError: The session's attempt did not end in a permission mismatch.
            UnprocessableError: As in the first consent, of what was chosen there.
        """
        connection = self._connections.get(session.user_id)
        attempt = connection.key_attempt
        if attempt is None or attempt.session_id != session.session_id:
            raise ConflictError("This link is over.", code="session_used")
        if attempt.code != LinkEnd.PERMISSION_MISMATCH:
            send_again(self._queue, connection)
            raise ConflictError("Nothing is to be tried again.", code="session_used")
        chosen = settle_choice(permissions, offered=attempt.permissions, required=session.required)
        return self.request(
            session.user_id,
            chosen,
            is_addressbook_only=attempt.is_addressbook_only,
            now=now,
            session_id=session.session_id,
        )
