"""A key that is there: asking KuCoin what it is, keeping it, swapping it in, giving it up."""

from collections.abc import Callable

from pydantic import SecretStr

from kubroker.connections.model import (
    ApiKeyState,
    AttemptState,
    Connection,
    KeyAttempt,
    KeyFacts,
)
from kubroker.connections.secrets import open_api_key
from kubroker.connections.vault import Vault
from kubroker.foundation.errors import (
    ConfigurationError,
    KucoinError,
    KucoinRefusedError,
    UnavailableError,
    VaultError,
)
from kubroker.foundation.observability import (
    CONFIGURATION_ERROR_FOUND,
    KEY_CREATED,
    KEY_GONE,
    KEY_OUTCOME_UNKNOWN,
    KEY_REFUSED,
    count,
    logger,
)
from kubroker.keys.store import KeyAttemptStore
from kubroker.kucoin.address_watch import watch_address
from kubroker.kucoin.api_keys import ApiKeyClient, ApiKeyFacts, CheckRefusal, classify_check_refusal
from kubroker.kucoin.permissions import sort_permissions

_CHECK_DEADLINE_SECONDS = 5.0
_DOUBTED = "key_doubted"
# KuCoin says of the key just made that it can send anywhere, though this was not asked for.
ADDRESSBOOK_MISMATCH = "addressbook_mismatch"
_NOT_OURS = {CheckRefusal.KEY_GONE, CheckRefusal.RATE_LIMITED, CheckRefusal.OTHER}


class KeyChecks:
    """The steps of an attempt that ask KuCoin about a key, and the end of one that failed."""

    def __init__(
        self,
        attempts: KeyAttemptStore,
        vault: Vault,
        keys: ApiKeyClient,
        *,
        now: Callable[[], int],
    ) -> None:
        """Joins store, vault, KuCoin and the clock (epoch seconds)."""
        self._attempts = attempts
        self._vault = vault
        self._keys = keys
        self._now = now

    def check(self, connection: Connection, attempt: KeyAttempt) -> None:
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
        if _is_other_account(connection, found):
            self.fail(connection, attempt, "account_mismatch")
            return
        if attempt.facts.is_addressbook_only and found.is_addressbook_only is False:
            self.fail(connection, attempt, ADDRESSBOOK_MISMATCH)
            return
        facts = _merge_facts(attempt.facts, found, self._now())
        self._attempts.activate(connection, attempt, facts, uid=found.uid, now=self._now())
        count(KEY_CREATED)

    def keep_current(self, connection: Connection, attempt: KeyAttempt, token: SecretStr) -> bool:
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
        same_choice = attempt.is_addressbook_only == tell_addressbook_only(facts, found)
        if found.uid != uid or not enough or not same_choice:
            return False
        kept = _merge_facts(facts, found, self._now())
        self._attempts.keep(connection, attempt.attempt_id, kept, now=self._now())
        return True

    def fail(self, connection: Connection, attempt: KeyAttempt, code: str) -> None:
        """The attempt ends without a key, or without anybody knowing."""
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

    def _refuse_check(
        self, connection: Connection, attempt: KeyAttempt, error: KucoinRefusedError
    ) -> None:
        refusal = classify_check_refusal(error)
        logger.error(
            "KuCoin does not accept the key just made",
            extra={"refusal": refusal, "kucoinCode": error.kucoin_code},
        )
        # One such answer proves nothing: KuCoin gives it for a wrong signature as well, and a
        # server that lags behind gives it of a key just made. The next delivery asks again.
        if refusal is CheckRefusal.KEY_GONE and attempt.code == _DOUBTED:
            count(KEY_GONE)
            self.fail(connection, attempt, "key_gone")
            return
        code = _DOUBTED if refusal is CheckRefusal.KEY_GONE else None
        if watch_address(error):
            code = "ip_not_allowed"
        if code is not None:
            self._attempts.note_unchecked(connection, attempt.attempt_id, code, now=self._now())
        if refusal not in _NOT_OURS:
            count(CONFIGURATION_ERROR_FOUND)
        # The key is stored and may be right: an operator mends the cause, then redrives.
        raise UnavailableError("KuCoin refused to check the key just made.") from error


def _is_other_account(connection: Connection, found: ApiKeyFacts) -> bool:
    """Another one than is linked, or was until the last disconnect, where nobody allowed it."""
    known = connection.kucoin_uid or connection.former_uid
    if known is None or known == found.uid:
        return False
    return not (connection.pending_link or connection).allow_account_change


def tell_addressbook_only(facts: KeyFacts, found: ApiKeyFacts) -> bool:
    """KuCoin's own word on the address book, where it says one; else what was asked for."""
    told = found.is_addressbook_only
    return facts.is_addressbook_only if told is None else told


def _merge_facts(facts: KeyFacts, found: ApiKeyFacts, now: int) -> KeyFacts:
    """KuCoin's own word on permissions, address book and whitelist over what was asked for."""
    return facts.model_copy(
        update={
            "permissions": sort_permissions(found.permissions),
            "is_addressbook_only": tell_addressbook_only(facts, found),
            "ip_whitelist": list(found.ip_whitelist),
            "checked_at": now,
        }
    )
