"""What the days' checks of the broker's tag found; items ``tag-check#{day}`` of ``Limits``."""

from kubroker.aws.table import Table, Update
from kubroker.domain.order_tags import TagCheck

_KEPT_SECONDS = 35 * 86_400


class TagCheckStore:
    """Reads and writes checks; one function at a time goes on with one."""

    def __init__(self, table: Table) -> None:
        """Remembers the table ``Limits``."""
        self._table = table

    def find(self, day: str) -> TagCheck | None:
        """A day's check, or None; read consistently."""
        item = self._table.find({"limitId": _build_id(day)})
        return None if item is None else TagCheck.model_validate(item)

    def save(self, check: TagCheck, *, now: int) -> None:
        """Keeps how it stands.

        Raises:
            StoreError: DynamoDB could not be asked; the same page is looked at again.
        """
        item = {"cursor": None, **check.to_item(), "updatedAt": now, "ttl": now + _KEPT_SECONDS}
        self._table.write(Update(key={"limitId": _build_id(check.day)}, set_=item))


def _build_id(day: str) -> str:
    return f"tag-check#{day}"
