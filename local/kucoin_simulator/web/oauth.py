"""Tokens: the code exchange, the refresh, and the bearer check.

Source:
    Fast API page 7.2 and 7.3. Paths `/_oauth/access-token` and `/_oauth/refresh-token`: seen in
    an integrator's report. Success is bare OAuth JSON, an error the web envelope.
"""

from local.kucoin_simulator import wire
from local.kucoin_simulator.exchange import Exchange
from local.kucoin_simulator.model import AuthorizationCode, Chain, Pair, Rotation
from local.kucoin_simulator.wire import Refusal, Response

SCOPE = "OAUTH_CREATE_API"
FORM = "application/x-www-form-urlencoded"


def exchange_code(exchange: Exchange) -> Response:
    """Give the first pair for an authorization code: `GET /_oauth/access-token`.

    The code is used up by the first exchange that names it rightly.

    Raises:
        Refusal: A field is missing, the client is unknown, or the code is not valid (any more).
    """
    fields = exchange.request.query()
    redirect_url = exchange.request.raw_query_fields().get("redirect_uri", "")
    _require(exchange, fields, "grant_type", "code", "redirect_uri", "client_id")
    _check_client(exchange, fields, secret_required=exchange.state.worlds.client_secret_required)
    if fields["grant_type"] != "authorization_code":
        raise _invalid_request(exchange, "unsupported grant_type")
    code = _spend_code(exchange, fields["code"], fields["client_id"], redirect_url)
    exchange.entry.user = code.grant.user
    chain = exchange.state.new_chain(code.grant)
    return _pair_answer(exchange, exchange.state.new_pair(chain, exchange.entry.seq))


def refresh(exchange: Exchange) -> Response:
    """Rotate a pair: `POST /_oauth/refresh-token`, a form.

    The old access token is dead at once; what becomes of the old refresh token is the world
    `refresh_rotation`.

    Raises:
        Refusal: A field is missing or wrong, or the refresh token is not valid (any more).
    """
    if exchange.request.media_type() != FORM:
        raise _invalid_request(exchange, "the body must be a form")
    fields = exchange.request.form()
    _require(exchange, fields, "grant_type", "refresh_token", "scope")
    _check_client(exchange, fields, secret_required=False)
    accepted = exchange.state.worlds.refresh_grant_type
    if accepted not in ("any", fields["grant_type"]):
        raise _invalid_request(exchange, "unsupported grant_type")
    if fields["scope"] != SCOPE:
        raise _invalid_request(exchange, "unknown scope")
    chain, pair = _find_refreshable(exchange, fields["refresh_token"])
    return _rotate(exchange, chain, pair)


def check_bearer(exchange: Exchange) -> Chain:
    """Return the chain of the access token in the Authorization header.

    Raises:
        Refusal: The token is missing, unknown, expired, or of a pair that was rotated.
    """
    state = exchange.state
    scheme, _, token = exchange.request.header("authorization").partition(" ")
    found = state.by_access.get(token.strip()) if scheme.lower() == "bearer" else None
    status = state.settings.bearer_error_status
    refusal = Refusal(state.settings.code_invalid_token, "Invalid access token", status)
    if found is None:
        raise refusal
    chain, pair = found
    exchange.entry.user = chain.grant.user
    if chain.dead or pair is not chain.live or state.now_ms() >= pair.access_expires_ms:
        raise refusal
    pair.seen = True
    return chain


def error_response(exchange: Exchange, refusal: Refusal) -> Response:
    """Return a token endpoint's error in the form of the world in force."""
    if exchange.state.worlds.oauth_error_form == "envelope":
        return wire.web_refusal(refusal)
    settings = exchange.state.settings
    names = {
        settings.code_invalid_grant: "invalid_grant",
        settings.code_invalid_client: "invalid_client",
    }
    error = names.get(refusal.code, "invalid_request")
    payload = {"error": error, "error_description": refusal.msg}
    return wire.json_response(payload, status=400, outcome=error)


def _rotate(exchange: Exchange, chain: Chain, pair: Pair) -> Response:
    state = exchange.state
    pair.seen = True
    pair.spent_ms = state.now_ms()
    fresh = state.new_pair(chain, exchange.entry.seq)
    world = state.worlds.refresh_rotation
    rotation = Rotation(
        chain.chain_id, chain.grant.user, pair.number, fresh.number, world, exchange.entry
    )
    state.rotations.append(rotation)
    return _pair_answer(exchange, fresh)


def _find_refreshable(exchange: Exchange, token: str) -> tuple[Chain, Pair]:
    state = exchange.state
    found = state.by_refresh.get(token)
    if found is None:
        raise _invalid_grant(exchange, "Invalid refresh token")
    chain, pair = found
    exchange.entry.user = chain.grant.user
    world = state.worlds.refresh_rotation
    if pair.spent_ms is not None:
        chain.reused += 1
        if world == "reuse_kills_chain":
            chain.dead = chain.dead or "reuse of a spent refresh token"
        if world != "survives":
            raise _invalid_grant(exchange, "Invalid refresh token")
    if chain.dead or state.now_ms() >= pair.refresh_expires_ms:
        raise _invalid_grant(exchange, "Invalid refresh token")
    return chain, pair


def _spend_code(
    exchange: Exchange, value: str, client_id: str, redirect_url: str
) -> AuthorizationCode:
    code = exchange.state.codes.get(value)
    is_valid = (
        code is not None
        and not code.used
        and exchange.state.now_ms() < code.expires_ms
        and code.client_id == client_id
        and code.redirect_url == redirect_url
    )
    if code is None or not is_valid:
        raise _invalid_grant(exchange, "Invalid authorization code")
    code.used = True
    return code


def _check_client(exchange: Exchange, fields: dict[str, str], *, secret_required: bool) -> None:
    state = exchange.state
    client_id = fields.get("client_id")
    secret = fields.get("client_secret")
    wrong_id = client_id is not None and client_id != state.config.client_id
    wrong_secret = (
        secret not in state.settings.client_secrets if secret is not None else secret_required
    )
    if wrong_id or wrong_secret:
        code = state.settings.code_invalid_client
        raise Refusal(code, "Invalid client", state.settings.web_error_status)


def _pair_answer(exchange: Exchange, pair: Pair) -> Response:
    settings = exchange.state.settings
    payload = {
        "access_token": pair.access,
        "token_type": "bearer",
        "expires_in": int(settings.access_token_seconds),
        "refresh_token": pair.refresh,
        "scope": [SCOPE],
    }
    return wire.json_response(payload, outcome=wire.WEB_OK)


def _require(exchange: Exchange, fields: dict[str, str], *names: str) -> None:
    for name in names:
        if not fields.get(name):
            raise _invalid_request(exchange, f"{name} is required")


def _invalid_request(exchange: Exchange, msg: str) -> Refusal:
    settings = exchange.state.settings
    return Refusal(settings.code_invalid_request, msg, settings.web_error_status)


def _invalid_grant(exchange: Exchange, msg: str) -> Refusal:
    settings = exchange.state.settings
    return Refusal(settings.code_invalid_grant, msg, settings.web_error_status)
