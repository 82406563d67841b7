"""Why KuCoin did not accept a key, in words for a person. Pure."""

import contextlib
import ipaddress
import re

from kubroker.foundation.errors import KucoinRefusedError
from kubroker.kucoin.api_keys import CheckRefusal, classify_check_refusal

_EXPLANATIONS: dict[CheckRefusal, str] = {
    CheckRefusal.KEY_GONE: "KuCoin does not know this API key any more, it belongs to another "
    "KuCoin site, or it did not sign this request: if it happens again, link the account again.",
    CheckRefusal.IP_NOT_ALLOWED: "KuCoin does not let {address} use this API key: add it to the "
    "IP list that the broker gave to KuCoin.",
    CheckRefusal.CLOCK: "KuCoin's clock and ours differ by more than 5 seconds: ask again.",
    CheckRefusal.SIGNATURE: "KuCoin did not accept the signature: link the account again.",
    CheckRefusal.PARTNER: "KuCoin did not accept the broker headers: correct partner, broker name "
    "and broker key in the secret.",
    CheckRefusal.PERMISSION: "The API key lacks the permission for this call: link the account "
    "again and grant it.",
    CheckRefusal.REGION: "KuCoin does not serve the region of this account or of this address.",
    CheckRefusal.FROZEN: "The KuCoin account is frozen: its owner has to ask KuCoin's support.",
    CheckRefusal.RATE_LIMITED: "KuCoin's rate limit is reached: ask again later.",
    CheckRefusal.OTHER: "KuCoin refused with code {code}: {words}",
}


def explain_check_refusal(error: KucoinRefusedError) -> str:
    """Says it to a person: what happened, with the address where KuCoin names it, and what to do.

    Source: only a refused address has a message that tells the address that KuCoin saw.
    """
    return _EXPLANATIONS[classify_check_refusal(error)].format(
        address=find_address(error.kucoin_message) or "this installation's address",
        code=error.kucoin_code,
        words=error.kucoin_message,
    )


def find_address(words: str) -> str | None:
    """The first IP address in KuCoin's words, or None."""
    for word in re.findall(r"[0-9A-Fa-f.:]{3,}", words):
        for candidate in (word, word.rstrip("."), word.strip(".:")):
            with contextlib.suppress(ValueError):
                return str(ipaddress.ip_address(candidate))
    return None
