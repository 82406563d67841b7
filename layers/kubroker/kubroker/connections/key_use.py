"""May this user's key sign this call, now? Asked at each call, answered from one read."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from kubroker.aws.table import Table
from kubroker.connections.model import (
    ApiKeyState,
    ConnectionStatus,
    build_disconnected,
    build_no_key,
    build_not_linked,
)
from kubroker.connections.secrets import open_api_key
from kubroker.connections.vault import Vault
from kubroker.foundation.errors import (
    ForbiddenError,
    UnavailableError,
)
from kubroker.kucoin.permissions import Permission
from kubroker.kucoin.signer import ApiCredentials

_ATTRIBUTES = (
    "connectionStatus",
    "apiKeyState",
    "kucoinUid",
    "formerUid",
    "accountSince",
    "apiKeyFacts.permissions",
    "apiKeyDataKey",
    "apiKeyCiphertext",
)
_KNOWN_PERMISSIONS = frozenset(Permission)
_ENDED = {ConnectionStatus.DISCONNECTING, ConnectionStatus.DISCONNECTED}


@dataclass(frozen=True, slots=True)
class KeyAccess:
    """A connection's key as it stands; secrets as the vault sealed them.

    Attributes:
        user_id: Whose it is.
        is_disconnected: Whether new work is refused.
        is_active: Whether the key may sign.
        kucoin_uid: The account, once it is known.
        former_uid: The account that was linked until the last disconnect, if there was one.
        account_since: Since when, epoch seconds; None where no other one was linked before.
        permissions: What the key may do.
        data_key: Wrapped by KMS.
        ciphertext: The vault's blob; another key has another one, so it is also the version.
    """

    user_id: str
    is_disconnected: bool
    is_active: bool
    kucoin_uid: str | None
    former_uid: str | None
    account_since: int | None
    permissions: frozenset[Permission]
    data_key: bytes | None = field(repr=False)
    ciphertext: bytes | None = field(repr=False)

    @property
    def account(self) -> str:
        """The account that is linked, or was last; without one, the user stands for it."""
        return self.kucoin_uid or self.former_uid or self.user_id


class KeyAccessReader:
    """Reads ``Connections`` for the proxy: no more than it needs, and never a token."""

    def __init__(self, table: Table) -> None:
        """Remembers the table ``Connections``."""
        self._table = table

    def find(self, user_id: str) -> KeyAccess | None:
        """The key's standing now, or None where the user never linked an account.

        Raises:
            StoreError: DynamoDB could not be asked.
        """
        item = self._table.find({"userId": user_id}, only=_ATTRIBUTES)
        if item is None:
            return None
        since = item.get("accountSince")
        return KeyAccess(
            user_id=user_id,
            is_disconnected=item.get("connectionStatus") in _ENDED,
            is_active=item.get("apiKeyState") == ApiKeyState.ACTIVE,
            kucoin_uid=item.get("kucoinUid"),
            former_uid=item.get("formerUid"),
            account_since=None if since is None else int(since),
            permissions=frozenset(
                Permission(name)
                for name in item.get("apiKeyFacts", {}).get("permissions", ())
                if name in _KNOWN_PERMISSIONS
            ),
            data_key=item.get("apiKeyDataKey"),
            ciphertext=item.get("apiKeyCiphertext"),
        )


@dataclass(frozen=True, slots=True)
class _Entry:
    ciphertext: bytes = field(repr=False)
    credentials: ApiCredentials = field(repr=False)
    opened_at: float


class CredentialCache:
    """Opens keys, one KMS call each, and keeps them for a while."""

    def __init__(
        self,
        vault: Vault,
        *,
        max_age_seconds: float,
        max_count: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Holds nothing yet.

        Args:
            vault: Opens keys.
            max_age_seconds: From the opening on, however often it is used.
            max_count: Beyond it the longest opened goes first.
            monotonic: Seconds that only grow.
        """
        self._vault = vault
        self._max_age_seconds = max_age_seconds
        self._max_count = max_count
        self._monotonic = monotonic
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many keys are open."""
        return len(self._entries)

    def open(self, access: KeyAccess) -> ApiCredentials:
        """The key, ready to sign with.

        Args:
            access: The connection as just read.

        Raises:
            ConflictError: Nothing is stored to open.
            VaultError: It can't be opened.
            StoreError: KMS could not be asked.
        """
        wrapped, ciphertext = access.data_key, access.ciphertext
        if wrapped is None or ciphertext is None:
            self.forget(access.user_id)
            raise build_no_key()
        with self._lock:
            self._drop_old()
            entry = self._entries.get(access.user_id)
        if entry is not None and entry.ciphertext == ciphertext:
            return entry.credentials
        credentials = open_api_key(
            self._vault, access.user_id, wrapped=wrapped, ciphertext=ciphertext
        )
        with self._lock:
            self._entries.pop(access.user_id, None)
            self._entries[access.user_id] = _Entry(ciphertext, credentials, self._monotonic())
            if len(self._entries) > self._max_count:
                self._entries.popitem(last=False)
        return credentials

    def forget(self, user_id: str) -> None:
        """Drops a key, where it is open."""
        with self._lock:
            self._entries.pop(user_id, None)

    def _drop_old(self) -> None:
        """Under the lock: entries stand in the order of their opening."""
        oldest = self._monotonic() - self._max_age_seconds
        while self._entries and next(iter(self._entries.values())).opened_at <= oldest:
            self._entries.popitem(last=False)


# What was read longer ago is read again before it signs: opening a key may take KMS a while.
MAX_READ_AGE_SECONDS = 1.0
_MAX_READS = 3


@dataclass(frozen=True, slots=True)
class UsableKey:
    """A key that may sign now.

    Attributes:
        kucoin_uid: The account whose quotas it draws on.
        credentials: The key.
    """

    kucoin_uid: str
    credentials: ApiCredentials


@dataclass(frozen=True, slots=True)
class LinkedAccount:
    """The account that a user is linked to, or was.

    Attributes:
        kucoin_uid: The account.
        since_ms: Since when, epoch milliseconds; None where no other one was linked before.
    """

    kucoin_uid: str
    since_ms: int | None


class KeyUse:
    """Looks and opens; fails closed."""

    def __init__(
        self,
        reader: KeyAccessReader,
        cache: CredentialCache,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Joins its parts."""
        self._reader = reader
        self._cache = cache
        self._monotonic = monotonic

    def find_account(self, user_id: str) -> LinkedAccount | None:
        """The account that the user is linked to, or was; None where there never was one.

        Raises:
            StoreError: It can't be read.
        """
        access = self._reader.find(user_id)
        if access is None:
            return None
        since = access.account_since
        return LinkedAccount(access.account, None if since is None else since * 1000)

    def check(self, user_id: str, permission: Permission) -> KeyAccess:
        """The connection as it stands, if its key may be used.

        Raises:
            NotFoundError: The user never linked an account.
            ConflictError: Disconnected, or no key in use.
            ForbiddenError: The user did not grant the permission.
            StoreError: It can't be read.
        """
        access = self._reader.find(user_id)
        if access is None or access.is_disconnected or not access.is_active:
            self._cache.forget(user_id)
        if access is None:
            raise build_not_linked()
        if access.is_disconnected:
            raise build_disconnected()
        if not access.is_active:
            raise build_no_key()
        if permission not in access.permissions:
            raise ForbiddenError(
                f"The user's key lacks {permission}; link the account again with it.",
                code="permission_not_granted",
                members={"needs": permission},
            )
        return access

    def open(self, user_id: str, permission: Permission) -> UsableKey:
        """The key, checked at most a second ago.

        Raises:
            KubrokerError: As for ``check``; or the key can't be opened.
            UnavailableError: Reading and opening takes too long now.
        """
        for _ in range(_MAX_READS):
            read_at = self._monotonic()
            access = self.check(user_id, permission)
            credentials = self._cache.open(access)
            if self._monotonic() - read_at <= MAX_READ_AGE_SECONDS:
                # A uid is known as soon as a key was checked; without one, the user stands for it.
                return UsableKey(access.kucoin_uid or user_id, credentials)
        raise UnavailableError("Reading the connection takes too long now; ask again.")
