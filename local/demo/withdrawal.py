"""The demo's story of a withdrawal: quote, codes, the hosted page, and the end."""

import json
import time
from dataclasses import replace
from typing import Any

from local.demo.browser import Page
from local.demo.linking import log_in, redeem, wait_active
from local.demo.story import Step, StoryError, World

_KEY = "demo-invoice-4711"
_ORDER = {
    "currency": "USDT",
    "amount": "100",
    "withdrawType": "ADDRESS",
    "chain": "trx",
    "address": "TXJ1z9JzJ1rT7xY2q1Z3wEXAMPLE01",
}
_END_SECONDS = 30.0
_POLL_SECONDS = 0.2


class WithdrawalStory:
    """A second user, who may withdraw."""

    def __init__(self) -> None:
        """Nothing has happened yet."""
        self.told: dict[str, Any] = {}
        self._world: World | None = None

    @property
    def world(self) -> World:
        """This user's part of the demo.

        Raises:
            StoryError: Nobody is linked yet.
        """
        if self._world is None:
            raise StoryError("nobody is linked yet")
        return self._world

    def link(self, world: World) -> str:
        """Another user links an account and allows withdrawals; KuCoin's wallet is quick today."""
        world.stack.simulator.set_settings(processing_seconds=0, wallet_seconds=0)
        self._world = replace(world, user="demo-user-2", kucoin_user="bob", page=None)
        self.world.session = self.world.call(
            "POST",
            "/v1/connect-sessions",
            {
                "userId": self.world.user,
                "accountLabel": "Demo user 2",
                "permissions": {"offered": [], "required": ["WITHDRAWAL"]},
                "returnUrl": self.world.return_url,
            },
            expect=201,
        )
        browser = self.world.browser
        consent = browser.open(self.world.session["connectUrl"])
        form = consent.find_form(with_field="permissions")
        self.world.page = browser.submit(consent, form, permissions=["WITHDRAWAL"])
        log_in(self.world)
        page = self.world.current_page()
        form = page.find_form(with_button="allow")
        pressed = ("decision", "allow")
        page = browser.submit(page, form, button=pressed, group=["API_WITHDRAW_OAUTH"])
        self.world.session["completionCode"] = page.url.partition("completionCode=")[2]
        redeem(self.world)
        return wait_active(self.world)

    def quote(self, _: World) -> str:
        """The broker's service asks what it would cost."""
        asked = {name: value for name, value in _ORDER.items() if name != "address"}
        fees = self.world.call("POST", self._path("quote"), asked)["fees"]
        ways = "; ".join(
            f"{name}: {move['leaves']} leaves, {move['arrives']} arrives"
            for name, move in sorted(fees["movements"].items())
        )
        return f"network fee {fees['networkFee']}, service fee {fees['serviceFee']}; {ways}"

    def submit(self, _: World) -> str:
        """The broker's service asks for the withdrawal; KuCoin wants codes first."""
        self.told = self._ask(expect=202)
        wanted = self.told["verification"]
        return f"{self.told['status']}: {wanted['alternatives']}, just sent: {wanted['sent']}"

    def enter_wrong_code(self, _: World) -> str:
        """The user opens the hosted page and mistypes."""
        answer = self._enter({"GAV": "000000", "EMV": "000000"})
        if "A code is wrong" not in answer.text:
            raise StoryError(f"the page does not say so: {answer.text[:500]}")
        return "A code is wrong. 4 tries left."

    def enter_codes(self, _: World) -> str:
        """The user enters what the e-mail and the app show (here KuCoin's /_sim page)."""
        codes = self.world.stack.simulator.codes(self.world.kucoin_user)[-1]["factors"]
        answer = self._enter(codes)
        if "KuCoin is sending it" not in answer.text:
            raise StoryError(f"the page says: {answer.text[:500]}")
        return "KuCoin is sending it"

    def ask_again(self, _: World) -> str:
        """The same key comes again: the same withdrawal, never a second one."""
        self.told = self._ask(expect=200)
        made = self.world.stack.simulator.withdrawals(self.world.kucoin_user)
        if len(made) != 1:
            raise StoryError(f"KuCoin made {len(made)} withdrawals")
        return f"{self.told['status']}, KuCoin's id {self.told['kucoinWithdrawalId']}"

    def follow(self, _: World) -> str:
        """The tracker follows it to its end; the demo does not wait for the minute."""
        deadline = time.monotonic() + _END_SECONDS
        while time.monotonic() < deadline:
            self.told = self.world.call("GET", self._path(self.told["withdrawalId"]))
            if self.told["status"] == "SUCCESS":
                return f"SUCCESS, fee {self.told['fee']}, transaction {self.told['walletTxId']}"
            self.make_due(self.told["withdrawalId"])
            self.world.stack.pool.invoke("withdrawal_tracker", {"kind": "track"})
            time.sleep(_POLL_SECONDS)
        raise StoryError(f"not at its end: {json.dumps(self.told)}")

    def steps(self) -> list[Step]:
        """The story."""
        return [
            ("another user links and allows withdrawals", self.link),
            ("quote (signed)", self.quote),
            ("ask for the withdrawal (signed)", self.submit),
            ("a wrong code on the hosted page", self.enter_wrong_code),
            ("the right codes", self.enter_codes),
            ("ask again with the same key (signed)", self.ask_again),
            ("follow it to its end", self.follow),
        ]

    def _path(self, *parts: str) -> str:
        return "/".join([f"/v1/connections/{self.world.user}/withdrawals", *parts])

    def _ask(self, *, expect: int) -> dict[str, Any]:
        headers = {"Idempotency-Key": _KEY}
        told = self.world.call("POST", self._path(), _ORDER, expect=expect, headers=headers)
        return dict(told)

    def _enter(self, codes: dict[str, str]) -> Page:
        page = self.world.browser.open(self.told["verifyUrl"])
        form = page.find_form(with_field="code-GAV")
        form.fields = [(f"code-{name}", value) for name, value in codes.items()]
        return self.world.browser.submit(page, form)

    def make_due(self, withdrawal_id: str) -> None:
        """As if the tracker's next look at it had come."""
        stack = self.world.stack
        stack.aws.client("dynamodb").update_item(
            TableName=stack.stack.tables["WithdrawalsTable"],
            Key={
                "userId": {"S": self.world.user},
                "withdrawalId": {"S": withdrawal_id},
            },
            UpdateExpression="SET nextCheckAt = :now",
            ConditionExpression="attribute_exists(nextCheckAt)",
            ExpressionAttributeValues={":now": {"N": "1"}},
        )
