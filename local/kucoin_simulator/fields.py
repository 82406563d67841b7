"""Fields of an order's body, checked for type and form; every refusal is 400100 unless said."""

import re
from decimal import Decimal
from typing import Any

from local.kucoin_simulator.exchange import Exchange
from local.kucoin_simulator.wire import Json, Refusal


def choose(body: Json, name: str, choices: tuple[str, ...], default: str = "") -> str:
    """Return a word of a body; 400100 where it is none of the choices."""
    value = body.get(name) or default
    if not isinstance(value, str) or value not in choices:
        raise Refusal("400100", f"{name} must be one of {', '.join(choices)}")
    return value


def flag(body: Json, name: str) -> bool:
    """Return a boolean of a body; 400100 where it is none."""
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise Refusal("400100", f"{name} must be a boolean")
    return value


def decimal(body: Json, name: str) -> Decimal:
    """Return a decimal string of a body, zero where it is not given; 400100 for anything else."""
    value: Any = body.get(name)
    if value is None:
        return Decimal(0)
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,16}(\.[0-9]{1,16})?", value):
        raise Refusal("400100", f"{name} must be a decimal string")
    return Decimal(value)


def check_texts(exchange: Exchange, body: Json, venue: str, longest: dict[str, int]) -> str:
    """Check the free texts of an order and return its clientOid."""
    for name, length in longest.items():
        value = body.get(name)
        if value is not None and (not isinstance(value, str) or len(value) > length):
            raise Refusal("400100", f"{name} must be a string of at most {length} characters")
    client_oid = body.get("clientOid") or ""
    if not re.fullmatch(r"[A-Za-z0-9_-]*", client_oid):
        raise Refusal("400100", "clientOid may hold letters, digits, _ and - only")
    if (venue, exchange.user.name, client_oid) in exchange.state.trades.by_client_oid:
        raise Refusal(exchange.state.settings.code_duplicate_client_oid, "clientOid duplicate")
    return client_oid
