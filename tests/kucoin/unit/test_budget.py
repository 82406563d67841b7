"""What is left of a quota, from KuCoin's own answers."""

import pytest

from kubroker.kucoin.budget import Budgets, Quota, parse_quota


def headers(limit="2000", remaining="1000", reset="15000"):
    return {
        "gw-ratelimit-limit": limit,
        "gw-ratelimit-remaining": remaining,
        "gw-ratelimit-reset": reset,
    }


def test_quota_is_read_in_seconds():
    assert parse_quota(headers()) == Quota(2000, 1000, 15.0)


@pytest.mark.parametrize(
    "told", [{}, headers(limit=""), headers(remaining="-1"), headers(reset="1e3"), headers("٣")]
)
def test_quota_that_is_not_told_is_none(told):
    assert parse_quota(told) is None


def test_unknown_account_is_not_held_back():
    assert Budgets().take("uid", "SPOT", 4000, now=0.0) is None


def test_call_that_would_go_beyond_waits_for_the_reset():
    budgets = Budgets()
    budgets.take("uid", "SPOT", 2, now=0.0)
    budgets.settle("uid", "SPOT", 2, Quota(4000, 100, 10.0), now=0.0)
    assert budgets.take("uid", "SPOT", 20, now=4.0) is None  # 80 are kept back
    assert budgets.take("uid", "SPOT", 1, now=4.0) == 6.0
    assert budgets.take("uid", "MANAGEMENT", 20, now=4.0) is None
    assert budgets.take("other", "SPOT", 20, now=4.0) is None


def test_window_that_is_over_is_full_again():
    budgets = Budgets()
    budgets.settle("uid", "SPOT", 2, Quota(4000, 0, 10.0), now=0.0)
    assert budgets.take("uid", "SPOT", 1, now=9.5) == 0.5
    assert budgets.take("uid", "SPOT", 1, now=10.0) is None


def test_call_without_an_answer_counts_as_made():
    budgets = Budgets()
    budgets.settle("uid", "SPOT", 0, Quota(1000, 60, 10.0), now=0.0)
    assert budgets.take("uid", "SPOT", 30, now=1.0) is None
    budgets.settle("uid", "SPOT", 30, None, now=2.0)
    assert budgets.take("uid", "SPOT", 11, now=2.0) == 8.0
    assert budgets.take("uid", "SPOT", 10, now=2.0) is None


def test_calls_on_their_way_are_counted():
    budgets = Budgets()
    budgets.settle("uid", "SPOT", 0, Quota(1000, 100, 10.0), now=0.0)
    assert [budgets.take("uid", "SPOT", 30, now=1.0) for _ in range(3)] == [None, None, 9.0]


def test_views_are_bounded(monkeypatch):
    monkeypatch.setattr("kubroker.kucoin.budget.MAX_VIEWS", 2)
    budgets = Budgets()
    for uid in ("a", "b", "c"):
        budgets.settle(uid, "SPOT", 0, Quota(1000, 0, 10.0), now=0.0)
    assert budgets.take("a", "SPOT", 1, now=1.0) is None
    assert budgets.take("c", "SPOT", 1, now=1.0) == 9.0
