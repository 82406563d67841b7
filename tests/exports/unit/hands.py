"""A clock that stands still unless it is moved, and histories that answer from memory."""

from kubroker.exports.history import WindowReading
from kubroker.exports.records import ExportKind, ExportRecord
from kubroker.exports.windows import MIN_SPAN_MS
from kubroker.foundation.clock import Clock
from kubroker.foundation.errors import OutOfTimeError


class Hands:
    """Of a clock; who sleeps moves them."""

    def __init__(self):
        self.at = 1_000.0
        self.slept: list[float] = []

    @property
    def clock(self):
        return Clock(now=lambda: 0, monotonic=lambda: self.at, sleep=self.sleep, jitter=lambda: 0.0)

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.at += seconds


class Dense:
    """An account's history with a record in each millisecond that is named.

    Attributes:
        most: More in a window are too many, but for the shortest window.
        seconds: What reading a window takes, by the window.
        missing: How many trades a window's fills don't show.
        asked: The windows, in order.
        attempts: What was told beside each: how often it failed before.
    """

    def __init__(self, hands, times=(), *, most=10**9):
        self.hands, self.times, self.most = hands, list(times), most
        self.seconds = lambda window: 0.0
        self.missing = 0
        self.asked: list[tuple] = []
        self.attempts: list[int] = []

    def read(self, user_id, account, kind, window, *, deadline, attempt=0):
        self.attempts.append(attempt)
        self.asked.append((user_id, account, kind, window))
        taken = self.seconds(window)
        if taken > deadline.left():
            self.hands.at += max(0.0, deadline.left())
            raise OutOfTimeError("no time")
        self.hands.at += taken
        inside = [time_ms for time_ms in self.times if window.holds(time_ms)]
        if len(inside) > self.most and window.span_ms > MIN_SPAN_MS:
            return WindowReading(is_too_full=True)
        return WindowReading([_build(kind, time_ms) for time_ms in inside], missing=self.missing)

    @property
    def windows(self):
        return [window for *_, window in self.asked]

    @property
    def spans(self):
        return [window.span_ms for window in self.windows]


def _build(kind: ExportKind, time_ms: int) -> ExportRecord:
    fields = {"recordId": str(time_ms), "timeOriginal": str(time_ms)}
    return ExportRecord(kind, time_ms, str(time_ms), fields)
