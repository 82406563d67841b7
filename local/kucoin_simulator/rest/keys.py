"""API-key creation through the Fast API, version 2 (JSON) and version 1 (form, no body).

Source:
    Fast API page 4.1, 4.2 and 7.1; paths and 40503 from an integrator's production report.
"""

import json
from typing import Any

from local.kucoin_simulator import wire
from local.kucoin_simulator.exchange import Exchange
from local.kucoin_simulator.model import GROUP_PERMISSIONS, WITHDRAW, ApiKey, Grant
from local.kucoin_simulator.web.oauth import FORM, check_bearer
from local.kucoin_simulator.wire import Refusal, Response

RISK_VALIDATION = "40503"


def create_key_v2(exchange: Exchange) -> Response:
    """Create a key with the groups asked: `POST …/cyber-truck-vault/v2/outer/api-key/add`.

    Raises:
        Refusal: The bearer or body is not valid, 40503, name taken, or key limit reached.
    """
    chain = check_bearer(exchange)
    groups, is_addressbook_only = _parse_v2_body(exchange)
    _check_grant(exchange, chain.grant, groups, is_addressbook_only)
    return _create(exchange, chain.grant, groups, is_addressbook_only)


def create_key_v1(exchange: Exchange) -> Response:
    """Create a key with all granted groups but withdrawal: `POST …/ucenter/outer/api-key/add`.

    Raises:
        Refusal: The bearer or request is not valid, name taken, or key limit reached.
    """
    chain = check_bearer(exchange)
    if exchange.request.media_type() != FORM or exchange.request.body:
        raise _invalid_request(exchange, "an empty form is expected")
    groups = [group for group in chain.grant.groups if group != WITHDRAW]
    return _create(exchange, chain.grant, groups, is_addressbook_only=False)


def _create(
    exchange: Exchange, grant: Grant, groups: list[str], is_addressbook_only: bool
) -> Response:
    state = exchange.state
    settings = state.settings
    user = state.users[grant.user]
    held = state.keys_of(user)
    ours = [key for key in held if key.origin == "oauth"]
    if ours and state.worlds.one_key_per_broker:
        msg = "The API name already exists"
        raise Refusal(settings.code_name_taken, msg, settings.web_error_status)
    if len(held) >= user.key_limit:
        msg = "The number of user's apiKey reaches to the maximum level"
        raise Refusal(settings.code_key_limit, msg, settings.web_error_status)
    name = settings.api_name if not ours else f"{settings.api_name}-{len(ours) + 1}"
    is_limited = is_addressbook_only and state.worlds.addressbook_held
    key = state.new_key(user, name, groups, is_limited)
    exchange.entry.api_key = key.api_key
    return wire.web_ok(_describe(key, settings.broker_id))


def _describe(key: ApiKey, broker_id: str) -> dict[str, Any]:
    return {
        "apiName": key.name,
        "apiKey": key.api_key,
        "secret": key.secret,
        "passphrase": key.passphrase,
        "brokerId": broker_id,
        "authGroup": ",".join(key.groups),
        "ipWhiteList": ",".join(key.ip_whitelist),
    }


def _parse_v2_body(exchange: Exchange) -> tuple[list[str], bool]:
    if exchange.request.media_type() != "application/json":
        raise _invalid_request(exchange, "Content-Type must be application/json")
    try:
        body: Any = json.loads(exchange.request.body)
    except ValueError:
        raise _invalid_request(exchange, "the body is not JSON") from None
    wanted = body.get("authGroupMap") if isinstance(body, dict) else None
    is_addressbook_only = body.get("isAddressbookOnly") if isinstance(body, dict) else None
    if not isinstance(wanted, dict) or not isinstance(is_addressbook_only, bool):
        raise _invalid_request(exchange, "authGroupMap and isAddressbookOnly are required")
    known = {*GROUP_PERMISSIONS, exchange.state.settings.unified_group}
    for group, flag in wanted.items():
        if group not in known or not isinstance(flag, bool):
            raise _invalid_request(exchange, f"authGroupMap.{group} is not valid")
    groups = [group for group in wanted if wanted[group]]
    if "API_COMMON" not in groups:
        raise _invalid_request(exchange, "API_COMMON must be true")
    return groups, is_addressbook_only


def _check_grant(
    exchange: Exchange, grant: Grant, groups: list[str], is_addressbook_only: bool
) -> None:
    """Compare what is asked with what the user granted.

    isAddressbookOnly is compared where withdrawal is granted or asked; without withdrawal it has
    no meaning.
    """
    asked, granted = set(groups), set(grant.groups)
    is_exact = exchange.state.worlds.grant_match == "exact"
    fits = asked == granted if is_exact else asked <= granted
    if WITHDRAW in asked | granted:
        fits = fits and is_addressbook_only == grant.is_addressbook_only
    if not fits:
        status = exchange.state.settings.web_error_status
        raise Refusal(RISK_VALIDATION, "Risk validation failed", status)


def _invalid_request(exchange: Exchange, msg: str) -> Refusal:
    settings = exchange.state.settings
    return Refusal(settings.code_invalid_request, msg, settings.web_error_status)
