"""What leaves the accounts by payments, against our records, whatever happens in between.

The machine of the withdrawals, with checkouts: opened and pressed, from old tabs too, codes entered
on the page, cancelled by either side, and left until their time is over.
"""

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from kubroker.withdrawals.model import Withdrawal
from tests.support.money import Money
from tests.support.paying import Paying
from tests.withdrawals.functional.test_property import AMOUNTS, Books, keys, run_books

FEES = "1000"  # whatever they are: not what this is about


class CheckoutBooks(Books):
    """One user with three payments to make."""

    money: Any

    def __init__(self) -> None:
        super().__init__()
        self.links: dict[str, str] = {}

    @rule(key=keys)
    def press_in_an_old_tab(self, key: str) -> None:
        self._press(key)

    @rule(key=keys)
    def cancel(self, key: str) -> None:
        self.money.api.delete(f"/v1/payments/{self.money.id(key)}")

    @rule(key=keys)
    def cancel_on_the_page(self, key: str) -> None:
        if key in self.links:
            answer = self.money.post(self.links[key], action="cancel")
            assert answer.status in (200, 303, 409)

    @rule(seconds=st.sampled_from([1000, 1801]))
    def nobody_comes_until_it_is_over(self, seconds: int) -> None:
        self.money.later(seconds)
        self.money.track()

    @invariant()
    def the_payee_gets_the_whole_amount_and_nothing_after_the_end(self) -> None:
        amounts = {record.remark_name: record.amount for record in self._records()}
        for item in self.money.made():
            assert item["feeDeductType"] == "EXTERNAL"
            assert item["received"] == amounts[str(item["remark"]).partition(" ")[0]]

    @invariant()
    def what_is_listed_is_what_is_stored(self) -> None:
        listed = self.money.api.get("/v1/payments").json()["payments"]
        assert {one["paymentId"] for one in listed} == {
            record.withdrawal_id for record in self._records()
        }

    def _submit(self, key: str, known: list[str]) -> None:
        answer = self.money.open(key, amount=AMOUNTS[key], knownDuplicates=known)
        assert answer.status in (200, 201, 409, 422, 429, 503), answer.text
        if answer.status in (200, 201) and answer.json()["checkoutUrl"]:
            url = answer.json()["checkoutUrl"]
            self.links[key] = url.removeprefix(self.money.api.base_url)
        self._press(key)

    def _press(self, key: str) -> None:
        if key in self.links:
            answer = self.money.pay(self.links[key], FEES)
            assert answer.status in (200, 303, 404, 409, 422, 429, 503), answer.text

    def _verify(self, key: str, *, is_right: bool) -> None:
        record: Withdrawal | None = self.money.store.find("user-1", self.money.id(key))
        if record is None or record.verification is None or key not in self.links:
            return
        codes = {
            item["transactionId"]: item["factors"] for item in self.money.simulator.codes("alice")
        }
        found = codes.get(record.verification.transaction_id) if is_right else None
        answer = self.money.confirm(self.links[key], found or {"GAV": "000000", "EMV": "000000"})
        assert answer.status in (200, 303, 404, 409, 422, 429, 503), answer.text


@pytest.mark.parametrize(("world", "examples"), [("kept", 7), ("dropped", 4)])
@pytest.mark.timeout(400)
def test_books_of_payments_agree_whatever_happens(
    world: str, examples: int, api: Any, functions: Any, simulator: Any, monkeypatch: Any
) -> None:
    def make() -> Money:
        return Paying(api, functions, simulator, monkeypatch)

    run_books(CheckoutBooks, make, world=world, examples=examples)
