"""A token pair's secrets in and out of the vault's blob."""

import json

from pydantic import SecretStr

from kubroker.connections.vault import DataKey


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
