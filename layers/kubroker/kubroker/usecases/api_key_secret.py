"""An API key's secret parts in and out of the vault."""

import json

from pydantic import SecretStr

from kubroker.aws.vault import DataKey, EncryptionContext, Purpose, Vault
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
