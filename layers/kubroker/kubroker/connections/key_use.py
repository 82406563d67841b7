"""May this user's key sign this call, now? Asked at each call, answered from one read."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from kubroker.connections.credentials import CredentialCache
from kubroker.connections.key_access import KeyAccess, KeyAccessReader
from kubroker.foundation.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    UnavailableError,
)
from kubroker.kucoin.permissions import Permission
from kubroker.kucoin.signer import ApiCredentials

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
            raise NotFoundError(
                "This user has no connection. Open a connect session first.",
                code="connection_not_found",
            )
        if access.is_disconnected:
            raise ConflictError(
                "The connection is disconnected; link the account again.",
                code="connection_disconnected",
            )
        if not access.is_active:
            raise ConflictError(
                "The connection has no API key in use; look at its state.",
                code="api_key_not_active",
            )
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
