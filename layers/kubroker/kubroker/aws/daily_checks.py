"""How far a day's walk through the connections is, and what it found; items of ``Limits``."""

from kubroker.aws.table import Table, Update
from kubroker.foundation.stored import StoredModel

_KEPT_SECONDS = 35 * 86_400


class DailyCheckStore[Check: StoredModel]:
    """Reads and writes checks of one kind; one function at a time goes on with one."""

    def __init__(self, table: Table, name: str, model: type[Check]) -> None:
        """Remembers the table ``Limits``, and what begins the names of its items."""
        self._table = table
        self._name = name
        self._model = model

    def find(self, day: str) -> Check | None:
        """A day's check, or None; read consistently."""
        item = self._table.find({"limitId": f"{self._name}#{day}"})
        return None if item is None else self._model.model_validate(item)

    def save(self, day: str, check: Check, *, now: int) -> None:
        """Keeps how it stands.

        Raises:
            StoreError: DynamoDB could not be asked; the same page is looked at again.
        """
        item = {"cursor": None, **check.to_item(), "updatedAt": now, "ttl": now + _KEPT_SECONDS}
        self._table.write(Update(key={"limitId": f"{self._name}#{day}"}, set_=item))
