"""API keys at KuCoin: creation with a bearer token, and the check of a key with itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from pydantic import SecretStr

from kubroker.domain.permissions import Permission
from kubroker.errors import KucoinRefusedError
from kubroker.kucoin.rest import KucoinRest
from kubroker.kucoin.signer import ApiCredentials
from kubroker.kucoin.transport import KucoinTransport
from kubroker.settings import KucoinProtocol, KucoinSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedApiKey:
    """A key just made. Secret and passphrase are shown this once."""

    api_key: SecretStr
    secret: SecretStr
    passphrase: SecretStr
    name: str
    auth_group: tuple[str, ...]
    ip_whitelist: tuple[str, ...]
    broker_id: str

    @property
    def credentials(self) -> ApiCredentials:
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyFacts:
    """What KuCoin says of a key that signed for itself."""

    uid: str
    permissions: frozenset[Permission]
    ip_whitelist: tuple[str, ...]
    api_version: int | None
    is_master: bool | None
    created_at_ms: int | None


class KeyRefusal(StrEnum):
    """Why KuCoin made no key."""

    RISK_VALIDATION = "RISK_VALIDATION"
    NAME_TAKEN = "NAME_TAKEN"
    KEY_LIMIT = "KEY_LIMIT"
    DEAD_TOKEN = "DEAD_TOKEN"
    OTHER = "OTHER"


class CheckRefusal(StrEnum):
    """Why KuCoin did not accept a key that signed."""

    KEY_GONE = "KEY_GONE"
    IP_NOT_ALLOWED = "IP_NOT_ALLOWED"
    CLOCK = "CLOCK"
    SIGNATURE = "SIGNATURE"
    PARTNER = "PARTNER"
    PERMISSION = "PERMISSION"
    REGION = "REGION"
    FROZEN = "FROZEN"
    RATE_LIMITED = "RATE_LIMITED"
    OTHER = "OTHER"


class ApiKeyClient:
    def __init__(
        self, settings: KucoinSettings, transport: KucoinTransport, rest: KucoinRest
    ) -> None:
        raise NotImplementedError

    def create(
        self,
        access_token: SecretStr,
        permissions: Iterable[Permission],
        is_addressbook_only: bool,
        *,
        deadline_seconds: float,
    ) -> CreatedApiKey:
        raise NotImplementedError

    def check(self, credentials: ApiCredentials, *, deadline_seconds: float) -> ApiKeyFacts:
        raise NotImplementedError

    def find_bearer_uid(self, access_token: SecretStr, *, deadline_seconds: float) -> str | None:
        raise NotImplementedError


def classify_key_refusal(error: KucoinRefusedError, protocol: KucoinProtocol) -> KeyRefusal:
    raise NotImplementedError


def classify_check_refusal(error: KucoinRefusedError) -> CheckRefusal:
    raise NotImplementedError


def explain_check_refusal(error: KucoinRefusedError) -> str:
    """For a person: what happened, the IP where KuCoin names it, and what to do."""
    raise NotImplementedError
