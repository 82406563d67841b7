"""The hosted page of a link: verification of a withdrawal; a payment's own is its checkout."""

from decimal import Decimal
from http import HTTPStatus
from typing import Protocol

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2
from pydantic import SecretStr

from kubroker.foundation.amounts import format_amount
from kubroker.foundation.errors import KubrokerError
from kubroker.web.browser import page_response, parse_form, redirect
from kubroker.web.page_models import Broker
from kubroker.web.return_url import build_return_url
from kubroker.withdrawals.fees import FeeDeductType
from kubroker.withdrawals.model import Withdrawal, WithdrawalState
from kubroker.withdrawals.requests import check_codes
from kubroker.withdrawals.rules import WithdrawType
from kubroker.withdrawals.verify_end_page import VERIFY_TEXTS, VerifyEndPage, render_verify_end
from kubroker.withdrawals.verify_page import Payment, VerifyPage, render_verify
from kubroker.withdrawals.views import build_fees
from kubroker.withdrawals.wiring import WithdrawalUseCases

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


_S = WithdrawalState
_END_OF_STATE = {
    _S.CREATED: "expired",
    _S.EXPIRED: "expired",
    _S.SUBMITTING: "in_progress",
    _S.SUBMITTED: "submitted",
    _S.SUCCESS: "success",
    _S.OUTCOME_UNKNOWN: "unknown",
    _S.REJECTED: "rejected",
    _S.SECURITY_SETUP_REQUIRED: "security_setup",
    _S.CANCELLED: "cancelled",
    _S.FAILURE: "failure",
    _S.NOT_DONE: "not_done",
}
# Of an error at the renewal: why this link leads no further.
_END_OF_RENEWAL = {
    "renewal_over": "renewal_over",
    "tries_used_up": "renewal_over",
    "possible_duplicate": "made_since",
}
_END_OF_ERROR = {
    "verify_link_unknown": "link_unknown",
    "route_not_found": "link_unknown",
    "invalid_form": "wrong_page",
    "other_browser": "wrong_page",
    "invalid_body": "wrong_page",
    "body_too_large": "wrong_page",
}


class Checkout(Protocol):
    """The page of a payment, at the same link."""

    def show(self, payment: Withdrawal, token: str) -> Response[str]:
        """The page as the payment stands."""

    def take(self, form: dict[str, list[str]], payment: Withdrawal, token: str) -> Response[str]:
        """What a button of the page does."""


class VerifyRoute:
    """Answers ``GET`` and ``POST /verify/{token}``."""

    def __init__(self, broker: Broker, usecases: WithdrawalUseCases, checkout: Checkout) -> None:
        """Remembers for whom the pages speak, and who answers where the withdrawal is a payment."""
        self._broker = broker
        self._usecases = usecases
        self._checkout = checkout

    def show(self, token: str) -> Response[str]:
        """The question or the end, as the withdrawal stands."""
        withdrawal = self._usecases.links.find(token)
        if withdrawal.payment is not None:
            return self._checkout.show(withdrawal, token)
        return self._render(withdrawal, token)

    def take(self, event: APIGatewayProxyEventV2, token: str) -> Response[str]:
        """Codes, or a wish for new ones; sent twice, the second one changes nothing."""
        form = parse_form(event)
        withdrawal = self._usecases.links.find(token)
        if withdrawal.payment is not None:
            return self._checkout.take(form, withdrawal, token)
        try:
            if form.get("action") == ["renew"]:
                self._usecases.renewals.renew(withdrawal)
            elif withdrawal.state is _S.VERIFICATION_REQUIRED:
                codes = parse_codes(form)
                self._usecases.verification.verify(
                    withdrawal.user_id, withdrawal.withdrawal_id, check_codes(codes)
                )
        except KubrokerError as error:
            return self._render_error(self._usecases.links.find(token), token, error)
        return redirect(f"/verify/{token}")

    def error(self, error: KubrokerError) -> Response[str]:
        """An error where no withdrawal is at hand."""
        code = _END_OF_ERROR.get(error.code, "internal_error")
        page = VerifyEndPage(
            broker=self._broker,
            code=code,
            back_url=None,
            reference=error.code,
            status=error.http_status,
        )
        return page_response(render_verify_end(page))

    def _render(
        self, withdrawal: Withdrawal, token: str, problem: str | None = None
    ) -> Response[str]:
        verification = withdrawal.verification
        if withdrawal.state is not _S.VERIFICATION_REQUIRED or verification is None:
            code = "forged" if withdrawal.is_in_question else _END_OF_STATE[withdrawal.state]
            if code == "expired" and not self._usecases.renewals.is_possible(withdrawal):
                code = "renewal_over"
            return self._render_end(withdrawal, token, code)
        page = VerifyPage(
            broker=self._broker,
            action=f"/verify/{token}",
            payment=build_payment(withdrawal),
            alternatives=verification.all_factors,
            sent=[name for names in verification.sent_factors for name in names],
            back_url=_build_back_url(withdrawal, "pending"),
            problem=problem,
        )
        status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
        return page_response(render_verify(page, int(status)))

    def _render_error(
        self, withdrawal: Withdrawal, token: str, error: KubrokerError
    ) -> Response[str]:
        """What happened to these codes, on the page where they can be entered again."""
        if error.code in OF_CODES and withdrawal.state is _S.VERIFICATION_REQUIRED:
            return self._render(withdrawal, token, error.message)
        if error.code in _END_OF_RENEWAL:
            return self._render_end(withdrawal, token, _END_OF_RENEWAL[error.code], error)
        if withdrawal.state in {_S.VERIFICATION_REQUIRED, _S.CREATED, _S.EXPIRED}:
            return self._render_end(withdrawal, token, "refused_now", error)
        return self._render(withdrawal, token)

    def _render_end(
        self, withdrawal: Withdrawal, token: str, code: str, error: KubrokerError | None = None
    ) -> Response[str]:
        page = VerifyEndPage(
            broker=self._broker,
            code=code,
            back_url=_build_back_url(withdrawal, VERIFY_TEXTS[code].status),
            reference=f"{error.code if error else code} · {withdrawal.withdrawal_id}",
            amount=f"{withdrawal.amount} {withdrawal.currency}",
            detail=withdrawal.detail if code == "rejected" else None,
            reason=error.message if error else "",
            renew_action=f"/verify/{token}" if code == "expired" else None,
            security_url=withdrawal.security_url if code == "security_setup" else None,
            status=error.http_status if error else None,
        )
        return page_response(render_verify_end(page))


def _build_back_url(withdrawal: Withdrawal, status: str) -> str:
    """The broker's return URL, which is checked and kept with every withdrawal."""
    return build_return_url(
        withdrawal.return_url, status=status, withdrawal=withdrawal.withdrawal_id
    )
