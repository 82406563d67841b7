"""How far a day's reconciliation is; an item ``reconciliation#{day}`` of ``Limits``."""

from kubroker.aws.table import Table, Update

_KEPT_SECONDS = 35 * 86_400


class ReconciliationStore:
    """Where a day's walk through the connections stands."""

    def __init__(self, table: Table) -> None:
        """Remembers the table ``Limits``."""
        self._table = table

    def find(self, day: str) -> tuple[str | None, bool]:
        """The cursor of the next page, and whether the day is finished."""
        item = self._table.find({"limitId": f"reconciliation#{day}"}) or {}
        return item.get("cursor"), bool(item.get("isFinished", False))

    def save(self, day: str, cursor: str | None, *, is_finished: bool, now: int) -> None:
        """Keeps it; two runs at once only look at some accounts twice."""
        self._table.write(
            Update(
                key={"limitId": f"reconciliation#{day}"},
                set_={
                    "cursor": cursor,
                    "isFinished": is_finished,
                    "updatedAt": now,
                    "ttl": now + _KEPT_SECONDS,
                },
            )
        )
