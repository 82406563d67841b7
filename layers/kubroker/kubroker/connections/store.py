"""The store of connections: reading, linking, disconnecting, listing.

What happens to keys and tokens of a connection stands in ``keys.store`` and ``rotation.store``.
"""

import re
from typing import Any

from kubroker.aws.table import Put, Table, Update, marshal, unmarshal
from kubroker.connections.model import (
    ApiKeyState,
    AttemptState,
    Connection,
    ConnectionStatus,
    KeyFacts,
    build_not_linked,
)
from kubroker.foundation.cursors import build_cursor, build_cursor_error, parse_cursor
from kubroker.foundation.stored import ReadableList, read_list

SAME_GENERATION = "#linkGeneration = :generation"
IS_CONNECTED = "NOT #connectionStatus IN (:disconnecting, :disconnected)"
CONNECTED_VALUES = {
    ":disconnecting": ConnectionStatus.DISCONNECTING,
    ":disconnected": ConnectionStatus.DISCONNECTED,
}
NO_ATTEMPT_IN_PROGRESS = (
    "attribute_not_exists(#keyAttempt)"
    " OR NOT #keyAttempt.#state IN (:requested, :creating, :stored)"
    " OR (#keyAttempt.#state = :creating AND #keyAttempt.#leaseUntil <= :now)"
)
IN_PROGRESS_VALUES = {
    ":requested": AttemptState.REQUESTED,
    ":creating": AttemptState.CREATING,
    ":stored": AttemptState.STORED,
}
_INDEX_BY_STATUS = "byStatus"


class ConnectionStore:
    """Reads and link-level writes of ``Connections``."""

    def __init__(self, table: Table) -> None:
        """Remembers the table ``Connections``."""
        self.table = table

    def find(self, user_id: str) -> Connection | None:
        """The connection, or None; read consistently."""
        item = self.table.find({"userId": user_id})
        return None if item is None else Connection.model_validate(item)

    def get(self, user_id: str) -> Connection:
        """The connection.

        Raises:
            NotFoundError: The user never linked an account.
        """
        connection = self.find(user_id)
        if connection is None:
            raise build_not_linked()
        return connection

    def link(
        self,
        connection: Connection,
        *,
        previous: Connection | None,
        completion: Update,
        sessions: Table,
    ) -> None:
        """A first link, or one after a disconnect: the item anew, and the session completed.

        Raises:
            LostRaceError: The code was redeemed, or the connection was changed, meanwhile.
        """
        if previous is None:
            put = Put(connection.to_item(), ["attribute_not_exists(#userId)"])
        else:
            put = Put(
                connection.to_item(), [SAME_GENERATION], {":generation": previous.link_generation}
            )
        self.table.transact([(sessions, completion), (self.table, put)])

    def link_again(
        self,
        connection: Connection,
        *,
        previous: Connection,
        completion: Update,
        sessions: Table,
    ) -> None:
        """Another link beside the one in use: the new pair waits in ``pendingLink``.

        Raises:
            LostRaceError: The code was redeemed, or the connection was changed, meanwhile.
        """
        if connection.pending_link is None or connection.key_attempt is None:
            raise ValueError("a second link needs its pair and its attempt")
        update = Update(
            key={"userId": connection.user_id},
            set_={
                "linkGeneration": connection.link_generation,
                "pendingLink": connection.pending_link.to_item(),
                "keyAttempt": connection.key_attempt.to_item(),
                "updatedAt": connection.updated_at,
            },
            add={"sequence": 1},
            conditions=[SAME_GENERATION, IS_CONNECTED, NO_ATTEMPT_IN_PROGRESS],
            values={
                ":generation": previous.link_generation,
                ":now": connection.updated_at,
                **CONNECTED_VALUES,
                **IN_PROGRESS_VALUES,
            },
        )
        self.table.transact([(sessions, completion), (self.table, update)])

    def disconnect(self, connection: Connection, *, now: int) -> Connection:
        """→ DISCONNECTING: blocks all new work and shreds the tokens' data key, in one write.

        The API key stays for the tracker, until ``shred_key``.

        Returns:
            The connection as it is now.

        Raises:
            LostRaceError: The connection was linked again meanwhile.
        """
        change = Update(
            key={"userId": connection.user_id},
            set_={
                "connectionStatus": ConnectionStatus.DISCONNECTING,
                "linkGeneration": connection.link_generation + 1,
                "disconnectedAt": now,
                "updatedAt": now,
                **dict.fromkeys(
                    [
                        "tokenDataKey",
                        "tokenCiphertext",
                        "pendingLink",
                        "rotation",
                        "nextActionAt",
                        "dueShard",
                        "actionDueAt",
                        "refusedAt",
                        "refusalCause",
                        "refusalDrops",
                        "refreshFailures",
                        "expiryWarningHours",
                    ]
                ),
                **_shred_candidate(connection),
            },
            add={"sequence": 1},
            conditions=[SAME_GENERATION, IS_CONNECTED],
            values={":generation": connection.link_generation, **CONNECTED_VALUES},
        )
        return Connection.model_validate(self.table.write(change))

    def shred_key(self, connection: Connection, *, now: int) -> Connection:
        """DISCONNECTING → DISCONNECTED: the API key's data key is shredded too.

        Returns:
            The connection as it is now.

        Raises:
            LostRaceError: It is elsewhere by now.
        """
        change = Update(
            key={"userId": connection.user_id},
            set_={
                "connectionStatus": ConnectionStatus.DISCONNECTED,
                "updatedAt": now,
                "apiKeyDataKey": None,
                "apiKeyCiphertext": None,
            },
            add={"sequence": 1},
            conditions=[SAME_GENERATION, "#connectionStatus = :disconnecting"],
            values={
                ":generation": connection.link_generation,
                ":disconnecting": ConnectionStatus.DISCONNECTING,
            },
        )
        return Connection.model_validate(self.table.write(change))

    def mark_key_gone(self, connection: Connection, *, code: str, now: int) -> Connection:
        """ACTIVE → GONE: KuCoin does not know this very key any more; it signs nothing from now on.

        Returns:
            The connection as it is now.

        Raises:
            LostRaceError: Another link, another key, or none in use by now.
        """
        changes = {
            "apiKeyState": ApiKeyState.GONE,
            "apiKeyCode": code,
            "connectionStatus": ConnectionStatus.KEY_GONE,
            "updatedAt": now,
        }
        return self._change_key(connection, changes)

    def note_key_facts(self, connection: Connection, facts: KeyFacts, *, now: int) -> Connection:
        """What KuCoin says now of this very key in use.

        Returns:
            The connection as it is now.

        Raises:
            LostRaceError: Another link, another key, or none in use by now.
        """
        changes = {"apiKeyFacts": facts.to_item(), "updatedAt": now}
        return self._change_key(connection, changes)

    def _change_key(self, connection: Connection, changes: dict[str, Any]) -> Connection:
        """Changes what is told of the key in use, if it still is the one that was read."""
        change = Update(
            key={"userId": connection.user_id},
            set_=changes,
            add={"sequence": 1},
            conditions=[
                SAME_GENERATION,
                IS_CONNECTED,
                "#apiKeyState = :active",
                "#apiKeyCiphertext = :ciphertext",
            ],
            values={
                ":generation": connection.link_generation,
                ":active": ApiKeyState.ACTIVE,
                ":ciphertext": connection.api_key_ciphertext,
                **CONNECTED_VALUES,
            },
        )
        return Connection.model_validate(self.table.write(change))

    def find_page(
        self, *, status: ConnectionStatus | None, limit: int, cursor: str | None
    ) -> tuple[ReadableList[Connection], str | None]:
        """One page of connections, by status or all.

        Args:
            status: Only these, or None for all.
            limit: Rows at most.
            cursor: What the page before gave, or None.

        Returns:
            The connections that can be read, and the cursor of the next page, None after the last.

        Raises:
            BadRequestError: The cursor is not one of ours.
        """
        request: dict[str, Any] = {"Limit": limit}
        if cursor is not None:
            request["ExclusiveStartKey"] = _parse_start(cursor, status)
        if status is None:
            items, last = self.table.scan(**request)
        else:
            rows, last = self.table.query(
                IndexName=_INDEX_BY_STATUS,
                KeyConditionExpression="#s = :s",
                ExpressionAttributeNames={"#s": "connectionStatus"},
                ExpressionAttributeValues=marshal({":s": status}),
                **request,
            )
            found = (self.table.find({"userId": row["userId"]}) for row in rows)
            items = [item for item in found if item is not None]
        page = read_list(items, Connection.model_validate)
        return page, None if last is None else build_cursor(unmarshal(last))


def _shred_candidate(connection: Connection) -> dict[str, Any]:
    """Removals of the candidate key's material, where an attempt has some."""
    if connection.key_attempt is None:
        return {}
    return {"keyAttempt.dataKey": None, "keyAttempt.ciphertext": None}


def _is_key_value(value: Any) -> bool:
    """What a userId or a status can be; DynamoDB refuses longer keys with an error."""
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,128}", value) is not None


def _parse_start(cursor: str, status: ConnectionStatus | None) -> dict[str, Any]:
    expected = {"userId"} if status is None else {"userId", "connectionStatus"}
    key = parse_cursor(cursor)
    if set(key) != expected or not all(_is_key_value(value) for value in key.values()):
        raise build_cursor_error()
    if status is not None and key["connectionStatus"] != status:
        raise build_cursor_error("The cursor belongs to a list with another status.")
    return marshal(key)


class ConnectionNames:
    """Scans ``Connections``."""

    def __init__(self, table: Table) -> None:
        """Remembers the table."""
        self._table = table

    def list_page(self, after: str, limit: int) -> tuple[list[str], str | None]:
        """A page of userIds.

        Args:
            after: The user that the page before ended with, empty for the first page.
            limit: Users at most.

        Returns:
            The users, and what the next page comes behind, None after the last.

        Raises:
            StoreError: DynamoDB could not be asked.
        """
        request: dict[str, Any] = {}
        if after:
            request["ExclusiveStartKey"] = marshal({"userId": after})
        rows, last = self._table.scan(
            Limit=limit,
            ProjectionExpression="#u",
            ExpressionAttributeNames={"#u": "userId"},
            **request,
        )
        users = [str(row["userId"]) for row in rows]
        return users, None if last is None else str(last["userId"]["S"])
