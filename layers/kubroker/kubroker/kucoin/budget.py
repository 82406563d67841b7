"""How much of KuCoin's quotas is left, as far as KuCoin's own answers tell. Pure: no clock.

Source: KuCoin, rate limits: per account, pool and 30 s; ``gw-ratelimit-limit``, ``-remaining``
and ``-reset`` (milliseconds left) come with each answer and count all that the account does, not
just what goes through this process. A window that is over is full again.
"""

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

WINDOW_SECONDS = 30.0
# Kept back for what others do in the account meanwhile: other environments, and Kubroker itself.
RESERVED_SHARE = 0.02
MAX_VIEWS = 10_000
_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Quota:
    """What one answer tells.

    Attributes:
        limit: Of the pool in a window.
        remaining: Of it, after the answered call.
        reset_seconds: Until the window ends.
    """

    limit: int
    remaining: int
    reset_seconds: float


def parse_quota(headers: Mapping[str, str]) -> Quota | None:
    """The quota in an answer's headers, or None where it tells none.

    Args:
        headers: Names in lower case.
    """
    texts = [headers.get(f"gw-ratelimit-{name}", "") for name in ("limit", "remaining", "reset")]
    if not all(_NUMBER.fullmatch(text) for text in texts):
        return None
    limit, remaining, reset_ms = map(int, texts)
    return Quota(limit, remaining, reset_ms / 1000)


@dataclass(slots=True)
class _View:
    limit: int
    remaining: int
    reset_at: float
    in_flight: int = 0


class Budgets:
    """The views of the accounts seen last; a process has one. Its caller takes care of threads."""

    def __init__(self) -> None:
        """Knows nothing yet: what nobody has told is not held back."""
        self._views: OrderedDict[tuple[str, str], _View] = OrderedDict()

    def take(
        self,
        account: str,
        pool: str,
        weight: int,
        *,
        now: float,
        reserved_share: float = RESERVED_SHARE,
    ) -> float | None:
        """Counts a call before it is sent.

        Args:
            account: Whose quota.
            pool: Which of them.
            weight: Of the call.
            now: Monotonic seconds.
            reserved_share: Of the quota, that is left to others.

        Returns:
            None if it may go; else the seconds until it may.
        """
        view = self._views.get((account, pool))
        if view is None:
            return None
        self._views.move_to_end((account, pool))
        if now >= view.reset_at:
            view.remaining, view.reset_at = view.limit, now + WINDOW_SECONDS
        left = view.remaining - view.in_flight - weight
        if left < view.limit * reserved_share:
            return view.reset_at - now
        view.in_flight += weight
        return None

    def settle(
        self,
        account: str,
        pool: str,
        weight: int,
        quota: Quota | None,
        *,
        now: float,
        was_sent: bool = True,
    ) -> None:
        """Gives back what ``take`` took: whatever came of the call, once.

        Learns from an answer; without one the call counts as made, unless it was never sent.

        Args:
            account: As for ``take``.
            pool: As for ``take``.
            weight: As for ``take``.
            quota: What the answer told.
            now: Monotonic seconds.
            was_sent: False only where nothing can have reached KuCoin.
        """
        view = self._views.get((account, pool))
        if view is not None:
            view.in_flight = max(0, view.in_flight - weight)
            if was_sent:
                view.remaining = max(0, view.remaining - weight)
        if quota is None:
            return
        if view is None:
            view = self._views[account, pool] = _View(0, 0, 0.0)
            if len(self._views) > MAX_VIEWS:
                self._views.popitem(last=False)
        view.limit, view.remaining = quota.limit, quota.remaining
        view.reset_at = now + quota.reset_seconds
