"""Killed while a withdrawal ends: cancelled, settled by an operator, found in the history, begun again.

What stands before and after each write; then the same is asked again, or nobody comes and the tracker
runs. In every case the end is the true one, and nothing is asked of KuCoin twice that acts twice.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.api import ApiClient
from tests.support.forked_stack import ForkedFunctions, Point, Standstill
from tests.support.money import Money

WRITE = {"service": "dynamodb", "operation": "TransactWriteItems"}
NOTED = {"service": "dynamodb", "match": "cancelRequestedAt", "caller": "withdrawal"}
SETTLED = WRITE | {"match": "#settlement"}
ADOPTED = WRITE | {"match": "#isAdopted"}
CLAIM = WRITE | {"match": '"SUBMITTING"'}
LINK = {"service": "dynamodb", "match": "#verifyHashes"}
AFTER = {"phase": "after"}
WORD = {
    "outcome": "SUCCESS",
    "evidence": "KuCoin's support, ticket 4711: paid out.",
    "operator": "ops@example.com",
}


@pytest.fixture
def money(api, functions, simulator, monkeypatch) -> Money:
    made = Money(api, functions, simulator, monkeypatch)
    made.connect()
    made.limits.note_remark("ADDRESS", came_back=True, now=0)
    return made


def kill(
    money: Money,
    forked: ForkedFunctions,
    point: Point,
    act: Callable[[Money], Any],
    function: str = "withdrawal",
) -> None:
    """Runs the act in a process that dies at the point."""
    aside = Money(
        ApiClient(forked, money.api.base_url), money.functions, money.simulator, money.monkeypatch
    )
    stand = Standstill(money.functions.stack.aws, money.simulator, point, lambda: act(aside))
    stand.kill(forked, function)
    money.simulator.clear_faults()


def cancel(money: Money) -> Any:
    return money.api.delete(money.path(money.id()))


def track_aside(forked: ForkedFunctions) -> Callable[[Money], Any]:
    return lambda _: forked.invoke("withdrawal_tracker", {"kind": "track"})


def make_due(money: Money) -> None:
    """The forked tracker's clock is the machine's: what waits is due now."""
    from kubroker.aws.table import Update

    keys = {"userId": money.user_id, "withdrawalId": money.id()}
    money.store.table.write(Update(key=keys, set_={"nextCheckAt": 1}))


CANCEL_POINTS = {
    "about to note": (Point("about to note", NOTED), False),
    "noted": (Point("noted", NOTED | AFTER), False),
    "asked, never done": (Point("asked", kucoin=("withdrawal_cancel", "before")), False),
    "done, answer lost": (Point("done", kucoin=("withdrawal_cancel", "after")), True),
}


@pytest.mark.parametrize("comes_again", [True, False])
@pytest.mark.parametrize("name", CANCEL_POINTS)
def test_cancel_killed_anywhere_ends_as_what_kucoin_did(
    money: Money, forked: ForkedFunctions, name: str, comes_again: bool
) -> None:
    point, is_done = CANCEL_POINTS[name]
    money.no_factors()
    money.simulator.set_settings(processing_seconds=20_000)
    assert money.submit().status == 201
    kill(money, forked, point, cancel)
    if comes_again:
        cancel(money)
    money.track(4, step=1300)
    (made,) = money.made()
    if is_done or comes_again:
        assert (money.get()["status"], made["status"]) == ("CANCELLED", "FAILURE")
        assert money.spent() == 0
    else:
        assert (money.get()["status"], made["status"]) == ("SUBMITTED", "PROCESSING")
        money.track(2, step=30_000)
        assert money.get()["status"] == "SUCCESS"


@pytest.mark.parametrize("phase", ["before", "after"])
def test_settlement_killed_at_its_write_is_there_once_or_asked_again(
    money: Money, forked: ForkedFunctions, phase: str
) -> None:
    money.no_factors()
    money.simulator.set_worlds(remark="dropped")
    money.simulator.add_fault("withdraw", "drop", phase="after", times=1)
    assert money.submit().json()["status"] == "OUTCOME_UNKNOWN"
    body = {**WORD, "kucoinWithdrawalId": money.made()[0]["id"]}

    def settle(of: Money) -> Any:
        return of.api.post(of.path(of.id(), "settlement"), json=body)

    kill(money, forked, Point("settling", SETTLED | {"phase": phase}), settle)
    assert money.stored().state == ("SUCCESS" if phase == "after" else "OUTCOME_UNKNOWN")
    again = settle(money)
    assert again.status == (409 if phase == "after" else 200)
    assert money.get()["settlement"]["evidence"] == WORD["evidence"]
    assert (money.get()["status"], money.spent()) == ("SUCCESS", 100)
    assert money.limits.find_holders(money.stored().payment_id) == set()


@pytest.mark.parametrize("phase", ["before", "after"])
def test_tracker_killed_while_it_adopts_goes_on_to_the_same_end(
    money: Money, forked: ForkedFunctions, phase: str
) -> None:
    money.no_factors()
    money.simulator.add_fault("withdraw", "drop", phase="after", times=1)
    assert money.submit().json()["status"] == "OUTCOME_UNKNOWN"
    make_due(money)
    point = Point("adopting", ADOPTED | {"phase": phase})
    kill(money, forked, point, track_aside(forked), "withdrawal_tracker")
    assert money.stored().state == ("SUBMITTED" if phase == "after" else "OUTCOME_UNKNOWN")
    money.track(3, step=120)
    assert money.get()["status"] == "SUCCESS"
    assert money.get()["kucoinWithdrawalId"] == money.made()[0]["id"]
    assert (money.asked(), money.spent()) == (1, 100)


@pytest.mark.parametrize("phase", ["before", "after"])
def test_link_killed_while_it_is_issued_is_issued_again_and_works(
    money: Money, forked: ForkedFunctions, phase: str
) -> None:
    kill(money, forked, Point("issuing", LINK | {"phase": phase}), Money.submit)
    answer = money.submit()
    assert answer.json()["status"] == "VERIFICATION_REQUIRED"
    assert money.asked() == 1
    link = answer.json()["verifyUrl"].removeprefix(money.api.base_url)
    assert "code" in money.api.get(link).text
    assert money.verify().json()["status"] == "SUBMITTED"
    assert len(money.made()) == 1


AGAIN_POINTS = {
    "about to claim": Point("about to claim", CLAIM),
    "claimed": Point("claimed", CLAIM | AFTER),
    "sent, never done": Point("sent", kucoin=("withdraw", "before")),
    "done, answer lost": Point("done", kucoin=("withdraw", "after")),
}


@pytest.mark.parametrize("after", ["EXPIRED", "SECURITY_SETUP_REQUIRED"])
@pytest.mark.parametrize("name", AGAIN_POINTS)
def test_resubmission_killed_anywhere_makes_at_most_one_withdrawal(
    money: Money, forked: ForkedFunctions, name: str, after: str
) -> None:
    if after == "EXPIRED":
        money.submit()
        # The codes lapsed; no clock is moved, since the forked function has the machine's.
        verification = money.stored().verification.model_copy(update={"until": 1})
        money.store.move(
            money.stored(), money.stored().state, {"verification": verification}, now=1
        )
    else:
        money.simulator.patch_user("alice", two_factor=False)
        money.submit()
        money.simulator.patch_user("alice", two_factor=True)
    money.no_factors()
    before = money.asked()
    kill(money, forked, AGAIN_POINTS[name], Money.submit)
    is_made = name == "done, answer lost"
    assert len(money.made()) == is_made
    money.later(35)
    money.submit()
    money.track(10, step=1200)
    is_free = name == "about to claim"
    assert money.get()["status"] == ("SUCCESS" if is_made or is_free else "NOT_DONE")
    assert len(money.made()) == (is_made or is_free)
    assert money.asked() - before == (0 if name == "claimed" else 1)
