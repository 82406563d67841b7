"""Opening an export, looking at it, cancelling it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import batched

from kubroker.aws.exports import ExportStore
from kubroker.aws.files import FileStore
from kubroker.aws.queue import Queue
from kubroker.domain.export import (
    PLAN_USERS,
    Export,
    ExportFile,
    ExportRequest,
    ExportState,
    derive_export_id,
    hash_request,
)
from kubroker.errors import ConflictError, LostRaceError, UnprocessableError

KEPT_SECONDS = 30 * 86_400
LINK_SECONDS = 900


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
        now: Callable[[], int] = lambda: int(time.time()),
    ) -> None:
        """Joins its parts."""
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
        if export.request_hash != request_hash:
            raise UnprocessableError(
                "This Idempotency-Key was used with another request. Use a new key for a new "
                "export.",
                code="idempotency_key_reused",
                field="Idempotency-Key",
            )
        if export.export_state is ExportState.FAILED:
            export = self._store.resume(export, now=self._now())
        if export.export_state is ExportState.RUNNING:
            self._queue.send({"kind": "plan_export", "exportId": export_id})
        return export

    def get(self, export_id: str) -> tuple[Export, list[ExportLink]]:
        """How it stands; once it is READY, with links to its files.

        Raises:
            NotFoundError: There is no such export.
        """
        export = self._store.get(export_id)
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

    def list_page(self, limit: int, cursor: str | None) -> tuple[list[Export], str | None]:
        """Exports, the latest first, and the cursor of the next page.

        Raises:
            BadRequestError: The cursor is none of ours.
        """
        return self._store.list_page(limit, cursor)

    def cancel(self, export_id: str) -> Export:
        """Ends a running export; again changes nothing.

        Raises:
            NotFoundError: There is no such export.
            ConflictError: It is READY or FAILED.
        """
        export = self._store.get(export_id)
        if export.export_state is ExportState.CANCELLED:
            return export
        try:
            return self._store.end(export, ExportState.CANCELLED, now=self._now())
        except LostRaceError:
            raise ConflictError(
                "The export is over; only a running one can be cancelled.", code="export_over"
            ) from None

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
            ttl=now + KEPT_SECONDS,
        )
        try:
            self._store.create(export, chunks)
        except LostRaceError:
            return self._store.get(export_id)
        return export
