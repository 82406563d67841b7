"""Which calls place orders, and what the audit calls them. Pure."""

from kubroker.kucoin.identity import ProxyHost
from kubroker.proxy.policy import ForwardableCall

ORDER_CALLS: dict[ProxyHost, frozenset[str]] = {
    "spot": frozenset(
        {
            "/api/v1/hf/orders",
            "/api/v1/hf/orders/sync",
            "/api/v1/hf/orders/multi",
            "/api/v1/hf/orders/multi/sync",
            "/api/v1/hf/orders/alter",
            "/api/v1/stop-order",
            "/api/v1/orders",
            "/api/v1/orders/multi",
            "/api/v3/oco/order",
            "/api/v3/hf/margin/order",
        }
    ),
    "futures": frozenset({"/api/v1/orders", "/api/v1/orders/multi", "/api/v1/st-orders"}),
}


def is_order(host: ProxyHost, call: ForwardableCall) -> bool:
    """Whether the call places orders, so that its volume may bring a rebate."""
    return call.method == "POST" and call.pattern in ORDER_CALLS[host]


def build_reference(host: ProxyHost, call: ForwardableCall) -> str:
    """What the audit says of a call through the proxy."""
    return f"{host} {call.method} {call.pattern}"
