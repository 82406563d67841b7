"""Every operation the simulator offers, by the name that faults and the journal use."""

from local.kucoin_simulator.exchange import Exchange, Handler, Route
from local.kucoin_simulator.rest import keys, market, rest, withdrawals
from local.kucoin_simulator.rest import withdrawal_history as history
from local.kucoin_simulator.trading.routes import TRADE_ROUTES
from local.kucoin_simulator.web import login, oauth, security

WEB = ("web",)
REST = ("spot", "futures", "broker")
SPOT = ("spot",)
V2_KEY_PATH = "/_oauth/resource/cyber-truck-vault/v2/outer/api-key/add"
V1_KEY_PATH = "/_oauth/resource/ucenter/outer/api-key/add"
HISTORY = "/api/v1/withdrawals"
ONE = HISTORY + "/{withdrawalId}"


def _signed(
    name: str,
    method: str,
    pattern: str,
    handler: Handler,
    *,
    weight: int,
    permission: str = "General",
) -> Route:
    return Route(
        name,
        SPOT,
        method,
        pattern,
        "signed",
        handler,
        permission=permission,
        pool="management",
        weight=weight,
    )


def _public(name: str, pattern: str, handler: Handler) -> Route:
    return Route(name, SPOT, "GET", pattern, "public", handler, weight=3)


ROUTES = (
    Route("login", WEB, "GET", "/oauth", "page", login.show_login),
    Route("login_submit", WEB, "POST", "/oauth/login", "page", login.submit_login),
    Route("consent", WEB, "POST", "/oauth/consent", "page", login.submit_consent),
    Route("token", WEB, "GET", "/_oauth/access-token", "oauth", oauth.exchange_code),
    Route("refresh", WEB, "POST", "/_oauth/refresh-token", "oauth", oauth.refresh),
    Route("create_key", WEB, "POST", V2_KEY_PATH, "resource", keys.create_key_v2),
    Route("create_key_v1", WEB, "POST", V1_KEY_PATH, "resource", keys.create_key_v1),
    _signed("check_key", "GET", "/api/v1/user/api-key", rest.get_api_key, weight=20),
    Route("security", WEB, "GET", withdrawals.SECURITY_PATH, "page", security.show_setup),
    Route("security_submit", WEB, "POST", withdrawals.SECURITY_PATH, "page", security.submit_setup),
    _signed(
        "withdraw",
        "POST",
        "/api/v2/broker/withdrawal",
        withdrawals.submit,
        weight=5,
        permission="Transfer",
    ),
    _signed("withdrawal_history", "GET", HISTORY, history.list_withdrawals, weight=20),
    _signed("withdrawal_quotas", "GET", HISTORY + "/quotas", history.get_quotas, weight=20),
    _signed("withdrawal_detail", "GET", ONE, history.get_withdrawal, weight=20),
    _signed(
        "withdrawal_cancel",
        "DELETE",
        ONE,
        history.cancel_withdrawal,
        weight=20,
        permission="Transfer",
    ),
    _signed("accounts", "GET", "/api/v1/accounts", market.list_accounts, weight=5),
    _public("currencies", "/api/v3/currencies", market.list_currencies),
    _public("currency", "/api/v3/currencies/{currency}", market.get_currency),
    _public("prices", "/api/v1/prices", market.list_prices),
    Route("timestamp", REST, "GET", "/api/v1/timestamp", "public", rest.get_timestamp, weight=3),
    Route("my_ip", REST, "GET", "/api/v1/my-ip", "public", rest.get_my_ip, weight=20),
    *TRADE_ROUTES,
)
BEARER_IDENTITY = Route(
    "check_key", SPOT, "GET", "/api/v1/user/api-key", "public", rest.get_bearer_identity
)
ROUTE_NAMES = frozenset({"*", "unknown", *(route.name for route in ROUTES)})


def find_route(exchange: Exchange) -> Route | None:
    """Return the route of a request and fill in what its path holds."""
    request = exchange.request
    for route in ROUTES:
        if request.host not in route.hosts or request.method != route.method:
            continue
        params = route.match(request.path)
        if params is not None:
            exchange.params = params
            return _bearer_variant(route, exchange)
    return None


def _bearer_variant(route: Route, exchange: Exchange) -> Route:
    is_bearer = exchange.request.header("authorization").lower().startswith("bearer ")
    if route.name == "check_key" and is_bearer and exchange.state.worlds.bearer_identity:
        return BEARER_IDENTITY
    return route
