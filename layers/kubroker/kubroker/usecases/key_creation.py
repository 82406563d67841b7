"""Creating a user's API key: claim, ask, store, check, swap.

Creation is not idempotent, and the answer shows the secret this once. So: 1 claim (a second
delivery never asks), 2 data key ready, 3 ask on a fresh connection, 4 store, 5 check with KuCoin,
6 swap in one write. A crash between 1 and 4 leaves a CREATING whose lease lapses into
OUTCOME_UNKNOWN, never repeated by itself; after 4 a redelivery goes on with the check.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr

from kubroker.aws.connections import ConnectionStore
from kubroker.aws.key_attempts import KeyAttemptStore
from kubroker.aws.vault import EncryptionContext, Purpose, Vault
from kubroker.domain.connection import (
    ApiKeyState,
    AttemptState,
    Connection,
    KeyAttempt,
    KeyFacts,
)
from kubroker.domain.permissions import Permission, sort_permissions
from kubroker.errors import (
    ConfigurationError,
    ConflictError,
    KucoinError,
    KucoinRefusedError,
    KucoinUnsentError,
    LostRaceError,
    UnavailableError,
    VaultError,
)
from kubroker.kucoin.api_keys import (
    ApiKeyClient,
    ApiKeyFacts,
    CheckRefusal,
    CreatedApiKey,
    KeyRefusal,
    classify_check_refusal,
    classify_key_refusal,
)
from kubroker.observability import (
    CONFIGURATION_ERROR_FOUND,
    KEY_CREATED,
    KEY_OUTCOME_UNKNOWN,
    KEY_REFUSED,
    count,
    logger,
)
from kubroker.settings import KucoinProtocol
from kubroker.usecases.api_key_secret import open_api_key, seal_api_key

_CREATE_DEADLINE_SECONDS = 8.0
_CHECK_DEADLINE_SECONDS = 5.0

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
                self._check(connection, attempt)
            elif state is AttemptState.OUTCOME_UNKNOWN and attempt.state is AttemptState.CREATING:
                self._fail(connection, attempt, "key_outcome_unknown")
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
            self._fail(connection, attempt, "authorization_failed")
            return
        if self._keep_current(connection, attempt, token):
            return
        # Before the claim: a KMS that is down must not leave a claim behind.
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
        stored = self._attempts.store(
            claimed,
            attempt.attempt_id,
            data_key=data_key.wrapped,
            ciphertext=seal_api_key(created, data_key),
            facts=_build_facts(
                created, attempt, is_addressbook_only=is_addressbook_only, now=self._now()
            ),
            now=self._now(),
        )
        self._check(stored, _attempt_of(stored))

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
            raise UnavailableError("KuCoin could not be reached.") from error
        logger.warning("no key was made", extra={"reason": error.message})
        if isinstance(error, KucoinUnsentError):
            code = "kucoin_unreachable"
        elif isinstance(error, KucoinRefusedError):
            code = _CODE_OF_REFUSAL[classify_key_refusal(error, self._protocol)]
        elif isinstance(error, ConfigurationError):
            count(CONFIGURATION_ERROR_FOUND)
            code = "authorization_failed"
        else:
            code = "key_outcome_unknown"
        self._fail(connection, attempt, code)

    def _ask(self, request: KeyRequest) -> tuple[CreatedApiKey, bool]:
        """Asks KuCoin; 40503 with withdrawal once more with the other address-book choice.

        A refusal is definite, so asking again makes no second key.
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
            is_choice = Permission.WITHDRAWAL in permissions
            if refusal is not KeyRefusal.RISK_VALIDATION or not is_choice:
                raise
            # A failure of the second asking is judged like one of the first.
            created = self._keys.create(
                request.access_token, permissions, not only, deadline_seconds=deadline
            )
            only = not only
        return created, only

    def _check(self, connection: Connection, attempt: KeyAttempt) -> None:
        """STORED: asks KuCoin what the key is, then swaps."""
        if attempt.data_key is None or attempt.ciphertext is None or attempt.facts is None:
            raise VaultError("A stored key has no ciphertext.")
        credentials = open_api_key(
            self._vault,
            connection.user_id,
            wrapped=attempt.data_key,
            ciphertext=attempt.ciphertext,
        )
        try:
            found = self._keys.check(credentials, deadline_seconds=_CHECK_DEADLINE_SECONDS)
        except KucoinRefusedError as error:
            self._refuse_check(connection, attempt, error)
            return
        except (KucoinError, ConfigurationError) as error:
            if isinstance(error, ConfigurationError):
                count(CONFIGURATION_ERROR_FOUND)
            raise UnavailableError("KuCoin could not check the key just made.") from error
        if self._is_other_account(connection, found):
            self._fail(connection, attempt, "account_mismatch")
            return
        facts = _merge_facts(attempt.facts, found, self._now())
        self._attempts.activate(connection, attempt, facts, uid=found.uid, now=self._now())
        count(KEY_CREATED)

    def _keep_current(self, connection: Connection, attempt: KeyAttempt, token: SecretStr) -> bool:
        """After a second link: keeps the key in use, if KuCoin proves the same account."""
        pending, facts = connection.pending_link, connection.api_key_facts
        if pending is None or facts is None or connection.api_key_state is not ApiKeyState.ACTIVE:
            return False
        if connection.api_key_data_key is None or connection.api_key_ciphertext is None:
            return False
        try:
            uid = self._keys.find_bearer_uid(token, deadline_seconds=_CHECK_DEADLINE_SECONDS)
            if uid is None or uid != connection.kucoin_uid:
                return False
            credentials = open_api_key(
                self._vault,
                connection.user_id,
                wrapped=connection.api_key_data_key,
                ciphertext=connection.api_key_ciphertext,
            )
            found = self._keys.check(credentials, deadline_seconds=_CHECK_DEADLINE_SECONDS)
        except (KucoinError, VaultError):
            return False
        enough = set(attempt.permissions) <= set(found.permissions)
        same_choice = attempt.is_addressbook_only == facts.is_addressbook_only
        if found.uid != uid or not enough or not same_choice:
            return False
        kept = _merge_facts(facts, found, self._now())
        self._attempts.keep(connection, attempt.attempt_id, kept, now=self._now())
        return True

    def _find_access_token(self, connection: Connection, attempt: KeyAttempt) -> SecretStr | None:
        """The waiting pair's token after a second link, else the one in use."""
        pending = connection.pending_link
        if pending is None or pending.session_id != attempt.session_id:
            return self._get_access_token(connection)
        if self._now() >= pending.pair.access_token_expires_at:
            return None
        context = EncryptionContext(connection.user_id, Purpose.OAUTH_TOKENS)
        data_key = self._vault.unwrap(pending.pair.data_key, context)
        payload = json.loads(data_key.decrypt(pending.pair.ciphertext))
        return SecretStr(payload["accessToken"])

    def _is_other_account(self, connection: Connection, found: ApiKeyFacts) -> bool:
        if connection.kucoin_uid is None or connection.kucoin_uid == found.uid:
            return False
        return not (connection.pending_link and connection.pending_link.allow_account_change)

    def _refuse_check(
        self, connection: Connection, attempt: KeyAttempt, error: KucoinRefusedError
    ) -> None:
        refusal = classify_check_refusal(error)
        logger.error(
            "KuCoin does not accept the key just made",
            extra={"refusal": refusal, "kucoinCode": error.kucoin_code},
        )
        if refusal is CheckRefusal.KEY_GONE:
            self._fail(connection, attempt, "key_gone")
            return
        if refusal not in {CheckRefusal.RATE_LIMITED, CheckRefusal.OTHER}:
            count(CONFIGURATION_ERROR_FOUND)
        # The key is stored and may be right: an operator mends the cause, then redrives.
        raise UnavailableError("KuCoin refused to check the key just made.") from error

    def _fail(self, connection: Connection, attempt: KeyAttempt, code: str) -> None:
        is_unknown = code == "key_outcome_unknown"
        self._attempts.fail(
            connection,
            attempt.attempt_id,
            expected=attempt.state,
            state=AttemptState.OUTCOME_UNKNOWN if is_unknown else AttemptState.FAILED,
            code=code,
            now=self._now(),
        )
        count(KEY_OUTCOME_UNKNOWN if is_unknown else KEY_REFUSED)


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


def _merge_facts(facts: KeyFacts, found: ApiKeyFacts, now: int) -> KeyFacts:
    """KuCoin's own word on permissions and whitelist over what was asked for."""
    return facts.model_copy(
        update={
            "permissions": sort_permissions(found.permissions),
            "ip_whitelist": list(found.ip_whitelist),
            "checked_at": now,
        }
    )
