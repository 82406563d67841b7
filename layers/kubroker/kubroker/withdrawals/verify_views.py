"""What the verification page and the checkout page share: facts shown, codes taken."""

from decimal import Decimal

from pydantic import SecretStr

from kubroker.foundation.amounts import format_amount
from kubroker.withdrawals.fees import FeeDeductType
from kubroker.withdrawals.model import Withdrawal
from kubroker.withdrawals.rules import WithdrawType
from kubroker.withdrawals.verify_page import Payment
from kubroker.withdrawals.views import build_fees

_FIELD_PREFIX = "code-"
_DESTINATION_NAMES = {
    WithdrawType.ADDRESS: "To address",
    WithdrawType.UID: "To KuCoin user",
    WithdrawType.MAIL: "To KuCoin user",
    WithdrawType.PHONE: "To KuCoin user",
}
# What is wrong with the codes, and can be put right on the same page.
OF_CODES = {
    "verification_code_wrong",
    "verification_code_malformed",
    "verification_factors",
}


def build_payment(withdrawal: Withdrawal) -> Payment:
    """What the page shows; where fees are taken from may depend on the balance of that moment."""
    currency, fees = withdrawal.currency, build_fees(withdrawal)
    moves = fees.movements
    external, internal = moves[FeeDeductType.EXTERNAL], moves[FeeDeductType.INTERNAL]
    asked = withdrawal.fee_deduct_type
    move = moves[asked] if asked else external
    note = None
    if asked is None and internal != external:
        note = (
            "If your balance does not cover the fees as well, KuCoin takes them from the amount: "
            f"then {internal.leaves} {currency} leaves and {internal.arrives} {currency} arrives."
        )
    kind = WithdrawType(withdrawal.withdraw_type)
    return Payment(
        amount=f"{format_amount(Decimal(withdrawal.amount))} {currency}",
        destination=withdrawal.address,
        destination_name=_DESTINATION_NAMES[kind],
        network=withdrawal.chain if kind is WithdrawType.ADDRESS else None,
        memo=withdrawal.memo,
        fees=(
            ("KuCoin’s network fee", f"{fees.network_fee} {currency}"),
            ("KuCoin’s service fee", f"{fees.service_fee} {currency}"),
        ),
        arrives=f"{move.arrives} {currency}",
        leaves=f"{move.leaves} {currency}",
        note=note,
        payee=withdrawal.payment.payee_name if withdrawal.payment else None,
        reference=withdrawal.reference,
    )


def parse_codes(form: dict[str, list[str]]) -> dict[str, SecretStr]:
    """The code fields; what else a form holds is passed over."""
    return {
        name.removeprefix(_FIELD_PREFIX): SecretStr(values[0])
        for name, values in form.items()
        if name.startswith(_FIELD_PREFIX) and values
    }
