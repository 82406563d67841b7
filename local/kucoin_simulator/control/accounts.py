"""Control over users, keys and authorizations."""

from typing import Any

from local.kucoin_simulator.control import views
from local.kucoin_simulator.control.call import Call
from local.kucoin_simulator.model import GROUP_PERMISSIONS, User
from local.kucoin_simulator.wire import Json
from local.kucoin_simulator.worlds import BadControlRequestError, to_snake

USER_FIELDS: dict[str, type] = {
    "email": str,
    "password": str,
    "groups": list,
    "two_factor": bool,
    "key_limit": int,
    "frozen": bool,
    "is_broker": bool,
    "factors": list,
    "phone": str,
    "address_book": list,
    "whitelist_only": bool,
    "daily_limit_usdt": int,
}


def add_users(call: Call) -> Json:
    """Add one user by fields, or many by {prefix, count}."""
    body = call.body
    if "count" in body:
        prefix = str(body.get("prefix", "user"))
        shared = {name: value for name, value in body.items() if name not in ("prefix", "count")}
        wanted = [{**shared, "name": f"{prefix}-{i + 1}"} for i in range(int(body["count"]))]
    else:
        wanted = [body]
    return {"users": [views.user(call.state, _add_user(call, fields)) for fields in wanted]}


def patch_user(call: Call) -> Json:
    """Change fields of a user."""
    user = call.state.users[call.name]
    for name, value in _parse_user_fields(call.body).items():
        setattr(user, name, value)
    return views.user(call.state, user)


def add_key(call: Call) -> Json:
    """Make a key without the OAuth way; the answer holds its secrets."""
    user = call.state.users[call.name]
    key = call.state.new_key(
        user,
        str(call.body.get("name", call.state.settings.api_name)),
        list(call.body.get("groups", user.groups)),
        bool(call.body.get("isAddressbookOnly", False)),
        origin=str(call.body.get("origin", "oauth")),
    )
    key.ip_whitelist = list(call.body.get("ipWhitelist", key.ip_whitelist))
    secrets = {"secret": key.secret, "passphrase": key.passphrase}
    return {**views.key(call.state, key), **secrets}


def patch_key(call: Call) -> Json:
    """Change what a user could change at KuCoin: the IP whitelist, the groups, the limit."""
    key = call.state.keys[call.name]
    key.ip_whitelist = list(call.body.get("ipWhitelist", key.ip_whitelist))
    key.groups = list(call.body.get("groups", key.groups))
    key.is_addressbook_only = bool(call.body.get("isAddressbookOnly", key.is_addressbook_only))
    return views.key(call.state, key)


def delete_key(call: Call) -> Json:
    """Delete a key as its user would at KuCoin."""
    return views.key(call.state, call.state.delete_key(call.name))


def revoke_chain(call: Call) -> Json:
    """Withdraw an authorization as its user would at KuCoin: both tokens are dead."""
    chain = call.state.chains[call.name]
    chain.dead = chain.dead or "authorization withdrawn by the user"
    return views.chain(call.state, chain)


def _add_user(call: Call, fields: Json) -> User:
    state = call.state
    name = fields.get("name")
    balances = fields.get("balances", {"main": {"USDT": "1000"}})
    fields = {key: value for key, value in fields.items() if key not in ("name", "balances")}
    if not isinstance(name, str) or not name or name in state.users:
        raise BadControlRequestError(f"the name {name!r} is missing or taken")
    given = _parse_user_fields(fields)
    defaults: dict[str, Any] = {
        "email": f"{name}@example.com",
        "password": f"demo-{name}",
        "groups": [*GROUP_PERMISSIONS, state.settings.unified_group],
    }
    user = User(name=name, uid=state.next_uid(), **{**defaults, **given})
    state.add_users([user])
    state.fund({name: balances})
    return user


def _parse_user_fields(body: Json) -> dict[str, Any]:
    parsed = {to_snake(name): value for name, value in body.items()}
    for name, value in parsed.items():
        if name not in USER_FIELDS or not isinstance(value, USER_FIELDS[name]):
            raise BadControlRequestError(f"user field {name!r} is unknown or has the wrong type")
    return parsed
