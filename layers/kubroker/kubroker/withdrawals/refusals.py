"""What KuCoin's no to a withdrawal means. Pure.

Which codes are a no at all is decided by ``kucoin.codes``; what is undocumented is a setting.
"""

from dataclasses import dataclass
from enum import StrEnum

from kubroker.foundation.errors import KucoinRefusedError
from kubroker.foundation.withdrawal_protocol import WithdrawalProtocol
from kubroker.kucoin.api_keys import CheckRefusal, classify_check_refusal
from kubroker.kucoin.codes import Meaning, get_meaning
from kubroker.kucoin.explanations import explain_check_refusal
from kubroker.withdrawals.security_link import is_security_refusal


class SubmitRefusal(StrEnum):
    """How a refusal is to be taken.

    All are definite: nothing was done. WRONG_CODE, VERIFICATION_OVER: of the codes only. PASSING:
    ask again later.
    """

    SECURITY_SETUP = "SECURITY_SETUP"
    WRONG_CODE = "WRONG_CODE"
    VERIFICATION_OVER = "VERIFICATION_OVER"
    PASSING = "PASSING"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Our code for a refusal, and words for a person."""

    code: str
    words: str


_NO_BALANCE = Explanation(
    code="insufficient_balance", words="The KuCoin account does not have enough for this."
)
_EXPLANATIONS: dict[Meaning, Explanation] = {
    Meaning.ADDRESS_NOT_SAVED: Explanation(
        code="address_not_whitelisted",
        words="The KuCoin account sends to saved addresses only, and this is none of them: its "
        "owner has to add it at KuCoin.",
    ),
    Meaning.WITHDRAWAL_DISABLED: Explanation(
        code="withdrawal_disabled", words="KuCoin has paused withdrawals of this currency."
    ),
    Meaning.NO_BALANCE: _NO_BALANCE,
    Meaning.CHAIN_UNKNOWN: Explanation(
        code="chain_unknown", words="KuCoin does not know this chain."
    ),
    Meaning.IDENTITY: Explanation(
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
    """How to take a refusal of the call that withdraws.

    ``answers.parse_rest`` gives a refusal only where nothing was done (``kucoin.codes``), and so
    the words that ask for more security count beside such a code only.
    """
    code = error.kucoin_code
    if code in protocol.security_setup_codes or is_security_refusal(error.kucoin_message):
        return SubmitRefusal.SECURITY_SETUP
    if is_verification and code in protocol.wrong_code_codes:
        return SubmitRefusal.WRONG_CODE
    if is_verification and code in protocol.verification_over_codes:
        return SubmitRefusal.VERIFICATION_OVER
    is_passing = get_meaning(error) in {Meaning.CLOCK, Meaning.RATE_LIMITED}
    if is_passing or code in protocol.transfer_limit_codes:
        return SubmitRefusal.PASSING
    return SubmitRefusal.REJECTED


def explain_submit_refusal(error: KucoinRefusedError, protocol: WithdrawalProtocol) -> Explanation:
    """Our code and words for a definite refusal."""
    meaning = get_meaning(error)
    if meaning in _EXPLANATIONS:
        return _EXPLANATIONS[meaning]
    if error.kucoin_code in protocol.travel_rule_codes:
        return Explanation(
            code="recipient_required",
            words="KuCoin wants to know who the recipient is: send the field recipient.",
        )
    if meaning is Meaning.PARAMETER:
        if "available.amount" in error.kucoin_message:
            return _NO_BALANCE
        return Explanation(
            code="kucoin_parameter",
            words=f"KuCoin does not accept a parameter: {error.kucoin_message[:300]}",
        )
    check = _CODES_OF_CHECKS.get(classify_check_refusal(error))
    return Explanation(code=check or "kucoin_refused", words=explain_check_refusal(error)[:500])
