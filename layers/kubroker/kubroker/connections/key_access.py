"""What a signed call needs to know of a connection, in one consistent read."""

from dataclasses import dataclass, field

from kubroker.aws.table import Table
from kubroker.connections.model import ApiKeyState, ConnectionStatus
from kubroker.kucoin.permissions import Permission

_ATTRIBUTES = (
    "connectionStatus",
    "apiKeyState",
    "kucoinUid",
    "formerUid",
    "accountSince",
    "apiKeyFacts.permissions",
    "apiKeyDataKey",
    "apiKeyCiphertext",
)
_KNOWN_PERMISSIONS = frozenset(Permission)
_ENDED = {ConnectionStatus.DISCONNECTING, ConnectionStatus.DISCONNECTED}


@dataclass(frozen=True, slots=True)
class KeyAccess:
    """A connection's key as it stands; secrets as the vault sealed them.

    Attributes:
        user_id: Whose it is.
        is_disconnected: Whether new work is refused.
        is_active: Whether the key may sign.
        kucoin_uid: The account, once it is known.
        former_uid: The account that was linked until the last disconnect, if there was one.
        account_since: Since when, epoch seconds; None where no other one was linked before.
        permissions: What the key may do.
        data_key: Wrapped by KMS.
        ciphertext: The vault's blob; another key has another one, so it is also the version.
    """

    user_id: str
    is_disconnected: bool
    is_active: bool
    kucoin_uid: str | None
    former_uid: str | None
    account_since: int | None
    permissions: frozenset[Permission]
    data_key: bytes | None = field(repr=False)
    ciphertext: bytes | None = field(repr=False)

    @property
    def account(self) -> str:
        """The account that is linked, or was last; without one, the user stands for it."""
        return self.kucoin_uid or self.former_uid or self.user_id


class KeyAccessReader:
    """Reads ``Connections`` for the proxy: no more than it needs, and never a token."""

    def __init__(self, table: Table) -> None:
        """Remembers the table ``Connections``."""
        self._table = table

    def find(self, user_id: str) -> KeyAccess | None:
        """The key's standing now, or None where the user never linked an account.

        Raises:
            StoreError: DynamoDB could not be asked.
        """
        item = self._table.find({"userId": user_id}, only=_ATTRIBUTES)
        if item is None:
            return None
        since = item.get("accountSince")
        return KeyAccess(
            user_id=user_id,
            is_disconnected=item.get("connectionStatus") in _ENDED,
            is_active=item.get("apiKeyState") == ApiKeyState.ACTIVE,
            kucoin_uid=item.get("kucoinUid"),
            former_uid=item.get("formerUid"),
            account_since=None if since is None else int(since),
            permissions=frozenset(
                Permission(name)
                for name in item.get("apiKeyFacts", {}).get("permissions", ())
                if name in _KNOWN_PERMISSIONS
            ),
            data_key=item.get("apiKeyDataKey"),
            ciphertext=item.get("apiKeyCiphertext"),
        )
