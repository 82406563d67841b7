"""Whether a connection may withdraw, and its API key opened for it."""

from kubroker.aws.table import ConditionCheck
from kubroker.connections.model import (
    ApiKeyState,
    Connection,
    ConnectionStatus,
    build_disconnected,
    build_no_key,
)
from kubroker.connections.store import CONNECTED_VALUES, IS_CONNECTED
from kubroker.foundation.errors import ConflictError
from kubroker.kucoin.permissions import Permission


def check_may_withdraw(connection: Connection, *, of_uid: str | None = None) -> str:
    """Whether withdrawals may be made through this connection.

    Args:
        connection: As just read.
        of_uid: The KuCoin account that an existing withdrawal was opened for; None for a new one.

    Returns:
        The KuCoin uid.

    Raises:
        ConflictError: Disconnected, no key, one of another account, or without the permission.
    """
    if connection.is_disconnected:
        raise build_disconnected()
    facts, uid = connection.api_key_facts, connection.kucoin_uid
    if connection.api_key_state is not ApiKeyState.ACTIVE or facts is None or uid is None:
        raise build_no_key()
    if of_uid is not None:
        check_same_account(connection, of_uid)
    if Permission.WITHDRAWAL not in facts.permissions:
        raise ConflictError(
            "The user did not grant withdrawals; link the account again with that permission.",
            code="withdrawal_not_granted",
        )
    return uid


def check_same_account(connection: Connection, of_uid: str) -> None:
    """Whether the linked account still is the one that a withdrawal was opened for.

    Raises:
        ConflictError: ``account_mismatch``; asking again changes nothing.
    """
    if connection.kucoin_uid is not None and connection.kucoin_uid != of_uid:
        raise ConflictError(
            "The user has linked another KuCoin account since. Nothing was sent; ask anew, with "
            "another key.",
            code="account_mismatch",
        )


def build_connection_check(user_id: str, kucoin_uid: str) -> ConditionCheck:
    """For the transaction of a claim: the connection stands, with a key, at the same account.

    A disconnect writes DISCONNECTING before it looks for withdrawals in flight: so a claim either
    comes first and is seen, or fails here.
    """
    return ConditionCheck(
        key={"userId": user_id},
        conditions=[IS_CONNECTED, "#apiKeyState = :active", "#kucoinUid = :uid"],
        values={**CONNECTED_VALUES, ":active": ApiKeyState.ACTIVE, ":uid": kucoin_uid},
    )


def can_follow(connection: Connection | None, kucoin_uid: str) -> bool:
    """Whether the tracker may read with this connection's key, also while disconnecting."""
    return (
        connection is not None
        and connection.connection_status is not ConnectionStatus.DISCONNECTED
        and connection.kucoin_uid == kucoin_uid
        and connection.api_key_ciphertext is not None
    )
