"""Time and chance of a process, as one argument."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


def read_now() -> int:
    """Epoch seconds."""
    return int(time.time())


@dataclass(frozen=True, slots=True)
class Clock:
    """What a use case may know of time.

    Attributes:
        now: Epoch seconds.
        monotonic: Seconds that only grow.
        sleep: Waits that many seconds.
        jitter: Uniform in [0, 1).
    """

    now: Callable[[], int] = read_now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def start(self, seconds: float) -> "Deadline":
        """A deadline that many seconds from now."""
        return Deadline(self, self.monotonic() + seconds)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock."""

    clock: Clock
    ends_at: float

    def left(self) -> float:
        """Seconds until then; negative after it."""
        return self.ends_at - self.clock.monotonic()

    def cut(self, seconds: float) -> "Deadline":
        """The earlier of this one and the one that many seconds from now."""
        return Deadline(self.clock, min(self.ends_at, self.clock.monotonic() + seconds))


def build_day(now: int) -> str:
    """The UTC date that counts."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")
