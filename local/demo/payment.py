"""The demo's story of a payment: opened, paid on its checkout with two codes, settled."""

import json
import time
from typing import Any

from local.demo.browser import Page
from local.demo.story import Step, StoryError, World
from local.demo.withdrawal import WithdrawalStory

_KEY = "demo-invoice-4712"
_PAYMENT = {"payee": "shop", "currency": "USDT", "amount": "25.5", "reference": "invoice 4712"}
_END_SECONDS = 30.0
_POLL_SECONDS = 0.2


class PaymentStory:
    """The user of the withdrawal pays the broker's shop."""

    def __init__(self, before: WithdrawalStory) -> None:
        """Goes on with that story's user."""
        self._before = before
        self._told: dict[str, Any] = {}
        self._page: Page | None = None

    def open(self, _: World) -> str:
        """The broker's service opens it, and again with the same key."""
        self._told = self._ask(expect=201)
        again = self._ask(expect=200)
        if again["paymentId"] != self._told["paymentId"]:
            raise StoryError("the same key opened another payment")
        fees = self._told["quotedFees"]
        return (
            f"{self._told['paymentId']} to {self._told['payeeName']}: {fees['leaves']} leaves, "
            f"{fees['arrives']} arrives; until {self._told['expiresAt']}"
        )

    def refuse_stranger(self, _: World) -> str:
        """Nobody but the operator's own payees can be paid."""
        world = self._before.world
        body = {"userId": world.user, **_PAYMENT, "payee": "stranger"}
        headers = {"Idempotency-Key": "demo-stranger"}
        refused = world.call("POST", "/v1/payments", body, expect=422, headers=headers)
        return f"{refused['code']}, possible are {', '.join(refused['allowed'])}"

    def pay(self, _: World) -> str:
        """The user opens the checkout and presses Pay; KuCoin wants codes."""
        browser = self._before.world.browser
        page = browser.open(self._told["checkoutUrl"])
        self._page = browser.submit(page, page.find_form(with_field="fees"))
        if "Confirm this payment" not in self._page.text:
            raise StoryError(f"the page says: {self._page.text[:500]}")
        return "Confirm this payment"

    def enter_codes(self, _: World) -> str:
        """The user enters what the e-mail and the app show (here KuCoin's /_sim page)."""
        world = self._before.world
        if self._page is None:
            raise StoryError("nobody pressed Pay")
        codes = world.stack.simulator.codes(world.kucoin_user)[-1]["factors"]
        form = self._page.find_form(with_field="code-GAV")
        form.fields = [(f"code-{name}", value) for name, value in codes.items()]
        answer = world.browser.submit(self._page, form)
        if "KuCoin is sending your payment" not in answer.text:
            raise StoryError(f"the page says: {answer.text[:500]}")
        return "KuCoin is sending your payment"

    def follow(self, _: World) -> str:
        """The tracker follows it; the demo does not wait for the minute."""
        world = self._before.world
        deadline = time.monotonic() + _END_SECONDS
        while time.monotonic() < deadline:
            self._told = world.call("GET", f"/v1/payments/{self._told['paymentId']}")
            if self._told["status"] == "SETTLED":
                return f"SETTLED, fee {self._told['fee']}, transaction {self._told['walletTxId']}"
            self._before.make_due(self._told["paymentId"])
            world.stack.pool.invoke("withdrawal_tracker", {"kind": "track"})
            time.sleep(_POLL_SECONDS)
        raise StoryError(f"not at its end: {json.dumps(self._told)}")

    def find_by_reference(self, _: World) -> str:
        """The broker's service finds it by its own reference."""
        world = self._before.world
        found = world.call("GET", "/v1/payments?reference=invoice%204712")["payments"]
        if [one["paymentId"] for one in found] != [self._told["paymentId"]]:
            raise StoryError(f"found {found}")
        return f"{found[0]['reference']}: {found[0]['status']}"

    def steps(self) -> list[Step]:
        """The story."""
        return [
            ("open a payment, twice with one key (signed)", self.open),
            ("a payee that is not listed (signed)", self.refuse_stranger),
            ("press Pay on the checkout", self.pay),
            ("the codes that KuCoin wants", self.enter_codes),
            ("follow it to its end", self.follow),
            ("find it by the broker's reference (signed)", self.find_by_reference),
        ]

    def _ask(self, *, expect: int) -> dict[str, Any]:
        world = self._before.world
        body = {"userId": world.user, **_PAYMENT, "returnUrl": world.return_url}
        headers = {"Idempotency-Key": _KEY}
        return dict(world.call("POST", "/v1/payments", body, expect=expect, headers=headers))
