"""Request quotas by pool, with KuCoin's headers.

Source:
    KuCoin rate limits at VIP 0, per account and 30 s: Spot 4000, every other pool 2000; public
    calls per IP 2000. Headers gw-ratelimit-limit, -remaining, -reset (milliseconds left).
"""

from dataclasses import dataclass

from local.kucoin_simulator.wire import Refusal

DEFAULT_LIMITS = {"spot": 4000}
OTHER_LIMIT = 2000
TOO_MANY = "Too Many Requests"


@dataclass(slots=True)
class _Window:
    started_ms: int
    used: int = 0


class RateLimits:
    """One window of counted weight for each (owner, pool)."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        self._windows: dict[tuple[str, str], _Window] = {}

    def clear(self) -> None:
        """Forget all counts."""
        self._windows.clear()

    def spend(
        self,
        owner: str,
        pool: str,
        weight: int,
        *,
        now_ms: int,
        window_ms: int,
        limits: dict[str, int],
    ) -> tuple[dict[str, str], Refusal | None]:
        """Count one call.

        Returns:
            The gw-ratelimit headers, and a refusal (429000) when the quota is used up.
        """
        limit = limits.get(pool, DEFAULT_LIMITS.get(pool, OTHER_LIMIT))
        window = self._windows.get((owner, pool))
        if window is None or not 0 <= now_ms - window.started_ms < window_ms:
            window = self._windows[owner, pool] = _Window(now_ms)
        refused = window.used + weight > limit
        if not refused:
            window.used += weight
        headers = build_headers(
            limit, max(0, limit - window.used), window.started_ms + window_ms - now_ms
        )
        return headers, Refusal("429000", TOO_MANY, 429) if refused else None


def build_headers(limit: int, remaining: int, reset_ms: int) -> dict[str, str]:
    """Return the three quota headers."""
    return {
        "gw-ratelimit-limit": str(limit),
        "gw-ratelimit-remaining": str(remaining),
        "gw-ratelimit-reset": str(reset_ms),
    }
