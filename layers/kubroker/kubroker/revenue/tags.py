"""Do orders carry the broker's tag? What counts as an order, and what a day's check found. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from pydantic import Field

from kubroker.audit.model import AuditEntry, AuditKind, AuditOutcome
from kubroker.foundation.stored import StoredModel
from kubroker.proxy.orders import ORDER_CALLS

SCHEMA_VERSION = 1
# Users that a check names; it counts all.
MAX_NAMED = 100
# One user may have traded by hand while an order of ours still waits: more than this is no chance.
ALARMING_SHARE = Decimal("0.02")


@dataclass(frozen=True, slots=True)
class Volumes:
    """What a user traded in some time, as KuCoin counts it for this broker, in its currency."""

    tagged: Decimal
    untagged: Decimal


class UntaggedUser(StoredModel):
    """A user who placed orders through the proxy and whose day has volume, all of it untagged."""

    user_id: str
    untagged_volume: str


class TagCheck(StoredModel):
    """The item ``tag-check#{day}`` of ``Limits``.

    ================  ====  ==============================================================
    day               s     UTC, ``2025-06-16``
    cursor            s     of the next page of connections; none once it is finished
    isFinished        bool  every active connection was looked at
    looked            n     connections looked at
    withOrders        n     of these, with orders placed through the proxy on that day
    unchecked         n     of these, whose volumes KuCoin does not tell
    untagged          list  ``UntaggedUser``, the first hundred
    untaggedCount     n     all of them
    ================  ====  ==============================================================
    """

    day: str
    schema_version: int = SCHEMA_VERSION
    cursor: str | None = None
    is_finished: bool = False
    looked: int = 0
    with_orders: int = 0
    unchecked: int = 0
    untagged: list[UntaggedUser] = Field(default_factory=list)
    untagged_count: int = 0
    updated_at: int = 0

    @property
    def is_alarming(self) -> bool:
        """Whether so many are untagged that it is no chance."""
        return self.untagged_count > 0 and (
            self.untagged_count >= ALARMING_SHARE * self.with_orders
        )


_ORDER_REFERENCES = frozenset(
    f"{host} POST {pattern}" for host, patterns in ORDER_CALLS.items() for pattern in patterns
)


def has_order(entries: Sequence[AuditEntry], accepted_code: str) -> bool:
    """Whether one of a user's entries is an order that KuCoin took: it has its code of success."""
    return any(
        entry.kind is AuditKind.REQUEST
        and entry.outcome is AuditOutcome.DONE
        and entry.code == accepted_code
        and entry.reference in _ORDER_REFERENCES
        for entry in entries
    )


def find_checkable_day(now: int, report_hours: int) -> date:
    """The latest UTC day whose volumes KuCoin should have.

    Args:
        now: Epoch seconds.
        report_hours: After the day's end.
    """
    return (datetime.fromtimestamp(now, UTC) - timedelta(hours=24 + report_hours)).date()


def build_span_ms(day: date) -> tuple[int, int]:
    """The first and the last millisecond of a UTC day."""
    start = round(datetime.combine(day, time(), UTC).timestamp() * 1000)
    return start, start + 86_400_000 - 1
