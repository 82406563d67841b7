"""A linking session: from the broker's request to the redeemed completion code.

States and what moves them::

    OPEN ──consent──> AUTHORIZING ──callback──> EXCHANGING ──stage──> AUTHORIZED ──redeem──┐
     │                   │  ↺ consent again         │                     │           COMPLETED
     └── ENDED(code) <───┴──────────────────────────┴─────────────────────┘

An EXCHANGING whose lease has lapsed was interrupted: its authorization code is spent or lost,
and the user starts again.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from enum import StrEnum

from pydantic import Field

from kubroker.connections.model import StagedPair
from kubroker.foundation.errors import UnprocessableError
from kubroker.foundation.stored import StoredModel
from kubroker.kucoin.permissions import Permission

SCHEMA_VERSION = 1
STATE_SECONDS = 600
COMPLETION_SECONDS = 600
EXCHANGE_LEASE_SECONDS = 30
RETENTION_SECONDS = 7 * 86_400
# The staged pair is shredded by a delayed message, a little after the completion code's end.
SHRED_DELAY_SECONDS = COMPLETION_SECONDS + 30

_HANDLE = re.compile(r"([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})")
SESSION_ID = re.compile(r"[A-Za-z0-9_-]{22}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


class SessionStatus(StrEnum):
    """Where a session stands; see the module's drawing."""

    OPEN = "OPEN"
    AUTHORIZING = "AUTHORIZING"
    EXCHANGING = "EXCHANGING"
    AUTHORIZED = "AUTHORIZED"
    COMPLETED = "COMPLETED"
    ENDED = "ENDED"


class LinkEnd(StrEnum):
    """How linking ended: the ``code`` of pages, return URLs and items."""

    CONNECTED = "connected"
    REFUSED_BY_USER = "refused_by_user"
    SESSION_EXPIRED = "session_expired"
    SESSION_USED = "session_used"
    OTHER_BROWSER = "other_browser"
    PERMISSION_MISMATCH = "permission_mismatch"
    ADDRESSBOOK_MISMATCH = "addressbook_mismatch"
    KEY_LIMIT_REACHED = "key_limit_reached"
    KEY_NAME_TAKEN = "key_name_taken"
    KUCOIN_UNREACHABLE = "kucoin_unreachable"
    KEY_OUTCOME_UNKNOWN = "key_outcome_unknown"
    ACCOUNT_MISMATCH = "account_mismatch"
    AUTHORIZATION_FAILED = "authorization_failed"


class ConnectSession(StoredModel):
    """The item of ``ConnectSessions``.

    ====================  =====  ===================================================
    sessionId             key    128 random bits, base64url; not a secret
    linkHash, statusHash  hash   of the secrets in the connect URL and status page URL
    browserHash           hash   of the cookie that binds the browser
    stateHash             hash   of OAuth's state; single use
    completionHash        hash   of the one-time completion code
    staged                enc.   the token pair, until it is redeemed or shredded
    expiresAt, …At        s      epoch seconds
    ttl                   s      when DynamoDB may delete the item
    ====================  =====  ===================================================
    """

    session_id: str
    schema_version: int = SCHEMA_VERSION
    user_id: str
    account_label: str
    offered: list[Permission]
    required: list[Permission]
    is_addressbook_only: bool
    return_url: str
    allow_account_change: bool
    session_status: SessionStatus
    end_code: LinkEnd | None = None
    created_at: int
    expires_at: int
    ttl: int
    link_hash: str
    status_hash: str | None = None
    browser_hash: str | None = None
    state_hash: str | None = None
    state_expires_at: int | None = None
    exchange_until: int | None = None
    chosen: list[Permission] = Field(default_factory=list)
    chosen_addressbook_only: bool = False
    completion_hash: str | None = None
    completion_expires_at: int | None = None
    staged: StagedPair | None = None

    def is_link_live(self, now: int) -> bool:
        """Whether the consent page may still be used."""
        usable = {SessionStatus.OPEN, SessionStatus.AUTHORIZING}
        return self.session_status in usable and now < self.expires_at


def parse_secret(value: str | None) -> str | None:
    """A secret of 256 bits as we write it; None for anything else."""
    return value if value is not None and _SECRET.fullmatch(value) else None


def parse_handle(handle: str) -> tuple[str, str] | None:
    """Splits ``sessionId.secret`` of a URL or a state; None where it has another form."""
    match = _HANDLE.fullmatch(handle)
    return (match[1], match[2]) if match else None


def derive_state_secret(
    browser_secret: str, chosen: Iterable[Permission], *, is_addressbook_only: bool
) -> str:
    """The state's secret: of one browser and one choice.

    A button that is pressed twice makes two requests that may be worked in either order; both
    have to lead to KuCoin with the same state. Another choice has another state. It is single
    use, since a session that has left AUTHORIZING takes no consent any more.
    """
    key = b"kubroker state:" + browser_secret.encode()
    choice = f"{','.join(chosen)};{is_addressbook_only}"
    digest = hmac.new(key, choice.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def derive_completion_code(browser_secret: str, state_secret: str) -> str:
    """The one-time completion code of a callback.

    Only the browser that consented can make it again, so that a callback that is repeated
    (reload, back button) leads to the same place and spends nothing.
    """
    key = b"kubroker completion code:" + browser_secret.encode()
    return hmac.new(key, state_secret.encode(), hashlib.sha256).hexdigest()


def settle_choice(
    chosen: Iterable[Permission], *, offered: Iterable[Permission], required: Iterable[Permission]
) -> list[Permission]:
    """What a consent means: GENERAL, the required, and the chosen that were offered.

    Raises:
        UnprocessableError: ``permission_not_offered``: something was chosen that was not offered;
            or withdrawal, which nobody may grant but the user, was required and not chosen.
    """
    if Permission.WITHDRAWAL in set(required) - set(chosen):
        raise UnprocessableError(
            "WITHDRAWAL was not chosen by the user.", code="permission_not_offered"
        )
    available = {Permission.GENERAL, *offered, *required}
    wanted = {Permission.GENERAL, *required, *chosen}
    if foreign := wanted - available:
        raise UnprocessableError(
            f"These permissions were not offered: {', '.join(sorted(foreign))}.",
            code="permission_not_offered",
        )
    return [permission for permission in Permission if permission in wanted]
