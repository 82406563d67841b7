"""Why KuCoin made no key, and why it did not accept one: its codes as classes."""

from enum import StrEnum

from kubroker.foundation.errors import KucoinRefusedError
from kubroker.foundation.kucoin_protocol import KucoinProtocol
from kubroker.kucoin import answers


class KeyRefusal(StrEnum):
    """Why KuCoin made no key."""

    RISK_VALIDATION = "RISK_VALIDATION"
    NAME_TAKEN = "NAME_TAKEN"
    KEY_LIMIT = "KEY_LIMIT"
    DEAD_TOKEN = "DEAD_TOKEN"  # noqa: S105 - a name
    OTHER = "OTHER"


class CheckRefusal(StrEnum):
    """Why KuCoin did not accept a key that signed."""

    KEY_GONE = "KEY_GONE"
    IP_NOT_ALLOWED = "IP_NOT_ALLOWED"
    CLOCK = "CLOCK"
    SIGNATURE = "SIGNATURE"
    PARTNER = "PARTNER"
    PERMISSION = "PERMISSION"
    REGION = "REGION"
    FROZEN = "FROZEN"
    RATE_LIMITED = "RATE_LIMITED"
    OTHER = "OTHER"


# Source: KuCoin's REST error codes.
CHECK_REFUSALS: dict[str, CheckRefusal] = {
    "400002": CheckRefusal.CLOCK,
    "400003": CheckRefusal.KEY_GONE,
    "400004": CheckRefusal.KEY_GONE,
    "400005": CheckRefusal.SIGNATURE,
    "400006": CheckRefusal.IP_NOT_ALLOWED,
    "400007": CheckRefusal.PERMISSION,
    "400200": CheckRefusal.PARTNER,
    "400201": CheckRefusal.PARTNER,
    "400202": CheckRefusal.PARTNER,
    "400301": CheckRefusal.REGION,
    "411100": CheckRefusal.FROZEN,
    answers.RATE_LIMITED: CheckRefusal.RATE_LIMITED,
}


def classify_key_refusal(error: KucoinRefusedError, protocol: KucoinProtocol) -> KeyRefusal:
    """Says why no key was made.

    Source: kucoin-fast-api, 4 names two reasons without codes; the codes are settings.
    """
    code = error.kucoin_code
    table = (
        (protocol.risk_validation_codes, KeyRefusal.RISK_VALIDATION),
        (protocol.name_taken_codes, KeyRefusal.NAME_TAKEN),
        (protocol.key_limit_codes, KeyRefusal.KEY_LIMIT),
        (protocol.dead_token_codes, KeyRefusal.DEAD_TOKEN),
    )
    return next((refusal for codes, refusal in table if code in codes), KeyRefusal.OTHER)


def classify_check_refusal(error: KucoinRefusedError) -> CheckRefusal:
    """Says why a signed call was refused."""
    return CHECK_REFUSALS.get(error.kucoin_code, CheckRefusal.OTHER)
