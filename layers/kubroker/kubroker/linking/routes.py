"""The routes of the function ``connect``, joined from settings, stores and use cases."""

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.shared.cookies import Cookie
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from kubroker.aws.clients import get_dynamodb, get_sqs
from kubroker.aws.queue import Queue
from kubroker.aws.table import Table
from kubroker.connections.store import ConnectionStore
from kubroker.connections.views import ConnectionResponse
from kubroker.foundation.errors import (
    ConflictError,
    KubrokerError,
    NotFoundError,
    UnprocessableError,
)
from kubroker.foundation.observability import logger
from kubroker.foundation.settings import (
    CommonSettings,
    ConnectSettings,
    KucoinSettings,
    QueueSettings,
    RotationSettings,
    SessionSettings,
)
from kubroker.keys.requests import KeyRequests
from kubroker.keys.store import KeyAttemptStore
from kubroker.kucoin.oauth import OAuthClient
from kubroker.kucoin.permissions import find_unavailable
from kubroker.kucoin.transport import KucoinTransport
from kubroker.linking.completion import Completion
from kubroker.linking.link_pages import LinkPages, parse_choice
from kubroker.linking.model import (
    SESSION_ID,
    STATE_SECONDS,
    ConnectSession,
    LinkEnd,
    SessionStatus,
    settle_choice,
)
from kubroker.linking.sessions import ConnectSessions, NewSession
from kubroker.linking.store import SessionStore
from kubroker.linking.views import (
    CompleteSessionRequest,
    CompleteSessionResponse,
    OpenSessionRequest,
    OpenSessionResponse,
    ProgressResponse,
)
from kubroker.web.api import format_time
from kubroker.web.browser import build_base_url, build_cookie, find_cookie, redirect

# Long enough for the login at KuCoin and the wait on the progress page.
_COOKIE_SECONDS = STATE_SECONDS + 3600


class ConnectRoutes:
    """Each method answers one route."""

    def __init__(
        self,
        *,
        stage: str,
        settings: ConnectSettings,
        kucoin: KucoinSettings,
        oauth: OAuthClient,
        sessions: ConnectSessions,
        completion: Completion,
        key_requests: KeyRequests,
    ) -> None:
        """Joins settings and use cases."""
        self.stage = stage
        self.pages = LinkPages(settings, kucoin)
        self._settings = settings
        self._oauth = oauth
        self._sessions = sessions
        self._completion = completion
        self._key_requests = key_requests

    def open_session(
        self, event: APIGatewayProxyEventV2, request: OpenSessionRequest, now: int
    ) -> OpenSessionResponse:
        """``POST /v1/connect-sessions``."""
        if not self._settings.is_return_url_allowed(request.return_url):
            raise UnprocessableError(
                "returnUrl is not on this installation's allow-list.",
                code="return_url_not_allowed",
                field="returnUrl",
            )
        opened = self._sessions.open(
            NewSession(
                user_id=request.user_id,
                account_label=request.account_label,
                offered=request.permissions.offered,
                required=request.permissions.required,
                is_addressbook_only=request.is_addressbook_only,
                return_url=request.return_url,
                ttl_seconds=request.ttl_seconds,
                allow_account_change=request.allow_account_change,
            ),
            now=now,
        )
        base_url = build_base_url(event, self._settings.public_base_url)
        return OpenSessionResponse(
            session_id=opened.session_id,
            connect_url=f"{base_url}/connect/{opened.handle}",
            expires_at=format_time(opened.expires_at),
        )

    def complete(
        self,
        event: APIGatewayProxyEventV2,
        session_id: str,
        request: CompleteSessionRequest,
        now: int,
    ) -> CompleteSessionResponse:
        """``POST /v1/connect-sessions/{id}/complete``."""
        if not SESSION_ID.fullmatch(session_id):
            raise NotFoundError("There is no such session.", code="session_not_found")
        completed = self._completion.complete(
            session_id,
            user_id=request.user_id,
            completion_code=request.completion_code,
            now=now,
        )
        base_url = build_base_url(event, self._settings.public_base_url)
        return CompleteSessionResponse(
            connection=ConnectionResponse.build(completed.connection, now=now),
            status_page_url=f"{base_url}/connect/{completed.status_handle}",
        )

    def show(self, event: APIGatewayProxyEventV2, token: str, now: int) -> Response[str]:
        """``GET /connect/{token}``.

        The page brings the cookie that its form binds: a button that is pressed twice has then
        sent the same cookie twice. Nothing is stored.
        """
        session = self._sessions.get(token)
        if session.is_link_live(now):
            base_url = build_base_url(event, self._settings.public_base_url)
            has_cookie = find_cookie(event, session.session_id, base_url=base_url) is not None
            secret = self._sessions.create_browser_secret()
            cookies = [] if has_cookie else [_build_cookie(session, secret, base_url)]
            return self.pages.consent(session, token, cookies)
        return self.pages.progress(self._sessions.find_progress(session, now=now), token)

    def choose(self, event: APIGatewayProxyEventV2, token: str, now: int) -> Response[str]:
        """``POST /connect/{token}``."""
        session = self._sessions.get(token)
        if session.session_status is SessionStatus.COMPLETED:
            return self._try_again(event, session, token, now)
        if not session.is_link_live(now):
            return self.pages.progress(self._sessions.find_progress(session, now=now), token)
        chosen, is_addressbook_only = parse_choice(event)
        base_url = build_base_url(event, self._settings.public_base_url)
        try:
            consented = self._sessions.consent(
                session,
                chosen=chosen,
                is_addressbook_only=is_addressbook_only,
                browser_secret=find_cookie(event, session.session_id, base_url=base_url),
                now=now,
            )
        except KubrokerError as error:
            if error.code in set(LinkEnd):
                return self.pages.end(session, LinkEnd(error.code))
            raise
        cookie = _build_cookie(session, consented.browser_secret, base_url)
        return redirect(self._oauth.build_login_url(consented.state), [cookie])

    def find_status(self, token: str, now: int) -> ProgressResponse:
        """``GET /connect/{token}/status``."""
        session = self._sessions.get(token)
        progress = self._sessions.find_progress(session, now=now)
        state = "done" if progress.end else session.session_status.lower()
        return ProgressResponse(state=state, code=progress.end, final=progress.end is not None)

    def _try_again(
        self, event: APIGatewayProxyEventV2, session: ConnectSession, token: str, now: int
    ) -> Response[str]:
        """After a mismatch: the same authorization, fewer permissions."""
        chosen, is_addressbook_only = parse_choice(event)
        try:
            self._key_requests.retry_with_fewer(
                session.user_id,
                session.session_id,
                lambda offered: settle_choice(chosen, offered=offered, required=session.required),
                is_addressbook_only=is_addressbook_only or session.is_addressbook_only,
                now=now,
            )
        except ConflictError as error:
            # Sent twice, or overtaken: the page tells how it stands.
            logger.info("no other try", extra={"code": error.code})
        return redirect(f"/connect/{token}")


def _build_cookie(session: ConnectSession, secret: str, base_url: str) -> Cookie:
    return build_cookie(session.session_id, secret, base_url=base_url, max_age=_COOKIE_SECONDS)


def build_connect_routes() -> ConnectRoutes:
    """Reads the settings and joins everything.

    Raises:
        ConfigurationError: A setting is missing or malformed.
    """
    common = CommonSettings.from_environment()
    settings = ConnectSettings.from_environment()
    kucoin = KucoinSettings.from_environment()
    queue = QueueSettings.from_environment()
    table = Table(get_dynamodb(), common.connections_table)
    connections = ConnectionStore(table)
    sessions = SessionStore(
        Table(get_dynamodb(), SessionSettings.from_environment().sessions_table)
    )
    unavailable = find_unavailable(
        key_version=kucoin.key_version, unified_group_name=kucoin.protocol.unified_group_name
    )
    policy = RotationSettings.from_environment().policy
    key_queue = Queue(get_sqs, queue.key_creation_queue_url)
    return ConnectRoutes(
        stage=common.stage,
        settings=settings,
        kucoin=kucoin,
        oauth=OAuthClient(kucoin, lambda: None, KucoinTransport()),
        sessions=ConnectSessions(sessions, connections, unavailable=unavailable),
        completion=Completion(sessions, connections, key_queue, policy=policy),
        key_requests=KeyRequests(
            connections, KeyAttemptStore(table, policy), key_queue, unavailable=unavailable
        ),
    )
