"""Counts of refreshes and refusals in time buckets, for the mass-refusal breaker.

Items of the table ``Limits``: limitId ``rotation#<bucket>``, attempted, refused, refusedAgain, ttl.
The dispatcher adds what it queued once a tick; a worker adds only when KuCoin refuses.
"""

from collections.abc import Iterable

from kubroker.aws.table import Table, Update
from kubroker.rotation.refusal_rules import RefusalBucket

_KEPT_SECONDS = 86_400


class RefusalCounts:
    """Adds to buckets and reads them."""

    def __init__(self, table: Table) -> None:
        """Remembers the table ``Limits``."""
        self._table = table

    def add(self, bucket: int, counts: RefusalBucket, *, now: int) -> None:
        """Adds to a bucket.

        Raises:
            StoreError: DynamoDB could not be asked: it may or may not have been counted.
        """
        self._table.write(
            Update(
                key={"limitId": _name(bucket)},
                set_={"ttl": now + _KEPT_SECONDS},
                add={
                    "attempted": counts.attempted,
                    "refused": counts.refused,
                    "refusedAgain": counts.refused_again,
                },
            )
        )

    def read(self, buckets: Iterable[int]) -> dict[int, RefusalBucket]:
        """Each bucket that has something.

        Raises:
            StoreError: DynamoDB could not be asked.
        """
        numbers = {_name(bucket): bucket for bucket in buckets}
        items = self._table.find_many([{"limitId": name} for name in numbers])
        return {
            numbers[item["limitId"]]: RefusalBucket(
                attempted=int(item["attempted"]),
                refused=int(item["refused"]),
                refused_again=int(item["refusedAgain"]),
            )
            for item in items
        }


def _name(bucket: int) -> str:
    return f"rotation#{bucket}"
