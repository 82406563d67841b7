"""Exports of many users' records: a job in units of one user, then files. Pure."""

import hashlib
import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from pydantic import Field

from kubroker.exports.records import ExportKind
from kubroker.exports.windows import Window
from kubroker.foundation.stored import StoredModel

SCHEMA_VERSION = 1
HEAD = "head"
ASSEMBLY = "assembly"
# The partition that lists all exports, the latest last.
INDEX = "index"
UNIT_PREFIX = "unit#"
# A page of users is planned in one transaction, with the head: DynamoDB takes 100 items.
PLAN_USERS = 90
MAX_USERS = 10_000
MAX_DAYS = 3660
# Passing failures without any progress in between are tried again this often.
MAX_ATTEMPTS = 10
MAX_PAUSE_SECONDS = 900
_FIRST_PAUSE_SECONDS = 15
MAX_TOLD_GAPS = 100
HEAD_GRACE_SECONDS = 30 * 86_400


class ExportState(StrEnum):
    """States of a job::

    RUNNING ──files written──> READY
        ├──given up──> FAILED ──same request again──> RUNNING
        └──DELETE──> CANCELLED
    """

    RUNNING = "RUNNING"
    READY = "READY"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class ExportFormat(StrEnum):
    """The form of the records' files."""

    CSV = "csv"
    JSONL = "jsonl"


class ExportRequest(StoredModel):
    """What is asked for; the period is [start, end) in epoch milliseconds."""

    kinds: list[ExportKind]
    start_ms: int
    end_ms: int
    format: ExportFormat
    is_of_all: bool

    @property
    def period(self) -> Window:
        """The period."""
        return Window(self.start_ms, self.end_ms)


class Export(StoredModel):
    """The head item of an export in ``Exports``.

    ================  ====  ==============================================================
    exportId, item    key   item is ``head``
    exportState       s     ``ExportState``, with ``code`` once FAILED
    request           map   ``ExportRequest``
    requestHash       hash  of the request with its users, to know a repetition
    chunkCount        n     items ``users#…#0000`` with the users that were named
    planCursor        s     where the planning of units goes on; None once all are planned
    isPlanned         bool  every user has its unit
    users, usersLeft  n     units, and those that are not done
    usersWithGaps     n     units that are done and lack something
    records           n     of the units that are done
    sequence          n     raised by every change of the state
    updatedAt         s     epoch seconds: of the state, and of the last unit that was done
    ttl               s     ``HEAD_GRACE_SECONDS`` after that of its items
    ================  ====  ==============================================================
    """

    export_id: str
    item: str = HEAD
    schema_version: int = SCHEMA_VERSION
    export_state: ExportState = ExportState.RUNNING
    code: str | None = None
    request: ExportRequest
    request_hash: str
    chunk_count: int = 0
    plan_cursor: str = ""
    is_planned: bool = False
    users: int = 0
    users_left: int = 0
    users_with_gaps: int = 0
    records: int = 0
    created_at: int
    updated_at: int
    ready_at: int | None = None
    sequence: int = 1
    ttl: int

    @property
    def kept_until(self) -> int:
        """When it is gone, epoch seconds. Its head stays longer than all of its items.

        So a key that is used again later can't meet what DynamoDB has not deleted yet.
        """
        return self.ttl - HEAD_GRACE_SECONDS


class Reading(StoredModel):
    """Windows that lie side by side and were read from one source.

    Attributes:
        source: ``kucoin`` or ``archive``.
        windows: How many were asked for.
    """

    kind: ExportKind
    source: str
    start_ms: int
    end_ms: int
    windows: int
    records: int


class Gap(StoredModel):
    """What an export lacks: a kind from start to end, and why."""

    kind: ExportKind
    start_ms: int
    end_ms: int
    reason: str


class ExportUnit(StoredModel):
    """One user's part of the work, and how far it is.

    ================  ====  ==============================================================
    exportId, item    key   item is ``unit#USER``
    version           n     raised by each step: a step that was overtaken changes nothing
    kindIndex         n     of the request's kinds
    cursorMs          n     until here this kind is done
    spanMs            n     how long the kind's windows are at most; none: as KuCoin allows
    attempt           n     passing failures since the last progress
    kucoinUid         s     the account that is read; accountSinceMs where another was before
    readings, gaps    list  ``Reading`` and ``Gap``, side by side ones joined
    ================  ====  ==============================================================
    """

    export_id: str
    item: str
    user_id: str
    version: int = 0
    kind_index: int = 0
    cursor_ms: int
    span_ms: int | None = None
    attempt: int = 0
    kucoin_uid: str | None = None
    account_since_ms: int | None = None
    readings: list[Reading] = Field(default_factory=list)
    gaps: list[Gap] = Field(default_factory=list)
    records: int = 0
    is_done: bool = False
    ttl: int


class ExportPart(StoredModel):
    """Some records of a unit, in order, as an object of JSON lines."""

    export_id: str
    item: str
    key: str
    records: int
    size_bytes: int
    ttl: int


class ExportFile(StoredModel):
    """A file for the broker; its item is ``file#0000``."""

    export_id: str
    item: str
    name: str
    kind: str
    key: str
    records: int
    size_bytes: int
    sha256: str
    ttl: int


class Assembly(StoredModel):
    """How far the files are: the item ``assembly``.

    Attributes:
        stage: Index of the request's kinds; then the coverage, then manifest and summary.
        after: Item of the last part that is in a file, empty before the first of a stage.
        files: How many there are.
        totals_key: The object with the sums of what is in the files: more than an item takes.
        told_gaps: The first of all gaps, with their users.
        gap_counts: Reason to how many there are.
    """

    export_id: str
    item: str = ASSEMBLY
    version: int = 0
    stage: int = 0
    after: str = ""
    files: int = 0
    totals_key: str = ""
    told_gaps: list[dict[str, Any]] = Field(default_factory=list)
    gap_counts: dict[str, int] = Field(default_factory=dict)
    records: dict[str, int] = Field(default_factory=dict)
    ttl: int


def derive_export_id(idempotency_key: str) -> str:
    """The same key names the same export."""
    return hashlib.sha256(f"export/{idempotency_key}".encode()).hexdigest()[:32]


def hash_request(request: ExportRequest, users: Sequence[str]) -> str:
    """Tells another request under the same key."""
    text = json.dumps([request.to_item(), list(users)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def name_chunk(request_hash: str, number: int) -> str:
    """Two requests under one key can't mix their users."""
    return f"users#{request_hash[:16]}#{number:04d}"


def name_unit(user_id: str) -> str:
    """A user has one unit."""
    return f"{UNIT_PREFIX}{user_id}"


def name_part(kind: ExportKind, user_id: str, version: int) -> str:
    """Sorts by kind, user and time."""
    return f"part#{kind}#{user_id}#{version:06d}"


def name_entry(export: Export) -> str:
    """Its place in the list of exports."""
    return f"{export.created_at:010d}#{export.export_id}"


def add_reading(readings: Sequence[Reading], new: Reading) -> list[Reading]:
    """Joined with the last one where both lie side by side."""
    last = readings[-1] if readings else None
    if last and (last.kind, last.source, last.end_ms) == (new.kind, new.source, new.start_ms):
        joined = last.model_copy(
            update={
                "end_ms": new.end_ms,
                "windows": last.windows + new.windows,
                "records": last.records + new.records,
            }
        )
        return [*readings[:-1], joined]
    return [*readings, new]


def add_gap(gaps: Sequence[Gap], new: Gap) -> list[Gap]:
    """Joined with the last one where both lie side by side for the same reason."""
    last = gaps[-1] if gaps else None
    if last and (last.kind, last.reason, last.end_ms) == (new.kind, new.reason, new.start_ms):
        return [*gaps[:-1], last.model_copy(update={"end_ms": new.end_ms})]
    return [*gaps, new]


def find_pause(attempt: int, retry_after_seconds: int | None = None) -> int:
    """Seconds until the next attempt: growing, as late as KuCoin wants, 15 minutes at most."""
    pause = _FIRST_PAUSE_SECONDS * 2 ** min(attempt, 10)
    return int(min(MAX_PAUSE_SECONDS, max(pause if attempt else 0, retry_after_seconds or 0)))
