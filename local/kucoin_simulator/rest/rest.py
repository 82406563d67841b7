"""Signed and public REST calls: who may call, and the three that linking needs.

Source:
    KuCoin's REST documentation and SDK. HTTP statuses: 400001, 400002 and 4002xx come with 400,
    400003 to 400005 with 401, addresses and 400007 with 403, 429000 with 429 (seen in public
    reports); business errors with 200.
"""

from local.kucoin_simulator import wire
from local.kucoin_simulator.exchange import Exchange, Route
from local.kucoin_simulator.model import ApiKey
from local.kucoin_simulator.rest import signatures
from local.kucoin_simulator.web import oauth
from local.kucoin_simulator.wire import Refusal, Response

API_VERSION = 3


def serve_public(route: Route, exchange: Exchange) -> Response:
    """Answer a public call within the caller's quota."""
    return _serve_counted(route, exchange, f"ip:{exchange.client_ip()}")


def serve_signed(route: Route, exchange: Exchange) -> Response:
    """Check a signed call from its headers to its permission, then answer it.

    Raises:
        Refusal: The first check that fails, in KuCoin's order.
    """
    try:
        authenticate(exchange)
        exchange.entry.signature = "held"
        _check_partner(exchange)
    except Refusal as refusal:
        if exchange.entry.signature != "held":
            exchange.entry.signature = f"{refusal.code} {refusal.msg}"
        raise
    if exchange.user.frozen:
        raise Refusal("411100", "User are frozen, please contact us via support center", 200)
    _check_permission(route, exchange)
    exchange.key.calls += 1
    return _serve_counted(route, exchange, f"uid:{exchange.user.uid}")


def authenticate(exchange: Exchange) -> None:
    """Check headers, clock, key, address, passphrase and signature.

    Raises:
        Refusal: 400001 to 400006; for a foreign address 400202 in that world.
    """
    state, request = exchange.state, exchange.request
    signatures.check_headers(request, state.settings.key_versions)
    now_ms = state.now_ms() if exchange.accepted_ms is None else exchange.accepted_ms
    signatures.check_timestamp(request, now_ms, state.settings.timestamp_window_ms)
    key = state.keys.get(request.header("KC-API-KEY"))
    if key is None:
        raise Refusal("400003", "KC-API-KEY not exists", 401)
    exchange.identify(key)
    ip = exchange.client_ip()
    if key.ip_whitelist and ip not in key.ip_whitelist:
        words = f"Invalid request ip, the current clientIp is:{ip}"
        raise Refusal(state.worlds.address_code, words, 403)
    signatures.check_secrets(request, key.secret, key.passphrase)


def get_api_key(exchange: Exchange) -> Response:
    """Tell what the calling key may do: `GET /api/v1/user/api-key`, General, Management 20."""
    return wire.rest_ok(_describe(exchange.key, exchange))


def get_bearer_identity(exchange: Exchange) -> Response:
    """Tell whose access token it is: the world `bearer_identity`."""
    chain = oauth.check_bearer(exchange)
    return wire.rest_ok({"uid": exchange.state.users[chain.grant.user].uid})


def get_timestamp(exchange: Exchange) -> Response:
    """Tell KuCoin's clock in milliseconds: `GET /api/v1/timestamp`, public."""
    return wire.rest_ok(exchange.state.now_ms())


def get_my_ip(exchange: Exchange) -> Response:
    """Tell the caller's address: `GET /api/v1/my-ip`, public."""
    return wire.rest_ok(exchange.client_ip())


def _describe(key: ApiKey, exchange: Exchange) -> dict[str, object]:
    described: dict[str, object] = {
        "remark": key.name,
        "apiKey": key.api_key,
        "apiVersion": API_VERSION,
        "permission": ",".join(key.permissions(exchange.state.settings.unified_group)),
        "createdAt": key.created_ms,
        "uid": key.uid,
        "isMaster": True,
    }
    if key.ip_whitelist:
        described["ipWhitelist"] = ",".join(key.ip_whitelist)
    if exchange.state.worlds.key_check_tells_addressbook:
        described["isAddressbookOnly"] = key.is_addressbook_only
    return described


def _check_partner(exchange: Exchange) -> None:
    state, entry = exchange.state, exchange.entry
    partner = state.config.futures if exchange.request.host == "futures" else state.config.spot
    try:
        verdict = signatures.check_partner(exchange.request, partner, state.worlds.partner_required)
    except Refusal as refusal:
        entry.partner, entry.rebate_lost = refusal.msg, True
        raise
    entry.partner, entry.rebate_lost = verdict.verdict, verdict.rebate_lost


def _check_permission(route: Route, exchange: Exchange) -> None:
    if route.permission not in exchange.key.permissions(exchange.state.settings.unified_group):
        raise Refusal("400007", "Access denied, require more permission", 403)


def _serve_counted(route: Route, exchange: Exchange, owner: str) -> Response:
    state = exchange.state
    headers, refusal = state.limits.spend(
        owner,
        route.pool,
        route.weight,
        now_ms=state.now_ms(),
        window_ms=state.settings.rate_window_ms,
        limits=state.settings.rate_limits,
    )
    try:
        if refusal:
            raise refusal
        response = route.handler(exchange)
    except Refusal as raised:
        response = wire.rest_refusal(raised)
    response.headers.update(headers)
    return response
