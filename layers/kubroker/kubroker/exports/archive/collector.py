"""The daily collector: archives what KuCoin forgets, of the connections that opted in.

``collect_page`` {after} has each of a page of users collected, ``collect_user`` {userId, ...} does
it. They have a queue of their own: however many exports wait, nobody's records are forgotten for
that. A day that is left out is made up for by the next, as long as KuCoin keeps what it missed.
"""

import secrets
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from kubroker.aws.files import FileStore
from kubroker.aws.queue import Queue
from kubroker.exports.account_history import (
    SAVING_SECONDS,
    WINDOW_SECONDS,
    AccountHistory,
    WindowWalk,
    is_passing,
    name_reason,
)
from kubroker.exports.archive.model import (
    ARCHIVED_KINDS,
    CHUNK_GRACE_DAYS,
    ArchiveChunk,
    name_archive,
    name_chunk,
)
from kubroker.exports.archive.store import ArchiveStore
from kubroker.exports.files import RecordLines
from kubroker.exports.model import find_pause
from kubroker.exports.records import ExportKind
from kubroker.exports.windows import ARCHIVE_SETTLE_MS, MIN_SPAN_MS, find_oldest_ms
from kubroker.foundation.clock import Clock, Deadline
from kubroker.foundation.errors import (
    ConfigurationError,
    KubrokerError,
    KucoinError,
    LostRaceError,
    OutOfTimeError,
    StoreError,
)
from kubroker.foundation.kucoin_protocol import KucoinProtocol
from kubroker.foundation.observability import (
    ARCHIVE_BEHIND_HOURS,
    ARCHIVE_FAILED,
    ARCHIVE_GAP_FOUND,
    ARCHIVE_ROUND_STARTED,
    ARCHIVE_WITHOUT_KEY,
    add_metric,
    count,
    logger,
)
from kubroker.foundation.stored import StoredModel


class CollectorTask(StoredModel):
    """One user's round, as its message carries it on.

    Attributes:
        user_id: Whose.
        until_ms: Where the round ends, whenever its last message is worked; none before the first.
        attempts: Of a kind: passing failures since its last progress.
        spans: Of a kind: how long its windows are at most, milliseconds.
    """

    user_id: str
    until_ms: int | None = None
    attempts: dict[str, int] = Field(default_factory=dict)
    spans: dict[str, int] = Field(default_factory=dict)


@dataclass(slots=True)
class CollectorStep:
    """What one message gets done of a round: its kinds, one after the other."""

    task: CollectorTask
    uid: str
    archive: str
    deadline: Deadline
    now_ms: int
    until_ms: int
    pause: int | None = None
    has_failed: bool = False

    def put_off(self, seconds: int) -> None:
        """It goes on with another message, not before that."""
        self.pause = max(self.pause or 0, seconds)


MAX_ATTEMPTS = 6
_MESSAGES = 10
_CLOCK = "clock"
_HOUR_MS = 3_600_000
_DAY_SECONDS = 86_400


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
            queue: The collector's own.
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
        count(ARCHIVE_ROUND_STARTED)

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
            self._collect_user(CollectorTask.model_validate(message), deadline)
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

    def _collect_user(self, task: CollectorTask, deadline: Deadline) -> None:
        due_since = self._archives.find_due_since(task.user_id)
        if due_since is None:
            self._archives.forget(task.user_id, now=self._clock.now())
            return
        uid = self._history.find_usable_account(task.user_id)
        if uid is None:
            count(ARCHIVE_WITHOUT_KEY)
            return
        step = self._open_step(task, uid, deadline, due_since=due_since)
        if step is None:
            return
        for kind in ARCHIVED_KINDS:
            if task.attempts.get(kind, 0) < MAX_ATTEMPTS:
                self._collect_kind(step, kind)
        if step.has_failed:
            count(ARCHIVE_FAILED)
        if step.pause is not None:
            self._send_later(step.task, step.pause)

    def _open_step(
        self, task: CollectorTask, uid: str, deadline: Deadline, *, due_since: int
    ) -> CollectorStep | None:
        """KuCoin's clock says what is over; a round's first step tells how late it is."""
        try:
            now_ms = self._history.read_now_ms()
        except KucoinError as error:
            attempt = task.attempts.get(_CLOCK, 0) + 1
            task.attempts[_CLOCK] = attempt
            if attempt < MAX_ATTEMPTS:
                self._send_later(task, find_pause(attempt, error.retry_after_seconds))
            else:
                count(ARCHIVE_FAILED)
                logger.error("a connection was not archived today", extra={"code": error.code})
            return None
        task.attempts.pop(_CLOCK, None)
        archive, until_ms = name_archive(task.user_id, uid), task.until_ms
        if until_ms is None:
            until_ms = now_ms - ARCHIVE_SETTLE_MS
            task = task.model_copy(update={"until_ms": until_ms})
            self._tell_lateness(archive, now_ms, due_since_ms=due_since * 1000)
        reading = deadline.cut(deadline.left() - SAVING_SECONDS)
        return CollectorStep(task, uid, archive, reading, now_ms, until_ms)

    def _tell_lateness(self, archive: str, now_ms: int, *, due_since_ms: int) -> None:
        """How far behind the kind is that lags most, of those of which nothing is lost yet.

        Who comes back after a pause is not late: it counts since then.
        """
        late_ms = 0
        for kind in ARCHIVED_KINDS:
            seen = self._archives.find_progress(archive, kind)
            if seen is not None and seen >= find_oldest_ms(kind, self._protocol, now_ms):
                late_ms = max(late_ms, now_ms - max(seen, due_since_ms))
        add_metric(ARCHIVE_BEHIND_HOURS, late_ms / _HOUR_MS, unit="None")

    def _send_later(self, task: CollectorTask, seconds: int) -> None:
        message = {"kind": "collect_user", **task.to_item()}
        self._queue.send(message, delay_seconds=seconds)

    def _collect_kind(self, step: CollectorStep, kind: ExportKind) -> None:
        """One kind up to the round's end, or as far as it goes; the others go on without it."""
        task = step.task
        walk = WindowWalk(
            self._history,
            task.user_id,
            step.uid,
            kind=kind,
            deadline=step.deadline,
            span_ms=task.spans.get(kind),
            attempt=task.attempts.get(kind, 0),
        )
        is_open = True
        while is_open:
            if step.deadline.left() < WINDOW_SECONDS:
                step.put_off(0)
                return
            is_open, error = self._collect_chunk(step, walk, kind)
            task.spans[kind] = walk.span_ms
            if error is not None:
                self._note_failure(step, walk, kind, error)
                return
        task.spans.pop(kind, None)

    def _note_failure(
        self, step: CollectorStep, walk: WindowWalk, kind: ExportKind, error: KubrokerError
    ) -> None:
        """Later again, or not today."""
        task = step.task
        if isinstance(error, OutOfTimeError) and walk.span_ms > MIN_SPAN_MS:
            step.put_off(0)
            return
        attempt = task.attempts.get(kind, 0) + 1 if is_passing(error) else MAX_ATTEMPTS
        task.attempts[kind] = attempt
        if attempt < MAX_ATTEMPTS:
            step.put_off(find_pause(attempt, error.retry_after_seconds))
            return
        step.has_failed = True
        told = {"kind": kind, "reason": name_reason(error)}
        logger.error("a kind of a connection was not archived today", extra=told)

    def _collect_chunk(
        self, step: CollectorStep, walk: WindowWalk, kind: ExportKind
    ) -> tuple[bool, KubrokerError | None]:
        """The next piece of a kind; what was read before a failure is kept.

        Returns:
            Whether there may be more, and what failed.
        """
        seen = self._archives.find_progress(step.archive, kind)
        oldest = find_oldest_ms(kind, self._protocol, step.now_ms)
        cursor = start = oldest if seen is None else max(seen, oldest)
        if cursor >= step.until_ms:
            return False, None
        lines, windows, missing, failure = RecordLines(), 0, 0, None
        is_last = step.task.attempts.get(kind, 0) + 1 >= MAX_ATTEMPTS
        while (
            cursor < step.until_ms
            and not (lines.is_full or missing)
            and step.deadline.left() >= WINDOW_SECONDS
        ):
            try:
                may_lack = is_last and cursor == start  # the windows behind it are new
                window, reading = walk.read(cursor, step.until_ms, may_lack=may_lack)
            except (ConfigurationError, StoreError):
                raise
            except KubrokerError as error:
                failure = error
                break
            lines.add(reading.records)
            cursor, windows, missing = window.end_ms, windows + 1, missing + reading.missing
        if cursor > start:
            step.task.attempts.pop(kind, None)
            chunk = ArchiveChunk(
                export_id=step.archive,
                item=name_chunk(kind, start),
                start_ms=start,
                end_ms=cursor,
                windows=windows,
                records=len(lines),
                missing=missing,
                key=self._write(step.archive, kind, start, lines),
                ttl=self._clock.now() + (self._kept_days + CHUNK_GRACE_DAYS) * _DAY_SECONDS,
            )
            self._add(chunk, kind, seen)
        return cursor < step.until_ms, failure

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
            return
        if seen is not None and seen < chunk.start_ms:
            count(ARCHIVE_GAP_FOUND)
            logger.error("the archive lacks what KuCoin has forgotten", extra={"kind": kind})
