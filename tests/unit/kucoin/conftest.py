"""Servers that stop with the test, and who we are at KuCoin."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from kubroker.kucoin.signer import ApiCredentials
from kubroker.settings import KucoinSettings
from tests.unit.kucoin.wire_server import Script, WireServer


@pytest.fixture
def serve() -> Iterator[Callable[..., WireServer]]:
    servers: list[WireServer] = []

    def start(*scripts: Script, **options: Any) -> WireServer:
        servers.append(WireServer(*scripts, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def build_settings() -> Callable[..., KucoinSettings]:
    def build(url: str = "http://127.0.0.1:1", **changes: str) -> KucoinSettings:
        return KucoinSettings.from_environment(
            {
                "KUCOIN_WEB_URL": url,
                "KUCOIN_REST_URL": url,
                "KUCOIN_FUTURES_URL": f"{url}/futures",
                "KUCOIN_BROKER_URL": f"{url}/broker",
                "KUCOIN_CLIENT_ID": "client/1",
                "KUCOIN_REDIRECT_URL": "https://broker.example:8443/oauth/callback?x=1",
                "KUCOIN_SECRET_NAME": "kubroker/test/kucoin",
                **changes,
            }
        )

    return build


@pytest.fixture
def credentials() -> ApiCredentials:
    """The published vector's key."""
    return ApiCredentials(
        api_key=SecretStr("6422da9c97b45100018c6e62"),
        secret=SecretStr("cde06451-dbed"),
        passphrase=SecretStr("1111111"),
    )
