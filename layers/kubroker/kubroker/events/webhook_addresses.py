"""Which addresses a webhook may go to.

The operator sets the URL, yet whoever can change a name's records could turn it on what only this
account can reach. So the name is resolved once, every address is judged, and the one that was
judged is the one connected to.
"""

import ipaddress
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

from kubroker.foundation.errors import ConfigurationError, ForbiddenError
from kubroker.kucoin.exchange import list_addresses

type Resolve = Callable[[str, int], list[str]]

# IPv6 networks that carry an IPv4 address inside: what they lead to is not what they look like.
_CARRIERS = [ipaddress.ip_network(network) for network in ("2001::/32", "2002::/16")]
# Source: RFC 4291, section 2.4, and IANA: what is given out is in here.
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")


def parse_webhook_url(url: str, *, is_local: bool) -> SplitResult:
    """The endpoint's URL.

    Args:
        url: As the operator set it.
        is_local: Whether this installation is one machine: http://localhost is all right there.

    Raises:
        ConfigurationError: It is not https, or has user info, a fragment or strange characters.
    """
    if not url.isascii() or not url.isprintable() or any(mark in url for mark in " \\@#"):
        raise ConfigurationError("WebhookUrl has characters that no webhook URL needs.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigurationError("WebhookUrl is not a URL.") from None
    is_localhost = is_local and parts.scheme == "http" and parts.hostname == "localhost"
    if not parts.hostname or port == 0 or not (parts.scheme == "https" or is_localhost):
        raise ConfigurationError("WebhookUrl has to be https.")
    return parts


def is_public(address: str) -> bool:
    """Whether an address is one of the open Internet.

    Args:
        address: IPv4 or IPv6, as the resolver gave it.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        elif found not in _GLOBAL_UNICAST or any(found in network for network in _CARRIERS):
            return False
    return found.is_global and not found.is_multicast


def choose_public_address(host: str, port: int, *, lookup: Resolve = list_addresses) -> str:
    """The address to connect to; one private address among them refuses all.

    Raises:
        ForbiddenError: The name leads to an address that is not public.
        OSError: The name has no address.
    """
    addresses = lookup(host, port)
    if not addresses or not all(is_public(address) for address in addresses):
        raise ForbiddenError("The webhook's host leads to an address that is not public.")
    return min(addresses, key=lambda address: ":" in address)  # IPv4 first: Lambda has no IPv6
