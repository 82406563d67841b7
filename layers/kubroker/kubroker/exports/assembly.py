"""Putting an export's files together: kind by kind, file by file, then coverage and manifest.

Each step makes one whole file and writes down how far the assembly is with it. A step that
crashed leaves a file that nobody names, and is done again.
"""

import contextlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

from kubroker.aws.files import FileStore, Upload
from kubroker.exports.files import (
    CONTENT_TYPES,
    RecordLines,
    RowWriter,
    build_coverage,
    build_facts,
    build_gap,
    build_json,
    build_manifest,
)
from kubroker.exports.model import (
    MAX_ATTEMPTS,
    MAX_TOLD_GAPS,
    UNIT_PREFIX,
    Assembly,
    Export,
    ExportFile,
    ExportPart,
    ExportState,
    ExportUnit,
    Gap,
    Reading,
    add_gap,
    add_reading,
)
from kubroker.exports.records import ExportKind
from kubroker.exports.store import ExportStore
from kubroker.exports.summary.page import render_summary
from kubroker.exports.totals import ExportTotals
from kubroker.exports.windows import EARLIER_ACCOUNT, Window
from kubroker.foundation.clock import Clock, Deadline
from kubroker.foundation.errors import LostRaceError
from kubroker.foundation.observability import EXPORT_COMPLETED, count


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


# A file ends where it has so much, or the time does.
FILE_BYTES = 64 * 1024 * 1024
STEP_SECONDS = 12.0
FINISH_SECONDS = 8.0
_COVERAGE = "coverage"


@dataclass
class _Making:
    """A file in the making, and what the assembly is with it."""

    name: str
    kind: str
    key: str
    upload: Upload
    records: int = 0
    after: str = ""
    is_last: bool = False


class ExportAssembly:
    """Makes files."""

    def __init__(
        self,
        store: ExportStore,
        files: FileStore,
        *,
        broker_name: str,
        clock: Clock,
        file_bytes: int = FILE_BYTES,
    ) -> None:
        """Joins its parts."""
        self._broker_name = broker_name
        self._store = store
        self._files = files
        self._clock = clock
        self._file_bytes = file_bytes

    def run(self, export: Export, deadline: Deadline) -> bool:
        """Makes files as far as the time goes; true once the export is READY.

        Raises:
            LostRaceError: Somebody else does it.
            StoreError: AWS could not be asked; the files that are written down stay.
        """
        assembly = self._store.get_assembly(export)
        kinds = export.request.kinds
        while deadline.left() > STEP_SECONDS:
            if assembly.stage < len(kinds):
                assembly = self._step(export, assembly, kinds[assembly.stage], deadline)
            elif assembly.stage == len(kinds):
                assembly = self._step(export, assembly, None, deadline)
            elif assembly.stage == len(kinds) + 1:
                assembly = self._sum_up(export, assembly)
            else:
                self._end(export)
                return True
        return False

    def _step(
        self, export: Export, seen: Assembly, kind: ExportKind | None, deadline: Deadline
    ) -> Assembly:
        """One file of a kind, or of the coverage."""
        form = export.request.format if kind else "jsonl"
        making = self._begin(export, seen, kind or _COVERAGE, form)
        now = seen.model_copy(deep=True)
        totals_key = seen.totals_key
        if kind:
            totals = self._read_totals(seen)
            self._add_records(export, making, totals, kind=kind, deadline=deadline)
            totals_key = self._write_totals(export, totals)
        else:
            self._add_coverage(export, making, now, deadline)
        is_wanted = making.records > 0 or seen.after == ""
        file = self._finish(export, making, seen.files) if is_wanted else None
        now = now.model_copy(
            update={
                "stage": seen.stage + 1 if making.is_last else seen.stage,
                "after": "" if making.is_last else making.after,
                "totals_key": totals_key,
                "files": seen.files + (1 if file else 0),
                "records": {
                    **now.records,
                    making.kind: now.records.get(making.kind, 0) + making.records,
                },
            }
        )
        self._store.save_assembly(seen, now, [file] if file else [])
        return self._store.get_assembly(export)

    def _begin(
        self, export: Export, seen: Assembly, kind: str, form: str, *, name: str = ""
    ) -> _Making:
        name = name or f"{kind}-{seen.files + 1:04d}.{form}"
        key = f"exports/{export.export_id}/files/{name}-{secrets.token_hex(8)}"
        upload = self._files.open_upload(key, content_type=CONTENT_TYPES[form])
        return _Making(name=name, kind=kind, key=key, upload=upload, after=seen.after)

    def _add_records(
        self,
        export: Export,
        making: _Making,
        totals: ExportTotals,
        *,
        kind: ExportKind,
        deadline: Deadline,
    ) -> None:
        """Part after part, until the file is large enough."""
        writer = RowWriter(kind, export.request.format)
        making.upload.write(writer.build_head())
        for part in self._iterate_parts(export, kind, making.after):
            if self._is_enough(making, deadline):
                return
            for line in self._files.read_lines(part.key):
                fields = json.loads(line)
                totals.add(kind, fields)
                making.upload.write(writer.build_row(line, fields))
                making.records += 1
            making.after = part.item
        making.is_last = True

    def _iterate_parts(self, export: Export, kind: ExportKind, after: str) -> Iterator[ExportPart]:
        has_more = True
        while has_more:
            page, has_more = self._store.list_parts(export.export_id, f"part#{kind}#", after)
            yield from page
            after = page[-1].item if page else after

    def _add_coverage(
        self, export: Export, making: _Making, now: Assembly, deadline: Deadline
    ) -> None:
        """A line a user."""
        has_more, after = True, making.after or UNIT_PREFIX
        while has_more:
            page, has_more = self._store.list_units(export.export_id, after)
            for unit in page:
                making.upload.write(
                    json.dumps(build_coverage(unit), separators=(",", ":")).encode() + b"\n"
                )
                for gap in unit.gaps:
                    now.gap_counts[gap.reason] = now.gap_counts.get(gap.reason, 0) + 1
                    if len(now.told_gaps) < MAX_TOLD_GAPS:
                        now.told_gaps.append(build_gap(unit.user_id, gap.to_item()))
                making.records += 1
            after = making.after = page[-1].item if page else after
            if has_more and self._is_enough(making, deadline):
                return
        making.is_last = True

    def _is_enough(self, making: _Making, deadline: Deadline) -> bool:
        has_some = making.records > 0
        is_late = deadline.left() < FINISH_SECONDS
        return has_some and (is_late or making.upload.size_bytes >= self._file_bytes)

    def _finish(self, export: Export, making: _Making, number: int) -> ExportFile:
        sha256 = making.upload.finish()
        return ExportFile(
            export_id=export.export_id,
            item=f"file#{number:06d}",
            name=making.name,
            kind=making.kind,
            key=making.key,
            records=making.records,
            size_bytes=making.upload.size_bytes,
            sha256=sha256,
            ttl=export.kept_until,
        )

    def _sum_up(self, export: Export, seen: Assembly) -> Assembly:
        """Manifest and summary: what stands beside the files."""
        export = self._store.get(export.export_id)
        files = self._store.list_files(export.export_id)
        manifest = build_json(build_manifest(export, seen, files))
        totals = self._read_totals(seen)
        summary = render_summary(
            build_facts(export, seen, files, broker_name=self._broker_name), totals
        ).encode()
        made: list[ExportFile] = []
        for name, form, content in (
            ("manifest", "json", manifest),
            ("summary", "html", summary),
        ):
            making = self._begin(export, seen, name, form, name=f"{name}.{form}")
            making.upload.write(content)
            made.append(self._finish(export, making, seen.files + len(made)))
        now = seen.model_copy(update={"stage": seen.stage + 1, "files": seen.files + len(made)})
        self._store.save_assembly(seen, now, made)
        return self._store.get_assembly(export)

    def _read_totals(self, assembly: Assembly) -> ExportTotals:
        if not assembly.totals_key:
            return ExportTotals()
        text = b"".join(self._files.read_lines(assembly.totals_key))
        return ExportTotals.from_json(json.loads(text))

    def _write_totals(self, export: Export, totals: ExportTotals) -> str:
        """Too much for an item of the table; under a new name each time."""
        key = f"exports/{export.export_id}/totals/{secrets.token_hex(8)}.json"
        text = json.dumps(totals.to_json(), separators=(",", ":"))
        self._files.put(key, text.encode(), content_type=CONTENT_TYPES["json"])
        return key

    def _end(self, export: Export) -> None:
        """→ READY."""
        with contextlib.suppress(LostRaceError):  # another delivery was faster, or it is cancelled
            self._store.end(export, ExportState.READY, now=self._clock.now())
            count(EXPORT_COMPLETED)
