"""How other capabilities use a connection's key, joined once a process."""

from kubroker.aws.clients import get_dynamodb, get_kms
from kubroker.aws.table import Table
from kubroker.connections.key_use import CredentialCache, KeyAccessReader, KeyUse
from kubroker.connections.vault import Vault
from kubroker.foundation.settings import CommonSettings, VaultSettings


def build_key_use(*, key_seconds: int, key_count: int) -> KeyUse:
    """Reads the settings of stores and vault.

    Raises:
        ConfigurationError: A setting is missing or malformed.
    """
    table = Table(get_dynamodb(), CommonSettings.from_environment().connections_table)
    vault = Vault(get_kms(), VaultSettings.from_environment().vault_key_id)
    cache = CredentialCache(vault, max_age_seconds=key_seconds, max_count=key_count)
    return KeyUse(KeyAccessReader(table), cache)
