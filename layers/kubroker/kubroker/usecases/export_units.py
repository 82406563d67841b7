"""Working a unit of an export: one user's records, window by window, kind by kind.

What was read and how far it is are written down together, under the unit's version: a step that
crashed before left nothing behind but an object that nobody names, and is done again.
"""

import secrets
from dataclasses import dataclass, field

from kubroker.aws.archives import ArchiveStore
from kubroker.aws.exports import ExportStore
from kubroker.aws.files import FileStore
from kubroker.domain.archive import ARCHIVED_KINDS, ArchiveChunk, name_archive
from kubroker.domain.export import (
    MAX_ATTEMPTS,
    Export,
    ExportPart,
    ExportUnit,
    Gap,
    Reading,
    add_gap,
    add_reading,
    find_pause,
    name_part,
)
from kubroker.domain.export_records import ExportKind
from kubroker.domain.export_windows import EARLIER_ACCOUNT, RECORDS_MISSING, Window, find_stretch
from kubroker.domain.kucoin_protocol import KucoinProtocol
from kubroker.errors import ConfigurationError, KubrokerError, StoreError
from kubroker.observability import EXPORT_GAP_FOUND, count
from kubroker.usecases.account_history import (
    AccountHistory,
    WindowWalk,
    is_passing,
    name_reason,
)
from kubroker.usecases.clock import Deadline
from kubroker.usecases.record_lines import RecordLines, find_time_ms

# A window is begun only with so much time left, a step with a little more.
WINDOW_SECONDS = 9.0
SAVING_SECONDS = 3.0


@dataclass
class _Draft:
    """A unit's step in the making: one kind, from the unit's cursor on."""

    unit: ExportUnit
    kind: ExportKind
    end_ms: int
    cursor_ms: int
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


class UnitWork:
    """Works units."""

    def __init__(
        self,
        store: ExportStore,
        archives: ArchiveStore,
        files: FileStore,
        history: AccountHistory,
        *,
        protocol: KucoinProtocol,
    ) -> None:
        """Joins its parts."""
        self._store = store
        self._archives = archives
        self._files = files
        self._history = history
        self._protocol = protocol

    def run(self, export: Export, unit: ExportUnit, deadline: Deadline) -> int | None:
        """Works a unit as far as the time goes.

        Returns:
            None once it is done; else the seconds until it goes on.

        Raises:
            LostRaceError: Somebody else works it.
            StoreError: AWS could not be asked; what is written down stays.
            ConfigurationError: An operator has to mend something.
        """
        now_ms: int | None = None
        while not unit.is_done:
            if deadline.left() < WINDOW_SECONDS + SAVING_SECONDS:
                return 0
            kind = export.request.kinds[unit.kind_index]
            draft = _Draft(unit, kind, export.request.end_ms, unit.cursor_ms)
            pause: int | None = None
            try:
                now_ms = now_ms or self._history.read_now_ms()
                self._fill(draft, now_ms, deadline)
            except (ConfigurationError, StoreError):
                raise
            except KubrokerError as error:
                pause = self._settle(draft, error, now_ms)
            unit = self._save(export, draft, has_failed=pause is not None)
            if pause is not None:
                return pause
        return None

    def _fill(self, draft: _Draft, now_ms: int, deadline: Deadline) -> None:
        """Goes through the kind until its end, or there is enough, or no time."""
        user_id = draft.unit.user_id
        account = self._find_account(draft)
        chunks = self._list_chunks(draft, account)
        walk = WindowWalk(self._history, user_id, account, kind=draft.kind, deadline=deadline)
        while draft.cursor_ms < draft.end_ms and not draft.lines.is_full:
            if deadline.left() < WINDOW_SECONDS:
                return
            while chunks and chunks[0].end_ms <= draft.cursor_ms:
                chunks.pop(0)
            if chunks and chunks[0].start_ms <= draft.cursor_ms:
                self._copy(draft, chunks[0])
            else:
                limit = min(draft.end_ms, chunks[0].start_ms if chunks else draft.end_ms)
                self._read(draft, walk, limit, now_ms)

    def _find_account(self, draft: _Draft) -> str:
        """The unit reads one account; which one is settled at its first step."""
        if draft.unit.kucoin_uid is None:
            found = self._history.find_account(draft.unit.user_id)
            about = {
                "kucoin_uid": found.kucoin_uid if found else "",
                "account_since_ms": found.since_ms if found else None,
            }
            draft.unit = draft.unit.model_copy(update=about)
        return draft.unit.kucoin_uid or ""

    def _list_chunks(self, draft: _Draft, account: str) -> list[ArchiveChunk]:
        """What the archive has of the rest of the period."""
        if draft.kind not in ARCHIVED_KINDS or not account:
            return []
        rest = Window(draft.cursor_ms, draft.end_ms)
        return self._archives.list_chunks(
            name_archive(draft.unit.user_id, account), draft.kind, rest
        )

    def _copy(self, draft: _Draft, chunk: ArchiveChunk) -> None:
        """Takes over what lies in the rest of the period."""
        window = Window(draft.cursor_ms, min(chunk.end_ms, draft.end_ms))
        before = len(draft.lines)
        for line in self._files.read_lines(chunk.key) if chunk.key else ():
            if window.holds(find_time_ms(line)):
                draft.lines.add_line(line)
        records = len(draft.lines) - before
        draft.note(window, "archive", windows=chunk.windows, records=records)
        if chunk.missing:
            draft.lack(window, RECORDS_MISSING)

    def _read(self, draft: _Draft, walk: WindowWalk, limit_ms: int, now_ms: int) -> None:
        """Asks KuCoin for the next window, or notes why it can't be had."""
        stretch = find_stretch(
            draft.kind, draft.cursor_ms, limit_ms, protocol=self._protocol, now_ms=now_ms
        )
        if stretch.gap:
            draft.lack(stretch.window, stretch.gap)
            return
        window, reading = walk.read(
            draft.cursor_ms, stretch.window.end_ms, may_lack=draft.is_last_attempt
        )
        draft.lines.add(reading.records)
        draft.note(window, "kucoin", windows=1, records=len(reading.records))
        if reading.missing:
            draft.lack(window, RECORDS_MISSING)

    def _settle(self, draft: _Draft, error: KubrokerError, now_ms: int | None) -> int | None:
        """After a failure: the seconds until it is tried again, or a gap and on with the rest."""
        if is_passing(error) and not draft.is_last_attempt:
            attempt = 1 if draft.has_progress else draft.unit.attempt + 1
            return find_pause(attempt, error.retry_after_seconds)
        limit = draft.end_ms
        for chunk in self._list_chunks(draft, draft.unit.kucoin_uid or ""):
            limit = min(limit, max(chunk.start_ms, draft.cursor_ms))
        if now_ms is not None:
            stretch = find_stretch(
                draft.kind, draft.cursor_ms, limit, protocol=self._protocol, now_ms=now_ms
            )
            limit = stretch.window.end_ms
        end_ms = limit if limit > draft.cursor_ms else draft.end_ms
        draft.lack(Window(draft.cursor_ms, end_ms), name_reason(error))
        return None

    def _save(self, export: Export, draft: _Draft, *, has_failed: bool) -> ExportUnit:
        """Writes down what there is, and how far the unit is with it."""
        seen = draft.unit
        is_over = draft.cursor_ms >= draft.end_ms
        attempt = (0 if draft.has_progress else seen.attempt) + (1 if has_failed else 0)
        kind_index = seen.kind_index + 1 if is_over else seen.kind_index
        if is_over:
            draft.tell_earlier_account(export.request.period)
        readings, gaps = seen.readings, seen.gaps
        for reading in draft.readings:
            readings = add_reading(readings, reading)
        for gap in draft.gaps:
            gaps = add_gap(gaps, gap)
        now = seen.model_copy(
            update={
                "version": seen.version + 1,
                "kind_index": kind_index,
                "cursor_ms": export.request.start_ms if is_over else draft.cursor_ms,
                "attempt": attempt,
                "readings": readings,
                "gaps": gaps,
                "records": seen.records + len(draft.lines),
                "is_done": kind_index == len(export.request.kinds),
            }
        )
        self._store.save_unit(seen, now, self._write_part(draft))
        if draft.gaps:
            count(EXPORT_GAP_FOUND, len(draft.gaps))
        return now

    def _write_part(self, draft: _Draft) -> ExportPart | None:
        if not len(draft.lines):
            return None
        unit = draft.unit
        # Its name is new each time: a step that loses the race can't overwrite the other's.
        key = (
            f"exports/{unit.export_id}/parts/{draft.kind}/{unit.user_id}/"
            f"{unit.version:06d}-{secrets.token_hex(8)}.jsonl"
        )
        content = draft.lines.join()
        self._files.put(key, content, content_type="application/x-ndjson")
        return ExportPart(
            export_id=unit.export_id,
            item=name_part(draft.kind, unit.user_id, unit.version),
            key=key,
            records=len(draft.lines),
            size_bytes=len(content),
            ttl=unit.ttl,
        )
