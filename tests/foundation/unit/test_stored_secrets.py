"""What is stored has to open in every later release: blobs made once, with a fixed key.

The blobs were made beside the code, with AES-GCM itself, from what the vault's docstring says:
version 1, a nonce, and the sorted JSON of the encryption context as what is authenticated with it.
"""

import pytest
from pydantic import SecretStr

from kubroker.connections.secrets import (
    open_access_token,
    open_api_key,
    open_refresh_token,
    seal_api_key,
    seal_pair,
)
from kubroker.connections.vault import DataKey, EncryptionContext, Purpose, Vault
from kubroker.kucoin.api_keys import CreatedApiKey

KEY = bytes(range(32))
NONCE = bytes(range(100, 112))
GOLDEN_PAIR = bytes.fromhex(
    "016465666768696a6b6c6d6e6f3339bf051a8c25ed6a0d348db44750dd60a56966ef099d5fc6b2cf2d88d08764"
    "b4cb32a52a60fe7795a71754982ce8f53b79ff884c2e2446d783c9b09de4d6e22af1c2a0f555328f75b18b2114"
    "b99e4fc43c"
)
GOLDEN_API_KEY = bytes.fromhex(
    "016465666768696a6b6c6d6e6f3339bf1610a233e71c587fcabd0a069927ac2b61ee15d15e87f3df2d98d1c03c"
    "b6d360e22b7df760989d554c9821b8aa6f79b4c7023a205b8981c4a48ef2c0a832acf969b9275f60e5429d2262"
    "f9418e16196c5185b8e42643386ccb8ea4300889bde46e9eff"
)


class Kms:
    """KMS with one key; it opens nothing without the context that it was wrapped with."""

    def decrypt(self, *, KeyId, CiphertextBlob, EncryptionContext):  # noqa: N803 - boto3's names
        assert (KeyId, CiphertextBlob) == ("vault-key", b"wrapped")
        assert EncryptionContext == {"userId": "user-1", "purpose": "api-key"}
        return {"Plaintext": KEY}


@pytest.fixture(autouse=True)
def outside(monkeypatch):
    """Chance is fixed, and there is no audit."""
    monkeypatch.setattr(
        "kubroker.connections.vault.secrets.token_bytes", lambda count: NONCE[:count]
    )
    monkeypatch.setattr("kubroker.connections.vault.note", lambda act: None)


def build_key(purpose, user_id="user-1"):
    return DataKey(KEY, b"wrapped", EncryptionContext(user_id, purpose))


def test_pair_of_an_earlier_release_opens():
    data_key = build_key(Purpose.OAUTH_TOKENS)
    assert open_access_token(GOLDEN_PAIR, data_key).get_secret_value() == "golden-access"
    assert open_refresh_token(GOLDEN_PAIR, data_key).get_secret_value() == "golden-refresh"


def test_pair_is_stored_as_every_release_opens_it():
    tokens = SecretStr("golden-access"), SecretStr("golden-refresh")
    assert seal_pair(*tokens, build_key(Purpose.OAUTH_TOKENS)) == GOLDEN_PAIR


def test_api_key_of_an_earlier_release_opens():
    found = open_api_key(
        Vault(Kms(), "vault-key"), "user-1", wrapped=b"wrapped", ciphertext=GOLDEN_API_KEY
    )
    assert found.api_key.get_secret_value() == "golden-key"
    assert found.secret.get_secret_value() == "golden-secret"
    assert found.passphrase.get_secret_value() == "golden-passphrase"


def test_api_key_is_stored_as_every_release_opens_it():
    key = CreatedApiKey(
        api_key=SecretStr("golden-key"),
        secret=SecretStr("golden-secret"),
        passphrase=SecretStr("golden-passphrase"),
        name="kubroker",
        auth_group=(),
        ip_whitelist=(),
        broker_id="",
    )
    assert seal_api_key(key, build_key(Purpose.API_KEY)) == GOLDEN_API_KEY
