"""KuCoin says that a refresh token is dead: believed once it is clear that not all are.

A refusal is counted and held for a window (ten minutes). Then, if the refusals around it were
few, the user has to authorize again; if they were many, they were KuCoin's fault or ours: nobody
is sent anywhere, the operator was paged, and the refresh token is tried again, with back-off.
"""

from collections.abc import Iterable

from kubroker.aws.table import Table, Update
from kubroker.connections.model import Connection
from kubroker.foundation.clock import Clock
from kubroker.foundation.observability import (
    AUTHORIZATION_REQUIRED,
    MASS_REFUSAL_FOUND,
    TOKENS_REFUSED,
    count,
    logger,
)
from kubroker.foundation.rotation_rules import RotationRules
from kubroker.rotation.model import Cause, find_cause, plan_back_off
from kubroker.rotation.refusal_rules import (
    RefusalBucket,
    is_credible,
    list_buckets_around,
    was_mass_refusal,
)
from kubroker.rotation.store import RotationStore

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


class RotationRefusals:
    """Counts, holds, settles."""

    def __init__(
        self, rotations: RotationStore, counts: RefusalCounts, rules: RotationRules, clock: Clock
    ) -> None:
        """Joins the stores."""
        self._rotations = rotations
        self._counts = counts
        self._rules = rules
        self._clock = clock

    def hold(self, claimed: Connection) -> Connection:
        """Counts a refusal and notes it on the connection.

        Raises:
            LostRaceError: A rescue committed meanwhile.
            StoreError: DynamoDB could not be asked; the refusal is not noted.
        """
        now = self._clock.now()
        bucket = self._rules.find_bucket(now)
        is_repeated = claimed.refusal_drops > 0
        counted = RefusalBucket(refused_again=1) if is_repeated else RefusalBucket(refused=1)
        self._counts.add(bucket, counted, now=now)
        count(TOKENS_REFUSED)
        if was_mass_refusal(self._read_around(bucket), bucket):
            count(MASS_REFUSAL_FOUND)
            logger.error("KuCoin refuses many refresh tokens: no state changes")
        return self._rotations.hold_refusal(
            claimed,
            cause=find_cause(claimed, now),
            settle_at=now + self._rules.refusal_window_seconds,
            now=now,
        )

    def settle(self, connection: Connection) -> Connection:
        """Ends the holding of a refusal.

        Raises:
            LostRaceError: The connection was claimed or committed meanwhile.
            StoreError: DynamoDB could not be asked: what can't be counted changes no state.
        """
        now = self._clock.now()
        refused_at = connection.refused_at if connection.refused_at is not None else now
        bucket, drops = self._rules.find_bucket(refused_at), connection.refusal_drops
        if not is_credible(self._read_around(bucket), bucket, is_repeated=drops > 0):
            return self._rotations.drop_refusal(
                connection,
                try_again_at=plan_back_off(
                    self._rules,
                    failures=drops + 1,
                    now=now,
                    refresh_expires_at=connection.refresh_token_expires_at or 0,
                    jitter=self._clock.jitter(),
                ),
                now=now,
            )
        required = self._rotations.require(
            connection, cause=Cause(connection.refusal_cause or Cause.REFUSED), now=now
        )
        count(AUTHORIZATION_REQUIRED)
        return required

    def _read_around(self, bucket: int) -> dict[int, RefusalBucket]:
        return self._counts.read(list_buckets_around(bucket))
