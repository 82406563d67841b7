"""The store of archives: who opted in, how far each kind is, and what was collected.

It is part of the table ``Exports``; that a connection opted in also stands in ``Connections``.
"""

from collections.abc import Sequence
from typing import Any

from kubroker.aws.table import Put, Table, Update, marshal
from kubroker.connections.model import build_disconnected, build_not_linked
from kubroker.exports.archive.model import (
    REGISTRY,
    ArchiveChunk,
    ArchiveProgress,
    name_progress,
)
from kubroker.exports.records import ExportKind
from kubroker.exports.windows import Window
from kubroker.foundation.errors import LostRaceError, NotFoundError

_IS_CONNECTED = (
    "attribute_exists(#userId) AND NOT #connectionStatus IN (:disconnecting, :disconnected)"
)
_CONNECTED = {":disconnecting": "DISCONNECTING", ":disconnected": "DISCONNECTED"}


class ArchiveStore:
    """Reads and writes what the collector keeps."""

    def __init__(self, exports: Table, connections: Table) -> None:
        """Remembers the tables."""
        self._exports = exports
        self._connections = connections

    def find_since(self, user_id: str) -> int | None:
        """When a connection was opted in, epoch seconds; None where it is not.

        Raises:
            NotFoundError: The user never linked an account.
        """
        item = self._connections.find({"userId": user_id}, only=("userId", "archivedSince"))
        if item is None:
            raise build_not_linked()
        since = item.get("archivedSince")
        return None if since is None else int(since)

    def opt_in(self, user_id: str, *, now: int) -> None:
        """Has a connection collected; again changes nothing.

        Raises:
            NotFoundError: The user never linked an account.
            ConflictError: The connection is disconnected.
        """
        since = self.find_since(user_id) or now
        change = Update(
            key={"userId": user_id},
            set_={"archivedSince": since, "updatedAt": now},
            add={"sequence": 1},
            conditions=[_IS_CONNECTED],
            values=_CONNECTED,
        )
        try:
            self._connections.write(change)
        except LostRaceError:
            raise build_disconnected() from None
        self._register(user_id, since)

    def opt_out(self, user_id: str, *, now: int) -> None:
        """Ends the collecting; what was collected stays. Again changes nothing.

        Raises:
            NotFoundError: The user never linked an account.
        """
        if self.find_since(user_id) is not None:
            change = Update(
                key={"userId": user_id},
                set_={"archivedSince": None, "updatedAt": now},
                add={"sequence": 1},
                conditions=["attribute_exists(#userId)"],
            )
            self._connections.write(change)
        self.forget(user_id, now=now)

    def find_due_since(self, user_id: str) -> int | None:
        """Since when the collector has all it needs: opted in, with the key that is in use.

        Returns:
            Epoch seconds; None where it is not opted in, whatever the list says.
        """
        only = ("archivedSince", "apiKeyFacts.createdAt")
        item = self._connections.find({"userId": user_id}, only=only) or {}
        since = item.get("archivedSince")
        if since is None:
            return None
        return max(int(since), int(item.get("apiKeyFacts", {}).get("createdAt", 0)))

    def forget(self, user_id: str, *, now: int) -> None:
        """Takes a user off the list; DynamoDB deletes the item when it likes.

        Who opts in at the same moment may have been put on the list before: the connection decides.
        """
        self._exports.write(
            Update(
                key={"exportId": REGISTRY, "item": user_id},
                set_={"isCollected": None, "ttl": now},
            )
        )
        if (since := self._read_since(user_id)) is not None:
            self._register(user_id, since)

    def list_users(self, after: str) -> tuple[list[str], str | None]:
        """A page of those who opted in, and what the next one comes behind, None after the last."""
        request: dict[str, Any] = {}
        if after:
            request["ExclusiveStartKey"] = marshal({"exportId": REGISTRY, "item": after})
        rows, last = self._exports.query(
            KeyConditionExpression="#p = :p",
            ExpressionAttributeNames={"#p": "exportId"},
            ExpressionAttributeValues=marshal({":p": REGISTRY}),
            Limit=100,
            **request,
        )
        users = [str(row["item"]) for row in rows if row.get("isCollected")]
        return users, None if last is None else str(rows[-1]["item"])

    def find_progress(self, archive: str, kind: ExportKind) -> int | None:
        """Until when a kind was collected, epoch milliseconds; None where it never was."""
        item = self._exports.find({"exportId": archive, "item": name_progress(kind)})
        return None if item is None else ArchiveProgress.model_validate(item).collected_until_ms

    def add_chunk(self, chunk: ArchiveChunk, kind: ExportKind, *, seen_ms: int | None) -> None:
        """A chunk, and how far the kind is with it, at once: chunks never overlap.

        Args:
            chunk: What was collected.
            kind: Of its records.
            seen_ms: How far it was when the chunk was begun.

        Raises:
            LostRaceError: Somebody else went on meanwhile: the chunk's object belongs to nobody.
        """
        progress = Update(
            key={"exportId": chunk.export_id, "item": name_progress(kind)},
            set_={"collectedUntilMs": chunk.end_ms},
            conditions=[
                "attribute_not_exists(#collectedUntilMs)"
                if seen_ms is None
                else "#collectedUntilMs = :seen"
            ],
            values={":seen": seen_ms},
        )
        put = Put(chunk.to_item(), ["attribute_not_exists(#exportId)"])
        self._exports.transact([(self._exports, progress), (self._exports, put)])

    def list_chunks(self, archive: str, kind: ExportKind, period: Window) -> list[ArchiveChunk]:
        """The chunks that hold something of a period, in order."""
        chunks: list[ArchiveChunk] = []
        request: dict[str, Any] = {}
        while True:
            rows, last = self._exports.query(
                KeyConditionExpression="#p = :p AND begins_with(#i, :i)",
                ExpressionAttributeNames={"#p": "exportId", "#i": "item"},
                ExpressionAttributeValues=marshal({":p": archive, ":i": f"{kind}#"}),
                ConsistentRead=True,
                **request,
            )
            chunks += [ArchiveChunk.model_validate(row) for row in rows]
            if last is None:
                return _overlapping(chunks, period)
            request = {"ExclusiveStartKey": last}

    def _read_since(self, user_id: str) -> int | None:
        """As ``find_since``; None also where there is no connection."""
        try:
            return self.find_since(user_id)
        except NotFoundError:
            return None

    def _register(self, user_id: str, since: int) -> None:
        """Puts a user on the list."""
        self._exports.write(
            Update(
                key={"exportId": REGISTRY, "item": user_id},
                set_={"isCollected": True, "since": since, "ttl": None},
            )
        )


def _overlapping(chunks: Sequence[ArchiveChunk], period: Window) -> list[ArchiveChunk]:
    return [
        chunk
        for chunk in chunks
        if chunk.start_ms < period.end_ms and chunk.end_ms > period.start_ms
    ]
