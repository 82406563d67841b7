"""Users with an API key in use, as linking leaves them; much faster than linking."""

import time
from collections.abc import Iterable
from typing import Any

from pydantic import SecretStr

from kubroker.aws.table import marshal
from kubroker.connections.model import (
    ApiKeyState,
    Authorization,
    Connection,
    ConnectionStatus,
    KeyFacts,
)
from kubroker.connections.secrets import seal_api_key
from kubroker.connections.vault import EncryptionContext, Purpose, Vault
from kubroker.kucoin.api_keys import CreatedApiKey
from kubroker.kucoin.permissions import GROUP_NAMES, Permission
from local.deployment.deployed import DeployedStack
from local.kucoin_simulator.control.client import SimulatorControl

TRADING = (
    Permission.GENERAL,
    Permission.SPOT,
    Permission.FUTURES,
    Permission.FLEXIBLE_TRANSFERS,
)


def link_user(
    stack: DeployedStack,
    simulator: SimulatorControl,
    *,
    user_id: str = "user-1",
    kucoin_user: str = "alice",
    permissions: Iterable[Permission] = TRADING,
    **changes: Any,
) -> dict[str, Any]:
    """Makes a key at KuCoin and the connection that holds it; replaces one that is there.

    Args:
        stack: Where the connection is stored.
        simulator: Where the key is made.
        user_id: The broker's user.
        kucoin_user: Whose account.
        permissions: Of the key.
        **changes: Fields of ``Connection``.

    Returns:
        The key as KuCoin shows it once: apiKey, secret, passphrase, uid.
    """
    chosen, now = list(permissions), int(time.time())
    made: dict[str, Any] = simulator.add_key(
        kucoin_user, groups=[GROUP_NAMES[permission] for permission in chosen]
    )
    key_id = stack.find_function("kucoin_proxy").environment["VAULT_KEY_ID"]
    data_key = Vault(stack.aws.client("kms"), key_id).create_data_key(
        EncryptionContext(user_id, Purpose.API_KEY)
    )
    key = CreatedApiKey(
        api_key=SecretStr(made["apiKey"]),
        secret=SecretStr(made["secret"]),
        passphrase=SecretStr(made["passphrase"]),
        name="kubroker",
        auth_group=(),
        ip_whitelist=(),
        broker_id="",
    )
    fields = {
        "user_id": user_id,
        "account_label": "Main account",
        "link_generation": 1,
        "connection_status": ConnectionStatus.ACTIVE,
        "authorization": Authorization.LIVE,
        "api_key_state": ApiKeyState.ACTIVE,
        "api_key_data_key": data_key.wrapped,
        "api_key_ciphertext": seal_api_key(key, data_key),
        "api_key_facts": KeyFacts(
            name="kubroker",
            hint=made["apiKey"][-4:],
            permissions=chosen,
            is_addressbook_only=False,
            ip_whitelist=[],
            created_at=now,
        ),
        "kucoin_uid": str(made["uid"]),
        "created_at": now,
        "updated_at": now,
    }
    connection = Connection.model_validate({**fields, **changes})
    stack.aws.client("dynamodb").put_item(
        TableName=stack.tables["ConnectionsTable"], Item=marshal(connection.to_item())
    )
    return made
