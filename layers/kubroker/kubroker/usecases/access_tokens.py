"""The access token of a connection's pair in use."""

import json
from collections.abc import Callable

from pydantic import SecretStr

from kubroker.aws.vault import EncryptionContext, Purpose, Vault
from kubroker.domain.connection import Connection
from kubroker.errors import ConflictError


class AccessTokens:
    """Opens stored pairs."""

    def __init__(self, vault: Vault, *, now: Callable[[], int]) -> None:
        """Joins the vault and the clock (epoch seconds)."""
        self._vault = vault
        self._now = now

    def get(self, connection: Connection) -> SecretStr:
        """A live access token.

        Raises:
            ConflictError: There is none: the user has to authorize again.
            VaultError: The pair can't be opened.
            StoreError: KMS could not be asked.
        """
        wrapped, ciphertext = connection.token_data_key, connection.token_ciphertext
        if wrapped is None or ciphertext is None or self._is_over(connection):
            raise ConflictError(
                "The user has to authorize again first.", code="authorization_required"
            )
        context = EncryptionContext(connection.user_id, Purpose.OAUTH_TOKENS)
        payload = json.loads(self._vault.unwrap(wrapped, context).decrypt(ciphertext))
        return SecretStr(payload["accessToken"])

    def _is_over(self, connection: Connection) -> bool:
        return self._now() >= (connection.access_token_expires_at or 0)
