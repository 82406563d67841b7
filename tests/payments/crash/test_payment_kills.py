"""The crash matrix of payments: killed before and after every step that a payment adds.

The function's process gets SIGKILL while a stand-in holds one of its requests. Then broker and user
try again, time passes, and in every case: KuCoin made at most one withdrawal for the payment, was
asked for it at most once by each press, and what it made is in our record.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.forked_stack import ForkedFunctions, Point, Standstill
from tests.support.paying import Paying
from tests.withdrawals.crash.test_withdrawal_kills import (
    AFTER,
    CLAIM,
    CREATE,
    DECRYPT,
    FIRST_OF_TWO,
    SENT,
    Kill,
    before_claim,
    die,
    named,
    prepare,
)

WRITE = {"service": "dynamodb", "operation": "UpdateItem"}
LINK = WRITE | {"match": "verifyHashes"}
QUOTE = WRITE | {"match": "networkFee"}
STATUS = {"SUCCESS": "SETTLED", "NOT_DONE": "FAILED", "OUTCOME_UNKNOWN": "OUTCOME_UNKNOWN"}
OPEN = [
    before_claim("about to open", CREATE, None),
    before_claim("opened", CREATE | AFTER, "CREATED"),
    before_claim("about to make the link", LINK, "CREATED"),
    before_claim("link made", LINK | AFTER, "CREATED"),
]
PAY = [
    before_claim("key opened to look at funds", DECRYPT | AFTER, "CREATED"),
    before_claim("looking at funds", {"service": "kms", "skip": 0}, "CREATED"),
    before_claim("key opened to submit", DECRYPT | AFTER | {"skip": 1}, "CREATED"),
    before_claim("about to claim", CLAIM, "CREATED"),
    *SENT,
]
VERIFY = [
    before_claim("key opened", DECRYPT | AFTER, "VERIFICATION_REQUIRED"),
    before_claim("about to claim", CLAIM, "VERIFICATION_REQUIRED"),
    *SENT,
]


@pytest.fixture
def paying(api, functions, simulator, monkeypatch) -> Paying:
    made = Paying(api, functions, simulator, monkeypatch)
    made.connect()
    return made


def settle(paying: Paying, kill: Kill, repeat: Callable[[], Any], world: str) -> None:
    """The user presses again, hours pass, and the books are compared."""
    repeat()
    assert len(paying.made()) <= 1
    paying.later(35)
    repeat()
    paying.track(10, step=1200)
    repeat()
    end = kill.kept if world == "kept" else kill.dropped
    assert paying.get()["status"] == STATUS[end]
    assert len(paying.made()) == (end == "SUCCESS" or kill.is_made)
    if end == "SUCCESS":
        assert paying.get()["kucoinWithdrawalId"] == paying.made()[0]["id"]
    assert paying.spent() == (0 if end == "NOT_DONE" else 100)
    assert paying.limits.find_holders(paying.stored().payment_id) == (
        {f"user-1/{paying.id()}"} if end == "OUTCOME_UNKNOWN" else set()
    )


@pytest.mark.parametrize("kill", OPEN, ids=named)
def test_open_killed_anywhere_opens_one_that_can_be_paid(
    paying: Paying, forked: ForkedFunctions, kill: Kill
) -> None:
    paying.no_factors()
    die(paying, forked, kill, Paying.open)
    answer = paying.open()
    assert answer.status == (201 if kill.stored is None else 200)
    assert answer.json()["status"] == "OPEN"
    assert len(paying.api.get("/v1/payments").json()["payments"]) == 1
    assert (paying.asked(), paying.spent()) == (0, 0)
    link = answer.json()["checkoutUrl"].removeprefix(paying.api.base_url)
    assert paying.pay(link).status == 303
    paying.track(3, step=120)
    assert (paying.get()["status"], len(paying.made())) == ("SETTLED", 1)


@pytest.mark.parametrize("world", ["kept", "dropped"])
@pytest.mark.parametrize("kill", PAY, ids=named)
def test_pay_killed_anywhere_pays_at_most_once_and_knows_of_it(
    paying: Paying, forked: ForkedFunctions, kill: Kill, world: str
) -> None:
    prepare(paying, world)
    paying.no_factors()
    link = paying.link()
    die(paying, forked, kill, lambda aside: aside.pay(link))
    settle(paying, kill, lambda: paying.pay(link), world)
    assert paying.asked() <= 1


@pytest.mark.parametrize("world", ["kept", "dropped"])
@pytest.mark.parametrize("kill", VERIFY, ids=named)
def test_codes_killed_anywhere_pay_at_most_once_and_are_known_of(
    paying: Paying, forked: ForkedFunctions, kill: Kill, world: str
) -> None:
    prepare(paying, world)
    link = paying.link()
    paying.pay(link)
    codes = paying.codes()
    die(paying, forked, kill, lambda aside: aside.confirm(link, codes))
    settle(paying, kill, lambda: paying.confirm(link, codes), world)
    asked = paying.simulator.journal(route="withdraw")
    assert len([one for one in asked if "validation" in one["body"]]) <= 1


@pytest.mark.parametrize("world", ["kept", "dropped"])
@pytest.mark.parametrize("kill", FIRST_OF_TWO, ids=named)
def test_pay_killed_when_codes_are_wanted_pays_nothing(
    paying: Paying, forked: ForkedFunctions, kill: Kill, world: str
) -> None:
    prepare(paying, world)
    link = paying.link()
    die(paying, forked, kill, lambda aside: aside.pay(link))
    settle(paying, kill, lambda: paying.pay(link), world)
    assert (paying.asked(), paying.made()) == (1, [])


@pytest.mark.parametrize("phase", ["before", "after"])
def test_pay_killed_while_new_fees_are_kept_asks_again(
    paying: Paying, forked: ForkedFunctions, phase: str
) -> None:
    paying.no_factors()
    link = paying.link()
    paying.simulator.patch_chain("USDT", "trx", minFee="3")
    kill = before_claim("new fees", QUOTE | {"phase": phase}, "CREATED")
    die(paying, forked, kill, lambda aside: aside.pay(link))
    assert paying.pay(link).status == 409
    assert paying.asked() == 0
    assert paying.pay(link, "13").status == 303
    assert len(paying.made()) == 1


@pytest.mark.parametrize("phase", ["before", "after"])
def test_cancel_killed_while_it_is_recorded_is_repeated(
    paying: Paying, forked: ForkedFunctions, phase: str
) -> None:
    link = paying.link()
    cancelled = WRITE | {"match": '"CANCELLED"', "phase": phase}
    kill = before_claim("cancel", cancelled, "CREATED" if phase == "before" else "CANCELLED")
    path = f"/v1/payments/{paying.id()}"
    die(paying, forked, kill, lambda aside: aside.api.delete(path))
    assert paying.api.delete(path).json()["status"] == "CANCELLED"
    assert (paying.pay(link).status, paying.asked()) == (303, 0)


@pytest.mark.parametrize("phase", ["before", "after"])
def test_tracker_killed_while_it_calls_the_time_is_repeated_by_the_next_run(
    paying: Paying, forked: ForkedFunctions, phase: str
) -> None:
    from kubroker.aws.table import Update

    link = paying.link()
    key = {"userId": paying.user_id, "withdrawalId": paying.id()}
    over = {"nextCheckAt": 1, "payment.expiresAt": 1}
    paying.store.table.write(Update(key=key, set_=over))
    point = Point("expiring", WRITE | {"match": '"EXPIRED"', "phase": phase})
    stand = Standstill(
        paying.functions.stack.aws,
        paying.simulator,
        point,
        lambda: forked.invoke("withdrawal_tracker", {"kind": "track"}),
    )
    stand.kill(forked, "withdrawal_tracker")
    assert paying.stored().state == ("CREATED" if phase == "before" else "EXPIRED")
    paying.track()
    assert (paying.stored().state, paying.get()["code"]) == ("EXPIRED", "checkout_expired")
    assert paying.stored().next_check_at is None
    assert (paying.pay(link).status, paying.asked()) == (303, 0)
