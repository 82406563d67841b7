"""What KuCoin's no to a withdrawal proves: a 429 only by a quota that has no room for the call."""

import pytest

from kubroker.foundation.errors import KucoinRefusedError
from kubroker.foundation.withdrawal_protocol import WithdrawalProtocol
from kubroker.withdrawals.refusals import SubmitRefusal, classify_submit_refusal

WEIGHT = 5


def classify(left, **protocol):
    error = KucoinRefusedError("429000", "Too many requests", http_status_received=429)
    error.quota_left = left
    return classify_submit_refusal(error, WithdrawalProtocol(**protocol), is_verification=False)


@pytest.mark.parametrize("left", [0, WEIGHT - 1])
def test_limit_with_less_left_than_the_call_costs_proves_that_nothing_was_done(left):
    assert classify(left) is SubmitRefusal.PASSING


@pytest.mark.parametrize("left", [None, WEIGHT, WEIGHT + 1, 2000])
def test_limit_with_room_for_the_call_is_something_else_and_proves_nothing(left):
    """Sent again it might pay twice."""
    assert classify(left) is SubmitRefusal.UNCLEAR


def test_limit_proves_nothing_where_an_operator_says_so():
    assert classify(0, limit_means_nothing_done=False) is SubmitRefusal.UNCLEAR
