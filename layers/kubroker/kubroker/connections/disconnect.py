"""Disconnecting: block, shred, tell what remains.

With withdrawals that KuCoin has or may have, the connection is DISCONNECTING: its API key serves
the tracker only, until they are settled, at most 72 hours. Blocking comes before looking for them:
a claim that comes later fails on it, one that came earlier is seen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kubroker.connections.model import AttemptState, Connection, ConnectionStatus, KeyFacts
from kubroker.connections.store import ConnectionStore
from kubroker.foundation.errors import ConflictError, LostRaceError
from kubroker.foundation.observability import logger

BACKUP_SECONDS = 35 * 86_400
KEY_KEPT_SECONDS = 72 * 3600
_PAGE = 25


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What a disconnect did; asking again gives the same.

    Attributes:
        keys_at_kucoin: Keys that the user should delete at KuCoin.
        lost_key_at: When a key may have been made whose answer was lost, or None.
        key_kept_until: With withdrawals open, when the API key is shredded at the latest.
        backups_forget_at: Until when point-in-time backups still hold the wrapped keys.
    """

    connection: Connection
    disconnected_at: int
    keys_at_kucoin: list[KeyFacts]
    lost_key_at: int | None
    key_kept_until: int | None
    backups_forget_at: int


class Disconnect:
    """Ends a connection."""

    def __init__(
        self, connections: ConnectionStore, find_in_flight: Callable[[str], Sequence[object]]
    ) -> None:
        """Remembers the store, and who tells a user's withdrawals that KuCoin has or may have."""
        self._connections = connections
        self._find_in_flight = find_in_flight

    def disconnect(self, user_id: str, *, now: int) -> Receipt:
        """Blocks all work and shreds the wrapped data keys; repeatable.

        Raises:
            NotFoundError: The user never linked an account.
            ConflictError: The connection was changed in the same moment; ask again.
            StoreError: DynamoDB could not be asked; asking again is safe.
        """
        connection = self._connections.get(user_id)
        if connection.connection_status is not ConnectionStatus.DISCONNECTED:
            try:
                connection = self._disconnect(connection, now)
            except LostRaceError as error:
                raise ConflictError(
                    "The connection changed in the same moment; ask again.",
                    code="connection_changed",
                ) from error
        return _build_receipt(connection)

    def finish_all(self, *, now: int) -> None:
        """Shreds the keys of those DISCONNECTING whose withdrawals are settled, or time is up.

        Raises:
            StoreError: DynamoDB could not be asked; the next run goes on.
        """
        cursor = None
        while True:
            page, cursor = self._connections.find_page(
                status=ConnectionStatus.DISCONNECTING, limit=_PAGE, cursor=cursor
            )
            for connection in page:
                if connection.connection_status is ConnectionStatus.DISCONNECTING:
                    self._finish(connection, now)
            if cursor is None:
                return

    def _finish(self, connection: Connection, now: int) -> None:
        try:
            self._disconnect(connection, now)
        except LostRaceError:
            logger.info("a connection changed while it was being disconnected")

    def _disconnect(self, connection: Connection, now: int) -> Connection:
        if connection.connection_status is not ConnectionStatus.DISCONNECTING:
            connection = self._connections.disconnect(connection, now=now)
        is_time_up = now >= (connection.disconnected_at or 0) + KEY_KEPT_SECONDS
        if is_time_up or not self._find_in_flight(connection.user_id):
            connection = self._connections.shred_key(connection, now=now)
        return connection


def _build_receipt(connection: Connection) -> Receipt:
    attempt = connection.key_attempt
    disconnected_at = connection.disconnected_at or connection.updated_at
    keys = [connection.api_key_facts]
    if attempt is not None:
        keys += [attempt.facts, attempt.replaced]
    distinct = {(facts.name, facts.hint): facts for facts in keys if facts is not None}
    is_waiting = connection.connection_status is ConnectionStatus.DISCONNECTING
    unclear = {AttemptState.CREATING, AttemptState.OUTCOME_UNKNOWN}
    return Receipt(
        connection=connection,
        disconnected_at=disconnected_at,
        keys_at_kucoin=list(distinct.values()),
        lost_key_at=attempt.asked_at if attempt and attempt.state in unclear else None,
        key_kept_until=disconnected_at + KEY_KEPT_SECONDS if is_waiting else None,
        backups_forget_at=disconnected_at + BACKUP_SECONDS,
    )
