"""Opened keys in memory: a real vault over a KMS of a few lines, and a clock that is passed in."""

import pytest
from pydantic import SecretStr

from kubroker.connections.key_use import CredentialCache, KeyAccess
from kubroker.connections.secrets import seal_api_key
from kubroker.connections.vault import EncryptionContext, Purpose, Vault
from kubroker.foundation.errors import ConflictError
from kubroker.kucoin.api_keys import CreatedApiKey


class Kms:
    """Wraps a data key by naming it; counts."""

    def __init__(self):
        self.keys = {}
        self.opened = 0

    def generate_data_key(self, **_):
        wrapped = f"wrapped-{len(self.keys)}".encode()
        self.keys[wrapped] = bytes([len(self.keys)]) * 32
        return {"Plaintext": self.keys[wrapped], "CiphertextBlob": wrapped}

    def decrypt(self, *, CiphertextBlob, **_):  # noqa: N803 - boto3's name
        self.opened += 1
        return {"Plaintext": self.keys[CiphertextBlob]}


@pytest.fixture
def kms():
    return Kms()


@pytest.fixture(autouse=True)
def no_audit(monkeypatch):
    monkeypatch.setattr("kubroker.connections.vault.note", lambda act: None)


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def cache(kms, clock):
    return CredentialCache(
        Vault(kms, "key"), max_age_seconds=300, max_count=2, monotonic=lambda: clock[0]
    )


@pytest.fixture
def build(kms):
    def build(user_id="user-1", secret="secret-1"):
        data_key = Vault(kms, "key").create_data_key(EncryptionContext(user_id, Purpose.API_KEY))
        key = CreatedApiKey(
            api_key=SecretStr("key-1"),
            secret=SecretStr(secret),
            passphrase=SecretStr("passphrase-1"),
            name="kubroker",
            auth_group=(),
            ip_whitelist=(),
            broker_id="",
        )
        return KeyAccess(
            user_id=user_id,
            is_disconnected=False,
            is_active=True,
            former_uid=None,
            kucoin_uid="1",
            account_since=None,
            permissions=frozenset(),
            data_key=data_key.wrapped,
            ciphertext=seal_api_key(key, data_key),
        )

    return build


def test_key_is_opened_once(cache, kms, build):
    access = build()
    opened = [cache.open(access) for _ in range(3)]
    assert {one.secret.get_secret_value() for one in opened} == {"secret-1"}
    assert kms.opened == 1


def test_another_stored_key_is_opened_anew(cache, kms, build):
    cache.open(build(secret="old"))
    assert cache.open(build(secret="new")).secret.get_secret_value() == "new"
    assert (kms.opened, len(cache)) == (2, 1)


def test_key_is_dropped_when_its_time_is_over_however_often_it_is_used(cache, kms, build, clock):
    access = build()
    for now in (0.0, 150.0, 299.0):
        clock[0] = now
        cache.open(access)
    assert kms.opened == 1
    clock[0] = 300.0
    cache.open(access)
    assert kms.opened == 2


def test_old_keys_of_others_go_too(cache, build, clock):
    cache.open(build("user-1"))
    clock[0] = 300.0
    cache.open(build("user-2"))
    assert len(cache) == 1


def test_longest_opened_key_goes_first(cache, kms, build):
    first, second, third = (build(f"user-{number}") for number in range(3))
    for access in (first, second, third):
        cache.open(access)
    assert len(cache) == 2
    cache.open(third)
    cache.open(second)
    assert kms.opened == 3
    cache.open(first)
    assert kms.opened == 4


def test_forgotten_key_is_gone(cache, kms, build):
    access = build()
    cache.open(access)
    cache.forget("user-1")
    cache.forget("user-1")
    assert len(cache) == 0
    cache.open(access)
    assert kms.opened == 2


def test_shredded_key_is_refused_and_forgotten(cache, build):
    from dataclasses import replace

    access = build()
    cache.open(access)
    with pytest.raises(ConflictError) as caught:
        cache.open(replace(access, data_key=None, ciphertext=None))
    assert caught.value.code == "api_key_not_active"
    assert len(cache) == 0


def test_nothing_secret_is_in_a_repr(cache, build):
    access = build()
    entry = cache.open(access)
    shown = repr(access) + repr(entry) + repr(vars(cache))
    for secret in ("secret-1", "passphrase-1", "key-1"):
        assert secret not in shown
