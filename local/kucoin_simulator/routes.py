"""Every operation the simulator offers, by the name that faults and the journal use."""

from local.kucoin_simulator import keys, login, oauth, rest
from local.kucoin_simulator.exchange import Exchange, Route

WEB = ("web",)
REST = ("spot", "futures", "broker")
SPOT = ("spot",)
V2_KEY_PATH = "/_oauth/resource/cyber-truck-vault/v2/outer/api-key/add"
V1_KEY_PATH = "/_oauth/resource/ucenter/outer/api-key/add"

ROUTES = (
    Route("login", WEB, "GET", "/oauth", "page", login.show_login),
    Route("login_submit", WEB, "POST", "/oauth/login", "page", login.submit_login),
    Route("consent", WEB, "POST", "/oauth/consent", "page", login.submit_consent),
    Route("token", WEB, "GET", "/_oauth/access-token", "oauth", oauth.exchange_code),
    Route("refresh", WEB, "POST", "/_oauth/refresh-token", "oauth", oauth.refresh),
    Route("create_key", WEB, "POST", V2_KEY_PATH, "resource", keys.create_key_v2),
    Route("create_key_v1", WEB, "POST", V1_KEY_PATH, "resource", keys.create_key_v1),
    Route(
        "check_key",
        SPOT,
        "GET",
        "/api/v1/user/api-key",
        "signed",
        rest.get_api_key,
        pool="management",
        weight=20,
    ),
    Route("timestamp", REST, "GET", "/api/v1/timestamp", "public", rest.get_timestamp, weight=3),
    Route("my_ip", REST, "GET", "/api/v1/my-ip", "public", rest.get_my_ip, weight=20),
)
BEARER_IDENTITY = Route(
    "check_key", SPOT, "GET", "/api/v1/user/api-key", "public", rest.get_bearer_identity
)
ROUTE_NAMES = frozenset(route.name for route in ROUTES)


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
