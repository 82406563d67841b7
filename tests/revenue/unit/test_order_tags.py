"""What counts as an order, which day can be checked, what of a check is no chance."""

from datetime import date

import pytest

from kubroker.audit.model import AuditEntry, AuditKind, AuditOutcome
from kubroker.proxy.orders import ORDER_CALLS, build_reference, is_order
from kubroker.proxy.policy import CALLS, find_call
from kubroker.revenue.tags import TagCheck, build_span_ms, find_checkable_day, has_order

# Acting calls of the trading permissions that place nothing.
NO_ORDERS = (
    "test",
    "cancel",
    "purchase",
    "redeem",
    "borrow",
    "repay",
    "leverage",
    "everage",
    "argin",
)


def test_every_order_call_is_forwarded():
    for host, patterns in ORDER_CALLS.items():
        for pattern in patterns:
            assert find_call(host, "POST", pattern), pattern


def test_every_forwarded_post_is_an_order_or_none_by_its_name():
    for host, calls in CALLS.items():
        for call in calls:
            is_trading = call.permission in {"SPOT", "FUTURES", "MARGIN"}
            if call.method != "POST" or not is_trading or is_order(host, call):
                continue
            assert any(word in call.pattern for word in (*NO_ORDERS, "risk-limit")), call


def test_get_of_the_same_path_is_no_order():
    call = find_call("futures", "GET", "/api/v1/orders")
    assert call
    assert not is_order("futures", call)


def entry(**changes):
    call = find_call("spot", "POST", "/api/v1/hf/orders")
    fields = {
        "user_id": "user-1",
        "entry_id": "1-a",
        "at": 1,
        "kind": AuditKind.REQUEST,
        "action": "ANY",
        "outcome": AuditOutcome.DONE,
        "principal": "p",
        "status": 200,
        "code": "200000",
        "reference": build_reference("spot", call),
    }
    return AuditEntry(**{**fields, **changes})


def test_accepted_order_counts():
    assert has_order([entry(kind=AuditKind.EVENT), entry()], "200000")


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "200004"},
        {"code": None},
        {"outcome": AuditOutcome.BEGUN},
        {"outcome": AuditOutcome.REFUSED},
        {"kind": AuditKind.ACT},
        {"reference": None},
        {"reference": "spot DELETE /api/v1/hf/orders"},
        {"reference": "futures POST /api/v1/hf/orders"},
        {"reference": "spot POST /api/v1/hf/orders/test"},
    ],
)
def test_anything_else_does_not_count(changes):
    assert not has_order([entry(**changes)], "200000")


@pytest.mark.parametrize(
    ("now", "hours", "day"),
    [
        (1_750_032_000, 0, date(2025, 6, 15)),
        (1_750_032_000, 8, date(2025, 6, 14)),
        (1_750_032_000 + 8 * 3600 - 1, 8, date(2025, 6, 14)),
        (1_750_032_000 + 8 * 3600, 8, date(2025, 6, 15)),
        (1_750_032_000, 24, date(2025, 6, 14)),
    ],
)
def test_day_can_be_checked_so_many_hours_after_its_end(now, hours, day):
    assert find_checkable_day(now, hours) == day


def test_span_is_the_utc_day_to_the_millisecond():
    start, end = build_span_ms(date(2025, 6, 16))
    assert (start, end) == (1_750_032_000_000, 1_750_118_399_999)


@pytest.mark.parametrize(
    ("untagged", "orders", "is_alarming"),
    [(0, 0, False), (0, 100, False), (1, 1, True), (1, 50, True), (1, 51, False), (3, 100, True)],
)
def test_two_percent_are_no_chance(untagged, orders, is_alarming):
    check = TagCheck(day="2025-06-16", with_orders=orders, untagged_count=untagged)
    assert check.is_alarming is is_alarming
