"""The counters of limits, and how far a reconciliation came."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

from kubroker.aws.table import Table, Update
from kubroker.foundation.amounts import UP
from kubroker.withdrawals.fees import USDT_DECIMALS
from kubroker.withdrawals.limits import (
    WINDOW_RULES,
    Window,
    build_day_id,
    build_tries_id,
    build_window_id,
)
from kubroker.withdrawals.model import Reservation

_DAY_SECONDS = 86_400
_KEPT_SECONDS = 3 * _DAY_SECONDS
_SAME_WINDOW = "#windowStart = :seen"
_HAS_ROOM = "#count < :maximum"
_FITS_THE_DAY = "attribute_not_exists(#spent) OR #spent <= :room"


@dataclass(frozen=True, slots=True)
class Made:
    """The last withdrawal of a payment that KuCoin has taken.

    Attributes:
        holder: ``userId/withdrawalId``.
        at: Epoch seconds.
    """

    holder: str
    at: int


class LimitStore:
    """Reads counters and builds their changes."""

    def __init__(self, table: Table) -> None:
        """Remembers the table ``Limits``."""
        self.table = table

    def find_windows(self, kucoin_uid: str) -> tuple[Window, ...]:
        """The windows of transfers to other KuCoin accounts.

        Raises:
            StoreError: They can't be read: no withdrawal.
        """
        windows = []
        for rule in WINDOW_RULES:
            limit_id = build_window_id(kucoin_uid, rule)
            item = self.table.find({"limitId": limit_id})
            windows.append(
                Window(
                    limit_id=limit_id,
                    rule=rule,
                    started_at=int(item["windowStart"]) if item else None,
                    count=int(item["count"]) if item else 0,
                )
            )
        return tuple(windows)

    def find_spent(self, kucoin_uid: str, day: str) -> Decimal:
        """USDT reserved on a day.

        Raises:
            StoreError: It can't be read: no withdrawal.
        """
        item = self.table.find({"limitId": build_day_id(kucoin_uid, day)})
        return Decimal(item.get("spent", 0)).scaleb(-USDT_DECIMALS) if item else Decimal(0)

    def build_reservation(
        self,
        kucoin_uid: str,
        reservation: Reservation,
        *,
        windows: Sequence[Window],
        usdt_per_day: Decimal,
        now: int,
    ) -> list[Update]:
        """Counts a withdrawal; each change fails where its limit is reached.

        Args:
            kucoin_uid: Whose account.
            reservation: What is counted; its windows' starts as in ``windows``, or ``now``.
            windows: As just read.
            usdt_per_day: The operator's limit.
            now: Epoch seconds.
        """
        value = _count_units(reservation.value_usdt)
        day = Update(
            key={"limitId": build_day_id(kucoin_uid, reservation.day)},
            set_={"ttl": now + _KEPT_SECONDS},
            add={"spent": value},
            conditions=[_FITS_THE_DAY],
            values={":room": _count_units(usdt_per_day) - value},
        )
        return [day, *(_count_in(window, now) for window in windows)]

    def build_return(
        self, kucoin_uid: str, reservation: Reservation, *, windows: Sequence[Window]
    ) -> list[Update]:
        """Takes a reservation out again: the value, and the count where its window still runs.

        Args:
            kucoin_uid: Whose account.
            reservation: As it was made.
            windows: As just read; empty to leave the counts.
        """
        day = Update(
            key={"limitId": build_day_id(kucoin_uid, reservation.day)},
            add={"spent": -_count_units(reservation.value_usdt)},
        )
        counts = [
            Update(
                key={"limitId": window.limit_id},
                add={"count": -1},
                conditions=[_SAME_WINDOW, "#count > :zero"],
                values={":seen": window.started_at, ":zero": 0},
            )
            for window in windows
            if window.started_at is not None
            and reservation.windows.get(window.limit_id) == window.started_at
            and window.count > 0
        ]
        return [day, *counts]

    def find_holders(self, payment_id: str) -> frozenset[str]:
        """Withdrawals of this payment that are in flight, as ``userId/withdrawalId``."""
        item = self.table.find({"limitId": _payment_key(payment_id)})
        return frozenset(item.get("holders", ())) if item else frozenset()

    def find_made(self, payment_id: str) -> Made | None:
        """The last withdrawal of this payment that KuCoin has taken, whatever became of it."""
        item = self.table.find({"limitId": _payment_key(payment_id)})
        return Made(str(item["madeBy"]), int(item["madeAt"])) if item and "madeBy" in item else None

    def build_hold(
        self,
        payment_id: str,
        holder: str,
        *,
        seen: Collection[str] | None,
        made: Made | None = None,
    ) -> Update:
        """Takes part in the payment's lock.

        Args:
            payment_id: Which payment.
            holder: ``userId/withdrawalId``.
            seen: Holders that the caller knows of and goes on in spite of: another one meanwhile
                makes the change fail. None joins whoever is there.
            made: As just read; another one made meanwhile fails it too, but where seen is None.
        """
        conditions: list[str] = []
        values: dict[str, Any] = {}
        if seen:
            conditions, values = ["#holders = :seen"], {":seen": set(seen)}
        elif seen is not None:
            conditions = ["attribute_not_exists(#holders)"]
        if seen is not None and made is not None:
            conditions += ["#madeBy = :madeBy", "#madeAt = :madeAt"]
            values |= {":madeBy": made.holder, ":madeAt": made.at}
        elif seen is not None:
            conditions.append("attribute_not_exists(#madeBy)")
        return Update(
            key={"limitId": _payment_key(payment_id)},
            add={"holders": {holder}},
            conditions=conditions,
            values=values,
        )

    def build_release(self, payment_id: str, holder: str, *, made_at: int | None = None) -> Update:
        """Leaves the payment's lock; harmless where it is not in it.

        Args:
            payment_id: Which payment.
            holder: ``userId/withdrawalId``.
            made_at: When it was found that KuCoin has taken it; None where it has not.
        """
        made = {} if made_at is None else {"madeBy": holder, "madeAt": made_at}
        key = {"limitId": _payment_key(payment_id)}
        return Update(key=key, set_=made, take={"holders": {holder}})

    def find_tries(self, kucoin_uid: str, day: str) -> int:
        """Codes and renewals of a day.

        Raises:
            StoreError: It can't be read: nothing is tried.
        """
        item = self.table.find({"limitId": build_tries_id(kucoin_uid, day)})
        return int(item["tries"]) if item else 0

    def build_try(self, kucoin_uid: str, day: str, *, maximum: int, now: int) -> Update:
        """Counts a try; fails where the day has no more."""
        return Update(
            key={"limitId": build_tries_id(kucoin_uid, day)},
            set_={"ttl": now + _KEPT_SECONDS},
            add={"tries": 1},
            conditions=["attribute_not_exists(#tries) OR #tries < :maximum"],
            values={":maximum": maximum},
        )

    def build_untry(self, kucoin_uid: str, day: str) -> Update:
        """Takes back one that was counted and never reached KuCoin."""
        return Update(key={"limitId": build_tries_id(kucoin_uid, day)}, add={"tries": -1})

    def find_payer(self, payment_id: str) -> str | None:
        """The user of a payment, by the payment's id alone; None where there is no such."""
        item = self.table.find({"limitId": f"payer#{payment_id}"})
        return str(item["userId"]) if item else None

    def build_payer(self, payment_id: str, user_id: str) -> Update:
        """Ties a payment's id, and so its Idempotency-Key, to one user."""
        return Update(
            key={"limitId": f"payer#{payment_id}"},
            set_={"userId": user_id},
            conditions=["attribute_not_exists(#userId) OR #userId = :user"],
            values={":user": user_id},
        )

    def is_remark_proven(self, withdraw_type: str) -> bool:
        """Whether our remark was seen to come back for this type, and not missing since."""
        item = self.table.find({"limitId": f"remark#{withdraw_type}"})
        return bool(item and item.get("cameBack"))

    def note_remark(self, withdraw_type: str, *, came_back: bool, now: int) -> None:
        """Remembers the latest observation of a withdrawal that we know is ours."""
        self.table.write(
            Update(
                key={"limitId": f"remark#{withdraw_type}"},
                set_={"cameBack": came_back, "observedAt": now},
            )
        )

    def has_answered(self, url: str) -> bool:
        """Whether KuCoin's service ever answered this installation at that address.

        Raises:
            StoreError: It can't be read.
        """
        return self.table.find({"limitId": f"path#{url}"}) is not None

    def note_answered(self, url: str, *, now: int) -> None:
        """Remembers for good that it did.

        Raises:
            StoreError: It can't be written.
        """
        self.table.write(Update(key={"limitId": f"path#{url}"}, set_={"answeredAt": now}))


def _count_units(usdt: Decimal | str) -> int:
    """Whole units of 10^-8 USDT, rounded up."""
    return int(UP.scaleb(Decimal(usdt), USDT_DECIMALS).to_integral_value(ROUND_CEILING))


def _count_in(window: Window, now: int) -> Update:
    """One more in the window that runs, or the first of a new one."""
    if window.is_over(now):
        is_unchanged = (
            "attribute_not_exists(#windowStart)" if window.started_at is None else _SAME_WINDOW
        )
        return Update(
            key={"limitId": window.limit_id},
            set_={
                "windowStart": now,
                "count": 1,
                "ttl": now + window.rule.seconds + _DAY_SECONDS,
            },
            conditions=[is_unchanged],
            values={":seen": window.started_at or 0},
        )
    return Update(
        key={"limitId": window.limit_id},
        add={"count": 1},
        conditions=[_SAME_WINDOW, _HAS_ROOM],
        values={":seen": window.started_at, ":maximum": window.rule.maximum},
    )


def _payment_key(payment_id: str) -> str:
    return f"payment#{payment_id}"


_PROGRESS_KEPT_SECONDS = 35 * 86_400


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
                    "ttl": now + _PROGRESS_KEPT_SECONDS,
                },
            )
        )
