"""The worlds the simulator can be (unknown behaviour) and the settings it runs with.

A *world* is a question about KuCoin that nobody could answer; our code must work in each.
A *setting* is a number, a name or a code that a test may want to scale or change.

Codes for refusals that KuCoin does not document (all changeable by `PUT /_sim/settings`):

========================  ========== =========================================================
setting                   default    when
========================  ========== =========================================================
codeInvalidToken          ``40001``  bearer missing, unknown, expired, or of a rotated pair
codeInvalidGrant          ``40002``  code or refresh token unknown, spent, expired, not this client
codeInvalidClient         ``40003``  client_id unknown, or client_secret missing or wrong
codeInvalidRequest        ``40004``  a field is missing or malformed
codeNameTaken             ``40010``  the user already has a key of this broker's apiName
codeKeyLimit              ``40011``  the user's number of API keys is at its maximum
codeSecuritySetup         ``260330`` withdrawal, but no second factor is bound (msg has the link)
codeVerificationUnknown   ``260401`` transactionId unknown, another's, or used up
codeVerificationWrong     ``260402`` a code is wrong (msg says how many tries are left)
codeVerificationExpired   ``260403`` the transaction's time or tries are over
codeVerificationMismatch  ``260404`` the second body differs from the first
codeTransferLimit         ``260410`` UID, MAIL, PHONE: more than 3 in 10 s or 50 in 24 h
codeNotCancellable        ``260420`` cancel of what is not PROCESSING
codeTravelRule            ``260430`` recipient's identity missing (world travel_rule_required)
codeDuplicateClientOid    ``126044`` an order or transfer repeats a clientOid
codeNotBroker             ``260500`` rebate report asked with a key that is no broker's
========================  ========== =========================================================

``40503`` (risk validation) is KuCoin's own and fixed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


class BadControlRequestError(Exception):
    """A control request asked for something that does not exist or has the wrong form."""


def _choice(default: str, *others: str) -> str:
    metadata = {"choices": (default, *others)}
    return field(default=default, metadata=metadata)


@dataclass(slots=True)
class Worlds:
    """Every open question about KuCoin, with the answer in force.

    Attributes:
        refresh_rotation: What becomes of the old refresh token: it ``dies``, ``survives`` until
            its own end, or its reuse kills the chain (``reuse_kills_chain``).
        refresh_grant_type: The grant_type accepted at refresh: as the page says, RFC 6749's, any.
        oauth_error_form: Web envelope, or RFC 6749 section 5.2 with HTTP 400.
        client_secret_required: Whether the code exchange needs client_secret.
        bearer_identity: Whether a bearer token may read GET /api/v1/user/api-key.
        one_key_per_broker: Whether a second key of the same broker is refused as a taken name.
        key_check_tells_addressbook: Whether the key check says if the key is limited to the
            address book.
        addressbook_held: Whether a key that was asked for with that limit has it.
        grant_match: Whether a key may ask for fewer groups than were granted (``subset``) or must
            ask for just those (``exact``).
        partner_required: Whether a signed call without broker headers is refused; otherwise the
            journal says ``rebateLost``.
        address_code: What a call from an address outside the key's list is refused with; the
            gateway's table has both.
        remark: Whether a withdrawal's remark comes back: ``kept``, ``cut`` to the setting
            remarkLength, or ``dropped`` (setting remarkDroppedTypes: for some types only).
        history_fee: Whether the history's fee holds both fees (``total``) or the ``network`` one.
        history_amount: Whether the history's amount is as ``asked`` or what arrives (``net``).
        history_address: Whether the history shows a uid, mail or phone number as it was asked
            (``shown``) or with stars (``masked``).
        transfer_limit_counts: Whether the limit of UID, MAIL, PHONE counts ``first_calls`` or
            ``all_calls`` (the verifying ones too).
        insufficient_code: What an amount above the balance is refused with; no balance at all
            is 260100, and fees on top that are not covered 400100.
        travel_rule_required: Whether a withdrawal to an address must name the recipient.
        no_address: Whether asking for deposit addresses where there are none gives an ``empty``
            list or is refused with ``260220``.
        window_clamp: Which end of a silently clamped window is kept: the ``newest`` part or the
            ``oldest``.
        window_end: Whether a record at just endAt is ``included`` or ``excluded``.
        futures_pending: Whether the first page of the futures ledger begins with the ``Pending``
            entry of the running period: where the window holds the ``present``, ``always`` or
            ``never``.
    """

    refresh_rotation: str = _choice("dies", "survives", "reuse_kills_chain")
    refresh_grant_type: str = _choice("authorization_code", "refresh_token", "any")
    oauth_error_form: str = _choice("envelope", "rfc6749")
    client_secret_required: bool = True
    bearer_identity: bool = False
    one_key_per_broker: bool = False
    key_check_tells_addressbook: bool = False
    addressbook_held: bool = True
    grant_match: str = _choice("subset", "exact")
    partner_required: bool = False
    address_code: str = _choice("400006", "400202")
    remark: str = _choice("kept", "cut", "dropped")
    history_fee: str = _choice("total", "network")
    history_amount: str = _choice("asked", "net")
    history_address: str = _choice("shown", "masked")
    transfer_limit_counts: str = _choice("first_calls", "all_calls")
    insufficient_code: str = _choice("200004", "260100", "400100")
    travel_rule_required: bool = False
    no_address: str = _choice("empty", "260220")
    window_clamp: str = _choice("newest", "oldest")
    window_end: str = _choice("included", "excluded")
    futures_pending: str = _choice("present", "always", "never")


@dataclass(slots=True)
class Settings:
    """Numbers, names and codes that control may change; camelCase on the wire.

    Attributes:
        hidden_fill_id: A spot fill that no list shows, while the ledger knows its trade.
    """

    access_token_seconds: float = 3600
    refresh_token_seconds: float = 3 * 24 * 3600
    code_seconds: float = 300
    timestamp_window_ms: int = 5000
    rate_window_ms: int = 30_000
    rate_limits: dict[str, int] = field(default_factory=dict)
    client_secrets: list[str] = field(default_factory=list)
    redirect_urls: list[str] = field(default_factory=list)
    key_versions: list[str] = field(default_factory=lambda: ["3"])
    client_ip: str = ""
    key_ip_whitelist: str = ""
    api_name: str = "kubroker"
    broker_id: str = "kubroker"
    unified_group: str = "API_UNIFIED"
    web_error_status: int = 200
    bearer_error_status: int = 401
    code_invalid_token: str = "40001"
    code_invalid_grant: str = "40002"
    code_invalid_client: str = "40003"
    code_invalid_request: str = "40004"
    code_name_taken: str = "40010"
    code_key_limit: str = "40011"
    public_url: str = ""
    review_seconds: float = 0
    processing_seconds: float = 5
    wallet_seconds: float = 5
    verification_seconds: float = 300
    verification_tries: int = 5
    history_delay_seconds: float = 0
    remark_length: int = 16
    remark_dropped_types: list[str] = field(default_factory=list)
    fee_rounding: str = _choice(
        "ROUND_UP", "ROUND_DOWN", "ROUND_HALF_UP", "ROUND_HALF_EVEN", "ROUND_CEILING"
    )
    code_security_setup: str = "260330"
    code_verification_unknown: str = "260401"
    code_verification_wrong: str = "260402"
    code_verification_expired: str = "260403"
    code_verification_mismatch: str = "260404"
    code_transfer_limit: str = "260410"
    code_not_cancellable: str = "260420"
    code_travel_rule: str = "260430"
    spot_fee_rate: str = "0.001"
    futures_maker_rate: str = "0.0002"
    futures_taker_rate: str = "0.0006"
    spot_fills_days: float = 7
    hidden_fill_id: int = 0
    trade_ledger_window_days: float = 3
    trade_ledger_days: float = 3
    funding_ledger_days: float = 365
    futures_fills_days: float = 90
    futures_ledger_days: float = 365
    rebate_rate: str = "0.4"
    code_duplicate_client_oid: str = "126044"
    code_not_broker: str = "260500"


def apply_patch(target: Worlds | Settings, patch: Mapping[str, Any]) -> None:
    """Change the named fields, all or none.

    Args:
        target: Worlds or settings.
        patch: Field name (snake_case or camelCase) to value.

    Raises:
        BadControlRequestError: A name is unknown or a value has the wrong type; nothing changed.
    """
    known = {item.name: item for item in fields(target)}
    changes: dict[str, Any] = {}
    for given, value in patch.items():
        name = to_snake(given)
        if name not in known:
            raise BadControlRequestError(f"unknown name {given!r}; known: {', '.join(known)}")
        choices = known[name].metadata.get("choices")
        if choices and value not in choices:
            raise BadControlRequestError(f"{given} must be one of {', '.join(choices)}")
        changes[name] = _coerce(given, value, getattr(target, name))
    for name, value in changes.items():
        setattr(target, name, value)


def _coerce(name: str, value: Any, current: Any) -> Any:
    if isinstance(current, bool) or isinstance(value, bool):
        wanted: tuple[type, ...] = (bool,) if isinstance(current, bool) else ()
    elif isinstance(current, int | float):
        wanted = (int, float)
    else:
        wanted = (type(current),)
    if not isinstance(value, wanted):
        raise BadControlRequestError(f"{name} has the wrong type: {type(value).__name__}")
    return value


def as_json(target: Worlds | Settings) -> dict[str, Any]:
    """Return every field: worlds under their own names, settings in camelCase."""
    rename = to_camel if isinstance(target, Settings) else str
    return {rename(item.name): getattr(target, item.name) for item in fields(target)}


def to_snake(name: str) -> str:
    """Turn camelCase into snake_case; snake_case stays."""
    return re.sub(r"(?<=[a-z0-9])[A-Z]", lambda found: "_" + found.group().lower(), name)


def to_camel(name: str) -> str:
    """Turn snake_case into camelCase."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
