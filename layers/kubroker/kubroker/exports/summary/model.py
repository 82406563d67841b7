"""What an export's summary page tells besides its totals. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from kubroker.exports.records import ExportKind


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file of the export.

    Attributes:
        name: As whoever downloads it sees it.
        records: Lines in it, a header line aside.
        size_bytes: Of the file.
        sha256: Hexadecimal, of the file.
    """

    name: str
    records: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class GapFacts:
    """A span that was asked for and is not in the files.

    Attributes:
        user_id: Whose; None where it concerns every user.
        kind: What is missing.
        start_ms: Epoch milliseconds; belongs to the gap.
        end_ms: Epoch milliseconds; belongs to the gap.
        reason: Why, in a sentence for a person.
    """

    user_id: str | None
    kind: ExportKind
    start_ms: int
    end_ms: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFacts:
    """An export as its manifest has it.

    Attributes:
        broker_name: Whose export it is.
        export_id: Ours.
        created_at: Epoch seconds.
        start_ms: Of the period, epoch milliseconds.
        end_ms: Of the period; belongs to it.
        users: How many were asked for.
        kinds: What was asked for.
        files: All of them.
        gaps: Some or all of them.
        gap_count: All of them.
    """

    broker_name: str
    export_id: str
    created_at: int
    start_ms: int
    end_ms: int
    users: int
    kinds: Sequence[ExportKind]
    files: Sequence[FileFacts]
    gaps: Sequence[GapFacts] = ()
    gap_count: int = 0
