"""Secrets of a connection in and out of the vault: API keys and token pairs."""

import json

from pydantic import SecretStr

from kubroker.connections.model import Connection, build_no_key
from kubroker.connections.vault import DataKey, EncryptionContext, Purpose, Vault
from kubroker.kucoin.api_keys import CreatedApiKey
from kubroker.kucoin.signer import ApiCredentials


def seal_api_key(key: CreatedApiKey, data_key: DataKey) -> bytes:
    """The vault's blob of a key just made."""
    payload = {
        "apiKey": key.api_key.get_secret_value(),
        "secret": key.secret.get_secret_value(),
        "passphrase": key.passphrase.get_secret_value(),
    }
    return data_key.encrypt(json.dumps(payload).encode())


def open_api_key(
    vault: Vault, user_id: str, *, wrapped: bytes, ciphertext: bytes
) -> ApiCredentials:
    """A stored key, ready to sign with.

    Raises:
        VaultError: It is shredded, damaged or another user's.
        StoreError: KMS could not be asked.
    """
    data_key = vault.unwrap(wrapped, EncryptionContext(user_id, Purpose.API_KEY))
    payload = json.loads(data_key.decrypt(ciphertext))
    return ApiCredentials(
        api_key=SecretStr(payload["apiKey"]),
        secret=SecretStr(payload["secret"]),
        passphrase=SecretStr(payload["passphrase"]),
    )


def open_credentials(vault: Vault, connection: Connection) -> ApiCredentials:
    """The API key in use.

    Raises:
        ConflictError: There is none (any more).
        VaultError: It can't be opened.
        StoreError: KMS could not be asked.
    """
    wrapped, ciphertext = connection.api_key_data_key, connection.api_key_ciphertext
    if wrapped is None or ciphertext is None:
        raise build_no_key()
    return open_api_key(vault, connection.user_id, wrapped=wrapped, ciphertext=ciphertext)


def seal_pair(access_token: SecretStr, refresh_token: SecretStr, data_key: DataKey) -> bytes:
    """The vault's blob of a pair."""
    payload = {
        "accessToken": access_token.get_secret_value(),
        "refreshToken": refresh_token.get_secret_value(),
    }
    return data_key.encrypt(json.dumps(payload).encode())


def open_access_token(ciphertext: bytes, data_key: DataKey) -> SecretStr:
    """The access token of a blob.

    Raises:
        VaultError: The blob is damaged or another user's.
    """
    return SecretStr(json.loads(data_key.decrypt(ciphertext))["accessToken"])


def open_refresh_token(ciphertext: bytes, data_key: DataKey) -> SecretStr:
    """The refresh token of a blob.

    Raises:
        VaultError: The blob is damaged or another user's.
    """
    return SecretStr(json.loads(data_key.decrypt(ciphertext))["refreshToken"])
