"""The user as the adversary: money that goes to himself is never told as paid to the payee.

He sees the remarks of his own account, withdraws by hand with a copied one, makes outcomes unknown,
spends codes, presses old links and cancels at KuCoin. At every moment the broker is told SETTLED only
where the payee has the amount in the simulator's book, and never FAILED, CANCELLED or EXPIRED of a
request of ours that paid him.
"""

from collections import Counter
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from kubroker.withdrawals.payment_status import PaymentStatus
from tests.payments.functional.test_property import FEES, CheckoutBooks
from tests.support.paying import SHOP, Paying
from tests.withdrawals.functional.test_property import AMOUNTS, keys, name_of, run_books

OWN_ADDRESS = "TOwnAddressOfTheUser0EXAMPLE01"
FORGED = '"WithdrawalRemarkForged":[1.0]'
UID_SHOP = {"payee": "shop-uid"}
OVER = {PaymentStatus.FAILED, PaymentStatus.CANCELLED, PaymentStatus.EXPIRED}


@pytest.fixture
def paying(paying: Paying) -> Paying:
    paying.no_factors()
    paying.limits.note_remark("ADDRESS", came_back=True, now=0)
    paying.limits.note_remark("UID", came_back=True, now=0)
    return paying


def lose(paying: Paying, phase: str = "before", **changes: Any) -> str:
    """A payment whose outcome is unknown; what stands first in its remark."""
    link = paying.link(**changes)
    paying.simulator.add_fault("withdraw", "drop", phase=phase, times=1)
    paying.pay(link, FEES)
    assert paying.get()["status"] == "OUTCOME_UNKNOWN"
    return paying.stored().remark_name


@pytest.mark.parametrize(
    ("payee", "by_hand"),
    [
        ({}, {"address": OWN_ADDRESS}),
        ({}, {"address": SHOP["address"], "amount": "12"}),
        ({}, {"address": SHOP["address"], "amount": "89"}),  # less the fees, which the payee lacks
        (UID_SHOP, {"withdrawType": "UID", "address": "200000002", "chain": None}),
    ],
    ids=["own address", "less", "less the fees", "own account"],
)
def test_withdrawal_by_hand_with_our_remark_settles_nothing(
    paying: Paying, capfd, payee: dict[str, Any], by_hand: dict[str, Any]
) -> None:
    link = paying.link(**payee)
    remark = lose(paying, **payee)
    paying.withdraw_by_hand(remark=f"{remark} invoice 4711", **by_hand)
    (forged,) = paying.made()
    capfd.readouterr()
    paying.track(12, step=1000)
    told = paying.get()
    assert (told["status"], told["forgedBy"]) == ("OUTCOME_UNKNOWN", forged["id"])
    assert told["forgedAt"]
    assert capfd.readouterr().out.count(FORGED) == 1
    page = paying.page(link)
    assert "Something does not fit" in page.text
    assert "Please don’t pay a second time" in page.text


def test_uid_that_is_not_shown_is_left_to_an_operator(paying: Paying, capfd) -> None:
    paying.simulator.set_worlds(history_address="masked")
    remark = lose(paying, "after", **UID_SHOP)
    paying.track(12, step=1000)
    assert (paying.get()["status"], paying.get()["forgedAt"]) == ("OUTCOME_UNKNOWN", None)
    assert '"WithdrawalStuck":[1.0]' in capfd.readouterr().out
    paying.simulator.set_worlds(history_address="shown")
    paying.track(2, step=4000)
    assert paying.get()["status"] == "SETTLED"
    assert name_of(paying.made()[0]) == remark


def test_id_of_the_url_is_no_remark_of_ours(paying: Paying) -> None:
    link = paying.link()
    remark = lose(paying)
    url_id = paying.id()
    assert url_id in link
    assert url_id != remark
    assert remark not in paying.page(link).text
    paying.withdraw_by_hand(remark=url_id, address=OWN_ADDRESS)
    paying.track(12, step=1000)
    assert paying.get()["status"] == "FAILED"  # not done, and proven


def test_real_entry_is_adopted_beside_a_forged_one(paying: Paying) -> None:
    remark = lose(paying, "after")
    paying.withdraw_by_hand(remark=remark, address=OWN_ADDRESS)
    paying.track(3, step=100)
    assert paying.get()["status"] == "SETTLED"
    assert paying.get()["kucoinWithdrawalId"] == paying.made()[0]["id"]


def test_failure_of_the_users_own_payment_tells_nothing_of_ours(paying: Paying, caplog) -> None:
    """He pays the same by hand with a copied remark and lets that fail, while ours is on its way."""
    paying.simulator.set_settings(processing_seconds=100_000)
    link = paying.link()
    paying.simulator.add_fault("withdraw", "drop", phase="during", times=1, seconds=60)
    paying.pay(link, FEES)
    paying.withdraw_by_hand(remark=paying.stored().remark_name, address=SHOP["address"])
    paying.track(step=61.5)
    taken = paying.get()["kucoinWithdrawalId"]
    paying.simulator.release()
    paying.simulator.set_withdrawal(taken, "FAILURE")
    paying.track(3, step=1000)
    assert len(paying.made()) == 2
    assert paying.get()["status"] == "PROCESSING"
    reasons = {vars(record).get("why") for record in caplog.records}
    assert "KuCoin's entry may be another withdrawal" in reasons


def test_two_that_are_the_same_are_left_to_an_operator(paying: Paying) -> None:
    remark = lose(paying, "after")
    paying.withdraw_by_hand(remark=remark, address=SHOP["address"])
    paying.track(3, step=1000)
    assert paying.get()["status"] == "OUTCOME_UNKNOWN"


class Adversary(CheckoutBooks):
    """The checkout's machine, and a user who lies."""

    def __init__(self) -> None:
        super().__init__()
        self.by_hand: set[str] = set()

    @rule(
        key=keys,
        amount=st.sampled_from(["same", "less"]),
        is_own=st.booleans(),
        has_remark=st.booleans(),
    )
    def withdraw_by_hand(self, key: str, amount: str, is_own: bool, has_remark: bool) -> None:
        record = self.money.store.find("user-1", self.money.id(key))
        factors = self.wants_codes
        if record is None:
            return
        self.money.simulator.patch_user("alice", factors=[])
        before = {one["id"] for one in self.money.made()}
        self.money.withdraw_by_hand(
            amount=AMOUNTS[key] if amount == "same" else "15",
            address=OWN_ADDRESS if is_own else SHOP["address"],
            feeDeductType="EXTERNAL",
            remark=f"{record.remark_name} again" if has_remark else "rent",
        )
        self.by_hand |= {one["id"] for one in self.money.made()} - before
        self.change_security(factors)

    @rule(number=st.integers(0, 5))
    def cancel_by_hand(self, number: int) -> None:
        self.kucoin_fails_one(number)

    @invariant()
    def settled_is_what_the_payee_has(self) -> None:
        paid = Counter(
            item["received"]
            for item in self.money.made()
            if item["address"] == SHOP["address"] and item["status"] == "SUCCESS"
        )
        told = Counter(
            record.amount
            for record in self._records()
            if record.payment_status == PaymentStatus.SETTLED
        )
        assert not told - paid

    @invariant()
    def what_is_told_as_over_did_not_reach_the_payee_by_us(self) -> None:
        reached = {
            name_of(item)
            for item in self.money.made()
            if item["id"] not in self.by_hand and item["status"] != "FAILURE"
        }
        for record in self._records():
            if record.payment_status in OVER:
                assert record.remark_name not in reached

    @invariant()
    def the_payee_gets_the_whole_amount_and_nothing_after_the_end(self) -> None:
        """Of what we asked for; the user's own are his."""

    @invariant()
    def every_withdrawal_at_kucoin_is_in_exactly_one_record_that_says_so(self) -> None:
        """As above: the user's own are in none."""

    def teardown(self) -> None:
        self.money.track(9, step=1300)
        self.settled_is_what_the_payee_has()
        self.what_is_told_as_over_did_not_reach_the_payee_by_us()
        assert self.money.simulator.book()["sound"]


@pytest.mark.timeout(600)
def test_broker_is_told_the_truth_whatever_the_user_does(
    api: Any, functions: Any, simulator: Any, monkeypatch: Any
) -> None:
    def make() -> Paying:
        return Paying(api, functions, simulator, monkeypatch)

    run_books(Adversary, make, world="kept", examples=14)
