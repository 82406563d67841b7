"""A live access token for whoever calls KuCoin with the bearer: by the same claim as rotation."""

from collections.abc import Callable

from pydantic import SecretStr

from kubroker.connections.model import Authorization, Connection
from kubroker.connections.secrets import open_access_token
from kubroker.connections.store import ConnectionStore
from kubroker.connections.vault import EncryptionContext, Purpose, Vault
from kubroker.foundation.clock import Clock, Deadline
from kubroker.foundation.errors import ConflictError, UnavailableError
from kubroker.foundation.rotation_rules import RotationRules
from kubroker.rotation.rotate import Ending, Refresh

# A caller behind the API has 28 seconds, and its own call to make.
BUDGET_SECONDS = 14.0
_POLL_SECONDS = 0.1


class AccessTokens:
    """Opens stored pairs, and has them rotated where the access token is short."""

    def __init__(
        self,
        vault: Vault,
        *,
        connections: ConnectionStore,
        refresh: Callable[[Connection, Deadline], Refresh],
        rules: RotationRules,
        clock: Clock,
    ) -> None:
        """Joins the vault, the store and rotation.

        Args:
            vault: For purpose oauth-tokens.
            connections: The store of connections.
            refresh: A refresh of a connection's pair by a deadline, unless it has a later one.
            rules: Has the lease.
            clock: Time.
        """
        self._vault = vault
        self._connections = connections
        self._refresh = refresh
        self._rules = rules
        self._clock = clock

    def get(self, connection: Connection) -> SecretStr:
        """An access token that outlives the caller's work.

        While somebody else rotates the pair its old access token may die at any moment: waits
        for the new one, at most until the other's lease ends.

        Raises:
            ConflictError: There is none: the user has to authorize again.
            UnavailableError: Passing; ``retry_after_seconds`` says when to ask again.
            VaultError: The pair can't be opened.
            StoreError: AWS could not be asked.
        """
        deadline = self._clock.start(BUDGET_SECONDS)
        while True:
            if self._is_trusted(connection):
                return self._open(connection)
            if connection.rotation is None or not self._is_held(connection):
                refresh = self._refresh(connection, deadline)
                if refresh.access_token is not None:
                    return refresh.access_token
                if refresh.ending not in {Ending.HELD, Ending.OVERTAKEN}:
                    return self._fall_back(connection, refresh)
            found = self._wait(connection.user_id, deadline)
            if found is None:
                raise _authorization_required()
            connection = found

    def _wait(self, user_id: str, deadline: Deadline) -> Connection | None:
        """A moment later, the connection again.

        Raises:
            UnavailableError: The other's lease has ended, or there is no time left.
        """
        self._clock.sleep(_POLL_SECONDS)
        connection = self._connections.find(user_id)
        record = connection.rotation if connection else None
        if connection is None or record is None:
            return connection
        now = self._clock.now()
        is_stuck = record.lease_until <= now < record.grace_until
        if is_stuck or deadline.left() <= _POLL_SECONDS:
            raise UnavailableError(
                "The user's tokens are being refreshed; ask again.",
                code="refresh_in_progress",
                retry_after_seconds=max(
                    1, min(record.grace_until - now, self._rules.lease_seconds)
                ),
            )
        return connection

    def _fall_back(self, connection: Connection, refresh: Refresh) -> SecretStr:
        """No new token: the old one, where it is surely unspent and has not ended."""
        is_unspent = refresh.ending in {Ending.FAILED, Ending.MISCONFIGURED, Ending.IDLE}
        current = refresh.connection or connection
        is_doubted = current.rotation is not None
        if is_unspent and not is_doubted and self._seconds_left(current) > 0:
            return self._open(current)
        is_live = current.authorization is Authorization.LIVE and current.refused_at is None
        if not is_live or current.is_disconnected or current.token_ciphertext is None:
            raise _authorization_required()
        raise UnavailableError(
            "KuCoin gave no new tokens for this user; ask again.",
            code="refresh_failed",
            retry_after_seconds=max(1, (current.action_due_at or 0) - self._clock.now()),
        )

    def _is_trusted(self, connection: Connection) -> bool:
        """Whether the stored access token is alive as far as anybody knows, and not short."""
        is_usable = connection.token_ciphertext is not None and not connection.is_disconnected
        is_long = self._seconds_left(connection) > self._rules.lease_seconds
        return is_usable and is_long and connection.rotation is None

    def _is_held(self, connection: Connection) -> bool:
        return connection.rotation is not None and connection.rotation.is_live(self._clock.now())

    def _seconds_left(self, connection: Connection) -> int:
        return (connection.access_token_expires_at or 0) - self._clock.now()

    def _open(self, connection: Connection) -> SecretStr:
        wrapped, ciphertext = connection.token_data_key, connection.token_ciphertext
        if wrapped is None or ciphertext is None:
            raise _authorization_required()
        context = EncryptionContext(connection.user_id, Purpose.OAUTH_TOKENS)
        return open_access_token(ciphertext, self._vault.unwrap(wrapped, context))


def _authorization_required() -> ConflictError:
    return ConflictError("The user has to authorize again first.", code="authorization_required")
