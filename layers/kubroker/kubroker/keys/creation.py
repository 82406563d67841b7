"""Creating a user's API key: claim, ask, store, check, swap.

Creation is not idempotent, and the answer shows the secret this once. So: 1 claim (a second
delivery never asks), 2 data key ready, 3 ask on a fresh connection, 4 store, 5 check with KuCoin,
6 swap in one write. A crash between 1 and 4 leaves a CREATING whose lease lapses into
OUTCOME_UNKNOWN, never repeated by itself; after 4 a redelivery goes on with the check.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr

from kubroker.audit.model import AuditKind, AuditOutcome
from kubroker.audit.store import Act, note, record
from kubroker.connections.model import (
    AttemptState,
    Connection,
    KeyAttempt,
    KeyFacts,
)
from kubroker.connections.secrets import open_access_token, seal_api_key
from kubroker.connections.store import ConnectionStore
from kubroker.connections.vault import DataKey, EncryptionContext, Purpose, Vault
from kubroker.foundation.errors import (
    ConfigurationError,
    ConflictError,
    KucoinError,
    KucoinRefusedError,
    KucoinUnsentError,
    LostRaceError,
    UnavailableError,
    VaultError,
)
from kubroker.foundation.observability import (
    CONFIGURATION_ERROR_FOUND,
    count,
    logger,
)
from kubroker.foundation.settings import KucoinProtocol
from kubroker.keys.checks import KeyChecks
from kubroker.keys.store import KeyAttemptStore
from kubroker.kucoin.address_watch import watch_failure
from kubroker.kucoin.api_keys import ApiKeyClient, CreatedApiKey, KeyRefusal, classify_key_refusal
from kubroker.kucoin.permissions import Permission

_CREATE_DEADLINE_SECONDS = 8.0

_CODE_OF_REFUSAL = {
    KeyRefusal.RISK_VALIDATION: "permission_mismatch",
    KeyRefusal.NAME_TAKEN: "key_name_taken",
    KeyRefusal.KEY_LIMIT: "key_limit_reached",
    KeyRefusal.DEAD_TOKEN: "authorization_failed",
    KeyRefusal.OTHER: "authorization_failed",
}


@dataclass(frozen=True)
class KeyRequest:
    """A claimed attempt with what it needs."""

    connection: Connection
    attempt: KeyAttempt
    access_token: SecretStr


class KeyCreation:
    """Works one attempt to its end."""

    def __init__(
        self,
        *,
        connections: ConnectionStore,
        attempts: KeyAttemptStore,
        vault: Vault,
        keys: ApiKeyClient,
        protocol: KucoinProtocol,
        get_access_token: Callable[[Connection], SecretStr],
        now: Callable[[], int],
    ) -> None:
        """Joins stores, vault and KuCoin.

        Args:
            connections: The store of connections.
            attempts: The store of key attempts.
            vault: For both purposes.
            keys: KuCoin's key endpoints.
            protocol: KuCoin's codes.
            get_access_token: A live access token of a connection's pair in use.
            now: The clock, epoch seconds.
        """
        self._connections = connections
        self._attempts = attempts
        self._vault = vault
        self._keys = keys
        self._protocol = protocol
        self._get_access_token = get_access_token
        self._now = now
        self._checks = KeyChecks(attempts, vault, keys, now=now)

    def work(self, user_id: str, attempt_id: str, *, is_last_delivery: bool) -> None:
        """Takes an attempt as far as it goes.

        Args:
            user_id: Whose.
            attempt_id: Which; a message of an older attempt does nothing.
            is_last_delivery: Whether a failure now leaves the message to the dead-letter queue.

        Raises:
            UnavailableError: Passing; deliver the message again later.
            StoreError: AWS could not be asked; deliver the message again later.
        """
        connection = self._connections.find(user_id)
        attempt = connection.key_attempt if connection else None
        if connection is None or attempt is None or attempt.attempt_id != attempt_id:
            return
        if connection.is_disconnected:
            return
        state = attempt.current_state(self._now())
        try:
            if state is AttemptState.REQUESTED:
                self._create(connection, attempt, is_last_delivery=is_last_delivery)
            elif state is AttemptState.STORED:
                self._checks.check(connection, attempt)
            elif state is AttemptState.OUTCOME_UNKNOWN and attempt.state is AttemptState.CREATING:
                self._checks.fail(connection, attempt, "key_outcome_unknown")
            elif state is AttemptState.CREATING:
                raise UnavailableError("Another worker is creating this key.")
        except LostRaceError:
            logger.info("an attempt was overtaken", extra={"attemptState": state})

    def _create(
        self, connection: Connection, attempt: KeyAttempt, *, is_last_delivery: bool
    ) -> None:
        try:
            token = self._find_access_token(connection, attempt)
        except (ConflictError, VaultError):
            token = None
        if token is None:
            self._checks.fail(connection, attempt, "authorization_failed")
            return
        if self._checks.keep_current(connection, attempt, token):
            return
        # Before the claim: an audit or a KMS that is down must not leave a claim behind.
        record(_build_act(connection, attempt, AuditOutcome.BEGUN))
        data_key = self._vault.create_data_key(
            EncryptionContext(connection.user_id, Purpose.API_KEY)
        )
        claimed = self._attempts.claim(connection, attempt.attempt_id, now=self._now())
        request = KeyRequest(claimed, _attempt_of(claimed), token)
        try:
            created, is_addressbook_only = self._ask(request)
        except (KucoinError, ConfigurationError) as error:
            self._handle_failure(request, error, is_last_delivery=is_last_delivery)
            return
        note(_build_act(connection, attempt, AuditOutcome.DONE))
        facts = _build_facts(
            created, attempt, is_addressbook_only=is_addressbook_only, now=self._now()
        )
        self._store(request, facts, data_key, seal_api_key(created, data_key))

    def _store(
        self, request: KeyRequest, facts: KeyFacts, data_key: DataKey, ciphertext: bytes
    ) -> None:
        """Stores the key just made, and only then checks it."""
        claimed, attempt_id = request.connection, request.attempt.attempt_id
        try:
            stored = self._attempts.store(
                claimed,
                attempt_id,
                data_key=data_key.wrapped,
                ciphertext=ciphertext,
                facts=facts,
                now=self._now(),
            )
        except LostRaceError:
            # Disconnected meanwhile: the receipt can at least say which key to delete.
            self._attempts.name_orphan(claimed, attempt_id, facts, now=self._now())
            raise
        self._checks.check(stored, _attempt_of(stored))

    def _handle_failure(
        self,
        request: KeyRequest,
        error: KucoinError | ConfigurationError,
        *,
        is_last_delivery: bool,
    ) -> None:
        """Unsent: again later. Refused: definite. All else: nobody knows, and it stays so."""
        connection, attempt = request.connection, request.attempt
        if isinstance(error, KucoinUnsentError) and not is_last_delivery:
            self._attempts.release(connection, attempt.attempt_id, now=self._now())
            note(_build_act(connection, attempt, AuditOutcome.FAILED, error.code))
            raise UnavailableError("KuCoin could not be reached.") from error
        logger.warning("no key was made", extra={"reason": error.message})
        watch_failure(error)
        if isinstance(error, KucoinUnsentError):
            code = "kucoin_unreachable"
        elif isinstance(error, KucoinRefusedError):
            code = _CODE_OF_REFUSAL[classify_key_refusal(error, self._protocol)]
        elif isinstance(error, ConfigurationError):
            count(CONFIGURATION_ERROR_FOUND)
            code = "authorization_failed"
        else:
            code = "key_outcome_unknown"
        self._checks.fail(connection, attempt, code)
        is_unknown = code == "key_outcome_unknown"
        outcome = AuditOutcome.UNKNOWN if is_unknown else AuditOutcome.REFUSED
        note(_build_act(connection, attempt, outcome, code))

    def _ask(self, request: KeyRequest) -> tuple[CreatedApiKey, bool]:
        """Asks KuCoin; 40503 with withdrawal once more for the address book only.

        A refusal is definite, so asking again makes no second key. Never the other way: who asked
        for the address book only gets no key that can send anywhere, but a mismatch to decide on.

        Source: kucoin-protocol section 3: a value other than the user's grant is 40503.
        """
        only = request.attempt.is_addressbook_only
        permissions = request.attempt.permissions
        deadline = _CREATE_DEADLINE_SECONDS
        try:
            created = self._keys.create(
                request.access_token, permissions, only, deadline_seconds=deadline
            )
        except KucoinRefusedError as error:
            refusal = classify_key_refusal(error, self._protocol)
            can_narrow = Permission.WITHDRAWAL in permissions and not only
            if refusal is not KeyRefusal.RISK_VALIDATION or not can_narrow:
                raise
            # A failure of the second asking is judged like one of the first.
            only = True
            created = self._keys.create(
                request.access_token, permissions, only, deadline_seconds=deadline
            )
        return created, only

    def _find_access_token(self, connection: Connection, attempt: KeyAttempt) -> SecretStr | None:
        """The waiting pair's token after a second link, else the one in use."""
        pending = connection.pending_link
        if pending is None or pending.session_id != attempt.session_id:
            return self._get_access_token(connection)
        if self._now() >= pending.pair.access_token_expires_at:
            return None
        context = EncryptionContext(connection.user_id, Purpose.OAUTH_TOKENS)
        data_key = self._vault.unwrap(pending.pair.data_key, context)
        return open_access_token(pending.pair.ciphertext, data_key)


def _build_act(
    connection: Connection, attempt: KeyAttempt, outcome: AuditOutcome, code: str | None = None
) -> Act:
    """The audit's word on asking KuCoin for a key."""
    return Act(
        user_id=connection.user_id,
        kind=AuditKind.ACT,
        action="api_key.create",
        outcome=outcome,
        code=code,
        reference=attempt.attempt_id,
    )


def _attempt_of(connection: Connection) -> KeyAttempt:
    if connection.key_attempt is None:
        raise LostRaceError("The attempt is gone.")
    return connection.key_attempt


def _build_facts(
    created: CreatedApiKey, attempt: KeyAttempt, *, is_addressbook_only: bool, now: int
) -> KeyFacts:
    return KeyFacts(
        name=created.name,
        hint=created.api_key.get_secret_value()[-4:],
        permissions=attempt.permissions,
        is_addressbook_only=is_addressbook_only,
        ip_whitelist=list(created.ip_whitelist),
        created_at=now,
    )
