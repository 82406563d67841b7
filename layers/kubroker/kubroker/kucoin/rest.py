"""Signed GETs: the right host, the right broker identity, KuCoin's clock."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from kubroker.kucoin.identity import KucoinSecret
from kubroker.kucoin.signer import ApiCredentials
from kubroker.kucoin.transport import KucoinTransport
from kubroker.settings import KucoinSettings

Host = Literal["spot", "futures", "broker"]


class KucoinRest:
    def __init__(
        self,
        settings: KucoinSettings,
        secret: Callable[[], KucoinSecret],
        transport: KucoinTransport,
        *,
        now_ms: Callable[[], int],
    ) -> None:
        raise NotImplementedError

    def get(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        credentials: ApiCredentials,
        host: Host = "spot",
        deadline_seconds: float,
    ) -> Any:
        """The answer's ``data``."""
        raise NotImplementedError
