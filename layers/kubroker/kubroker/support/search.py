"""Who is behind an id: sparse indexes of the connections and the withdrawals."""

from dataclasses import dataclass

from kubroker.aws.table import Table, marshal

MOST_MATCHES = 25


@dataclass(frozen=True)
class Match:
    """A connection, or a withdrawal of one."""

    user_id: str
    withdrawal_id: str | None = None


@dataclass(frozen=True)
class _Index:
    """Where a field is found: the table, its index and the index's key."""

    is_of_withdrawals: bool
    name: str
    key: str


_INDEXES = {
    "kucoinUid": [_Index(False, "byKucoinUid", "kucoinUid")],
    "withdrawalId": [
        _Index(True, "byWithdrawalId", "withdrawalId"),
        _Index(True, "byKucoinId", "kucoinWithdrawalId"),
    ],
    "txHash": [_Index(True, "byWalletTxId", "walletTxId")],
}


class Search:
    """Looks into the indexes; they lag behind by a moment."""

    def __init__(self, connections: Table, withdrawals: Table) -> None:
        """Remembers the tables."""
        self._connections = connections
        self._withdrawals = withdrawals

    def find(self, field: str, value: str) -> list[Match]:
        """At most 25 matches for each index.

        Args:
            field: ``kucoinUid``, ``withdrawalId`` (ours or KuCoin's) or ``txHash``.
            value: To the letter.

        Raises:
            StoreError: DynamoDB could not be asked.
        """
        return [match for index in _INDEXES[field] for match in self._query(index, value)]

    def _query(self, index: _Index, value: str) -> list[Match]:
        table = self._withdrawals if index.is_of_withdrawals else self._connections
        rows, _ = table.query(
            IndexName=index.name,
            KeyConditionExpression="#k = :k",
            ExpressionAttributeNames={"#k": index.key},
            ExpressionAttributeValues=marshal({":k": value}),
            Limit=MOST_MATCHES,
        )
        return [Match(row["userId"], row.get("withdrawalId")) for row in rows]
