"""Requests and answers of exports and archives."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints

from kubroker.exports.archive.archives import ArchiveStatus
from kubroker.exports.flow import ExportLink
from kubroker.exports.model import (
    MAX_DAYS,
    MAX_USERS,
    Export,
    ExportFormat,
    ExportRequest,
    ExportState,
)
from kubroker.exports.records import ExportKind
from kubroker.exports.windows import DAY_MS
from kubroker.foundation.errors import BadRequestError, NotFoundError, UnprocessableError
from kubroker.web.api import RequestModel, ResponseModel, format_time
from kubroker.web.fields import UserId

# Ten thousand users with the longest names there are, and room for blanks.
MAX_EXPORT_BYTES = 2 * 1024 * 1024
_FIRST_YEAR_MS = 1_400_000_000_000
_LIST_PARAMETERS = {"limit", "cursor"}
# Whole seconds in UTC: what is no moment in the calendar is found out by parsing.
Moment = Annotated[
    str,
    StringConstraints(
        pattern=r"^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$"
    ),
]


class ExportOrder(RequestModel):
    """``POST /v1/exports``: userIds or allUsers; the period from ``from`` to just before ``to``."""

    user_ids: Annotated[list[UserId], Field(min_length=1, max_length=MAX_USERS)] | None = None
    all_users: bool = False
    kinds: Annotated[
        list[Annotated[ExportKind, Field(strict=False)]],
        Field(min_length=1, max_length=len(ExportKind)),
    ]
    start: Moment = Field(alias="from")
    end: Moment = Field(alias="to")
    format: Annotated[ExportFormat, Field(strict=False)]

    def build_request(self) -> ExportRequest:
        """As the use case takes it.

        Raises:
            UnprocessableError: Neither or both of userIds and allUsers, a user or a kind twice,
                or a period that is none or too long.
        """
        if self.all_users == (self.user_ids is not None):
            raise UnprocessableError("Name userIds, or set allUsers.", field="userIds")
        if self.user_ids and len(set(self.user_ids)) < len(self.user_ids):
            raise UnprocessableError(
                "userIds names a user twice.", code="duplicate_user", field="userIds"
            )
        if len(set(self.kinds)) < len(self.kinds):
            raise UnprocessableError("kinds names a kind twice.", field="kinds")
        start_ms, end_ms = _parse_moment(self.start, "from"), _parse_moment(self.end, "to")
        if start_ms >= end_ms:
            raise UnprocessableError("from has to lie before to.", field="from")
        if end_ms - start_ms > MAX_DAYS * DAY_MS or start_ms < _FIRST_YEAR_MS:
            raise UnprocessableError(
                f"The period has to be at most {MAX_DAYS} days, from 2014-05-13 on.", field="from"
            )
        return ExportRequest(
            kinds=[kind for kind in ExportKind if kind in self.kinds],
            start_ms=start_ms,
            end_ms=end_ms,
            format=self.format,
            is_of_all=self.all_users,
        )


class ExportFileView(ResponseModel):
    """A file, and a link that works until ``linkExpiresAt``."""

    name: str
    kind: str
    url: str
    link_expires_at: str | None
    records: int
    size_bytes: int
    sha256: str


class ExportProgress(ResponseModel):
    """Users by how far they are; total grows until the planning is over."""

    total: int
    done: int
    waiting: int
    with_gaps: int
    is_planned: bool


class ExportResponse(ResponseModel):
    """An export; its files once it is READY, ``isComplete`` whether nothing is lacking then."""

    export_id: str
    state: ExportState
    code: str | None
    kinds: list[ExportKind]
    start: str | None = Field(alias="from")
    end: str | None = Field(alias="to")
    format: ExportFormat
    all_users: bool
    users: ExportProgress
    records: int
    is_complete: bool | None
    created_at: str | None
    updated_at: str | None
    ready_at: str | None
    files: list[ExportFileView]

    @classmethod
    def build(cls, export: Export, links: list[ExportLink]) -> Self:
        """The head with its links."""
        request, is_ready = export.request, export.export_state is ExportState.READY
        return cls(
            export_id=export.export_id,
            state=export.export_state,
            code=export.code,
            kinds=request.kinds,
            start=format_time(request.start_ms // 1000),
            end=format_time(request.end_ms // 1000),
            format=request.format,
            all_users=request.is_of_all,
            users=ExportProgress(
                total=export.users,
                done=export.users - export.users_left,
                waiting=export.users_left,
                with_gaps=export.users_with_gaps,
                is_planned=export.is_planned,
            ),
            records=export.records,
            is_complete=export.users_with_gaps == 0 if is_ready else None,
            created_at=format_time(export.created_at),
            updated_at=format_time(export.updated_at),
            ready_at=format_time(export.ready_at),
            files=[_show_link(link) for link in links],
        )


class ExportListResponse(ResponseModel):
    """One page of exports, the latest first, without files; ``unreadable`` ones are left out."""

    exports: list[ExportResponse]
    unreadable: int
    next_cursor: str | None


class ArchiveResponse(ResponseModel):
    """Whether a connection is archived, since when, and how far each kind is."""

    user_id: str
    archived_since: str | None
    collected_until: dict[ExportKind, str | None] = Field(
        description="Of the account that is linked, or was last; null before the first round."
    )

    @classmethod
    def build(cls, user_id: str, archive: ArchiveStatus) -> "ArchiveResponse":
        """What the use case tells, as JSON."""
        since = archive.since
        return cls(
            user_id=user_id,
            archived_since=None if since is None else format_time(since),
            collected_until={
                kind: None if until is None else format_time(until // 1000)
                for kind, until in archive.collected_until_ms.items()
            },
        )


def parse_export_id(value: str) -> str:
    """An export's id from a path.

    Raises:
        NotFoundError: It can't be one.
    """
    if not re.fullmatch(r"[0-9a-f]{32}", value):
        raise NotFoundError("There is no such export.", code="export_not_found")
    return value


def parse_export_list(query: dict[str, Any] | None) -> tuple[int, str | None]:
    """Limit and cursor of ``GET /v1/exports``.

    Raises:
        BadRequestError: An unknown parameter.
        UnprocessableError: A value is not acceptable.
    """
    given = query or {}
    if unknown := set(given) - _LIST_PARAMETERS:
        raise BadRequestError(
            "There is no such parameter.", code="unknown_parameter", field=min(unknown)[:64]
        )
    limit = given.get("limit", "50")
    if not re.fullmatch(r"[1-9][0-9]?|100", limit, re.ASCII):
        raise UnprocessableError("limit has to be 1 to 100.", field="limit")
    return int(limit), given.get("cursor")


def _parse_moment(text: str, field: str) -> int:
    """Epoch milliseconds.

    Raises:
        UnprocessableError: There is no such moment in the calendar.
    """
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise UnprocessableError(f"{field} is no moment.", field=field) from None
    return int(moment.timestamp()) * 1000


def _show_link(link: ExportLink) -> ExportFileView:
    return ExportFileView(
        name=link.file.name,
        kind=link.file.kind,
        url=link.url,
        link_expires_at=format_time(link.expires_at),
        records=link.file.records,
        size_bytes=link.file.size_bytes,
        sha256=link.file.sha256,
    )
