"""The broker API's requests and answers."""

from typing import Annotated, Self

from pydantic import Field

from kubroker.connections.disconnect import Receipt
from kubroker.connections.model import (
    ApiKeyState,
    AttemptState,
    Authorization,
    Connection,
    ConnectionStatus,
    KeyFacts,
    derive_key_state,
    derive_status,
)
from kubroker.foundation.errors import BadRequestError, UnprocessableError
from kubroker.kucoin.permissions import Permission
from kubroker.web.api import RequestModel, ResponseModel, format_time

PermissionList = Annotated[list[Permission], Field(max_length=8, strict=False)]


class CreateKeyRequest(RequestModel):
    """``POST /v1/connections/{userId}/api-key``."""

    permissions: PermissionList
    is_addressbook_only: bool = False


class KeyFactsView(ResponseModel):
    """What may be told of a key."""

    name: str
    hint: str
    permissions: list[Permission]
    is_addressbook_only: bool
    ip_whitelist: list[str]
    created_at: str | None
    checked_at: str | None

    @classmethod
    def build(cls, facts: KeyFacts) -> Self:
        """The facts with their times in ISO 8601."""
        return cls(
            **facts.model_dump(exclude={"created_at", "checked_at"}),
            created_at=format_time(facts.created_at),
            checked_at=format_time(facts.checked_at),
        )


class KeyAttemptView(ResponseModel):
    """How the latest creation of a key stands."""

    state: AttemptState
    code: str | None
    permissions: list[Permission]
    requested_at: str | None
    is_kept: bool
    delete_at_kucoin: list[KeyFactsView]


class AuthorizationView(ResponseModel):
    """The tokens' state; never a token."""

    state: Authorization
    cause: str | None
    access_token_expires_at: str | None
    refresh_token_expires_at: str | None


class ApiKeyView(ResponseModel):
    """The key that signed calls use, and the latest attempt to create one."""

    state: ApiKeyState
    code: str | None
    facts: KeyFactsView | None
    attempt: KeyAttemptView | None


class ConnectionResponse(ResponseModel):
    """A connection as the broker sees it."""

    user_id: str
    account_label: str
    status: ConnectionStatus
    authorization: AuthorizationView
    api_key: ApiKeyView
    kucoin_uid: str | None
    link_generation: int
    archived_since: str | None
    created_at: str | None
    updated_at: str | None

    @classmethod
    def build(cls, connection: Connection, *, now: int) -> Self:
        """The view at a moment: a lapsed attempt is told as what it is."""
        state, code = derive_key_state(connection, now)
        facts = connection.api_key_facts
        return cls(
            user_id=connection.user_id,
            account_label=connection.account_label,
            status=derive_status(connection, now),
            authorization=AuthorizationView(
                state=connection.authorization,
                cause=connection.authorization_cause,
                access_token_expires_at=format_time(connection.access_token_expires_at),
                refresh_token_expires_at=format_time(connection.refresh_token_expires_at),
            ),
            api_key=ApiKeyView(
                state=state,
                code=code,
                facts=KeyFactsView.build(facts) if facts else None,
                attempt=_build_attempt(connection, now),
            ),
            kucoin_uid=connection.kucoin_uid,
            link_generation=connection.link_generation,
            archived_since=format_time(connection.archived_since),
            created_at=format_time(connection.created_at),
            updated_at=format_time(connection.updated_at),
        )


class ConnectionListResponse(ResponseModel):
    """One page of connections; ``unreadable`` ones are left out."""

    connections: list[ConnectionResponse]
    unreadable: int
    next_cursor: str | None


class ReceiptResponse(ResponseModel):
    """What a disconnect did, and what the user should still delete at KuCoin."""

    user_id: str
    status: ConnectionStatus
    disconnected_at: str | None
    shredded: list[str]
    delete_at_kucoin: list[KeyFactsView]
    possibly_lost_key_at: str | None
    api_key_kept_until: str | None
    backups_forget_at: str | None

    @classmethod
    def build(cls, receipt: Receipt) -> Self:
        """The receipt with its times in ISO 8601."""
        return cls(
            user_id=receipt.connection.user_id,
            status=receipt.connection.connection_status,
            disconnected_at=format_time(receipt.disconnected_at),
            shredded=["oauth-tokens", *([] if receipt.key_kept_until else ["api-key"])],
            delete_at_kucoin=[KeyFactsView.build(facts) for facts in receipt.keys_at_kucoin],
            possibly_lost_key_at=format_time(receipt.lost_key_at),
            api_key_kept_until=format_time(receipt.key_kept_until),
            backups_forget_at=format_time(receipt.backups_forget_at),
        )


class HealthResponse(ResponseModel):
    """``GET /health``."""

    status: str
    stage: str


def _build_attempt(connection: Connection, now: int) -> KeyAttemptView | None:
    attempt = connection.key_attempt
    if attempt is None:
        return None
    state = attempt.current_state(now)
    orphan = attempt.facts if state is AttemptState.FAILED else None
    leftovers = [facts for facts in (attempt.replaced, orphan) if facts is not None]
    return KeyAttemptView(
        state=state,
        code=attempt.code,
        permissions=attempt.permissions,
        requested_at=format_time(attempt.requested_at),
        is_kept=attempt.is_kept,
        delete_at_kucoin=[KeyFactsView.build(facts) for facts in leftovers],
    )


def parse_list_query(
    query: dict[str, str],
) -> tuple[ConnectionStatus | None, int, str | None]:
    """Status, limit and cursor of ``GET /v1/connections``.

    Raises:
        BadRequestError: An unknown parameter.
        UnprocessableError: A value is not acceptable.
    """
    if unknown := set(query) - {"status", "limit", "cursor"}:
        name = min(unknown)
        raise BadRequestError(
            "There is no such parameter.", code="unknown_parameter", field=name[:64]
        )
    status = query.get("status")
    if status is not None and status not in set(ConnectionStatus):
        raise UnprocessableError(
            f"status has to be one of {', '.join(ConnectionStatus)}.", field="status"
        )
    limit = query.get("limit", "50")
    if not (limit.isascii() and limit.isdigit() and len(limit) <= 3 and 1 <= int(limit) <= 100):
        raise UnprocessableError("limit has to be 1 to 100.", field="limit")
    return ConnectionStatus(status) if status else None, int(limit), query.get("cursor")
