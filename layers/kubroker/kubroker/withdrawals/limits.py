"""Limits by KuCoin uid, as decisions about counters; the store holds them by conditional writes.

Source: kucoin-fast-api, 8.2: withdrawals by UID, MAIL and PHONE at most 3 in 10 s and 50 in 24 h,
"calculated on a rolling basis based on the first request time": a window opens with the first
request and counts until it ends.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kubroker.withdrawals.rules import WithdrawType

LIMITED_TYPES = frozenset({WithdrawType.UID, WithdrawType.MAIL, WithdrawType.PHONE})


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRule:
    """So many requests from the first one on."""

    name: str
    seconds: int
    maximum: int


WINDOW_RULES = (
    WindowRule(name="10s", seconds=10, maximum=3),
    WindowRule(name="24h", seconds=86_400, maximum=50),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A counter as it was read.

    Attributes:
        limit_id: Its key.
        started_at: Epoch seconds of its first request, or None where there is none yet.
        count: Requests in it.
    """

    limit_id: str
    rule: WindowRule
    started_at: int | None
    count: int

    def is_over(self, now: int) -> bool:
        """Whether the next request opens a new one."""
        return self.started_at is None or now >= self.started_at + self.rule.seconds

    def find_wait(self, now: int) -> int | None:
        """Seconds until a request fits, or None where it fits now."""
        if self.started_at is None or self.is_over(now) or self.count < self.rule.maximum:
            return None
        return self.started_at + self.rule.seconds - now


def build_window_id(kucoin_uid: str, rule: WindowRule) -> str:
    """Key of a window's counter."""
    return f"transfers#{kucoin_uid}#{rule.name}"


def build_day_id(kucoin_uid: str, day: str) -> str:
    """Key of a day's USDT total."""
    return f"usdt#{kucoin_uid}#{day}"


def build_tries_id(kucoin_uid: str, day: str) -> str:
    """Key of a day's codes and renewals."""
    return f"tries#{kucoin_uid}#{day}"


def seconds_to_next_day(now: int) -> int:
    """Until the day's total begins anew."""
    moment = datetime.fromtimestamp(now, UTC)
    tomorrow = (moment + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return int((tomorrow - moment).total_seconds())
