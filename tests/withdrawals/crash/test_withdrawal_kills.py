"""The crash matrix of withdrawals: killed before and after every step, in both worlds of remark.

The function's process gets SIGKILL while a stand-in holds one of its requests. Then the same key
comes again, and the tracker runs for hours on a clock of its own. In every case: KuCoin made at
most one withdrawal, was asked at most once, and what it made is in our record.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.api import ApiClient
from tests.support.forked_stack import ForkedFunctions, Point, Standstill
from tests.support.money import Money

TRANSACTION = {"service": "dynamodb", "operation": "TransactWriteItems"}
DECRYPT = {"service": "kms", "operation": "Decrypt"}
AFTER = {"phase": "after"}
CREATE = TRANSACTION | {"match": "attribute_not_exists(#withdrawalId)"}
CLAIM = TRANSACTION | {"match": '"SUBMITTING"'}
RECORD = TRANSACTION | {"match": '"SUBMITTED"'}
WANTED = TRANSACTION | {"match": '"VERIFICATION_REQUIRED"'}


@dataclass(frozen=True)
class Kill:
    """Where the process dies, and what is left.

    Attributes:
        point: The request that is held; what was held before its work is never done.
        stored: The record's state right after, as stored; None where there is none.
        is_made: Whether KuCoin made the withdrawal.
        kept: The end in the world where the remark comes back.
        dropped: The end in the other.
        is_late: KuCoin does its work after the process has died.
    """

    point: Point
    stored: str | None
    is_made: bool
    kept: str
    dropped: str
    is_late: bool = False


def before_claim(name: str, hold: dict[str, Any], stored: str | None) -> Kill:
    """Nothing was sent: the same key submits it."""
    return Kill(Point(name, hold), stored, is_made=False, kept="SUCCESS", dropped="SUCCESS")


def after_claim(name: str, *, is_made: bool, is_late: bool = False, **where: Any) -> Kill:
    """Sent, or perhaps sent: nobody sends it again."""
    return Kill(
        Point(name, **where),
        "SUBMITTING",
        is_made=is_made,
        kept="SUCCESS" if is_made else "NOT_DONE",
        dropped="OUTCOME_UNKNOWN",
        is_late=is_late,
    )


RECORDED = Kill(
    Point("recorded", RECORD | AFTER), "SUBMITTED", is_made=True, kept="SUCCESS", dropped="SUCCESS"
)
SENT = [
    after_claim("claimed", aws=CLAIM | AFTER, is_made=False),
    after_claim("sent, never done", kucoin=("withdraw", "before"), is_made=False),
    after_claim("sent, done later", kucoin=("withdraw", "before"), is_made=True, is_late=True),
    after_claim("done, answer lost", kucoin=("withdraw", "after"), is_made=True),
    after_claim("about to record", aws=RECORD, is_made=True),
    RECORDED,
]
SUBMIT = [
    before_claim("about to create", CREATE, None),
    before_claim("created", CREATE | AFTER, "CREATED"),
    before_claim("key opened", DECRYPT | AFTER | {"skip": 1}, "CREATED"),
    before_claim("about to claim", CLAIM, "CREATED"),
    *SENT,
]
VERIFY = [
    before_claim("key opened", DECRYPT | AFTER, "VERIFICATION_REQUIRED"),
    before_claim("about to claim", CLAIM, "VERIFICATION_REQUIRED"),
    *SENT,
]
FIRST_OF_TWO = [
    after_claim("codes wanted, answer lost", kucoin=("withdraw", "after"), is_made=False),
    after_claim("codes wanted, about to record", aws=WANTED, is_made=False),
]


@pytest.fixture
def money(api, functions, simulator, monkeypatch) -> Money:
    made = Money(api, functions, simulator, monkeypatch)
    made.connect()
    return made


def die[M: Money](money: M, forked: ForkedFunctions, kill: Kill, act: Callable[[M], Any]) -> None:
    """Runs the act in a process that is killed at the point."""
    aside = type(money)(
        ApiClient(forked, money.api.base_url), money.functions, money.simulator, money.monkeypatch
    )
    stand = Standstill(money.functions.stack.aws, money.simulator, kill.point, lambda: act(aside))
    if kill.is_late:
        forked.kill("withdrawal")
        money.simulator.release()
        stand.go_on()
        _wait_until(lambda: len(money.made()) == 1)
    else:
        stand.kill(forked, "withdrawal")
    money.simulator.clear_faults()
    record = money.store.find(money.user_id, money.id())
    assert (record.state if record else None) == kill.stored
    assert len(money.made()) == kill.is_made


def settle(money: Money, kill: Kill, repeat: Callable[[], Any], world: str) -> None:
    """The same key comes again, hours pass, and the books are compared."""
    repeat()
    assert len(money.made()) <= 1
    money.later(35)
    repeat()
    money.track(10, step=1200)
    repeat()
    end = kill.kept if world == "kept" else kill.dropped
    assert money.get()["status"] == end
    assert len(money.made()) == (end == "SUCCESS" or kill.is_made)
    assert len({entry["body"]["remark"] for entry in _asked(money)}) <= 1
    if end == "SUCCESS":
        assert money.get()["kucoinWithdrawalId"] == money.made()[0]["id"]
    assert money.spent() == (0 if end == "NOT_DONE" else 100)
    assert money.limits.find_holders(money.stored().payment_id) == (
        {f"user-1/{money.id()}"} if end == "OUTCOME_UNKNOWN" else set()
    )


def prepare(money: Money, world: str) -> None:
    money.simulator.set_worlds(remark=world)
    if world == "kept":
        money.limits.note_remark("ADDRESS", came_back=True, now=0)


def named(value: Any) -> str:
    return value.point.name if isinstance(value, Kill) else str(value)


@pytest.mark.parametrize("world", ["kept", "dropped"])
@pytest.mark.parametrize("kill", SUBMIT, ids=named)
def test_submit_killed_anywhere_makes_at_most_one_withdrawal_and_knows_of_it(
    money: Money, forked: ForkedFunctions, kill: Kill, world: str
) -> None:
    prepare(money, world)
    money.no_factors()
    die(money, forked, kill, Money.submit)
    settle(money, kill, money.submit, world)
    assert len(_asked(money)) <= 1


@pytest.mark.parametrize("world", ["kept", "dropped"])
@pytest.mark.parametrize("kill", VERIFY, ids=named)
def test_verify_killed_anywhere_makes_at_most_one_withdrawal_and_knows_of_it(
    money: Money, forked: ForkedFunctions, kill: Kill, world: str
) -> None:
    prepare(money, world)
    assert money.submit().status == 202
    factors = money.codes()
    die(money, forked, kill, lambda aside: aside.verify(factors=factors))
    settle(money, kill, lambda: money.verify(factors=factors), world)
    assert len([one for one in _asked(money) if "validation" in one["body"]]) <= 1


@pytest.mark.parametrize("world", ["kept", "dropped"])
@pytest.mark.parametrize("kill", FIRST_OF_TWO, ids=named)
def test_submit_killed_when_codes_are_wanted_makes_none(
    money: Money, forked: ForkedFunctions, kill: Kill, world: str
) -> None:
    prepare(money, world)
    die(money, forked, kill, Money.submit)
    settle(money, kill, money.submit, world)
    assert (len(_asked(money)), money.made()) == (1, [])


@pytest.mark.parametrize("world", ["kept", "dropped"])
@pytest.mark.parametrize("phase", ["before", "after"])
def test_tracker_killed_while_it_settles_is_repeated_by_the_next_run(
    money: Money, forked: ForkedFunctions, phase: str, world: str
) -> None:
    prepare(money, world)
    money.no_factors()
    money.submit()
    from kubroker.aws.table import Update

    keys = {"userId": money.user_id, "withdrawalId": money.id()}
    money.store.table.write(Update(key=keys, set_={"nextCheckAt": 1}))
    money.simulator.advance(20)  # sent and settled at KuCoin
    point = Point("settling", {"service": "dynamodb", "match": '"SUCCESS"', "phase": phase})
    stand = Standstill(
        money.functions.stack.aws,
        money.simulator,
        point,
        lambda: forked.invoke("withdrawal_tracker", {"kind": "track"}),
    )
    stand.kill(forked, "withdrawal_tracker")
    assert money.stored().state == ("SUBMITTED" if phase == "before" else "SUCCESS")
    money.track(2, step=120)
    assert money.get()["status"] == "SUCCESS"
    assert money.spent() == 100


def test_fifty_functions_at_once_with_one_key_make_one_withdrawal(
    money: Money, forked: ForkedFunctions
) -> None:
    money.no_factors()
    aside = Money(
        ApiClient(forked, money.api.base_url), money.functions, money.simulator, money.monkeypatch
    )
    with ThreadPoolExecutor(50) as callers:
        answers = [one.json() for one in callers.map(lambda _: aside.submit(), range(50))]
    told = {
        answer.get("status") if "withdrawalId" in answer else answer["code"] for answer in answers
    }
    assert (len(money.made()), len(_asked(money))) == (1, 1)
    assert told <= {"SUBMITTED", "SUBMITTING", "store_unavailable", "kucoin_unreadable"}
    assert money.submit().json()["status"] == "SUBMITTED"
    assert money.spent() == 100


@pytest.mark.parametrize("hold", [CREATE, CLAIM], ids=["creation", "claim"])
def test_same_payment_under_two_keys_that_meet_is_made_once(
    money: Money, forked: ForkedFunctions, hold: dict[str, Any]
) -> None:
    """Both have looked for others before either has written, and the first one's answer is lost."""
    money.no_factors()
    aside = Money(
        ApiClient(forked, money.api.base_url), money.functions, money.simulator, money.monkeypatch
    )
    aws = money.functions.stack.aws
    point = Point("has looked", hold)
    stand = Standstill(aws, money.simulator, point, lambda: aside.submit("key-2"))
    money.simulator.add_fault("withdraw", "drop", phase="after", times=1)
    assert money.submit("key-1").json()["status"] == "OUTCOME_UNKNOWN"
    second = stand.go_on()
    assert (second.status, second.json()["code"]) == (409, "possible_duplicate")
    assert second.json()["withdrawalIds"] == [money.id("key-1")]
    assert (len(money.made()), len(_asked(money))) == (1, 1)


def _asked(money: Money) -> list[Any]:
    return list(money.simulator.journal(route="withdraw"))


def _wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)
