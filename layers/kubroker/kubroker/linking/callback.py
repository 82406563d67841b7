"""KuCoin sends the browser back: state, browser, code exchange, staging.

Numbered as the crash tests name them: 1 the state is consumed, 2 the code is exchanged, 3 the
pair is staged, 4 the browser goes back to the broker. What a crash leaves behind: after 1 or 2
an EXCHANGING whose lease lapses, and the user starts again; after 3 the same callback leads to
the same completion code again, since the browser can derive it.
"""

from dataclasses import dataclass

from pydantic import SecretStr

from kubroker.aws.queue import Queue
from kubroker.connections.model import StagedPair
from kubroker.connections.secrets import seal_pair
from kubroker.connections.vault import DataKey, EncryptionContext, Purpose, Vault
from kubroker.foundation.errors import ConfigurationError, KucoinError, LostRaceError, StoreError
from kubroker.foundation.hashes import hash_secret, is_secret_of
from kubroker.foundation.observability import CONFIGURATION_ERROR_FOUND, count, logger
from kubroker.foundation.settings import KucoinProtocol
from kubroker.kucoin.address_watch import watch_failure
from kubroker.kucoin.oauth import OAuthClient, TokenOutcome, TokenPair, classify_token_refusal
from kubroker.linking.model import (
    SHRED_DELAY_SECONDS,
    ConnectSession,
    LinkEnd,
    SessionStatus,
    derive_completion_code,
    parse_handle,
)
from kubroker.linking.store import SessionStore

_EXCHANGE_DEADLINE_SECONDS = 12.0


@dataclass(frozen=True, kw_only=True)
class Callback:
    """What the browser brought.

    Attributes:
        state: The query's ``state``.
        code: The authorization code; None where the user refused.
        is_success: False where KuCoin said ``success=false``.
    """

    state: str
    code: SecretStr | None
    is_success: bool


@dataclass(frozen=True, kw_only=True)
class CallbackOutcome:
    """Either the way back with a completion code, a page to wait on, or an end.

    Attributes:
        session: None where the state is not one of ours.
        completion_code: For the broker's return URL.
        end: The end's code; None with a completion code, or while the first callback works.
    """

    session: ConnectSession | None
    completion_code: str | None = None
    end: LinkEnd | None = None


@dataclass(frozen=True)
class _Exchange:
    """What one exchange needs besides its session."""

    code: SecretStr
    data_key: DataKey
    completion_code: str


class OauthCallback:
    """Consumes a state once and stages the pair that its code is worth."""

    def __init__(
        self,
        *,
        sessions: SessionStore,
        queue: Queue,
        vault: Vault,
        oauth: OAuthClient,
        protocol: KucoinProtocol,
    ) -> None:
        """Joins the session store, the key-creation queue, the vault and KuCoin."""
        self._sessions = sessions
        self._queue = queue
        self._vault = vault
        self._oauth = oauth
        self._protocol = protocol

    def find_session(self, state: str) -> ConnectSession | None:
        """The session that a state names; its secret is not checked yet."""
        parsed = parse_handle(state)
        return self._sessions.find(parsed[0]) if parsed else None

    def receive(
        self,
        callback: Callback,
        session: ConnectSession | None,
        browser_secret: str | None,
        *,
        now: int,
    ) -> CallbackOutcome:
        """Handles one callback; a repeated one shows the outcome of the first.

        Args:
            callback: The query's fields.
            session: As ``find_session`` found it.
            browser_secret: The session's cookie, if the browser has it.
            now: Epoch seconds.

        Raises:
            StoreError: AWS could not be asked. Before the state is consumed nothing was spent, and
                the same URL works again; where staging fails the code is spent, the session stays
                EXCHANGING until its lease lapses, and the user starts again.
        """
        if session is None:
            return CallbackOutcome(session=None, end=LinkEnd.SESSION_EXPIRED)
        if browser_secret is None or not is_secret_of(browser_secret, session.browser_hash):
            return CallbackOutcome(session=session, end=LinkEnd.OTHER_BROWSER)
        state_secret = callback.state.partition(".")[2]
        if not is_secret_of(state_secret, session.state_hash):
            return CallbackOutcome(session=session, end=LinkEnd.SESSION_USED)
        completion_code = derive_completion_code(browser_secret, state_secret)
        if session.session_status is not SessionStatus.AUTHORIZING:
            return _repeat(session, completion_code, now)
        return self._receive_first(callback, session, completion_code, now)

    def _receive_first(
        self, callback: Callback, session: ConnectSession, completion_code: str, now: int
    ) -> CallbackOutcome:
        if now >= (session.state_expires_at or 0):
            return CallbackOutcome(session=session, end=LinkEnd.SESSION_EXPIRED)
        if not callback.is_success or callback.code is None:
            return self._end(session, LinkEnd.REFUSED_BY_USER, SessionStatus.AUTHORIZING)
        # Everything that can fail on our side comes before the code is spent.
        context = EncryptionContext(session.user_id, Purpose.OAUTH_TOKENS)
        data_key = self._vault.create_data_key(context)
        self._queue.send(
            {"kind": "end_session", "sessionId": session.session_id},
            delay_seconds=SHRED_DELAY_SECONDS,
        )
        try:
            session = self._sessions.consume_state(
                session.session_id, state_hash=session.state_hash or "", now=now
            )
        except LostRaceError:
            return CallbackOutcome(session=session, end=None)
        exchange = _Exchange(callback.code, data_key, completion_code)
        return self._exchange(session, exchange, now)

    def _exchange(self, session: ConnectSession, exchange: _Exchange, now: int) -> CallbackOutcome:
        try:
            pair = self._oauth.exchange_code(
                exchange.code, deadline_seconds=_EXCHANGE_DEADLINE_SECONDS
            )
        except (KucoinError, ConfigurationError) as error:
            return self._end(session, self._classify(error), SessionStatus.EXCHANGING)
        if pair.refresh_token is None:
            logger.error("KuCoin's answer to a code exchange had no refresh token")
            return self._end(session, LinkEnd.AUTHORIZATION_FAILED, SessionStatus.EXCHANGING)
        self._sessions.stage(
            session.session_id,
            pair=build_staged_pair(
                pair, exchange.data_key, now, self._protocol.refresh_token_seconds
            ),
            state_hash=session.state_hash or "",
            completion_hash=hash_secret(exchange.completion_code),
            now=now,
        )
        return CallbackOutcome(session=session, completion_code=exchange.completion_code)

    def _classify(self, error: KucoinError | ConfigurationError) -> LinkEnd:
        if isinstance(error, ConfigurationError):
            outcome = TokenOutcome.MISCONFIGURED
        else:
            outcome = classify_token_refusal(error, self._protocol)
            watch_failure(error)
        logger.warning("code exchange failed", extra={"outcome": outcome, "reason": error.message})
        if outcome is TokenOutcome.MISCONFIGURED:
            count(CONFIGURATION_ERROR_FOUND)
        if outcome is TokenOutcome.PASSING:
            return LinkEnd.KUCOIN_UNREACHABLE
        return LinkEnd.AUTHORIZATION_FAILED

    def _end(
        self, session: ConnectSession, end: LinkEnd, expected: SessionStatus
    ) -> CallbackOutcome:
        try:
            self._sessions.end(session.session_id, code=end, expected=expected)
        except StoreError as error:
            logger.warning("the end of a session was not stored", extra={"reason": error.message})
        return CallbackOutcome(session=session, end=end)


def _repeat(session: ConnectSession, completion_code: str, now: int) -> CallbackOutcome:
    """The outcome of the first callback; nothing is spent."""
    if session.session_status is SessionStatus.EXCHANGING:
        lapsed = now >= (session.exchange_until or 0)
        end = LinkEnd.AUTHORIZATION_FAILED if lapsed else None
        return CallbackOutcome(session=session, end=end)
    if session.session_status is SessionStatus.ENDED:
        return CallbackOutcome(session=session, end=session.end_code)
    return CallbackOutcome(session=session, completion_code=completion_code)


def build_staged_pair(
    pair: TokenPair, data_key: DataKey, now: int, refresh_token_seconds: int
) -> StagedPair:
    """A pair as ciphertext.

    Args:
        pair: As KuCoin granted it, with a refresh token.
        data_key: Of the user's purpose oauth-tokens.
        now: Epoch seconds, from before KuCoin was asked: lives are counted short.
        refresh_token_seconds: Life of a refresh token, which no answer tells.
    """
    if pair.refresh_token is None:
        raise ValueError("a pair without a refresh token can't be kept alive")
    return StagedPair(
        data_key=data_key.wrapped,
        ciphertext=seal_pair(pair.access_token, pair.refresh_token, data_key),
        access_token_expires_at=now + pair.access_expires_in_seconds,
        refresh_token_expires_at=now + refresh_token_seconds,
    )
