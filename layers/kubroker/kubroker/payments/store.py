"""All payments, whoever pays, latest first: the sparse index ``payments`` of ``Withdrawals``.

Its partition is one for all: it takes a write for each change of a payment's status, and DynamoDB
takes a thousand a second on one.
"""

import re
from collections.abc import Mapping
from typing import Any

from kubroker.aws.table import marshal, unmarshal
from kubroker.foundation.cursors import build_cursor, build_cursor_error, parse_cursor
from kubroker.foundation.stored import ReadableList
from kubroker.payments.model import KIND
from kubroker.withdrawals.model import Withdrawal
from kubroker.withdrawals.store import WithdrawalStore

_INDEX = "payments"
_POSITION = re.compile(r"([A-Za-z0-9_-]{1,128})\.([a-z2-7]{16})\.([0-9]{1,12})", re.ASCII)
_KEY = ("userId", "withdrawalId", "createdAt")
# Rows that one query passes over where a filter leaves most out, and queries of one request.
_ROWS_A_READ = 1000
_MOST_READS = 10


class PaymentList:
    """Pages of the index; what they tell is read consistently from the table."""

    def __init__(self, withdrawals: WithdrawalStore) -> None:
        """Remembers the store."""
        self._withdrawals = withdrawals

    def find_page(
        self, *, filters: Mapping[str, str], limit: int, cursor: str | None
    ) -> tuple[ReadableList[Withdrawal], str | None]:
        """One page of payments.

        Args:
            filters: ``userId``, ``paymentStatus``, ``reference`` to the value wanted.
            limit: Payments at most; with filters a page may be shorter and not the last.
            cursor: What the page before gave, or None.

        Returns:
            The payments that can be read, and the cursor of the next page, None after the last.

        Raises:
            BadRequestError: The cursor is not one of ours.
        """
        start = _parse_position(cursor) if cursor is not None else None
        rows: list[dict[str, Any]] = []
        for _ in range(_MOST_READS):
            more = {"ExclusiveStartKey": start} if start else {}
            size = _ROWS_A_READ if filters else limit - len(rows)
            page, start = self._withdrawals.table.query(Limit=size, **_build_query(filters), **more)
            rows += page
            if len(rows) > limit:
                rows = rows[:limit]
                start = marshal({name: rows[-1][name] for name in ("kind", *_KEY)})
            if start is None or len(rows) >= limit:
                break
        return self._withdrawals.read_rows(rows), _build_position(start) if start else None


def _build_query(filters: Mapping[str, str]) -> dict[str, Any]:
    names = {"#kind": "kind", **{f"#{name}": name for name in filters}}
    values = {":kind": KIND, **{f":{name}": value for name, value in filters.items()}}
    query: dict[str, Any] = {
        "IndexName": _INDEX,
        "KeyConditionExpression": "#kind = :kind",
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": marshal(values),
        "ScanIndexForward": False,
    }
    if filters:
        query["FilterExpression"] = " AND ".join(f"#{name} = :{name}" for name in filters)
    return query


def _build_position(key: Mapping[str, Any]) -> str:
    """The cursor of a page's last key."""
    plain = unmarshal(key)
    return build_cursor({name: str(plain[name]) for name in _KEY})


def _parse_position(cursor: str) -> dict[str, Any]:
    """The key to go on from.

    Raises:
        BadRequestError: It is not one of ours.
    """
    key = parse_cursor(cursor)
    parts = ".".join(str(key.get(name)) for name in _KEY)
    if set(key) != set(_KEY) or not _POSITION.fullmatch(parts):
        raise build_cursor_error()
    whole = {"userId": str(key["userId"]), "withdrawalId": str(key["withdrawalId"])}
    return marshal({"kind": KIND, **whole, "createdAt": int(str(key["createdAt"]))})
