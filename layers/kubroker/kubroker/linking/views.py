"""Linking sessions: the broker's requests and answers."""

from typing import Annotated

from pydantic import Field, StringConstraints

from kubroker.connections.views import ConnectionResponse, PermissionList
from kubroker.web.api import RequestModel, ResponseModel
from kubroker.web.fields import Label, UserId


class OfferedPermissions(RequestModel):
    """What the consent page offers, and what it can't do without."""

    offered: PermissionList = Field(default_factory=list)
    required: PermissionList = Field(default_factory=list)


class OpenSessionRequest(RequestModel):
    """``POST /v1/connect-sessions``."""

    user_id: UserId
    account_label: Label
    permissions: OfferedPermissions
    is_addressbook_only: bool = False
    return_url: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    ttl_seconds: Annotated[int, Field(ge=60, le=3600)] = 900
    allow_account_change: bool = False


class OpenSessionResponse(ResponseModel):
    """The link for the user's browser."""

    session_id: str
    connect_url: str
    expires_at: str | None


class CompleteSessionRequest(RequestModel):
    """``POST /v1/connect-sessions/{id}/complete``; userId is who is logged in at the broker."""

    user_id: UserId
    completion_code: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class CompleteSessionResponse(ResponseModel):
    """The connection, and a hosted page that shows the user how it goes on."""

    connection: ConnectionResponse
    status_page_url: str


class ProgressResponse(ResponseModel):
    """What the progress page polls."""

    state: str
    code: str | None
    final: bool
