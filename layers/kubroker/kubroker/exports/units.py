"""Working a unit of an export: one user's records, window by window, kind by kind.

What was read and how far it is are written down together, under the unit's version: a step that
crashed before left nothing behind but an object that nobody names, and is done again.
"""

import secrets

from kubroker.aws.files import FileStore
from kubroker.exports.account_history import (
    SAVING_SECONDS,
    WINDOW_SECONDS,
    AccountHistory,
    WindowWalk,
    is_passing,
    name_reason,
)
from kubroker.exports.archive.model import ARCHIVED_KINDS, ArchiveChunk, name_archive
from kubroker.exports.archive.store import ArchiveStore
from kubroker.exports.assembly import UnitDraft
from kubroker.exports.files import find_time_ms
from kubroker.exports.model import (
    Export,
    ExportPart,
    ExportUnit,
    add_gap,
    add_reading,
    find_pause,
    name_part,
)
from kubroker.exports.store import ExportStore
from kubroker.exports.windows import (
    ARCHIVE_EXPIRED,
    MIN_SPAN_MS,
    RECORDS_MISSING,
    Window,
    find_stretch,
)
from kubroker.foundation.clock import Clock, Deadline
from kubroker.foundation.errors import (
    ConfigurationError,
    FileGoneError,
    KubrokerError,
    OutOfTimeError,
    StoreError,
)
from kubroker.foundation.kucoin_protocol import KucoinProtocol
from kubroker.foundation.observability import EXPORT_GAP_FOUND, count


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
        clock: Clock,
    ) -> None:
        """Joins its parts."""
        self._store = store
        self._archives = archives
        self._files = files
        self._history = history
        self._protocol = protocol
        self._clock = clock

    def run(self, export: Export, unit: ExportUnit, deadline: Deadline) -> int | None:
        """Works a unit as far as the time goes.

        Returns:
            None once it is done; else the seconds until it goes on.

        Raises:
            LostRaceError: Somebody else works it.
            StoreError: AWS could not be asked; what is written down stays.
            ConfigurationError: An operator has to mend something.
        """
        reading, now_ms = deadline.cut(deadline.left() - SAVING_SECONDS), None
        while not unit.is_done:
            if reading.left() < WINDOW_SECONDS:
                return 0
            draft = UnitDraft(
                unit,
                export.request.kinds[unit.kind_index],
                export.request.end_ms,
                unit.cursor_ms,
                unit.span_ms,
                now_ms,
            )
            pause, has_failed = None, False
            try:
                self._fill(draft, reading)
            except (ConfigurationError, StoreError):
                raise
            except OutOfTimeError as error:
                has_failed = (draft.span_ms or 0) <= MIN_SPAN_MS
                pause = self._settle(draft, error) if has_failed else 0
            except KubrokerError as error:
                pause = self._settle(draft, error)
                has_failed = pause is not None
            unit, now_ms = self._save(export, draft, has_failed=has_failed), draft.now_ms
            if pause is not None:
                return pause
        return None

    def abandon(self, export: Export, unit: ExportUnit, reason: str) -> None:
        """Ends a unit that nothing can be done for: what is left of it is a gap.

        Raises:
            LostRaceError: Somebody else works it.
            StoreError: It can't be written down.
        """
        gaps, start_ms = unit.gaps, unit.cursor_ms
        for kind in export.request.kinds[unit.kind_index :]:
            draft = UnitDraft(unit, kind, export.request.end_ms, start_ms)
            draft.lack(Window(start_ms, export.request.end_ms), reason)
            draft.tell_earlier_account(export.request.period)
            for gap in draft.gaps:
                gaps = add_gap(gaps, gap)
            start_ms = export.request.start_ms
        now = {
            "version": unit.version + 1,
            "kind_index": len(export.request.kinds),
            "gaps": gaps,
            "is_done": True,
        }
        self._store.save_unit(unit, unit.model_copy(update=now), None, now=self._clock.now())
        count(EXPORT_GAP_FOUND, len(gaps) - len(unit.gaps))

    def _fill(self, draft: UnitDraft, deadline: Deadline) -> None:
        """Goes through the kind until its end, or there is enough, or no time."""
        user_id = draft.unit.user_id
        account = self._find_account(draft)
        chunks = self._list_chunks(draft, account)
        walk = WindowWalk(
            self._history,
            user_id,
            account,
            kind=draft.kind,
            deadline=deadline,
            span_ms=draft.span_ms,
            attempt=draft.unit.attempt,
        )
        while draft.cursor_ms < draft.end_ms and not draft.lines.is_full:
            if deadline.left() < WINDOW_SECONDS:
                return
            while chunks and chunks[0].end_ms <= draft.cursor_ms:
                chunks.pop(0)
            if chunks and chunks[0].start_ms <= draft.cursor_ms:
                self._copy(draft, chunks.pop(0))
                continue
            limit = min(draft.end_ms, chunks[0].start_ms if chunks else draft.end_ms)
            if draft.cursor_ms < draft.expired_until_ms:
                limit = min(limit, draft.expired_until_ms)
            self._read(draft, walk, limit)

    def _find_account(self, draft: UnitDraft) -> str:
        """The unit reads one account; which one is settled at its first step."""
        if draft.unit.kucoin_uid is None:
            found = self._history.find_account(draft.unit.user_id)
            about = {
                "kucoin_uid": found.kucoin_uid if found else "",
                "account_since_ms": found.since_ms if found else None,
            }
            draft.unit = draft.unit.model_copy(update=about)
        return draft.unit.kucoin_uid or ""

    def _list_chunks(self, draft: UnitDraft, account: str) -> list[ArchiveChunk]:
        """What the archive has of the rest of the period."""
        if draft.kind not in ARCHIVED_KINDS or not account:
            return []
        rest = Window(draft.cursor_ms, draft.end_ms)
        return self._archives.list_chunks(
            name_archive(draft.unit.user_id, account), draft.kind, rest
        )

    def _copy(self, draft: UnitDraft, chunk: ArchiveChunk) -> None:
        """Takes over what lies in the rest of the period; a file that is gone leaves KuCoin's."""
        window = Window(draft.cursor_ms, min(chunk.end_ms, draft.end_ms))
        before = len(draft.lines)
        try:
            for line in self._files.read_lines(chunk.key) if chunk.key else ():
                if window.holds(find_time_ms(line)):
                    draft.lines.add_line(line)
        except FileGoneError:
            draft.expired_until_ms = window.end_ms
            return
        records = len(draft.lines) - before
        draft.note(window, "archive", windows=chunk.windows, records=records)
        if chunk.missing:
            draft.lack(window, RECORDS_MISSING)

    def _read(self, draft: UnitDraft, walk: WindowWalk, limit_ms: int) -> None:
        """Asks KuCoin for the next window, or notes why it can't be had."""
        draft.now_ms = draft.now_ms or self._history.read_now_ms()
        stretch = find_stretch(
            draft.kind, draft.cursor_ms, limit_ms, protocol=self._protocol, now_ms=draft.now_ms
        )
        if stretch.gap:
            is_expired = draft.cursor_ms < draft.expired_until_ms
            draft.lack(stretch.window, ARCHIVE_EXPIRED if is_expired else stretch.gap)
            return
        try:
            window, reading = walk.read(
                draft.cursor_ms, stretch.window.end_ms, may_lack=draft.is_last_attempt
            )
        finally:
            draft.span_ms = walk.span_ms
        draft.lines.add(reading.records)
        draft.note(window, "kucoin", windows=1, records=len(reading.records))
        if reading.missing:
            draft.lack(window, RECORDS_MISSING)

    def _settle(self, draft: UnitDraft, error: KubrokerError) -> int | None:
        """After a failure: the seconds until it is tried again, or a gap and on with the rest."""
        if is_passing(error) and not draft.is_last_attempt:
            attempt = 1 if draft.has_progress else draft.unit.attempt + 1
            return find_pause(attempt, error.retry_after_seconds)
        chunks = self._list_chunks(draft, draft.unit.kucoin_uid or "")
        starts = (chunk.start_ms for chunk in chunks if chunk.start_ms > draft.cursor_ms)
        end_ms = min(starts, default=draft.end_ms)
        if draft.now_ms is not None:
            stretch = find_stretch(
                draft.kind, draft.cursor_ms, end_ms, protocol=self._protocol, now_ms=draft.now_ms
            )
            end_ms = stretch.window.end_ms
        draft.lack(Window(draft.cursor_ms, end_ms), name_reason(error))
        return None

    def _save(self, export: Export, draft: UnitDraft, *, has_failed: bool) -> ExportUnit:
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
                "span_ms": None if is_over else draft.span_ms,
                "attempt": attempt,
                "readings": readings,
                "gaps": gaps,
                "records": seen.records + len(draft.lines),
                "is_done": kind_index == len(export.request.kinds),
            }
        )
        part = self._write_part(draft)
        self._store.save_unit(seen, now, part, now=self._clock.now())
        if draft.gaps:
            count(EXPORT_GAP_FOUND, len(draft.gaps))
        return now

    def _write_part(self, draft: UnitDraft) -> ExportPart | None:
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
