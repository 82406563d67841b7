"""The checkout page of a payment: which page answers which state, and what its buttons do.

It answers the same links as the verification page, for withdrawals that are payments.
"""

import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus

from aws_lambda_powertools.event_handler import Response

from kubroker.foundation.errors import KubrokerError
from kubroker.payments.checkout_page import (
    CODES_LAPSED,
    PAYMENT_TEXTS,
    PAYMENT_WORDING,
    PROBLEM_OTHERWISE,
    PROBLEMS,
    SECURITY_WANTED,
    CheckoutPage,
    Notice,
    render_checkout,
)
from kubroker.payments.flow import Payments
from kubroker.web.browser import page_response, redirect
from kubroker.web.page_models import Broker
from kubroker.web.return_url import build_return_url
from kubroker.withdrawals.model import Withdrawal, WithdrawalState
from kubroker.withdrawals.payment_status import PaymentStatus, derive_payment_status
from kubroker.withdrawals.requests import check_codes
from kubroker.withdrawals.verify_end_page import VerifyEndPage, render_verify_end
from kubroker.withdrawals.verify_page import VerifyPage, render_verify
from kubroker.withdrawals.verify_route import OF_CODES, build_payment, parse_codes
from kubroker.withdrawals.views import build_fees
from kubroker.withdrawals.wiring import WithdrawalUseCases

_S = WithdrawalState
# Ends, and waits; every other state leaves the payment open.
_END_OF_STATE = {
    _S.SUBMITTING: "in_progress",
    _S.SUBMITTED: "submitted",
    _S.SUCCESS: "success",
    _S.OUTCOME_UNKNOWN: "unknown",
    _S.REJECTED: "rejected",
    _S.CANCELLED: "cancelled",
    _S.FAILURE: "failure",
    _S.NOT_DONE: "not_done",
}


class CheckoutRoute:
    """Shows and takes."""

    def __init__(self, broker: Broker, usecases: WithdrawalUseCases, payments: Payments) -> None:
        """Remembers for whom the pages speak."""
        self._broker = broker
        self._usecases = usecases
        self._payments = payments

    def show(self, payment: Withdrawal, token: str) -> Response[str]:
        """Checkout, codes or the end, as the payment stands; changes nothing."""
        return self._render(payment, token, None)

    def take(self, form: dict[str, list[str]], payment: Withdrawal, token: str) -> Response[str]:
        """Pay, cancel, or codes; sent twice, the second one changes nothing."""
        try:
            self._act(form, payment)
        except KubrokerError as error:
            return self._render(self._usecases.links.find(token), token, error)
        return redirect(f"/verify/{token}")

    def _act(self, form: dict[str, list[str]], payment: Withdrawal) -> None:
        if not _is_open(payment):
            return
        action = form.get("action")
        if action == ["pay"]:
            shown = form.get("fees", [])
            self._payments.pay(payment, shown_fees=shown[0] if shown else None)
        elif action == ["cancel"]:
            self._usecases.management.cancel(payment.user_id, payment.withdrawal_id)
        elif payment.state is _S.VERIFICATION_REQUIRED:
            self._usecases.verification.verify(
                payment.user_id, payment.withdrawal_id, check_codes(parse_codes(form))
            )

    def _render(
        self, payment: Withdrawal, token: str, error: KubrokerError | None
    ) -> Response[str]:
        if not _is_open(payment):
            end = _END_OF_STATE.get(payment.state, "expired")
            return self._render_end(payment, "forged" if payment.is_in_question else end)
        status = error.http_status if error else int(HTTPStatus.OK)
        if payment.state is _S.VERIFICATION_REQUIRED and payment.verification is not None:
            page = VerifyPage(
                broker=self._broker,
                action=f"/verify/{token}",
                payment=build_payment(payment),
                alternatives=payment.verification.all_factors,
                sent=[name for names in payment.verification.sent_factors for name in names],
                back_url=_build_back_url(payment, "pending"),
                problem=_explain(payment, error) if error else None,
                wording=PAYMENT_WORDING,
            )
            return page_response(render_verify(page, status))
        return page_response(render_checkout(self._build_checkout(payment, token, error), status))

    def _build_checkout(
        self, payment: Withdrawal, token: str, error: KubrokerError | None
    ) -> CheckoutPage:
        checkout = payment.payment
        return CheckoutPage(
            broker=self._broker,
            action=f"/verify/{token}",
            payment=build_payment(payment),
            payee=checkout.payee_name if checkout else "",
            fees=build_fees(payment).total_fee,
            until=_tell_time(checkout.expires_at if checkout else 0),
            back_url=_build_back_url(payment, "pending"),
            problem=_explain(payment, error) if error else None,
            notice=_find_notice(payment),
        )

    def _render_end(self, payment: Withdrawal, code: str) -> Response[str]:
        page = VerifyEndPage(
            broker=self._broker,
            code=code,
            back_url=_build_back_url(payment, PAYMENT_TEXTS[code].status),
            reference=f"{code} · {payment.withdrawal_id}",
            amount=f"{payment.amount} {payment.currency}",
            detail=payment.detail if code == "rejected" else None,
            texts=PAYMENT_TEXTS,
        )
        return page_response(render_verify_end(page))


def _is_open(payment: Withdrawal) -> bool:
    return derive_payment_status(payment, int(time.time())) is PaymentStatus.OPEN


def _find_notice(payment: Withdrawal) -> Notice | None:
    """What happened before the page was opened again."""
    if payment.state is _S.EXPIRED:
        return CODES_LAPSED
    if payment.state is _S.SECURITY_SETUP_REQUIRED:
        return replace(SECURITY_WANTED, url=payment.security_url)
    return None


def _explain(payment: Withdrawal, error: KubrokerError) -> str:
    """Why nothing was paid just now, in the user's words."""
    if error.code in OF_CODES:
        return error.message
    if error.code == "insufficient_balance" and "required" in error.members:
        return _explain_balance(payment.currency, error)
    return PROBLEMS.get(error.code, PROBLEM_OTHERWISE)


def _explain_balance(currency: str, error: KubrokerError) -> str:
    told = error.members
    words = (
        f"Nothing was paid: it takes {told['required']} {currency} from your main account at "
        f"KuCoin, fees included, and only {told['withdrawable']} {currency} can be withdrawn there."
    )
    if "missing" not in told:
        return words
    words += f" Your trading account has {told['tradeAccount']} {currency}"
    if Decimal(told["tradeAccount"]) < Decimal(told["missing"]):
        return f"{words}, which is not enough either."
    return f"{words}: move {told['missing']} {currency} to the main account at KuCoin, then pay."


def _tell_time(epoch_seconds: int) -> str:
    return datetime.fromtimestamp(epoch_seconds, UTC).strftime("%H:%M UTC on %-d %B")


def _build_back_url(payment: Withdrawal, status: str) -> str:
    """The broker's return URL, which is checked and kept with every payment."""
    return build_return_url(payment.return_url, status=status, payment=payment.withdrawal_id)
