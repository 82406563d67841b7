"""The store of withdrawals: every write is one transition, fenced by the record's sequence.

A transition writes in one transaction whatever has to be true with it: the limits it takes or
gives back, the payment's lock, and that the connection still stands.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kubroker.aws.table import ConditionCheck, Put, Table, Update, marshal
from kubroker.foundation.errors import LostRaceError, NotFoundError
from kubroker.foundation.stored import ReadableList, read_list
from kubroker.withdrawals.ids import OPEN_SHARDS, choose_open_shard
from kubroker.withdrawals.limit_store import LimitStore
from kubroker.withdrawals.model import (
    GIVES_BACK,
    GIVES_BACK_VALUE,
    IN_FLIGHT,
    TRACKED,
    Withdrawal,
    WithdrawalState,
    check_transition,
)
from kubroker.withdrawals.payment_status import derive_payment_status
from kubroker.withdrawals.positions import build_position, parse_position
from kubroker.withdrawals.tracking import decide_next_check

# Out of flight, and KuCoin has it.
MADE = frozenset({WithdrawalState.SUBMITTED, WithdrawalState.SUCCESS})

type Change = tuple[Table, Update | Put | ConditionCheck]

_UNCHANGED = "#sequence = :sequence"
_INDEX_OPEN = "open"
_INDEX_BY_TIME = "byTime"
_INDEX_BY_KUCOIN_ID = "byKucoinId"
_TRIES = 6


class WithdrawalStore:
    """Reads and transitions of ``Withdrawals``."""

    def __init__(self, table: Table, limits: LimitStore) -> None:
        """Remembers the table, and the counters that are written with it."""
        self.table = table
        self.limits = limits

    def find(self, user_id: str, withdrawal_id: str) -> Withdrawal | None:
        """The withdrawal, or None; read consistently."""
        item = self.table.find({"userId": user_id, "withdrawalId": withdrawal_id})
        return None if item is None else Withdrawal.model_validate(item)

    def get(self, user_id: str, withdrawal_id: str) -> Withdrawal:
        """The withdrawal.

        Raises:
            NotFoundError: This user has none of that id.
        """
        withdrawal = self.find(user_id, withdrawal_id)
        if withdrawal is None:
            raise NotFoundError("There is no such withdrawal.", code="withdrawal_not_found")
        return withdrawal

    def create(self, withdrawal: Withdrawal, *, now: int, extra: Sequence[Change]) -> Withdrawal:
        """CREATED, with what it reserves.

        Args:
            withdrawal: As it is to be.
            now: Epoch seconds.
            extra: Reservation and conditions of the same transaction.

        Raises:
            LostRaceError: It is there already, or one of ``extra`` did not hold.
        """
        stored = withdrawal.model_copy(update=_index(withdrawal, now))
        put = Put(stored.to_item(), ["attribute_not_exists(#withdrawalId)"])
        self.table.transact_patiently([(self.table, put), *extra])
        return stored

    def move(
        self,
        withdrawal: Withdrawal,
        after: WithdrawalState,
        changes: Mapping[str, Any],
        *,
        now: int,
        extra: Sequence[Change] = (),
    ) -> Withdrawal:
        """One transition of the record as it was read; the drawing in ``model`` holds.

        Leaving flight releases the payment's lock; a definite failure gives the limits back.

        Args:
            withdrawal: As read: any other write since makes this one fail.
            after: The state to go to; the same state keeps it and changes the rest.
            changes: Attributes by their Python names; None removes.
            now: Epoch seconds.
            extra: More of the same transaction.

        Returns:
            The withdrawal as it is now.

        Raises:
            LostRaceError: Another write came first, or one of ``extra`` did not hold.
        """
        check_transition(withdrawal.state, after)
        changed = _apply(withdrawal, after, changes, now)
        for _ in range(_TRIES):
            parts = [*extra, *self._build_side_effects(withdrawal, after, now)]
            update = _build_update(withdrawal, changed)
            try:
                if parts:
                    self.table.transact_patiently([(self.table, update), *parts])
                else:
                    self.table.write(update)
            except LostRaceError:
                found = self.find(withdrawal.user_id, withdrawal.withdrawal_id)
                if found == changed:  # our own write, whose answer was lost
                    return changed
                # A window may have begun anew between its reading and this write.
                if extra or found is None or found.sequence != withdrawal.sequence:
                    raise
            else:
                return changed
        raise LostRaceError("the limits of a withdrawal kept changing")

    def find_page(
        self, user_id: str, *, state: WithdrawalState | None, limit: int, cursor: str | None
    ) -> tuple[ReadableList[Withdrawal], str | None]:
        """One page of a user's withdrawals, latest first.

        Args:
            user_id: Whose.
            state: Only those stored in this state, or None for all.
            limit: Rows at most.
            cursor: What the page before gave, or None.

        Returns:
            The withdrawals that can be read, and the cursor of the next page, None after the last.

        Raises:
            BadRequestError: The cursor is not one of ours.
        """
        values: dict[str, Any] = {":u": user_id}
        request: dict[str, Any] = {
            "IndexName": _INDEX_BY_TIME,
            "KeyConditionExpression": "#u = :u",
            "ExpressionAttributeNames": {"#u": "userId"},
            "ScanIndexForward": False,
        }
        if state is not None:
            request["FilterExpression"] = "#s = :s"
            request["ExpressionAttributeNames"]["#s"] = "state"
            values[":s"] = state
        request["ExpressionAttributeValues"] = marshal(values)
        start = parse_position(cursor, user_id) if cursor is not None else None
        rows: list[dict[str, Any]] = []
        while len(rows) < limit:
            more = {"ExclusiveStartKey": start} if start else {}
            page, start = self.table.query(Limit=limit - len(rows), **request, **more)
            rows += page
            if start is None:
                break
        return self.read_rows(rows), build_position(start) if start else None

    def read_rows(self, rows: Iterable[Mapping[str, Any]]) -> ReadableList[Withdrawal]:
        """What an index names, read consistently from the table; what is gone is left out."""
        keys = ({name: row[name] for name in ("userId", "withdrawalId")} for row in rows)
        found = (self.table.find(key) for key in keys)
        return read_list((item for item in found if item is not None), Withdrawal.model_validate)

    def find_in_flight(self, user_id: str) -> list[str]:
        """Ids of a user's withdrawals that KuCoin has or may have, read consistently.

        Also of one that can't be read otherwise: a key is kept for it.
        """
        states = [*IN_FLIGHT, WithdrawalState.SUBMITTED]
        names = ", ".join(f":s{number}" for number in range(len(states)))
        values = {f":s{number}": state for number, state in enumerate(states)}
        found: list[dict[str, Any]] = []
        start: dict[str, Any] | None = None
        while True:
            more = {"ExclusiveStartKey": start} if start else {}
            page, start = self.table.query(
                KeyConditionExpression="#u = :u",
                FilterExpression=f"#s IN ({names})",
                ProjectionExpression="#w",
                ExpressionAttributeNames={"#u": "userId", "#s": "state", "#w": "withdrawalId"},
                ExpressionAttributeValues=marshal({":u": user_id, **values}),
                ConsistentRead=True,
                **more,
            )
            found += page
            if start is None:
                return [str(item["withdrawalId"]) for item in found]

    def find_due(self, shard: int, *, now: int, limit: int) -> list[tuple[str, str]]:
        """Ids of the open withdrawals that are due for a look, the longest due first."""
        rows, _ = self.table.query(
            IndexName=_INDEX_OPEN,
            KeyConditionExpression="#shard = :shard AND #due <= :now",
            ExpressionAttributeNames={"#shard": "openShard", "#due": "nextCheckAt"},
            ExpressionAttributeValues=marshal({":shard": str(shard), ":now": now}),
            Limit=limit,
        )
        return [(row["userId"], row["withdrawalId"]) for row in rows]

    def is_claimed(self, kucoin_id: str) -> bool:
        """Whether a record of ours holds this id of KuCoin's."""
        rows, _ = self.table.query(
            IndexName=_INDEX_BY_KUCOIN_ID,
            KeyConditionExpression="#k = :k",
            ExpressionAttributeNames={"#k": "kucoinWithdrawalId"},
            ExpressionAttributeValues=marshal({":k": kucoin_id}),
            Limit=1,
        )
        return bool(rows)

    def _build_side_effects(
        self, withdrawal: Withdrawal, after: WithdrawalState, now: int
    ) -> list[Change]:
        changes: list[Change] = []
        table = self.limits.table
        if withdrawal.state in IN_FLIGHT and after not in IN_FLIGHT:
            release = self.limits.build_release(
                withdrawal.payment_id,
                name_holder(withdrawal),
                made_at=now if after in MADE else None,
            )
            changes.append((table, release))
        gives_back = after in GIVES_BACK or after in GIVES_BACK_VALUE
        if withdrawal.reservation is not None and gives_back and after is not withdrawal.state:
            is_counted = bool(withdrawal.reservation.windows) and after in GIVES_BACK
            windows = self.limits.find_windows(withdrawal.kucoin_uid) if is_counted else ()
            returns = self.limits.build_return(
                withdrawal.kucoin_uid, withdrawal.reservation, windows=windows
            )
            changes += [(table, change) for change in returns]
        return changes


SHARDS = range(OPEN_SHARDS)


def name_holder(withdrawal: Withdrawal) -> str:
    """How the payment's lock names a withdrawal."""
    return f"{withdrawal.user_id}/{withdrawal.withdrawal_id}"


def _apply(
    withdrawal: Withdrawal, after: WithdrawalState, changes: Mapping[str, Any], now: int
) -> Withdrawal:
    """The record after a transition; a new state is looked at anew."""
    update = {"state": after, "updated_at": now, "sequence": withdrawal.sequence + 1}
    if after is not withdrawal.state:
        update["checks"] = 0
        if after in GIVES_BACK or after in GIVES_BACK_VALUE:
            update["reservation"] = None
    changed = withdrawal.model_copy(update={**update, **changes})
    return changed.model_copy(update=_index(changed, now))


def _index(withdrawal: Withdrawal, now: int) -> dict[str, Any]:
    """The keys of the sparse indexes ``open`` and ``payments``."""
    status = derive_payment_status(withdrawal, now) if withdrawal.payment else None
    is_returning = withdrawal.return_status == "PROCESSING"
    is_followed = withdrawal.state in TRACKED or is_returning or withdrawal.is_open_checkout
    if not is_followed:
        return {"open_shard": None, "next_check_at": None, "payment_status": status}
    return {
        "payment_status": status,
        "open_shard": choose_open_shard(withdrawal.withdrawal_id),
        "next_check_at": decide_next_check(withdrawal, now=now),
    }


def _build_update(before: Withdrawal, after: Withdrawal) -> Update:
    """What differs, under the condition that nothing else was written since."""
    old, new = before.to_item(), after.to_item()
    changed: dict[str, Any] = {name: value for name, value in new.items() if old.get(name) != value}
    changed |= {name: None for name in old if name not in new}
    return Update(
        key={"userId": before.user_id, "withdrawalId": before.withdrawal_id},
        set_=changed,
        conditions=[_UNCHANGED],
        values={":sequence": before.sequence},
    )
