"""What KuCoin's no to a withdrawal means. Pure.

Source: KuCoin's REST error codes and kucoin-protocol, 5 and 7; what is undocumented is a setting.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from kubroker.foundation.errors import KucoinRefusedError
from kubroker.foundation.withdrawal_protocol import WithdrawalProtocol
from kubroker.kucoin import answers
from kubroker.kucoin.api_keys import CheckRefusal, classify_check_refusal
from kubroker.kucoin.explanations import explain_check_refusal
from kubroker.withdrawals.security_link import is_security_refusal


class SubmitRefusal(StrEnum):
    """How a refusal is to be taken.

    SECURITY_SETUP, REJECTED: definite. WRONG_CODE, VERIFICATION_OVER: of the codes only. PASSING:
    nothing was done, ask again later. UNCLEAR: it does not say that nothing was done.
    """

    SECURITY_SETUP = "SECURITY_SETUP"
    WRONG_CODE = "WRONG_CODE"
    VERIFICATION_OVER = "VERIFICATION_OVER"
    PASSING = "PASSING"
    REJECTED = "REJECTED"
    UNCLEAR = "UNCLEAR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Our code for a refusal, and words for a person."""

    code: str
    words: str


# KuCoin's codes have six digits; those from 5 on are its own failures.
_DEFINITE = re.compile(r"[1-46-9][0-9]{5}")
_CLOCK = "400002"
# What a withdrawal costs of the account's quota: kucoin-fast-api, 8.2.
_WEIGHT = 5
_PARAMETER = "400100"
_NO_BALANCE = Explanation(
    code="insufficient_balance", words="The KuCoin account does not have enough for this."
)
_EXPLANATIONS: dict[str, Explanation] = {
    "260325": Explanation(
        code="address_not_whitelisted",
        words="The KuCoin account sends to saved addresses only, and this is none of them: its "
        "owner has to add it at KuCoin.",
    ),
    "260210": Explanation(
        code="withdrawal_disabled", words="KuCoin has paused withdrawals of this currency."
    ),
    "260100": _NO_BALANCE,
    "200004": _NO_BALANCE,
    "900014": Explanation(code="chain_unknown", words="KuCoin does not know this chain."),
    "400303": Explanation(
        code="identity_required",
        words="KuCoin wants the account's owner to verify their identity first.",
    ),
}
_CODES_OF_CHECKS = {
    CheckRefusal.KEY_GONE: "api_key_gone",
    CheckRefusal.IP_NOT_ALLOWED: "ip_not_allowed",
    CheckRefusal.SIGNATURE: "api_key_gone",
    CheckRefusal.PARTNER: "partner_refused",
    CheckRefusal.PERMISSION: "withdrawal_not_granted",
    CheckRefusal.REGION: "region_refused",
    CheckRefusal.FROZEN: "account_frozen",
}


def classify_submit_refusal(
    error: KucoinRefusedError, protocol: WithdrawalProtocol, *, is_verification: bool
) -> SubmitRefusal:
    """How to take a refusal; a code that is neither known nor of KuCoin's form is unclear."""
    code = error.kucoin_code
    if code in protocol.security_setup_codes or is_security_refusal(error.kucoin_message):
        return SubmitRefusal.SECURITY_SETUP
    if is_verification and code in protocol.wrong_code_codes:
        return SubmitRefusal.WRONG_CODE
    if is_verification and code in protocol.verification_over_codes:
        return SubmitRefusal.VERIFICATION_OVER
    if code == answers.RATE_LIMITED:
        is_proven = error.quota_left is not None and error.quota_left < _WEIGHT
        is_before = is_proven and protocol.limit_means_nothing_done
        return SubmitRefusal.PASSING if is_before else SubmitRefusal.UNCLEAR
    if code == _CLOCK or code in protocol.transfer_limit_codes:
        return SubmitRefusal.PASSING
    return SubmitRefusal.REJECTED if _DEFINITE.fullmatch(code) else SubmitRefusal.UNCLEAR


def explain_submit_refusal(error: KucoinRefusedError, protocol: WithdrawalProtocol) -> Explanation:
    """Our code and words for a definite refusal."""
    code = error.kucoin_code
    if code in _EXPLANATIONS:
        return _EXPLANATIONS[code]
    if code in protocol.travel_rule_codes:
        return Explanation(
            code="recipient_required",
            words="KuCoin wants to know who the recipient is: send the field recipient.",
        )
    if code == _PARAMETER:
        if "available.amount" in error.kucoin_message:
            return _NO_BALANCE
        return Explanation(
            code="kucoin_parameter",
            words=f"KuCoin does not accept a parameter: {error.kucoin_message[:300]}",
        )
    check = _CODES_OF_CHECKS.get(classify_check_refusal(error))
    return Explanation(code=check or "kucoin_refused", words=explain_check_refusal(error)[:500])
