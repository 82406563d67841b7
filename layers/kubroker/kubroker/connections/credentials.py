"""Opened API keys in memory: bounded in time and count, and only as long as they are the stored.

An entry is used only together with the connection as it was read for this very call: if the
stored ciphertext is another one, or gone, so is the entry.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from kubroker.connections.api_key_secret import open_api_key
from kubroker.connections.key_access import KeyAccess
from kubroker.connections.vault import Vault
from kubroker.foundation.errors import ConflictError
from kubroker.kucoin.signer import ApiCredentials


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
            raise ConflictError(
                "The connection has no API key in use; look at its state.",
                code="api_key_not_active",
            )
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
