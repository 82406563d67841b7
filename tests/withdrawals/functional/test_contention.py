"""Transactions that meet others: DynamoDB cancels one, and what that means for the money."""

from typing import Any

import pytest

from tests.support.money import Money


def _conflict(money: Money, **criteria: Any) -> None:
    money.functions.stack.aws.add_fault(
        "error",
        service="dynamodb",
        operation="TransactWriteItems",
        code="TransactionCanceledException",
        reasons=["None", "TransactionConflict"],
        **criteria,
    )


@pytest.mark.parametrize("skip", range(3), ids=["first", "second", "third"])
def test_transaction_that_meets_another_is_tried_again(money: Money, skip: int) -> None:
    money.no_factors()
    _conflict(money, skip=skip, times=2)
    assert money.submit().status == 201
    assert (money.asked(), len(money.made()), money.spent()) == (1, 1, 100)


def test_claim_that_keeps_meeting_others_sends_nothing(money: Money) -> None:
    money.no_factors()
    _conflict(money, skip=1, times=0)
    answer = money.submit()
    assert (answer.status, answer.json()["code"]) == (503, "store_contended")
    assert money.asked() == 0
    money.functions.stack.aws.reset_faults()
    assert money.submit().json()["status"] == "SUBMITTED"
    assert (money.asked(), len(money.made()), money.spent()) == (1, 1, 100)


def test_answer_that_keeps_meeting_others_is_never_sent_again(money: Money) -> None:
    money.no_factors()
    _conflict(money, skip=2, times=0)
    assert money.submit().status == 503
    money.functions.stack.aws.reset_faults()
    assert money.submit().json()["status"] == "SUBMITTING"
    money.later(61.5)
    assert money.submit().json()["status"] == "OUTCOME_UNKNOWN"
    money.track(3)
    assert money.get()["kucoinWithdrawalId"] == money.made()[0]["id"]
    assert (money.asked(), len(money.made()), money.spent()) == (1, 1, 100)
