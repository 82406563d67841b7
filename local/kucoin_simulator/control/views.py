"""What control shows of the state, in JSON; secrets only as fingerprints."""

from typing import Any

from local.kucoin_simulator import model, worlds
from local.kucoin_simulator.journal import fingerprint
from local.kucoin_simulator.state import State
from local.kucoin_simulator.wire import Json


def whole_state(state: State) -> Json:
    """Return all there is but the journal."""
    return {
        "worlds": worlds.as_json(state.worlds),
        "settings": {**worlds.as_json(state.settings), "clientSecrets": "hidden"},
        "clock": clock(state),
        "users": [user(state, item) for item in state.users.values()],
        "keys": [key(state, item) for item in state.keys.values()],
        "deletedKeys": list(state.deleted_keys),
        **rotations(state),
        "faults": [rule.as_json() for rule in state.faults.rules()],
        "holds": [hold.as_json() for hold in state.faults.holds()],
    }


def clock(state: State) -> Json:
    """Return KuCoin's clock."""
    return {
        "nowMs": state.now_ms(),
        "offsetSeconds": state.clock.offset_ms / 1000,
        "frozen": state.clock.is_frozen,
    }


def user(state: State, item: model.User) -> Json:
    """Return an account."""
    return {
        "name": item.name,
        "uid": item.uid,
        "email": item.email,
        "password": item.password,
        "groups": item.groups,
        "twoFactor": item.two_factor,
        "factors": item.factors,
        "phone": item.phone,
        "addressBook": item.address_book,
        "whitelistOnly": item.whitelist_only,
        "dailyLimitUsdt": item.daily_limit_usdt,
        "keyLimit": item.key_limit,
        "keys": len(state.keys_of(item)),
        "frozen": item.frozen,
        "isBroker": item.is_broker,
    }


def key(state: State, item: model.ApiKey) -> Json:
    """Return an API key without its secrets."""
    return {
        "apiKey": item.api_key,
        "apiName": item.name,
        "user": item.user,
        "uid": item.uid,
        "groups": item.groups,
        "permission": ",".join(item.permissions(state.settings.unified_group)),
        "isAddressbookOnly": item.is_addressbook_only,
        "ipWhitelist": item.ip_whitelist,
        "createdAt": item.created_ms,
        "origin": item.origin,
        "calls": item.calls,
        "secretFingerprint": fingerprint(item.secret),
    }


def chain(state: State, item: model.Chain) -> Json:
    """Return a chain of token pairs; `live` is the pair KuCoin would still accept."""
    return {
        "id": item.chain_id,
        "user": item.grant.user,
        "groups": item.grant.groups,
        "isAddressbookOnly": item.grant.is_addressbook_only,
        "dead": item.dead,
        "reused": item.reused,
        "live": item.live.number,
        "pairs": [_pair(state, item, pair) for pair in item.pairs],
    }


def rotations(state: State) -> Json:
    """Return every chain and rotation, and the two counters.

    `reused` counts refreshes asked with a spent refresh token; `lost` counts rotations whose
    answer did not reach the client whole while the old refresh token was dead.
    """
    chains = list(state.chains.values())
    return {
        "chains": [chain(state, item) for item in chains],
        "rotations": [_rotation(item) for item in state.rotations],
        "reused": sum(item.reused for item in chains),
        "lost": sum(item.is_lost for item in state.rotations),
    }


def _rotation(item: model.Rotation) -> Json:
    return {
        "chain": item.chain_id,
        "user": item.user,
        "from": item.from_number,
        "to": item.to_number,
        "seq": item.entry.seq,
        "world": item.world,
        "written": item.entry.written,
        "delivered": item.entry.delivered,
        "lost": item.is_lost,
    }


def _pair(state: State, owner: model.Chain, pair: model.Pair) -> dict[str, Any]:
    now = state.now_ms()
    is_live = pair is owner.live and not owner.dead
    return {
        "number": pair.number,
        "live": is_live,
        "accessFingerprint": fingerprint(pair.access),
        "refreshFingerprint": fingerprint(pair.refresh),
        "accessExpiresAt": pair.access_expires_ms,
        "refreshExpiresAt": pair.refresh_expires_ms,
        "accessValid": is_live and now < pair.access_expires_ms,
        "refreshValid": not owner.dead
        and now < pair.refresh_expires_ms
        and (pair.spent_ms is None or state.worlds.refresh_rotation == "survives"),
        "spentAt": pair.spent_ms,
        "seen": pair.seen,
        "seq": pair.entry_seq,
    }
