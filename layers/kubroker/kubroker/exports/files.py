"""The files of an export, from what was written down of its units. What is held is a piece."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from kubroker.exports.model import Assembly, Export, ExportFile, ExportFormat, ExportUnit
from kubroker.exports.records import COLUMNS, FREE_TEXT, MS_DIGITS, ExportKind, ExportRecord
from kubroker.exports.summary.model import ExportFacts, FileFacts, GapFacts
from kubroker.exports.windows import (
    ACCOUNT_CHANGED,
    ARCHIVE_EXPIRED,
    BEYOND_RETENTION,
    EARLIER_ACCOUNT,
    NOT_OVER_YET,
    RECORDS_MISSING,
)

# What is held in memory at most before it is written down: records of one window more.
PIECE_BYTES = 2 * 1024 * 1024


class RecordLines:
    """Lines in the making."""

    def __init__(self) -> None:
        """Starts empty."""
        self._lines: list[bytes] = []
        self.size_bytes = 0

    def __len__(self) -> int:
        """How many there are."""
        return len(self._lines)

    @property
    def is_full(self) -> bool:
        """Whether it is time to write them down."""
        return self.size_bytes >= PIECE_BYTES

    def add(self, records: Iterable[ExportRecord]) -> None:
        """Adds records."""
        for record in records:
            self.add_line(build_line(record.fields))

    def add_line(self, line: bytes) -> None:
        """Adds one that is a line already, without its end."""
        self._lines.append(line)
        self.size_bytes += len(line) + 1

    def join(self) -> bytes:
        """All of them, each with its end."""
        return b"".join(line + b"\n" for line in self._lines)


def build_line(fields: Mapping[str, str]) -> bytes:
    """A record as a JSON object, without the line's end."""
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


def find_time_ms(line: bytes) -> int:
    """When a record of ``build_line`` happened, epoch milliseconds."""
    return int(json.loads(line)["timeOriginal"][:MS_DIGITS])


CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "json": "application/json",
    "html": "text/html; charset=utf-8",
}

# Source: OWASP, "CSV Injection".
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")
_EXPLAINED = {
    ARCHIVE_EXPIRED: "It was archived, and is not kept any more.",
    BEYOND_RETENTION: "KuCoin does not keep it any more, and it was not archived.",
    NOT_OVER_YET: "It was not over when the export was made.",
    RECORDS_MISSING: "KuCoin's ledger knows trades that its fills don't show.",
    ACCOUNT_CHANGED: "The user linked another KuCoin account meanwhile.",
    EARLIER_ACCOUNT: "Another KuCoin account was linked then: what it did is not in the export.",
    "connection_not_found": "The user never linked an account.",
    "connection_disconnected": "The connection is disconnected.",
    "api_key_not_active": "The connection has no API key in use.",
    "permission_not_granted": "The user's key lacks the permission.",
}


class RowWriter:
    """Records in the form that was asked for."""

    def __init__(self, kind: ExportKind, form: ExportFormat) -> None:
        """Knows the columns of the kind."""
        self._kind = kind
        self._form = form

    def build_head(self) -> bytes:
        """What a file begins with."""
        return self._build_csv(COLUMNS[self._kind]) if self._form is ExportFormat.CSV else b""

    def build_row(self, line: bytes, fields: Mapping[str, str]) -> bytes:
        """A record: its line as it was written down, or its values in quotes.

        Source: RFC 4180: lines end with CRLF.
        """
        if self._form is ExportFormat.JSONL:
            return line + b"\n"
        return self._build_csv(
            [
                _disarm(fields[name]) if name in FREE_TEXT else fields[name]
                for name in COLUMNS[self._kind]
            ]
        )

    def _build_csv(self, values: Any) -> bytes:
        text = io.StringIO(newline="")
        csv.writer(text, quoting=csv.QUOTE_ALL).writerow(values)
        return text.getvalue().encode()


def _disarm(text: str) -> str:
    """A text that a spreadsheet would take for a formula, with an apostrophe before it."""
    return f"'{text}" if text.startswith(_FORMULA_SIGNS) else text


def build_coverage(unit: ExportUnit) -> dict[str, Any]:
    """A user's line of the coverage: what was asked for, from where, and what is lacking."""
    return {
        "userId": unit.user_id,
        "isComplete": not unit.gaps,
        "records": unit.records,
        "windows": [
            {
                "kind": reading.kind,
                "source": reading.source,
                "from": show_time(reading.start_ms),
                "to": show_time(reading.end_ms),
                "windows": reading.windows,
                "records": reading.records,
            }
            for reading in unit.readings
        ],
        "gaps": [build_gap(unit.user_id, gap.to_item()) for gap in unit.gaps],
    }


def build_gap(user_id: str, gap: Mapping[str, Any]) -> dict[str, str]:
    """A gap as coverage and manifest tell it."""
    return {
        "userId": user_id,
        "kind": str(gap["kind"]),
        "from": show_time(int(gap["startMs"])),
        "to": show_time(int(gap["endMs"])),
        "reason": str(gap["reason"]),
    }


def build_manifest(export: Export, assembly: Assembly, files: list[ExportFile]) -> dict[str, Any]:
    """What there is, what was asked for, and what is lacking.

    Returns:
        exportId, createdAt, from, to, format, kinds, isComplete, users, records (by kind), files
        (name, kind, records, sizeBytes, sha256), gaps (count by reason; the first hundred) and
        where all of them stand.
    """
    return {
        "schemaVersion": 1,
        "exportId": export.export_id,
        "createdAt": show_time(export.created_at * 1000),
        "from": show_time(export.request.start_ms),
        "to": show_time(export.request.end_ms),
        "format": export.request.format,
        "kinds": list(export.request.kinds),
        "isComplete": not assembly.gap_counts,
        "users": {
            "total": export.users,
            "complete": export.users - export.users_with_gaps,
            "withGaps": export.users_with_gaps,
        },
        "records": {kind: int(assembly.records.get(kind, 0)) for kind in export.request.kinds},
        "files": [
            {
                "name": file.name,
                "kind": file.kind,
                "records": file.records,
                "sizeBytes": file.size_bytes,
                "sha256": file.sha256,
            }
            for file in files
        ],
        "gaps": {
            "byReason": {reason: int(number) for reason, number in assembly.gap_counts.items()},
            "first": assembly.told_gaps,
        },
    }


def build_facts(
    export: Export, assembly: Assembly, files: list[ExportFile], *, broker_name: str
) -> ExportFacts:
    """What the summary page tells."""
    return ExportFacts(
        broker_name=broker_name,
        export_id=export.export_id,
        created_at=export.created_at,
        start_ms=export.request.start_ms,
        end_ms=export.request.end_ms - 1,
        users=export.users,
        kinds=export.request.kinds,
        files=[FileFacts(file.name, file.records, file.size_bytes, file.sha256) for file in files],
        gaps=[
            GapFacts(
                gap["userId"],
                ExportKind(gap["kind"]),
                parse_time(gap["from"]),
                parse_time(gap["to"]) - 1,
                explain(gap["reason"]),
            )
            for gap in assembly.told_gaps
        ],
        gap_count=sum(int(number) for number in assembly.gap_counts.values()),
    )


def explain(reason: str) -> str:
    """A gap's reason for a person."""
    return _EXPLAINED.get(reason, f"It could not be read ({reason}).")


def build_json(value: Any) -> bytes:
    """JSON for people and machines."""
    return json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n"


def show_time(epoch_ms: int) -> str:
    """ISO 8601 in UTC with milliseconds."""
    moment = datetime.fromtimestamp(epoch_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{epoch_ms % 1000:03d}Z"


def parse_time(text: str) -> int:
    """Epoch milliseconds of ``show_time``."""
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000
