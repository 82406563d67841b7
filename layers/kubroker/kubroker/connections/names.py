"""The users of all connections, page by page, and nothing else of them."""

from typing import Any

from kubroker.aws.table import Table, marshal


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
