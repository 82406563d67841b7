"""The store of payouts: a head and its parts."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from kubroker.aws.table import Put, Table, Update, marshal
from kubroker.foundation.errors import LostRaceError, NotFoundError
from kubroker.payouts.model import (
    HEAD,
    Payout,
    PayoutFile,
    PayoutPart,
    PayoutRow,
    PayoutState,
)

_IS_NEW = ["attribute_not_exists(#payoutId)"]
_IS_OPEN = "#isDone = :no"


class PayoutStore:
    """Reads and writes ``Payouts``."""

    def __init__(self, table: Table) -> None:
        """Remembers the table."""
        self._table = table

    def find(self, payout_id: str) -> Payout | None:
        """The head, or None; read consistently."""
        item = self._table.find({"payoutId": payout_id, "part": HEAD})
        return None if item is None else Payout.model_validate(item)

    def get(self, payout_id: str) -> Payout:
        """The head.

        Raises:
            NotFoundError: There is no such payout (any more).
        """
        payout = self.find(payout_id)
        if payout is None:
            raise NotFoundError("There is no such payout.", code="payout_not_found")
        return payout

    def create(self, payout: Payout, parts: Sequence[PayoutPart]) -> None:
        """Writes the parts, then the head: a head always has all its parts.

        A part's name holds the request's hash: two requests under one key can't mix theirs.

        Raises:
            LostRaceError: The head is there already; its parts are the same.
            StoreError: DynamoDB could not be asked; doing it again is safe.
        """
        for part in parts:
            # One that is there already may have been worked: it is never written over.
            with contextlib.suppress(LostRaceError):
                self._table.write(Put(part.to_item(), _IS_NEW))
        self._table.write(Put(payout.to_item(), _IS_NEW))

    def find_part(self, payout_id: str, part: str) -> PayoutPart | None:
        """One part, or None; read consistently."""
        item = self._table.find({"payoutId": payout_id, "part": part})
        return None if item is None else PayoutPart.model_validate(item)

    def iterate_parts(self, payout: Payout) -> Iterator[PayoutPart]:
        """All parts, in order."""
        start: dict[str, Any] | None = None
        while True:
            request: dict[str, Any] = {"ExclusiveStartKey": start} if start else {}
            items, start = self._table.query(
                KeyConditionExpression="#p = :p AND begins_with(#s, :prefix)",
                ExpressionAttributeNames={"#p": "payoutId", "#s": "part"},
                ExpressionAttributeValues=marshal(
                    {":p": payout.payout_id, ":prefix": payout.part_prefix}
                ),
                ConsistentRead=True,
                **request,
            )
            yield from (PayoutPart.model_validate(item) for item in items)
            if start is None:
                return

    def save_rows(self, part: PayoutPart, rows: Sequence[PayoutRow], *, attempt: int) -> None:
        """Remembers what is settled while something is still open.

        Raises:
            LostRaceError: Somebody else finished the part.
        """
        self._table.write(
            Update(
                key=_key(part),
                set_={"rows": [row.to_item() for row in rows], "attempt": attempt},
                conditions=[_IS_OPEN],
                values={":no": False},
            )
        )

    def finish_part(self, part: PayoutPart, rows: Sequence[PayoutRow]) -> None:
        """The part is done, and counted in the head, exactly once.

        Raises:
            LostRaceError: It was counted already.
        """
        found = sum(row.address is not None for row in rows)
        done = Update(
            key=_key(part),
            set_={"rows": [row.to_item() for row in rows], "isDone": True},
            conditions=[_IS_OPEN],
            values={":no": False},
        )
        counted = Update(
            key={"payoutId": part.payout_id, "part": HEAD},
            add={"partsLeft": -1, "found": found, "failed": len(rows) - found},
        )
        # Parts that end at the same moment meet on the head.
        self._table.transact_patiently([(self._table, done), (self._table, counted)])

    def make_ready(self, payout: Payout, files: Sequence[PayoutFile], *, now: int) -> None:
        """The files are written."""
        change = Update(
            key={"payoutId": payout.payout_id, "part": HEAD},
            set_={
                "payoutState": PayoutState.READY,
                "readyAt": now,
                "files": [file.to_item() for file in files],
            },
            conditions=["#payoutState = :running", "#partsLeft = :zero"],
            values={":running": PayoutState.RUNNING, ":zero": 0},
        )
        try:
            self._table.write(change)
        except LostRaceError:
            return  # another delivery of the last message was faster, with the same files


def _key(part: PayoutPart) -> dict[str, str]:
    return {"payoutId": part.payout_id, "part": part.part}
