"""The sparse index ``due``: connections in shards, by the time when they need care."""

from typing import Any

from kubroker.aws.table import Table, Update, marshal
from kubroker.rotation.model import name_shard

_INDEX = "due"
PAGE_ROWS = 100


class DueStore:
    """Reads what is due, and only that; moves on what was queued."""

    def __init__(self, table: Table) -> None:
        """Remembers the table ``Connections``."""
        self._table = table

    def find_page(
        self, shard: int, *, now: int, start: dict[str, Any] | None
    ) -> tuple[list[tuple[str, int]], dict[str, Any] | None]:
        """One page of a shard's due connections, the longest due first.

        Args:
            shard: Its number.
            now: Epoch seconds.
            start: What the page before gave, None for the first.

        Returns:
            userId and nextActionAt of each, and where the next page starts, None after the last.
        """
        request: dict[str, Any] = {} if start is None else {"ExclusiveStartKey": start}
        rows, last = self._table.query(
            IndexName=_INDEX,
            KeyConditionExpression="#s = :s AND #at <= :now",
            ExpressionAttributeNames={"#s": "dueShard", "#at": "nextActionAt"},
            ExpressionAttributeValues=marshal({":s": name_shard(shard), ":now": now}),
            Limit=PAGE_ROWS,
            **request,
        )
        return [(row["userId"], int(row["nextActionAt"])) for row in rows], last

    def move_on(self, user_id: str, *, seen: int, to: int) -> None:
        """Moves ``nextActionAt``, if it is still what was seen.

        Raises:
            LostRaceError: The connection was worked meanwhile.
        """
        self._table.write(
            Update(
                key={"userId": user_id},
                set_={"nextActionAt": to},
                conditions=["#nextActionAt = :seen"],
                values={":seen": seen},
            )
        )
