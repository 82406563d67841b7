"""The proxy's parts, joined once a process."""

from kubroker.connections.wiring import build_key_use
from kubroker.foundation.settings import KucoinSettings, ProxySettings
from kubroker.kucoin.clients import KucoinClients
from kubroker.proxy.flow import Proxy


def build_proxy() -> Proxy:
    """Reads the settings and joins everything.

    Raises:
        ConfigurationError: A setting is missing or malformed.
    """
    settings = ProxySettings.from_environment()
    keys = build_key_use(key_seconds=settings.key_seconds, key_count=settings.key_count)
    clients = KucoinClients(KucoinSettings.from_environment())
    return Proxy(keys, clients.build_forwarder())
