"""Lifts what else a busy machine decides: real deadlines of seconds, here and at both ends.

For tests that are not about deadlines. Time of the code's own passes by its pauses alone, which
take none; KuCoin and AWS may take as long as a machine under load does.
"""

import time
from collections.abc import Callable
from typing import Any

from botocore.config import Config

from kubroker.aws import clients
from kubroker.foundation.clock import Clock
from kubroker.kucoin.transport import KucoinTransport

# Longer than any load; only a fault of the test itself is caught by it.
PATIENCE_SECONDS = 120.0
_SLOWNESS = 50


def lift_time_limits(monkeypatch: Any) -> None:
    """For this test, and for clients that are made from now on."""
    _lift_kucoins(monkeypatch)
    _lift_awss(monkeypatch)
    paused = [0.0]

    def pause(seconds: float) -> None:
        paused[0] += seconds

    given = dict(zip(("now", "monotonic", "sleep", "jitter"), _defaults(), strict=True))
    given |= {"monotonic": lambda: paused[0], "sleep": pause}
    monkeypatch.setattr(Clock.__init__, "__defaults__", tuple(given.values()))


def build_slow_clock() -> Clock:
    """For threads that wait for each other: pauses are short but real, deadlines far away."""
    return Clock(
        monotonic=lambda: time.monotonic() / _SLOWNESS,
        sleep=lambda seconds: time.sleep(seconds / 4),
    )


def _defaults() -> tuple[Any, ...]:
    return Clock.__init__.__defaults__ or ()


def _lift_kucoins(monkeypatch: Any) -> None:
    def lift(original: Callable[..., Any]) -> Callable[..., Any]:
        def unhurried(transport: KucoinTransport, request: Any, **named: Any) -> Any:
            longer = max(named["deadline_seconds"], PATIENCE_SECONDS)
            return original(transport, request, **{**named, "deadline_seconds": longer})

        return unhurried

    for name in ("send", "send_safe"):
        monkeypatch.setattr(KucoinTransport, name, lift(getattr(KucoinTransport, name)))


def _lift_awss(monkeypatch: Any) -> None:
    longer = Config(connect_timeout=PATIENCE_SECONDS, read_timeout=PATIENCE_SECONDS)
    for name in ("CONFIG", "_IMPATIENT"):
        monkeypatch.setattr(clients, name, getattr(clients, name).merge(longer))
