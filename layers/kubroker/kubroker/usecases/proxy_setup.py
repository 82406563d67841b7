"""The proxy's parts, joined once a process."""

from kubroker.aws.clients import get_dynamodb, get_kms
from kubroker.aws.key_access import KeyAccessReader
from kubroker.aws.table import Table
from kubroker.aws.vault import Vault
from kubroker.settings import CommonSettings, KucoinSettings, ProxySettings, VaultSettings
from kubroker.usecases.credential_cache import CredentialCache
from kubroker.usecases.key_use import KeyUse
from kubroker.usecases.kucoin_clients import KucoinClients
from kubroker.usecases.proxy import Proxy


def build_key_use(*, key_seconds: int, key_count: int) -> KeyUse:
    """Reads the settings of stores and vault.

    Raises:
        ConfigurationError: A setting is missing or malformed.
    """
    table = Table(get_dynamodb(), CommonSettings.from_environment().connections_table)
    vault = Vault(get_kms(), VaultSettings.from_environment().vault_key_id)
    cache = CredentialCache(vault, max_age_seconds=key_seconds, max_count=key_count)
    return KeyUse(KeyAccessReader(table), cache)


def build_proxy() -> Proxy:
    """Reads the settings and joins everything.

    Raises:
        ConfigurationError: A setting is missing or malformed.
    """
    settings = ProxySettings.from_environment()
    keys = build_key_use(key_seconds=settings.key_seconds, key_count=settings.key_count)
    clients = KucoinClients(KucoinSettings.from_environment())
    return Proxy(keys, clients.build_forwarder())
