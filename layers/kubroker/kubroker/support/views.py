"""What support asks: a user's timeline, and who is behind an id of KuCoin's."""

import re
from dataclasses import dataclass
from typing import Self

from kubroker.audit.model import ENTRY_ID, AuditEntry, AuditKind, AuditOutcome
from kubroker.foundation.cursors import build_cursor, build_cursor_error, parse_cursor
from kubroker.foundation.errors import BadRequestError, UnprocessableError
from kubroker.foundation.stored import read_list
from kubroker.support.search import Match
from kubroker.web.api import ResponseModel, format_time

_SEARCH = {
    "kucoinUid": re.compile(r"[A-Za-z0-9_-]{1,64}"),
    "withdrawalId": re.compile(r"[A-Za-z0-9_-]{1,64}"),
    "txHash": re.compile(r"[A-Za-z0-9_:@.-]{1,200}"),
}


class TimelineEntry(ResponseModel):
    """What happened, who did it, and what came of it."""

    at: str | None
    kind: AuditKind
    action: str
    outcome: AuditOutcome
    principal: str
    status: int | None
    code: str | None
    reference: str | None
    request_id: str | None
    request_hash: str | None

    @classmethod
    def build(cls, entry: AuditEntry) -> Self:
        """The entry with its time in ISO 8601."""
        names = set(cls.model_fields) - {"at"}
        return cls(**entry.model_dump(include=names), at=format_time(entry.at))


class TimelineResponse(ResponseModel):
    """``GET /v1/connections/{userId}/timeline``, the latest first; without ``unreadable`` ones."""

    entries: list[TimelineEntry]
    unreadable: int
    next_cursor: str | None

    @classmethod
    def build(cls, entries: list[AuditEntry], last: str | None) -> Self:
        """A page and the cursor of the next."""
        cursor = build_cursor({"entryId": last}) if last else None
        rows = read_list(entries, TimelineEntry.build)
        return cls(entries=rows, unreadable=rows.unreadable, next_cursor=cursor)


class MatchView(ResponseModel):
    """A connection, or a withdrawal of one."""

    user_id: str
    withdrawal_id: str | None


class SearchResponse(ResponseModel):
    """``GET /v1/search``."""

    matches: list[MatchView]

    @classmethod
    def build(cls, matches: list[Match]) -> Self:
        """The matches as they were found."""
        rows = [MatchView(user_id=one.user_id, withdrawal_id=one.withdrawal_id) for one in matches]
        return cls(matches=rows)


@dataclass(frozen=True)
class SearchQuery:
    """One field and its value."""

    field: str
    value: str


def parse_timeline_query(query: dict[str, str]) -> tuple[int, str | None]:
    """Limit, and the entry to go on from.

    Raises:
        BadRequestError: An unknown parameter, or a cursor that is none of ours.
        UnprocessableError: The limit is not acceptable.
    """
    _refuse_others(query, {"limit", "cursor"})
    limit = query.get("limit", "50")
    if not (limit.isascii() and limit.isdigit() and len(limit) <= 3 and 1 <= int(limit) <= 100):
        raise UnprocessableError("limit has to be 1 to 100.", field="limit")
    cursor = query.get("cursor")
    return int(limit), None if cursor is None else _parse_start(cursor)


def parse_search_query(query: dict[str, str]) -> SearchQuery:
    """The one thing that is looked for.

    Raises:
        BadRequestError: An unknown parameter, none, or more than one.
        UnprocessableError: The value has another form.
    """
    _refuse_others(query, set(_SEARCH))
    if len(query) != 1:
        raise BadRequestError(
            f"Name one of {', '.join(_SEARCH)}, and one only.", code="unknown_parameter"
        )
    ((field, value),) = query.items()
    if not _SEARCH[field].fullmatch(value):
        raise UnprocessableError(f"{field} has another form than KuCoin's.", field=field)
    return SearchQuery(field, value)


def _refuse_others(query: dict[str, str], known: set[str]) -> None:
    if unknown := set(query) - known:
        raise BadRequestError(
            "There is no such parameter.", code="unknown_parameter", field=min(unknown)[:64]
        )


def _parse_start(cursor: str) -> str:
    entry_id = parse_cursor(cursor).get("entryId")
    if not isinstance(entry_id, str) or not ENTRY_ID.fullmatch(entry_id):
        raise build_cursor_error()
    return entry_id
