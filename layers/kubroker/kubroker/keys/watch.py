"""Once a day: do the API keys in use still exist at KuCoin, as limited as they are told to be?

Walks the active connections page by page; where it stands is kept, so that a run that is cut short
goes on with the next. A key that KuCoin refuses twice as unknown is marked as gone, so that its
user is asked to link again before something fails. If more keys are gone than users delete in a
day, no further one is believed to be: an operator is paged instead. Whether a key withdraws to the
address book only is compared with what is told of it, where KuCoin says it: its word is taken over,
counted and logged.
"""

from collections.abc import Callable

from kubroker.aws.daily_checks import DailyCheckStore
from kubroker.connections.model import Connection, ConnectionStatus
from kubroker.connections.secrets import open_credentials
from kubroker.connections.store import ConnectionStore
from kubroker.connections.vault import Vault
from kubroker.foundation.clock import build_day, read_now
from kubroker.foundation.errors import (
    ConflictError,
    KucoinOutcomeUnknownError,
    KucoinRefusedError,
    LostRaceError,
    VaultError,
)
from kubroker.foundation.observability import (
    KEY_CHANGED,
    KEY_GONE,
    KEYS_DOUBTED,
    count,
    logger,
)
from kubroker.keys.watch_model import KeyWatch
from kubroker.kucoin.address_watch import watch_address
from kubroker.kucoin.api_keys import (
    ApiKeyClient,
    ApiKeyFacts,
    CheckRefusal,
    classify_check_refusal,
)
from kubroker.kucoin.signer import ApiCredentials

CODE = "key_gone"
# A page, each key asked about twice, has to end within what a run keeps free.
_DEADLINE_SECONDS = 1.8
_PAGE = 5


class KeyWatcher:
    """Looks at every key in use, and marks those that are gone."""

    def __init__(
        self,
        *,
        store: DailyCheckStore[KeyWatch],
        connections: ConnectionStore,
        keys: ApiKeyClient,
        vault: Vault,
        now: Callable[[], int] = read_now,
    ) -> None:
        """Joins stores, KuCoin, vault and the clock (epoch seconds)."""
        self._store = store
        self._connections = connections
        self._keys = keys
        self._vault = vault
        self._now = now

    def run(self, *, has_time: Callable[[], bool]) -> KeyWatch:
        """Goes on with today's check.

        Returns:
            How it stands.

        Raises:
            KucoinUnsentError: KuCoin can't be reached; the next run goes on.
            StoreError: DynamoDB or KMS could not be asked; likewise.
        """
        day = build_day(self._now())
        watch = self._store.find(day) or KeyWatch(day=day)
        while not watch.is_finished and has_time():
            page, cursor = self._connections.find_page(
                status=ConnectionStatus.ACTIVE, limit=_PAGE, cursor=watch.cursor
            )
            unread = watch.unchecked + page.unreadable
            watch = watch.model_copy(update={"unchecked": unread})
            for connection in page:
                watch = self._look_at(watch, connection)
            watch = watch.model_copy(update={"cursor": cursor, "is_finished": cursor is None})
            self._store.save(day, watch, now=self._now())
        return watch

    def _look_at(self, watch: KeyWatch, connection: Connection) -> KeyWatch:
        """The check with one more key in it."""
        found = self._find_key(connection)
        if found is not CheckRefusal.KEY_GONE and isinstance(found, CheckRefusal):
            return watch.model_copy(update={"unchecked": watch.unchecked + 1})
        watch = watch.model_copy(update={"checked": watch.checked + 1})
        if isinstance(found, ApiKeyFacts):
            return self._compare(watch, connection, found)
        extra = {"userId": connection.user_id}
        if not watch.is_believable:
            count(KEYS_DOUBTED)
            logger.error("a key is said to be gone, as too many are today", extra=extra)
            return watch.model_copy(update={"doubted": watch.doubted + 1})
        try:
            self._connections.mark_key_gone(connection, code=CODE, now=self._now())
        except LostRaceError:
            return watch  # it was swapped or disconnected meanwhile
        count(KEY_GONE)
        logger.warning("a key in use is gone at KuCoin", extra=extra)
        return watch.model_copy(update={"gone": watch.gone + 1})

    def _compare(self, watch: KeyWatch, connection: Connection, found: ApiKeyFacts) -> KeyWatch:
        """Takes KuCoin's word on the address book, where it says one; the limit is a promise."""
        facts, told = connection.api_key_facts, found.is_addressbook_only
        if facts is None or told is None or told == facts.is_addressbook_only:
            return watch
        now = self._now()
        changed = facts.model_copy(update={"is_addressbook_only": told, "checked_at": now})
        try:
            self._connections.note_key_facts(connection, changed, now=now)
        except LostRaceError:
            return watch  # it was swapped or disconnected meanwhile
        count(KEY_CHANGED)
        extra = {"userId": connection.user_id, "isAddressbookOnly": told}
        logger.warning("a key's limit to the address book was changed at KuCoin", extra=extra)
        return watch.model_copy(update={"changed": watch.changed + 1})

    def _find_key(self, connection: Connection) -> ApiKeyFacts | CheckRefusal:
        """What KuCoin says of the key, or why it does not; OTHER where nothing clear is said."""
        try:
            credentials = open_credentials(self._vault, connection)
        except (ConflictError, VaultError):
            logger.warning("a key can't be opened", extra={"userId": connection.user_id})
            return CheckRefusal.OTHER
        # Twice: a server of KuCoin's that lags behind would say the same of a key just made.
        answer = self._ask(credentials)
        return self._ask(credentials) if answer is CheckRefusal.KEY_GONE else answer

    def _ask(self, credentials: ApiCredentials) -> ApiKeyFacts | CheckRefusal:
        try:
            return self._keys.check(credentials, deadline_seconds=_DEADLINE_SECONDS)
        except KucoinRefusedError as error:
            watch_address(error)
            return classify_check_refusal(error)
        except KucoinOutcomeUnknownError:
            return CheckRefusal.OTHER
