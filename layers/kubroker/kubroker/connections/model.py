"""A user's connection: the authorization (tokens) and the API key, two lifetimes in one item."""

from enum import StrEnum

from kubroker.foundation.errors import ConflictError, NotFoundError
from kubroker.foundation.stored import StoredModel
from kubroker.kucoin.permissions import Permission


class StagedPair(StoredModel):
    """A token pair as ciphertext, with its wrapped data key.

    Attributes:
        data_key: KMS's ciphertext of the data key (purpose oauth-tokens).
        ciphertext: The vault's blob of the pair.
        access_token_expires_at: Epoch seconds.
        refresh_token_expires_at: Epoch seconds.
    """

    data_key: bytes
    ciphertext: bytes
    access_token_expires_at: int
    refresh_token_expires_at: int


SCHEMA_VERSION = 1
# A claim of key creation; longer than the function lives, so that a lapsed one has no owner.
KEY_LEASE_SECONDS = 45


class Authorization(StrEnum):
    """The tokens: alive, to be given again by the user, or shredded on purpose."""

    LIVE = "LIVE"
    REQUIRED = "REQUIRED"
    FORGOTTEN = "FORGOTTEN"


class ApiKeyState(StrEnum):
    """The API key that signed calls use."""

    NONE = "NONE"
    CREATING = "CREATING"
    ACTIVE = "ACTIVE"
    FAILED = "FAILED"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    GONE = "GONE"


class AttemptState(StrEnum):
    """One attempt to create a key::

    REQUESTED ──claim──> CREATING ──store──> STORED ──check, swap──> DONE
        └── unsent ───────┘  └──> FAILED | OUTCOME_UNKNOWN <──┘
    """

    REQUESTED = "REQUESTED"
    CREATING = "CREATING"
    STORED = "STORED"
    DONE = "DONE"
    FAILED = "FAILED"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"


class ConnectionStatus(StrEnum):
    """What a broker asks first; from the key, since dead tokens stop no signed call."""

    CONNECTING = "CONNECTING"
    ACTIVE = "ACTIVE"
    FAILED = "FAILED"
    KEY_GONE = "KEY_GONE"
    DISCONNECTING = "DISCONNECTING"
    DISCONNECTED = "DISCONNECTED"


class KeyFacts(StoredModel):
    """What may be told of a key; never its secret."""

    name: str
    hint: str
    permissions: list[Permission]
    is_addressbook_only: bool
    ip_whitelist: list[str]
    created_at: int
    checked_at: int | None = None


class KeyAttempt(StoredModel):
    """An attempt to create a key, and the candidate key until it is checked.

    Attributes:
        session_id: The linking session that asked for it, if one did.
        lease_until: Epoch seconds; a CREATING past it has an unknown outcome.
        data_key: Wrapped data key of the candidate (purpose api-key).
        ciphertext: The vault's blob of the candidate.
        replaced: The key that this attempt's key took the place of, for deletion at KuCoin.
        is_kept: No key was made: the one that was there still serves.
    """

    attempt_id: str
    session_id: str | None = None
    state: AttemptState
    permissions: list[Permission]
    is_addressbook_only: bool
    requested_at: int
    lease_until: int | None = None
    code: str | None = None
    facts: KeyFacts | None = None
    data_key: bytes | None = None
    ciphertext: bytes | None = None
    replaced: KeyFacts | None = None
    is_kept: bool = False

    @property
    def asked_at(self) -> int:
        """When KuCoin was asked; before that, when the key was requested. Epoch seconds."""
        return self.lease_until - KEY_LEASE_SECONDS if self.lease_until else self.requested_at

    def current_state(self, now: int) -> AttemptState:
        """The state, where a lapsed CREATING counts as what it is: unknown."""
        if self.state is AttemptState.CREATING and now >= (self.lease_until or 0):
            return AttemptState.OUTCOME_UNKNOWN
        return self.state

    def is_in_progress(self, now: int) -> bool:
        """Whether a worker has it or will have it."""
        return self.current_state(now) in {
            AttemptState.REQUESTED,
            AttemptState.CREATING,
            AttemptState.STORED,
        }


class RotationRecord(StoredModel):
    """A claim on the pair in use: lock, fence, and what a crash leaves behind.

    Attributes:
        claim_seq: The claim's number; a commit is fenced by it.
        attempt_id: Random, of this claim.
        lease_until: Epoch seconds; until then its worker asks and commits.
        grace_until: Epoch seconds; until then only the rescue queue may follow it.
        is_in_doubt: An earlier claim may have spent the refresh token.
    """

    claim_seq: int
    attempt_id: str
    lease_until: int
    grace_until: int
    is_in_doubt: bool = False

    def is_live(self, now: int) -> bool:
        """Whether no other claim may be made yet."""
        return now < self.grace_until

    def lapse(self, now: int) -> "RotationRecord":
        """The same claim, given back in doubt: the next one may be made, and knows of it."""
        return self.model_copy(update={"lease_until": now, "grace_until": now, "is_in_doubt": True})


class PendingLink(StoredModel):
    """A new authorization that stands beside the old one until its key is checked."""

    session_id: str
    account_label: str
    pair: StagedPair
    allow_account_change: bool
    requested_at: int


class Connection(StoredModel):
    """The item of ``Connections``.

    ========================  =====  ====================================================
    userId                    key    the broker's opaque name of the user
    linkGeneration            n      raised by link, swap and disconnect: fences workers
    connectionStatus          s      ``ConnectionStatus``; key of the index ``byStatus``
    authorization             s      ``Authorization``, with authorizationCause
    tokenDataKey, -Ciphertext enc.   the pair that is in use
    …TokenExpiresAt           s      epoch seconds
    claimSeq, committedSeq    n      rotation: last claim, last commit
    rotation                  map    ``RotationRecord`` of the last claim, until it is settled
    actionDueAt               s      when the tokens need care; nextActionAt may be later
    refusedAt, refusalCause   s      a refusal that is held until its window has passed
    refusalDrops              n      refusals of this pair that were not believed
    refreshFailures           n      passing failures in a row
    expiryWarningHours        n      24 or 6: so close is the refresh token's end
    apiKeyState               s      ``ApiKeyState``, with apiKeyCode
    apiKeyDataKey, -Ciphert.  enc.   the key that is in use; apiKeyFacts tells of it
    keyAttempt                map    ``KeyAttempt``, candidate key encrypted
    pendingLink               map    ``PendingLink``, pair encrypted
    nextActionAt, dueShard    s, s   sparse index ``due``: when the dispatcher queues it
    archivedSince             s      since when the collector archives it; none: it does not
    accountSince              s      since when kucoinUid is linked; none: no other was before
    formerUid                 s      the account that was linked until the last disconnect
    allowAccountChange        bool   the link after that may be another account's
    sequence                  n      raised by every change: the order of events
    ========================  =====  ====================================================
    """

    user_id: str
    schema_version: int = SCHEMA_VERSION
    account_label: str
    session_id: str | None = None
    link_generation: int
    connection_status: ConnectionStatus
    authorization: Authorization
    authorization_cause: str | None = None
    token_data_key: bytes | None = None
    token_ciphertext: bytes | None = None
    access_token_expires_at: int | None = None
    refresh_token_expires_at: int | None = None
    claim_seq: int = 0
    committed_seq: int = 0
    rotation: RotationRecord | None = None
    action_due_at: int | None = None
    refused_at: int | None = None
    refusal_cause: str | None = None
    refusal_drops: int = 0
    refresh_failures: int = 0
    expiry_warning_hours: int | None = None
    api_key_state: ApiKeyState = ApiKeyState.NONE
    api_key_code: str | None = None
    api_key_data_key: bytes | None = None
    api_key_ciphertext: bytes | None = None
    api_key_facts: KeyFacts | None = None
    key_attempt: KeyAttempt | None = None
    pending_link: PendingLink | None = None
    kucoin_uid: str | None = None
    next_action_at: int | None = None
    due_shard: str | None = None
    created_at: int
    updated_at: int
    disconnected_at: int | None = None
    archived_since: int | None = None
    account_since: int | None = None
    former_uid: str | None = None
    allow_account_change: bool = False
    sequence: int = 0

    @property
    def is_disconnected(self) -> bool:
        """Whether new work is refused."""
        ended = {ConnectionStatus.DISCONNECTING, ConnectionStatus.DISCONNECTED}
        return self.connection_status in ended


def build_disconnected() -> ConflictError:
    """New work was asked for through a connection that has ended."""
    return ConflictError(
        "The connection is disconnected; link the account again.", code="connection_disconnected"
    )


def build_no_key() -> ConflictError:
    """A key was needed, and none is in use."""
    return ConflictError(
        "The connection has no API key in use; look at its state.", code="api_key_not_active"
    )


def build_not_linked() -> NotFoundError:
    """The user never linked an account."""
    return NotFoundError(
        "This user has no connection. Open a connect session first.", code="connection_not_found"
    )


def derive_key_state(connection: Connection, now: int) -> tuple[ApiKeyState, str | None]:
    """The key's state as told: the key in use, else how its creation stands.

    Returns:
        The state, and the code of a failure.
    """
    if connection.api_key_state is not ApiKeyState.NONE or connection.key_attempt is None:
        return connection.api_key_state, connection.api_key_code
    attempt = connection.key_attempt
    state = attempt.current_state(now)
    if state is AttemptState.FAILED:
        return ApiKeyState.FAILED, attempt.code
    if state is AttemptState.OUTCOME_UNKNOWN:
        return ApiKeyState.OUTCOME_UNKNOWN, "key_outcome_unknown"
    return (ApiKeyState.NONE if state is AttemptState.REQUESTED else ApiKeyState.CREATING), None


_STATUS_OF_KEY = {
    ApiKeyState.NONE: ConnectionStatus.CONNECTING,
    ApiKeyState.CREATING: ConnectionStatus.CONNECTING,
    ApiKeyState.ACTIVE: ConnectionStatus.ACTIVE,
    ApiKeyState.FAILED: ConnectionStatus.FAILED,
    ApiKeyState.OUTCOME_UNKNOWN: ConnectionStatus.FAILED,
    ApiKeyState.GONE: ConnectionStatus.KEY_GONE,
}


def derive_status(connection: Connection, now: int) -> ConnectionStatus:
    """The status as told; the stored one may lag behind a lapsed attempt."""
    if connection.is_disconnected:
        return connection.connection_status
    return _STATUS_OF_KEY[derive_key_state(connection, now)[0]]
