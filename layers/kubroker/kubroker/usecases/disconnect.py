"""Disconnecting: block, shred, tell what remains."""

from dataclasses import dataclass

from kubroker.aws.connections import ConnectionStore
from kubroker.domain.connection import AttemptState, Connection, ConnectionStatus, KeyFacts
from kubroker.errors import ConflictError, LostRaceError

BACKUP_SECONDS = 35 * 86_400


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What a disconnect did; asking again gives the same.

    Attributes:
        keys_at_kucoin: Keys that the user should delete at KuCoin.
        lost_key_at: When a key may have been made whose answer was lost, or None.
        backups_forget_at: Until when point-in-time backups still hold the wrapped keys.
    """

    connection: Connection
    disconnected_at: int
    keys_at_kucoin: list[KeyFacts]
    lost_key_at: int | None
    backups_forget_at: int


class Disconnect:
    """Ends a connection."""

    def __init__(self, connections: ConnectionStore) -> None:
        """Remembers the store."""
        self._connections = connections

    def disconnect(self, user_id: str, *, now: int) -> Receipt:
        """Blocks all work and shreds the wrapped data keys in one write; repeatable.

        Raises:
            NotFoundError: The user never linked an account.
            ConflictError: The connection was changed in the same moment; ask again.
            StoreError: DynamoDB could not be asked; asking again is safe.
        """
        connection = self._connections.get(user_id)
        if connection.connection_status is not ConnectionStatus.DISCONNECTED:
            try:
                connection = self._connections.disconnect(connection, now=now)
            except LostRaceError as error:
                raise ConflictError(
                    "The connection changed in the same moment; ask again.",
                    code="connection_changed",
                ) from error
        return _build_receipt(connection)


def _build_receipt(connection: Connection) -> Receipt:
    attempt = connection.key_attempt
    disconnected_at = connection.disconnected_at or connection.updated_at
    keys = [connection.api_key_facts]
    if attempt is not None:
        keys += [attempt.facts, attempt.replaced]
    distinct = {(facts.name, facts.hint): facts for facts in keys if facts is not None}
    unclear = {AttemptState.CREATING, AttemptState.OUTCOME_UNKNOWN}
    return Receipt(
        connection=connection,
        disconnected_at=disconnected_at,
        keys_at_kucoin=list(distinct.values()),
        lost_key_at=attempt.asked_at if attempt and attempt.state in unclear else None,
        backups_forget_at=disconnected_at + BACKUP_SECONDS,
    )
