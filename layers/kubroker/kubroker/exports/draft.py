"""A unit's step in the making: what was read of one kind, and what can't be had."""

from dataclasses import dataclass, field

from kubroker.exports.model import MAX_ATTEMPTS, ExportUnit, Gap, Reading, add_gap, add_reading
from kubroker.exports.record_lines import RecordLines
from kubroker.exports.records import ExportKind
from kubroker.exports.windows import EARLIER_ACCOUNT, Window


@dataclass
class UnitDraft:
    """A unit's step in the making: one kind, from the unit's cursor on."""

    unit: ExportUnit
    kind: ExportKind
    end_ms: int
    cursor_ms: int
    span_ms: int | None = None
    now_ms: int | None = None
    expired_until_ms: int = 0
    lines: RecordLines = field(default_factory=RecordLines)
    readings: list[Reading] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    @property
    def has_progress(self) -> bool:
        """Whether it got anywhere."""
        return self.cursor_ms > self.unit.cursor_ms

    @property
    def is_last_attempt(self) -> bool:
        """Whether what fails now, fails for good."""
        return not self.has_progress and self.unit.attempt + 1 >= MAX_ATTEMPTS

    def note(self, window: Window, source: str, *, windows: int, records: int) -> None:
        """What was read; the cursor moves on."""
        self.cursor_ms = window.end_ms
        reading = Reading(
            kind=self.kind,
            source=source,
            start_ms=window.start_ms,
            end_ms=window.end_ms,
            windows=windows,
            records=records,
        )
        self.readings = add_reading(self.readings, reading)

    def lack(self, window: Window, reason: str) -> None:
        """What can't be had; the cursor moves on."""
        self.cursor_ms = window.end_ms
        gap = Gap(
            kind=self.kind, start_ms=window.start_ms, end_ms=window.end_ms, reason=reason[:100]
        )
        self.gaps = add_gap(self.gaps, gap)

    def tell_earlier_account(self, period: Window) -> None:
        """What another account did before this one was linked, nobody read."""
        since_ms = self.unit.account_since_ms
        if since_ms is not None and since_ms > period.start_ms:
            end_ms = min(since_ms, period.end_ms)
            self.gaps.append(
                Gap(
                    kind=self.kind,
                    start_ms=period.start_ms,
                    end_ms=end_ms,
                    reason=EARLIER_ACCOUNT,
                )
            )
