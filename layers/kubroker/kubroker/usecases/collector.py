"""The daily collector: archives what KuCoin forgets, of the connections that opted in.

``collect_page`` {after} has each of a page of users collected, ``collect_user`` {userId, attempt}
does it. A day that is left out is made up for by the next, as long as KuCoin keeps what it missed.
"""

import secrets
from dataclasses import dataclass
from typing import Any

from kubroker.aws.archives import ArchiveStore
from kubroker.aws.files import FileStore
from kubroker.aws.queue import Queue
from kubroker.domain.archive import ARCHIVED_KINDS, ArchiveChunk, name_archive, name_chunk
from kubroker.domain.export import find_pause
from kubroker.domain.export_records import ExportKind
from kubroker.domain.export_windows import find_newest_ms, find_oldest_ms
from kubroker.domain.kucoin_protocol import KucoinProtocol
from kubroker.errors import (
    ConfigurationError,
    KubrokerError,
    LostRaceError,
    StoreError,
)
from kubroker.observability import (
    ARCHIVE_BEHIND_HOURS,
    ARCHIVE_FAILED,
    ARCHIVE_GAP_FOUND,
    add_metric,
    count,
    logger,
)
from kubroker.usecases.account_history import AccountHistory, WindowWalk, is_passing
from kubroker.usecases.clock import Clock, Deadline
from kubroker.usecases.record_lines import RecordLines

MAX_ATTEMPTS = 6
WINDOW_SECONDS = 9.0
SAVING_SECONDS = 3.0
_MESSAGES = 10
_HOUR_MS = 3_600_000
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class _Task:
    """One user's round.

    Attributes:
        archive: Where it is kept.
        now_ms: KuCoin's clock.
        deadline: Of this invocation.
        is_last: Whether trades that the fills don't show are given up.
    """

    archive: str
    now_ms: int
    deadline: Deadline
    is_last: bool


class Collector:
    """Works the collector's messages."""

    def __init__(
        self,
        archives: ArchiveStore,
        files: FileStore,
        queue: Queue,
        history: AccountHistory,
        *,
        protocol: KucoinProtocol,
        kept_days: int,
        clock: Clock,
    ) -> None:
        """Joins its parts.

        Args:
            archives: Who opted in, and what was collected.
            files: Where it is kept.
            queue: Of exports and the collector.
            history: KuCoin's.
            protocol: How long KuCoin keeps what.
            kept_days: How long the bucket keeps what was collected.
            clock: Time.
        """
        self._archives = archives
        self._files = files
        self._queue = queue
        self._history = history
        self._protocol = protocol
        self._kept_days = kept_days
        self._clock = clock

    def start(self) -> None:
        """Begins a round: a message does the rest.

        Raises:
            StoreError: SQS could not be asked.
        """
        self._queue.send({"kind": "collect_page", "after": ""})

    def work(self, message: dict[str, Any], deadline: Deadline) -> bool:
        """Works a message if it is one of the collector's.

        Raises:
            StoreError: AWS could not be asked; what is written down stays.
            ConfigurationError: An operator has to mend something.
        """
        kind = message.get("kind")
        if kind == "collect_page":
            self._send_users(str(message.get("after", "")))
        elif kind == "collect_user":
            user_id, attempt = str(message["userId"]), int(message.get("attempt", 0))
            self._collect_user(user_id, attempt, deadline)
        return kind in {"collect_page", "collect_user"}

    def _send_users(self, after: str) -> None:
        """First the next page, so that none is forgotten; a user twice is harmless."""
        users, following = self._archives.list_users(after)
        if following is not None:
            self._queue.send({"kind": "collect_page", "after": following})
        for start in range(0, len(users), _MESSAGES):
            messages = [
                {"kind": "collect_user", "userId": user}
                for user in users[start : start + _MESSAGES]
            ]
            if len(self._queue.send_all(messages)) < len(messages):
                raise StoreError("SQS did not take all of the collector's messages.")

    def _collect_user(self, user_id: str, attempt: int, deadline: Deadline) -> None:
        if not self._archives.is_opted_in(user_id):
            self._archives.forget(user_id, now=self._clock.now())
            return
        if not self._archives.is_connected(user_id):
            return
        try:
            pause = self._collect_kinds(user_id, deadline, is_last=attempt + 1 >= MAX_ATTEMPTS)
        except (ConfigurationError, StoreError):
            raise
        except KubrokerError as error:
            if not is_passing(error) or attempt + 1 >= MAX_ATTEMPTS:
                count(ARCHIVE_FAILED)
                logger.error("a connection was not archived today", extra={"code": error.code})
                return
            attempt += 1
            pause = find_pause(attempt, error.retry_after_seconds)
        if pause is not None:
            message = {"kind": "collect_user", "userId": user_id, "attempt": attempt}
            self._queue.send(message, delay_seconds=pause)

    def _collect_kinds(self, user_id: str, deadline: Deadline, *, is_last: bool) -> int | None:
        """All kinds up to now; the seconds until it goes on where the time is over."""
        account = self._history.find_account(user_id)
        if account is None:
            return None
        uid = account.kucoin_uid
        task = _Task(name_archive(user_id, uid), self._history.read_now_ms(), deadline, is_last)
        behind_ms = 0
        for kind in ARCHIVED_KINDS:
            walk = WindowWalk(self._history, user_id, uid, kind=kind, deadline=deadline)
            while (late_ms := self._collect_chunk(task, walk, kind)) is not None:
                behind_ms = max(behind_ms, late_ms)
                if deadline.left() < WINDOW_SECONDS + SAVING_SECONDS:
                    return 0
        add_metric(ARCHIVE_BEHIND_HOURS, behind_ms / _HOUR_MS, unit="None")
        return None

    def _collect_chunk(self, task: _Task, walk: WindowWalk, kind: ExportKind) -> int | None:
        """The next piece of a kind.

        Returns:
            How far behind it was, milliseconds; None where nothing is left to collect.
        """
        seen = self._archives.find_progress(task.archive, kind)
        newest = find_newest_ms(task.now_ms)
        oldest = find_oldest_ms(kind, self._protocol, task.now_ms)
        cursor = start = oldest if seen is None else max(seen, oldest)
        if cursor >= newest:
            return None
        if seen is not None and seen < oldest:
            count(ARCHIVE_GAP_FOUND)
            logger.error("the archive lacks what KuCoin has forgotten", extra={"kind": kind})
        lines, windows, missing = RecordLines(), 0, 0
        while cursor < newest and not lines.is_full and task.deadline.left() >= WINDOW_SECONDS:
            window, reading = walk.read(cursor, newest, may_lack=task.is_last)
            lines.add(reading.records)
            cursor, windows, missing = window.end_ms, windows + 1, missing + reading.missing
        if cursor > start:
            chunk = ArchiveChunk(
                export_id=task.archive,
                item=name_chunk(kind, start),
                start_ms=start,
                end_ms=cursor,
                windows=windows,
                records=len(lines),
                missing=missing,
                key=self._write(task.archive, kind, start, lines),
                ttl=self._clock.now() + (self._kept_days - 1) * _DAY_SECONDS,
            )
            self._add(chunk, kind, seen)
        return task.now_ms - (seen or newest)

    def _write(
        self, archive: str, kind: ExportKind, start_ms: int, lines: RecordLines
    ) -> str | None:
        """An object under a new name: one that nobody names harms nobody."""
        if not len(lines):
            return None
        folder = archive.replace("#", "/")
        key = f"{folder}/{kind}/{start_ms}-{secrets.token_hex(8)}.jsonl"
        self._files.put(key, lines.join(), content_type="application/x-ndjson")
        return key

    def _add(self, chunk: ArchiveChunk, kind: ExportKind, seen: int | None) -> None:
        try:
            self._archives.add_chunk(chunk, kind, seen_ms=seen)
        except LostRaceError:
            logger.info("another worker collected the same")
