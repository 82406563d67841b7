"""Opening an export, looking at it, cancelling it."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import batched

from kubroker.aws.files import FileStore
from kubroker.aws.queue import Queue
from kubroker.exports.model import (
    HEAD_GRACE_SECONDS,
    PLAN_USERS,
    Export,
    ExportFile,
    ExportRequest,
    ExportState,
    derive_export_id,
    hash_request,
)
from kubroker.exports.store import ExportStore
from kubroker.foundation.clock import read_now
from kubroker.foundation.errors import (
    ConflictError,
    LostRaceError,
    NotFoundError,
    StoreError,
    UnprocessableError,
)
from kubroker.foundation.observability import EXPORT_FAILED, count, logger
from kubroker.foundation.stored import ReadableList
from kubroker.web.fields import check_request_of_key

LINK_SECONDS = 900
# The same request again sets a running export going only where nothing was done for so long.
RESEND_SECONDS = 900
# So does the daily look, and gives up what was begun so long ago.
STILL_SECONDS = 86_400
STALLED_SECONDS = 7 * 86_400
_PAGE = 100


@dataclass(frozen=True, slots=True)
class ExportLink:
    """A file, and a link to it that works until ``expires_at`` (epoch seconds)."""

    file: ExportFile
    url: str
    expires_at: int


class Exports:
    """The broker's side of exports."""

    def __init__(
        self,
        store: ExportStore,
        queue: Queue,
        files: FileStore,
        *,
        kept_days: int,
        now: Callable[[], int] = read_now,
    ) -> None:
        """Joins its parts; an export and its files are kept for ``kept_days``."""
        self._kept_seconds = kept_days * 86_400
        self._store = store
        self._queue = queue
        self._files = files
        self._now = now

    def open(self, idempotency_key: str, request: ExportRequest, users: Sequence[str]) -> Export:
        """Records an export and has it worked; the same key again only looks, or resumes.

        Args:
            idempotency_key: The caller's.
            request: What is asked for.
            users: Whose; empty where it is about all.

        Raises:
            UnprocessableError: The key was used with another request, or the period is not over.
            StoreError: It may be there and not be worked: send it again with the same key.
        """
        export_id = derive_export_id(idempotency_key)
        request_hash = hash_request(request, users)
        export = self._store.find(export_id)
        if export is None:
            export = self._record(export_id, request_hash, request, users)
        check_request_of_key(
            export.request_hash,
            request_hash,
            kept_until=export.kept_until,
            now=self._now(),
            what="export",
        )
        if export.export_state is ExportState.FAILED:
            return self.resume(export_id)
        if export.export_state is ExportState.RUNNING:
            self._start(export, still_seconds=RESEND_SECONDS)
        return export

    def resume(self, export_id: str) -> Export:
        """Has a FAILED export go on where it was; a running one as the same request would.

        Raises:
            NotFoundError: There is no such export.
            ConflictError: It is READY or CANCELLED.
        """
        export = self._get(export_id)
        if export.export_state is ExportState.FAILED:
            seen_at = export.updated_at
            with contextlib.suppress(LostRaceError):  # somebody else did
                export = self._store.resume(export, now=self._now())
            self._send_plan(export, seen_at)
        elif export.export_state is ExportState.RUNNING:
            self._start(export, still_seconds=RESEND_SECONDS)
        else:
            raise ConflictError("The export is over.", code="export_over")
        return self._store.get(export_id)

    def revive(self) -> None:
        """The daily look: what stands still is set going again; what did for days is given up.

        Raises:
            StoreError: AWS could not be asked; again is right.
        """
        cursor: str | None = None
        while True:
            page, cursor = self._store.list_page(_PAGE, cursor)
            for export in page:
                if export.export_state is ExportState.RUNNING:
                    self._revive(export)
            if cursor is None:
                return

    def _revive(self, export: Export) -> None:
        now = self._now()
        if now - export.updated_at < STILL_SECONDS:
            return
        if now - export.created_at < STALLED_SECONDS:
            self._start(export, still_seconds=STILL_SECONDS)
            return
        with contextlib.suppress(LostRaceError):
            self._store.end(export, ExportState.FAILED, now=now, code="export_stalled")
            count(EXPORT_FAILED)
            logger.error("an export stood still", extra={"exportId": export.export_id})

    def _start(self, export: Export, *, still_seconds: int) -> None:
        """One that is planned has its messages: they come again only where nothing happens."""
        seen_at = export.updated_at
        if export.is_planned:
            if self._now() - seen_at < still_seconds:
                return
            try:
                export = self._store.touch(export, now=self._now())
            except LostRaceError:
                return
        self._send_plan(export, seen_at)

    def _send_plan(self, export: Export, seen_at: int) -> None:
        """Where it fails, nothing was done since ``seen_at``: to try again, nobody has to wait."""
        try:
            self._queue.send({"kind": "plan_export", "exportId": export.export_id})
        except StoreError:
            with contextlib.suppress(StoreError):
                self._store.touch(export, now=min(seen_at, self._now() - RESEND_SECONDS))
            raise

    def get(self, export_id: str) -> tuple[Export, list[ExportLink]]:
        """How it stands; once it is READY, with links to its files.

        Raises:
            NotFoundError: There is no such export.
        """
        export = self._get(export_id)
        if export.export_state is not ExportState.READY:
            return export, []
        expires_at = self._now() + LINK_SECONDS
        links = [
            ExportLink(
                file,
                self._files.build_link(file.key, file_name=file.name, seconds=LINK_SECONDS),
                expires_at,
            )
            for file in self._store.list_files(export_id)
        ]
        return export, links

    def list_page(self, limit: int, cursor: str | None) -> tuple[ReadableList[Export], str | None]:
        """Exports, the latest first, but what is gone; and the cursor of the next page.

        Raises:
            BadRequestError: The cursor is none of ours.
        """
        page, following = self._store.list_page(limit, cursor)
        kept = [export for export in page if export.kept_until > self._now()]
        return ReadableList(kept, unreadable=page.unreadable), following

    def cancel(self, export_id: str) -> Export:
        """Ends a running export; again changes nothing.

        Raises:
            NotFoundError: There is no such export.
            ConflictError: It is READY or FAILED.
        """
        export = self._get(export_id)
        if export.export_state is ExportState.CANCELLED:
            return export
        try:
            return self._store.end(export, ExportState.CANCELLED, now=self._now())
        except LostRaceError:
            raise ConflictError(
                "The export is over; only a running one can be cancelled.", code="export_over"
            ) from None

    def _get(self, export_id: str) -> Export:
        export = self._store.get(export_id)
        if export.kept_until <= self._now():
            raise NotFoundError("There is no such export any more.", code="export_not_found")
        return export

    def _record(
        self, export_id: str, request_hash: str, request: ExportRequest, users: Sequence[str]
    ) -> Export:
        now = self._now()
        if request.end_ms > now * 1000:
            raise UnprocessableError("to must not lie in the future.", field="to")
        chunks = [list(chunk) for chunk in batched(users, PLAN_USERS, strict=False)]
        export = Export(
            export_id=export_id,
            request=request,
            request_hash=request_hash,
            chunk_count=len(chunks),
            created_at=now,
            updated_at=now,
            ttl=now + self._kept_seconds + HEAD_GRACE_SECONDS,
        )
        try:
            self._store.create(export, chunks)
        except LostRaceError:
            return self._store.get(export_id)
        return export
