"""KuCoin's signatures, computed and checked on KuCoin's side.

Source:
    Fast API page 8.2 and the SDK: SIGN = base64(HMAC-SHA256(secret, timestamp + METHOD +
    path[?query] + body)), the query signed raw; PASSPHRASE = base64(HMAC-SHA256(secret,
    passphrase)); PARTNER-SIGN = base64(HMAC-SHA256(broker key, timestamp + partner + apiKey)).
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import unquote_plus

from local.kucoin_simulator.config import Partner
from local.kucoin_simulator.wire import Refusal, Request

SIGNED_HEADERS = ("KC-API-KEY", "KC-API-SIGN", "KC-API-TIMESTAMP", "KC-API-PASSPHRASE")
_NAME = "Invalid KC-BROKER-NAME"
PARTNER_HEADERS = ("KC-API-PARTNER", "KC-API-PARTNER-SIGN", "KC-BROKER-NAME")
HEADERS_MISSING = (
    "Please check the header of your request for KC-API-KEY, KC-API-SIGN, KC-API-TIMESTAMP, "
    "KC-API-PASSPHRASE"
)


@dataclass(frozen=True, slots=True)
class PartnerVerdict:
    """What became of the broker headers of one call.

    Attributes:
        verdict: "held", or why not.
        rebate_lost: Whether the broker earns nothing from this call.
    """

    verdict: str
    rebate_lost: bool


def sign(secret: str, text: str) -> str:
    """Return base64(HMAC-SHA256(secret, text))."""
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def build_signed_text(request: Request) -> str:
    """Return what KC-API-SIGN covers, with the query decoded (signed raw, sent encoded)."""
    query = unquote_plus(request.raw_query)
    target = f"{request.path}?{query}" if query else request.path
    body = request.body.decode("utf-8", "replace")
    return f"{request.header('KC-API-TIMESTAMP')}{request.method}{target}{body}"


def check_headers(request: Request, key_versions: list[str]) -> None:
    """Refuse a call that lacks a signing header or names another key version.

    Raises:
        Refusal: 400001.
    """
    if not all(request.header(name) for name in SIGNED_HEADERS):
        raise Refusal("400001", HEADERS_MISSING, 400)
    version = request.header("KC-API-KEY-VERSION")
    if version not in key_versions:
        shown = version or "missing"
        raise Refusal("400001", f"KC-API-KEY-VERSION is {shown}, this key is version 3", 400)


def check_timestamp(request: Request, now_ms: int, window_ms: int) -> None:
    """Refuse a call outside the clock window.

    Raises:
        Refusal: 400002.
    """
    stamp = request.header("KC-API-TIMESTAMP")
    if not (stamp.isascii() and stamp.isdigit()) or abs(now_ms - int(stamp)) > window_ms:
        raise Refusal("400002", "Invalid KC-API-TIMESTAMP", 400)


def check_secrets(request: Request, secret: str, passphrase: str) -> None:
    """Refuse a wrong passphrase, then a wrong signature.

    Raises:
        Refusal: 400004 or 400005.
    """
    if not _same(request.header("KC-API-PASSPHRASE"), sign(secret, passphrase)):
        raise Refusal("400004", "Invalid KC-API-PASSPHRASE", 401)
    if not _same(request.header("KC-API-SIGN"), sign(secret, build_signed_text(request))):
        raise Refusal("400005", "Invalid KC-API-SIGN", 401)


def check_partner(request: Request, partner: Partner, required: bool) -> PartnerVerdict:
    """Judge the broker headers.

    Args:
        request: The signed call.
        partner: The partner that this host expects.
        required: Whether a call without working headers is refused.

    Returns:
        The verdict; without KC-API-PARTNER-VERIFY a wrong signature only loses the rebate.

    Raises:
        Refusal: 400200 (partner or broker name) or 400201 (signature).
    """
    problem = _find_partner_problem(request, partner)
    if problem is None:
        return PartnerVerdict("held", rebate_lost=False)
    absent = not any(request.header(name) for name in PARTNER_HEADERS)
    verify = request.header("KC-API-PARTNER-VERIFY").lower() == "true"
    name_only = problem.msg.startswith(_NAME) and not request.header("KC-BROKER-NAME")
    if required or (verify and not absent and not name_only):
        raise problem
    return PartnerVerdict("missing" if absent else problem.msg, rebate_lost=True)


def _find_partner_problem(request: Request, partner: Partner) -> Refusal | None:
    given = request.header("KC-API-PARTNER")
    text = request.header("KC-API-TIMESTAMP") + given + request.header("KC-API-KEY")
    if given != partner.partner:
        return Refusal("400200", f"Invalid KC-API-PARTNER: {given or 'missing'}", 400)
    if not _same(request.header("KC-API-PARTNER-SIGN"), sign(partner.key, text)):
        return Refusal("400201", "Invalid KC-API-PARTNER-SIGN", 400)
    name = request.header("KC-BROKER-NAME")
    if name != partner.name:
        return Refusal("400200", f"{_NAME}: {name or 'missing'}", 400)
    return None


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())
