"""Writing down what KuCoin answered while DynamoDB fails, and answers that can't be read."""

from typing import Any

import pytest

from kubroker.foundation.errors import StoreError
from kubroker.withdrawals.answered_paths import AnsweredPaths
from kubroker.withdrawals.model import WithdrawalState
from kubroker.withdrawals.records import WithdrawalRecords
from tests.support.money import Money

TRANSACTION = {"service": "dynamodb", "operation": "TransactWriteItems"}
CREATE = {**TRANSACTION, "match": "attribute_not_exists(#withdrawalId)"}
CLAIM = {**TRANSACTION, "match": '"SUBMITTING"'}
RECORD = {**TRANSACTION, "match": '"SUBMITTED"'}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr("kubroker.withdrawals.records._PAUSE_SECONDS", 0)


@pytest.mark.parametrize("write", [CREATE, CLAIM, RECORD], ids=["create", "claim", "record"])
def test_write_whose_answer_is_lost_knows_its_own_success(
    money: Money, write: dict[str, Any]
) -> None:
    """The SDK repeats it, and the repetition meets what it has written itself."""
    money.no_factors()
    money.functions.stack.aws.add_fault("drop", phase="after", times=1, **write)
    assert money.submit().json()["status"] == "SUBMITTED"
    assert (len(money.made()), money.asked(), money.spent()) == (1, 1, 100)


def test_record_that_fails_for_a_while_is_written_in_the_end(money: Money) -> None:
    money.no_factors()
    money.functions.stack.aws.add_fault("error", times=5, **RECORD)
    answer = money.submit()
    assert (answer.status, answer.json()["status"]) == (201, "SUBMITTED")


def test_record_that_can_not_be_written_is_found_by_the_tracker(money: Money, caplog) -> None:
    money.no_factors()
    money.functions.stack.aws.add_fault("error", times=0, **RECORD)
    answer = money.submit()
    assert (answer.status, answer.json()["code"]) == (503, "store_unavailable")
    (made,) = money.made()
    told = [vars(record).get("kucoinWithdrawalId") for record in caplog.records]
    assert made["id"] in told, "the operator can settle it by the log"
    assert money.get()["status"] == "SUBMITTING"
    money.functions.stack.aws.reset_faults()
    money.track(3, step=61.5)
    assert money.get()["kucoinWithdrawalId"] == made["id"]
    assert money.asked() == 1


def _claimed(money: Money) -> Any:
    """A withdrawal in the middle of its attempt, and what records its answer."""
    money.no_factors()
    money.functions.stack.aws.add_fault("error", times=0, **RECORD)
    money.submit()
    money.functions.stack.aws.reset_faults()
    records = WithdrawalRecords(
        money.store,
        AnsweredPaths(money.store.limits, "unused"),
        now=lambda: int(money.now()),
        sleep=lambda _: None,
    )
    return money.stored(), records


def test_answer_that_comes_after_the_attempt_has_lapsed_still_counts(money: Money) -> None:
    claimed, records = _claimed(money)
    now = int(money.now())
    money.store.move(claimed, WithdrawalState.OUTCOME_UNKNOWN, {}, now=now)
    written = records.write(claimed, WithdrawalState.SUBMITTED, {"kucoin_withdrawal_id": "k" * 24})
    assert (written.state, written.kucoin_withdrawal_id) == ("SUBMITTED", "k" * 24)


@pytest.mark.parametrize(("kucoin_id", "is_contradiction"), [("k" * 24, False), ("x" * 24, True)])
def test_answer_that_comes_after_the_tracker_is_compared_with_what_it_found(
    money: Money, capfd, kucoin_id: str, is_contradiction: bool
) -> None:
    claimed, records = _claimed(money)
    now = int(money.now())
    unknown = money.store.move(claimed, WithdrawalState.OUTCOME_UNKNOWN, {}, now=now)
    changes = {"kucoin_withdrawal_id": "k" * 24}
    found = money.store.move(unknown, WithdrawalState.SUBMITTED, changes, now=now)
    money.store.move(found, WithdrawalState.SUCCESS, {}, now=now)
    capfd.readouterr()
    answered = {"kucoin_withdrawal_id": kucoin_id}
    assert records.write(claimed, WithdrawalState.SUBMITTED, answered).state == "SUCCESS"
    assert ("WithdrawalContradicted" in capfd.readouterr().out) is is_contradiction


def test_answer_that_contradicts_not_done_pages(money: Money, capfd) -> None:
    claimed, records = _claimed(money)
    now = int(money.now())
    unknown = money.store.move(claimed, WithdrawalState.OUTCOME_UNKNOWN, {}, now=now)
    money.store.move(unknown, WithdrawalState.NOT_DONE, {}, now=now)
    records.write(claimed, WithdrawalState.SUBMITTED, {"kucoin_withdrawal_id": "k" * 24})
    assert '"WithdrawalContradicted":[1.0]' in capfd.readouterr().out


def _claimed_anew(money: Money, claimed: Any) -> Any:
    """The first attempt was released, but its worker did not hear so; another one is running."""
    now = int(money.now())
    released = money.store.move(claimed, WithdrawalState.CREATED, {}, now=now)
    attempt = claimed.attempt.model_copy(update={"attempt_id": "another attempt"})
    return money.store.move(released, WithdrawalState.SUBMITTING, {"attempt": attempt}, now=now)


def test_late_release_leaves_the_claim_of_another_attempt_alone(money: Money) -> None:
    """Back in CREATED, the same key would be submitted a second time."""
    claimed, records = _claimed(money)
    running = _claimed_anew(money, claimed)
    assert records.release(claimed) == running
    assert money.stored() == running
    assert money.submit().json()["status"] == "SUBMITTING"
    assert money.asked() == 1


@pytest.mark.parametrize("after", [WithdrawalState.REJECTED, WithdrawalState.OUTCOME_UNKNOWN])
def test_late_answer_leaves_the_claim_of_another_attempt_alone(
    money: Money, after: WithdrawalState
) -> None:
    claimed, records = _claimed(money)
    running = _claimed_anew(money, claimed)
    assert records.write(claimed, after, {}) == running
    assert money.stored() == running


def test_answer_that_never_can_be_written_is_an_error(money: Money) -> None:
    claimed, records = _claimed(money)
    money.functions.stack.aws.add_fault("error", service="dynamodb", times=0)
    with pytest.raises(StoreError):
        records.write(claimed, WithdrawalState.SUBMITTED, {})


@pytest.mark.parametrize(
    ("route", "changes"),
    [
        ("currency", {"data.currency": "BTC"}),
        ("currency", {"data.precision": "eight"}),
        ("currency", {"data.precision": -1}),
        ("currency", {"data.precision": True}),
        ("currency", {"data.chains": [{}]}),
        ("currency", {"data.chains": [{"chainId": "trx", "withdrawalMinSize": "2"}]}),
        ("prices", {"data.USDT": None}),
        ("prices", {"data.USDT": "0"}),
        ("prices", {"data.USDT": "-1"}),
        ("prices", {"data": []}),
    ],
    ids=str,
)
def test_terms_that_can_not_be_read_are_never_guessed(
    money: Money, route: str, changes: dict[str, Any]
) -> None:
    money.simulator.add_fault(route, "rewrite", phase="after", times=9, set=changes)
    answer = money.submit()
    assert (answer.status, answer.json()["code"]) == (503, "kucoin_unreadable")
    assert (money.asked(), money.spent()) == (0, 0)


@pytest.mark.parametrize(
    "changes",
    [{"data": None}, {"data": {}}, {"data": "x"}, {"data.withdrawalId": "a b"}],
    ids=str,
)
def test_success_that_names_no_withdrawal_is_unknown(money: Money, changes: dict[str, Any]) -> None:
    money.no_factors()
    money.simulator.add_fault("withdraw", "rewrite", phase="after", times=1, set=changes)
    assert money.submit().json()["status"] == "OUTCOME_UNKNOWN"
    money.track(step=61.5)
    assert money.get()["kucoinWithdrawalId"] == money.made()[0]["id"]


@pytest.mark.parametrize(
    "changes",
    [
        {"data.totalNum": 7},
        {"data.totalNum": "1"},
        {"data.items": None},
        {"data.items": [{"id": "x"}]},
        {"data": []},
    ],
    ids=str,
)
def test_history_that_is_not_whole_proves_nothing(money: Money, changes: dict[str, Any]) -> None:
    money.no_factors()
    money.limits.note_remark("ADDRESS", came_back=True, now=0)
    money.simulator.add_fault("withdraw", "drop", phase="before", times=1)
    money.submit()
    money.simulator.add_fault(
        "withdrawal_history", "rewrite", phase="after", times=999, set=changes
    )
    money.track(6, step=4000)
    assert money.get()["status"] == "OUTCOME_UNKNOWN"
    assert money.stored().first_empty_reading_at is None


def test_factors_of_another_form_are_taken_as_one_alternative(money: Money) -> None:
    changes = {"data.allFactors": ["GAV", "EMV"], "data.sentFactors": "EMV"}
    money.simulator.add_fault("withdraw", "rewrite", phase="after", times=1, set=changes)
    told = money.submit().json()["verification"]
    assert (told["alternatives"], told["sent"]) == ([["GAV", "EMV"]], [])
    assert money.verify().status == 200


def test_interrupted_attempt_is_unknown_to_whoever_looks_first(money: Money) -> None:
    _claimed(money)
    money.later(31)
    assert money.get()["status"] == "OUTCOME_UNKNOWN"
    assert money.stored().state == "SUBMITTING"
    assert money.submit().json()["status"] == "OUTCOME_UNKNOWN"
    assert money.stored().state == "OUTCOME_UNKNOWN"
    assert money.asked() == 1


def test_attempt_in_progress_is_left_to_its_worker(money: Money) -> None:
    _claimed(money)
    answer = money.submit()
    assert (answer.status, answer.json()["status"]) == (202, "SUBMITTING")
    answer = money.verify(factors={"GAV": "123456"})
    assert (answer.status, answer.json()["code"]) == (409, "verification_in_progress")
    assert money.api.delete(money.path(money.id())).json()["code"] == "withdrawal_in_flight"
    assert money.asked() == 1
