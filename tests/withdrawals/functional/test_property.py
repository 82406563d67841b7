"""What leaves the simulated accounts, against our records, whatever happens in between.

A state machine of hypothesis: callers, codes, faults, crashes, operators and time. At every moment
each withdrawal at KuCoin belongs to just one record of ours that says so; once the tracker has run,
those are just the ones that our records call SUBMITTED or SUCCESS.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from kubroker.withdrawals.model import Withdrawal, WithdrawalState
from tests.support.money import COUNTED, Money

KEYS = ["key-1", "key-2", "key-3", "key-4"]
# Two keys ask for the same payment, the others for others.
AMOUNTS = {"key-1": "20", "key-2": "20", "key-3": "30.5", "key-4": "40"}
FAULTS = ["drop", "garbage", "status_5xx", "failure_200000", "rate_limit"]
DONE = {WithdrawalState.SUBMITTED, WithdrawalState.SUCCESS}
# FAILURE and CANCELLED were at KuCoin too; their funds have come back.
WAS_THERE = COUNTED | {WithdrawalState.FAILURE, WithdrawalState.CANCELLED}

keys = st.sampled_from(KEYS)
phases = st.sampled_from(["before", "after", "limit"])


class _CrashError(BaseException):
    """The process dies here: nothing of ours runs after it."""


class Books(RuleBasedStateMachine):
    """One user with three payments to make."""

    make: Callable[[], Money]
    world = "kept"
    wants_codes = True

    def __init__(self) -> None:
        super().__init__()
        self.money = type(self).make()
        self.money.simulator.set_worlds(remark=self.world)
        if self.world == "kept":
            self.money.limits.note_remark("ADDRESS", came_back=True, now=0)

    @initialize(key=keys, wants_codes=st.booleans())
    def begin(self, key: str, wants_codes: bool) -> None:
        self.change_security(wants_codes)
        self._pay(key)

    @rule(key=keys, known=st.booleans())
    def pay(self, key: str, known: bool) -> None:
        self._pay(key, known=[self.money.id(other) for other in KEYS if other != key and known])

    @rule(key=keys, kind=st.sampled_from(FAULTS), phase=phases, is_first=st.booleans())
    def pay_with_a_fault_and_again(self, key: str, kind: str, phase: str, is_first: bool) -> None:
        skip = 1 if self.wants_codes and not is_first else 0
        options = {"headers": phase == "limit"} if kind == "rate_limit" else {}
        if phase == "limit":  # the account's quota is checked before any work
            kind, phase = "rate_limit", "before"
        self.money.simulator.add_fault("withdraw", kind, phase=phase, times=1, skip=skip, **options)
        self._pay(key)
        self.money.simulator.clear_faults()
        self._pay(key)

    @rule(key=keys, write=st.integers(0, 5), is_after=st.booleans())
    def pay_and_crash_and_again(self, key: str, write: int, is_after: bool) -> None:
        self._crash(write, is_after, lambda: self._pay(key))
        self._pay(key)

    @rule(key=keys)
    def ask_only(self, key: str) -> None:
        self._submit(key, [])

    @rule(key=keys)
    def enter_wrong_codes(self, key: str) -> None:
        self._verify(key, is_right=False)

    @rule(wants_codes=st.booleans())
    def change_security(self, wants_codes: bool) -> None:
        self.wants_codes = wants_codes
        self.money.simulator.patch_user("alice", factors=[["GAV", "EMV"]] if wants_codes else [])

    @rule(key=keys)
    def cancel(self, key: str) -> None:
        self.money.api.delete(self.money.path(self.money.id(key)))

    @rule(number=st.integers(0, 5))
    def kucoin_fails_one(self, number: int) -> None:
        open_ones = [
            one for one in self.money.made() if one["status"] not in ("SUCCESS", "FAILURE")
        ]
        if number < len(open_ones):
            self.money.simulator.set_withdrawal(open_ones[number]["id"], "FAILURE")

    @rule(seconds=st.sampled_from([5, 61, 400]))
    def time_passes_and_the_tracker_comes(self, seconds: int) -> None:
        self.money.later(seconds)
        self.money.track()

    @invariant()
    def every_withdrawal_at_kucoin_is_in_exactly_one_record_that_says_so(self) -> None:
        records = self._records()
        owners: dict[str, list[Withdrawal]] = {}
        for item in self.money.made():
            ours = [one for one in records if name_of(item) == one.remark_name]
            owners[item["id"]] = ours
            assert len(ours) == 1, item
            assert ours[0].state in WAS_THERE, (item, ours[0].state)
        claimed = [ours[0].withdrawal_id for ours in owners.values()]
        assert len(claimed) == len(set(claimed)), "a withdrawal was done twice"

    @invariant()
    def the_payment_lock_is_held_by_just_what_is_in_flight(self) -> None:
        for record in self._records():
            holders = self.money.limits.find_holders(record.payment_id)
            is_in_flight = record.state in {"SUBMITTING", "OUTCOME_UNKNOWN"}
            assert (f"user-1/{record.withdrawal_id}" in holders) == is_in_flight

    def teardown(self) -> None:
        """The tracker runs for hours; then the books are compared."""
        self.money.track(9, step=1300)
        records = self._records()
        left = {name_of(item) for item in self.money.made() if item["status"] != "FAILURE"}
        done = {one.remark_name for one in records if one.state in DONE}
        unknown = {one.remark_name for one in records if one.state == "OUTCOME_UNKNOWN"}
        if self.world == "kept":
            assert (done, unknown) == (left, set())
        else:
            assert done <= left <= done | unknown
        assert self.money.simulator.book()["sound"]
        not_done = {one.remark_name for one in records if one.state == "NOT_DONE"}
        assert not not_done & {name_of(item) for item in self.money.made()}

    def _records(self) -> list[Withdrawal]:
        found = (self.money.store.find("user-1", self.money.id(key)) for key in KEYS)
        return [one for one in found if one is not None]

    def _pay(self, key: str, known: list[str] | None = None) -> None:
        """Asks, and enters the codes where KuCoin wants some."""
        self._submit(key, known or [])
        self._verify(key, is_right=True)

    def _submit(self, key: str, known: list[str]) -> None:
        answer = self.money.submit(key, amount=AMOUNTS[key], knownDuplicates=known)
        assert answer.status in (200, 201, 202, 409, 422, 429, 503), answer.text

    def _verify(self, key: str, *, is_right: bool) -> None:
        record = self.money.store.find("user-1", self.money.id(key))
        codes = {
            item["transactionId"]: item["factors"] for item in self.money.simulator.codes("alice")
        }
        found = codes.get(record.verification.transaction_id) if _has_codes(record) else None
        factors = found if found and is_right else {"GAV": "000000", "EMV": "000000"}
        answer = self.money.verify(key, factors=dict(factors))
        assert answer.status in (200, 202, 404, 409, 422, 429, 503), answer.text

    def _crash(self, write: int, is_after: bool, act: Callable[[], Any]) -> None:
        """The process dies before or after its write number so and so."""
        from kubroker.aws.table import Table

        count, original = iter(range(100)), Table.transact

        def transact(table: Table, changes: Any) -> None:
            is_this = next(count) == write
            if is_this and not is_after:
                raise _CrashError
            original(table, changes)
            if is_this:
                raise _CrashError

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Table, "transact", transact)
            try:
                act()
            except _CrashError:
                self.money.functions.forget()


def name_of(item: Any) -> str:
    """What a withdrawal at KuCoin says it is: a record's ``remark_name``."""
    return str(item["remark"]).partition(" ")[0]


def _has_codes(record: Withdrawal | None) -> bool:
    return record is not None and record.verification is not None


@pytest.mark.parametrize(("world", "examples"), [("kept", 9), ("dropped", 5)])
@pytest.mark.timeout(400)
def test_books_agree_whatever_happens(
    world: str, examples: int, api, functions, simulator, monkeypatch
) -> None:
    def make() -> Money:
        return Money(api, functions, simulator, monkeypatch)

    run_books(Books, make, world=world, examples=examples)


def run_books(books: type[Books], make: Callable[[], Money], *, world: str, examples: int) -> None:
    """Runs the machine, each example in a fresh world."""

    def make_afresh() -> Money:
        money = make()
        money.functions.stack.aws.reset_faults()
        money.functions.stack.aws.clear_data()
        money.simulator.reset()
        money.functions.forget()
        money.monkeypatch.undo()
        money = make()
        money.connect()
        return money

    machine = type("Books", (books,), {"make": staticmethod(make_afresh), "world": world})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=12,
            deadline=None,
            phases=[Phase.generate],  # a step takes too long to be tried again and again
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
