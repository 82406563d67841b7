"""KuCoin's clock: the machine's, moved by an offset, or stopped."""

import time


class SimulatedClock:
    """The one source of time of the simulator, in milliseconds since 1970 (UTC)."""

    def __init__(self) -> None:
        """Start in step with the machine."""
        self._offset_ms = 0
        self._frozen_ms: int | None = None

    @property
    def is_frozen(self) -> bool:
        """Whether time stands still until it is advanced."""
        return self._frozen_ms is not None

    @property
    def offset_ms(self) -> int:
        """How far this clock is ahead of the machine's."""
        return self.now_ms() - _machine_ms() if self.is_frozen else self._offset_ms

    def now_ms(self) -> int:
        """Return the simulated time in milliseconds."""
        if self._frozen_ms is not None:
            return self._frozen_ms
        return _machine_ms() + self._offset_ms

    def now_s(self) -> float:
        """Return the simulated time in seconds."""
        return self.now_ms() / 1000

    def set_offset(self, offset_ms: int) -> None:
        """Run beside the machine's clock at a fixed distance."""
        self._frozen_ms = None
        self._offset_ms = offset_ms

    def freeze(self, now_ms: int) -> None:
        """Stand still at one moment."""
        self._frozen_ms = now_ms

    def jump_to(self, now_ms: int) -> None:
        """Go to one moment and keep running (or standing)."""
        if self._frozen_ms is not None:
            self._frozen_ms = now_ms
        else:
            self._offset_ms = now_ms - _machine_ms()

    def advance(self, delta_ms: int) -> None:
        """Move on (or back) by a span."""
        if self._frozen_ms is not None:
            self._frozen_ms += delta_ms
        else:
            self._offset_ms += delta_ms


def _machine_ms() -> int:
    return time.time_ns() // 1_000_000
