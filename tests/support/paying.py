"""Payments as tests make them, on top of ``Money``."""

from decimal import Decimal
from typing import Any

from kubroker.withdrawals.ids import derive_checkout_id
from kubroker.withdrawals.model import Withdrawal
from local.deployment.parameters import PAYEES
from tests.support.api import ApiResponse
from tests.support.money import Money

SHOP = PAYEES[0]
REQUEST = {"payee": "shop", "currency": "USDT", "amount": "100", "reference": "invoice 4711"}
BROWSER = {"Sec-Fetch-Site": "same-origin"}


class Paying(Money):
    """The broker opens payments, the user's browser pays them."""

    def open(self, key: str = "key-1", *, headers: Any = None, **changes: Any) -> ApiResponse:
        """The broker's service opens one; None leaves a field out."""
        body = {"userId": self.user_id, **REQUEST, **changes}
        body = {name: value for name, value in body.items() if value is not None}
        sent = {"Idempotency-Key": key} if headers is None else headers
        return self.api.post("/v1/payments", json=body, headers=sent)

    def link(self, key: str = "key-1", **changes: Any) -> str:
        """The path of the checkout page of a payment that is opened, or opened already."""
        answer = self.open(key, **changes)
        assert answer.status in (200, 201), answer.text
        return str(answer.json()["checkoutUrl"]).removeprefix(self.api.base_url)

    def post(self, link: str, **form: str) -> ApiResponse:
        """The user's browser sends a form of the page."""
        return self.api.post(link, form=form, headers=BROWSER)

    def pay(self, link: str, fees: str = "11") -> ApiResponse:
        """The user presses Pay."""
        return self.post(link, action="pay", fees=fees)

    def confirm(self, link: str, codes: dict[str, str] | None = None) -> ApiResponse:
        """The user enters the codes that KuCoin waits for."""
        found = self.codes() if codes is None else codes
        return self.post(link, **{f"code-{name}": value for name, value in found.items()})

    def page(self, link: str) -> ApiResponse:
        """The user looks."""
        return self.api.get(link)

    def id(self, key: str = "key-1") -> str:
        """Of the payment of this key, and of the withdrawal underneath."""
        return derive_checkout_id(key)

    def get(self, key: str = "key-1") -> Any:
        """What the broker sees."""
        return self.api.get(f"/v1/payments/{self.id(key)}").json()

    def stored(self, key: str = "key-1") -> Withdrawal:
        """The record."""
        return self.store.get(self.user_id, self.id(key))

    def bring(self, account: str, amount: str, kucoin_user: str = "alice") -> None:
        """Brings the USDT of the main or the trade account to an amount."""
        there = next(
            (
                Decimal(row["amount"])
                for row in self.simulator.book()["balances"]
                if (row["owner"], row["account"], row["currency"]) == (kucoin_user, account, "USDT")
            ),
            Decimal(0),
        )
        self.simulator.add_balance(
            kucoin_user, "USDT", str(Decimal(amount) - there), account=account
        )
