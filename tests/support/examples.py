"""The documented examples as modules, and KuCoin's official SDK built as they say."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from kucoin_universal_sdk.api import DefaultClient
from kucoin_universal_sdk.model import ClientOptionBuilder, TransportOptionBuilder

EXAMPLES = Path(__file__).parents[2] / "docs/examples"


def load_example(name: str) -> ModuleType:
    """Loads ``docs/examples/{name}.py`` without running its ``main``."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"no example {name}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build_sdk(gateway_url: str, adapter: Any) -> Any:
    """KuCoin's SDK for `user-1` through the gateway, signing with an adapter of ``requests``."""
    base = f"{gateway_url}/v1/connections/user-1/kucoin"
    option = (
        ClientOptionBuilder()
        .set_key("dummy")
        .set_secret("dummy")
        .set_passphrase("dummy")
        .set_spot_endpoint(base)
        .set_transport_option(TransportOptionBuilder().build())
        .build()
    )
    client = DefaultClient(option).rest_service()
    client.get_spot_service().get_order_api().transport.http_client.mount(base, adapter)
    return client
