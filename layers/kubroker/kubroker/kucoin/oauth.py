"""KuCoin's OAuth 2.0: the login page, the code exchange and the rotation of a pair."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from pydantic import SecretStr

from kubroker.errors import KucoinError
from kubroker.kucoin.transport import KucoinTransport
from kubroker.settings import KucoinProtocol, KucoinSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    """What KuCoin granted. ``refresh_token`` is None where the answer had no usable one."""

    access_token: SecretStr
    refresh_token: SecretStr | None
    access_expires_in_seconds: int
    scope: tuple[str, ...]
    was_expiry_doubtful: bool


class TokenOutcome(StrEnum):
    """What a failed exchange or refresh means for the connection."""

    REFUSED_FOR_GOOD = "REFUSED_FOR_GOOD"
    MISCONFIGURED = "MISCONFIGURED"
    PASSING = "PASSING"


class OAuthClient:
    """Calls the web host's OAuth endpoints; every one acts, so every one opens a connection."""

    def __init__(
        self,
        settings: KucoinSettings,
        client_secret: Callable[[], SecretStr | None],
        transport: KucoinTransport,
    ) -> None:
        raise NotImplementedError

    def build_login_url(self, state: str) -> str:
        raise NotImplementedError

    def exchange_code(self, code: SecretStr, *, deadline_seconds: float) -> TokenPair:
        raise NotImplementedError

    def refresh(self, refresh_token: SecretStr, *, deadline_seconds: float) -> TokenPair:
        raise NotImplementedError


def classify_token_refusal(error: KucoinError, protocol: KucoinProtocol) -> TokenOutcome:
    raise NotImplementedError
