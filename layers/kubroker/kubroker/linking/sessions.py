"""Opening a linking session, its consent page, and its progress.

A handle is ``sessionId.secret``; the store keeps hashes only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_urlsafe

from kubroker.connections.model import (
    ApiKeyState,
    AttemptState,
    Connection,
    KeyAttempt,
    KeyFacts,
)
from kubroker.connections.store import ConnectionStore
from kubroker.foundation.errors import (
    ForbiddenError,
    GoneError,
    LostRaceError,
    NotFoundError,
)
from kubroker.foundation.hashes import hash_secret, is_secret_of
from kubroker.kucoin.permissions import Permission, check_available
from kubroker.linking.model import (
    RETENTION_SECONDS,
    ConnectSession,
    LinkEnd,
    SessionStatus,
    derive_state_secret,
    parse_handle,
    parse_secret,
    settle_choice,
)
from kubroker.linking.store import SessionStore

_SECRET_BYTES = 32
_SESSION_ID_BYTES = 16


@dataclass(frozen=True, kw_only=True)
class NewSession:
    """What a broker's service asks for; checked by the request model before."""

    user_id: str
    account_label: str
    offered: list[Permission]
    required: list[Permission]
    is_addressbook_only: bool
    return_url: str
    ttl_seconds: int
    allow_account_change: bool


@dataclass(frozen=True, kw_only=True)
class OpenedSession:
    """The session's id, and the handle that belongs into the connect URL."""

    session_id: str
    handle: str
    expires_at: int


@dataclass(frozen=True, kw_only=True)
class Consented:
    """Where to send the browser, and what its cookie is to hold."""

    session_id: str
    browser_secret: str
    state: str


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How a link stands, for the hosted page.

    Attributes:
        end: The end's code, or None while it goes on.
        attempt: The key attempt of this session's link, once there is one.
        key_in_use: The key that serves until the attempt's takes its place.
        occurred_at: When the attempt ended without a key, epoch seconds.
    """

    session: ConnectSession
    end: LinkEnd | None
    attempt: KeyAttempt | None = None
    key_in_use: KeyFacts | None = None
    occurred_at: int | None = None


class ConnectSessions:
    """Sessions from the broker's request to the browser's way to KuCoin, and the progress page."""

    def __init__(
        self,
        sessions: SessionStore,
        connections: ConnectionStore,
        *,
        unavailable: frozenset[Permission],
        new_secret: Callable[[int], str] = token_urlsafe,
    ) -> None:
        """Joins the stores.

        Args:
            sessions: The store of sessions.
            connections: The store of connections.
            unavailable: What this installation can't ask KuCoin for.
            new_secret: Bytes of randomness to text.
        """
        self._sessions = sessions
        self._connections = connections
        self._unavailable = unavailable
        self._new_secret = new_secret

    def open(self, request: NewSession, *, now: int) -> OpenedSession:
        """Opens a session.

        Raises:
            UnprocessableError: A permission that this installation can't ask KuCoin for.
            StoreError: DynamoDB could not be asked.
        """
        check_available([*request.offered, *request.required], self._unavailable)
        session_id = self._new_secret(_SESSION_ID_BYTES)
        link_secret = self._new_secret(_SECRET_BYTES)
        expires_at = now + request.ttl_seconds
        self._sessions.create(
            ConnectSession(
                session_id=session_id,
                user_id=request.user_id,
                account_label=request.account_label,
                offered=request.offered,
                required=request.required,
                is_addressbook_only=request.is_addressbook_only,
                return_url=request.return_url,
                allow_account_change=request.allow_account_change,
                session_status=SessionStatus.OPEN,
                created_at=now,
                expires_at=expires_at,
                ttl=expires_at + RETENTION_SECONDS,
                link_hash=hash_secret(link_secret),
            )
        )
        return OpenedSession(
            session_id=session_id, handle=f"{session_id}.{link_secret}", expires_at=expires_at
        )

    def get(self, handle: str) -> ConnectSession:
        """The session of a connect URL or a status page URL.

        Raises:
            NotFoundError: The handle is not one of ours (any more).
        """
        parsed = parse_handle(handle)
        session = self._sessions.find(parsed[0]) if parsed else None
        if parsed is None or session is None:
            raise NotFoundError("This link is not known.", code="session_not_found")
        hashes = (session.link_hash, session.status_hash)
        if not any(is_secret_of(parsed[1], stored) for stored in hashes):
            raise NotFoundError("This link is not known.", code="session_not_found")
        return session

    def consent(
        self,
        session: ConnectSession,
        *,
        chosen: list[Permission],
        is_addressbook_only: bool,
        browser_secret: str | None,
        now: int,
    ) -> Consented:
        """The user chose: binds the browser and issues a fresh state.

        Args:
            session: As found by its handle.
            chosen: What the form sent.
            is_addressbook_only: Whether withdrawals go to the user's address book only.
            browser_secret: The session's cookie, where the browser has one.
            now: Epoch seconds.

        Raises:
            UnprocessableError: Something was chosen that was not offered.
            ForbiddenError: Another browser has this link.
            GoneError: The link is used or has expired.
        """
        permissions = settle_choice(chosen, offered=session.offered, required=session.required)
        is_only = is_addressbook_only or session.is_addressbook_only
        secret = parse_secret(browser_secret) or self.create_browser_secret()
        state_secret = derive_state_secret(secret, permissions, is_addressbook_only=is_only)
        if session.browser_hash and not is_secret_of(secret, session.browser_hash):
            raise ForbiddenError("This link is open in another browser.", code="other_browser")
        try:
            self._sessions.start_authorization(
                session.session_id,
                chosen=permissions,
                is_addressbook_only=is_only,
                browser_hash=hash_secret(secret),
                state_hash=hash_secret(state_secret),
                now=now,
            )
        except LostRaceError as error:
            raise GoneError("This link is used or has expired.", code="session_used") from error
        return Consented(
            session_id=session.session_id,
            browser_secret=secret,
            state=f"{session.session_id}.{state_secret}",
        )

    def create_browser_secret(self) -> str:
        """What a browser's cookie holds; the browser is bound by it once its user chooses."""
        return self._new_secret(_SECRET_BYTES)

    def find_progress(self, session: ConnectSession, *, now: int) -> Progress:
        """How the session's link stands."""
        if session.session_status is SessionStatus.ENDED:
            return Progress(session=session, end=session.end_code)
        if session.session_status is SessionStatus.EXCHANGING:
            lapsed = now >= (session.exchange_until or 0)
            return Progress(session=session, end=LinkEnd.AUTHORIZATION_FAILED if lapsed else None)
        if session.session_status is SessionStatus.AUTHORIZED:
            expired = now >= (session.completion_expires_at or 0)
            return Progress(session=session, end=LinkEnd.SESSION_EXPIRED if expired else None)
        if session.session_status is not SessionStatus.COMPLETED:
            expired = now >= session.expires_at
            return Progress(session=session, end=LinkEnd.SESSION_EXPIRED if expired else None)
        return _find_key_progress(session, self._connections.find(session.user_id), now)


def _find_key_progress(
    session: ConnectSession, connection: Connection | None, now: int
) -> Progress:
    """A completed session: what became of its key. Another link since makes it used."""
    attempt = connection.key_attempt if connection else None
    if connection is None or attempt is None or connection.is_disconnected:
        return Progress(session=session, end=LinkEnd.SESSION_USED)
    if session.session_id != (attempt.session_id or connection.session_id):
        is_in_use = session.session_id == connection.session_id
        if not is_in_use or connection.api_key_state is not ApiKeyState.ACTIVE:
            return Progress(session=session, end=LinkEnd.SESSION_USED)
        return Progress(session=session, end=LinkEnd.CONNECTED, key_in_use=connection.api_key_facts)
    state = attempt.current_state(now)
    if state is AttemptState.DONE:
        return Progress(session=session, end=LinkEnd.CONNECTED, attempt=attempt)
    if state is AttemptState.OUTCOME_UNKNOWN:
        end = LinkEnd.KEY_OUTCOME_UNKNOWN
    elif state is AttemptState.FAILED:
        known = {str(code): code for code in LinkEnd}
        end = known.get(attempt.code or "", LinkEnd.AUTHORIZATION_FAILED)
    else:
        return Progress(session=session, end=None, attempt=attempt)
    return Progress(
        session=session,
        end=end,
        attempt=attempt,
        key_in_use=connection.api_key_facts,
        occurred_at=attempt.asked_at,
    )
