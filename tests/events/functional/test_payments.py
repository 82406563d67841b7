"""What the bus, the endpoint and the user's timeline learn of payments."""

import json

import pytest
from jsonschema import validate

from kubroker.events.list import EVENT_TYPES
from tests.support.paying import SHOP, Paying
from tools.event_docs import build_schema

SCHEMAS = {event_type.__name__: build_schema(event_type) for event_type in EVENT_TYPES}


@pytest.fixture
def paying(api, functions, simulator, monkeypatch) -> Paying:
    made = Paying(api, functions, simulator, monkeypatch)
    made.connect()
    return made


def told(on_bus, key_of):
    """Type and status of the events of each payment, in their order."""
    found: dict[str, list[tuple[str, str]]] = {}
    for event in on_bus:
        data = event["data"]
        if event["subject"].startswith("payment/"):
            assert event["subject"] == f"payment/user-1/{data['paymentId']}"
            validate(data, SCHEMAS[event["type"]])
            name = key_of[data["paymentId"]]
            found.setdefault(name, []).append((event["type"], data["status"]))
    return found


def test_each_end_of_a_payment_is_told_once_and_no_withdrawal(paying, outside):
    paying.limits.note_remark("ADDRESS", came_back=True, now=0)
    names = ("settled", "refused", "cancelled", "expired", "lost", "returned")
    links = {name: paying.link(name, amount=str(10 + n)) for n, name in enumerate(names)}
    paying.no_factors()
    paying.pay(links["settled"])
    paying.simulator.add_fault("withdraw", "error", phase="before", code="260210", times=1)
    paying.pay(links["refused"])
    paying.api.delete(f"/v1/payments/{paying.id('cancelled')}")
    paying.simulator.add_fault("withdraw", "drop", phase="after", times=1)
    paying.pay(links["lost"])
    paying.pay(links["returned"])
    failed = paying.get("returned")["kucoinWithdrawalId"]
    fields = {"failureReason": "no", "returnStatus": "PROCESSING"}
    paying.simulator.set_withdrawal(failed, "FAILURE", **fields)
    paying.track(8, step=400)
    paying.simulator.set_withdrawal(failed, "FAILURE", returnStatus="SUCCESS")
    paying.track(8, step=900)
    outside.publish()
    outside.deliver()
    on_bus = outside.on_bus()
    assert told(on_bus, {paying.id(name): name for name in names}) == {
        "settled": [("PaymentSubmitted", "PROCESSING"), ("PaymentSettled", "SETTLED")],
        "refused": [("PaymentFailed", "FAILED")],
        "cancelled": [("PaymentCancelled", "CANCELLED")],
        "expired": [("PaymentExpired", "EXPIRED")],
        "lost": [
            ("PaymentOutcomeUnknown", "OUTCOME_UNKNOWN"),
            ("PaymentSubmitted", "PROCESSING"),
            ("PaymentSettled", "SETTLED"),
        ],
        "returned": [
            ("PaymentSubmitted", "PROCESSING"),
            ("PaymentFailed", "FAILED"),
            ("PaymentReturnUpdated", "FAILED"),
            ("PaymentReturnUpdated", "FAILED"),
        ],
    }
    assert not [event for event in on_bus if event["type"].startswith("Withdrawal")]
    assert sorted(event["id"] for event in outside.endpoint.bodies()) == sorted(
        event["id"] for event in on_bus
    )
    outside.verify_all()
    text = json.dumps(on_bus)
    assert str(SHOP["address"]) not in text
    assert '"reference": "invoice 4711"' in text
    rows = paying.api.get("/v1/connections/user-1/timeline?limit=100").json()["entries"]
    assert {row["reference"] for row in rows if row["kind"] == "EVENT"} == {
        event["id"] for event in on_bus
    }
    assert ("withdrawal.submit", "DONE") in {(row["action"], row["outcome"]) for row in rows}


def test_codes_that_lapse_tell_nothing_until_the_time_is_over(paying, outside):
    link = paying.link()
    paying.pay(link)
    paying.later(301)
    paying.track()
    outside.publish()
    assert told(outside.on_bus(), {paying.id(): "one"}) == {}
    paying.later(1500)
    paying.track(2)
    outside.publish()
    assert told(outside.on_bus(), {paying.id(): "one"}) == {"one": [("PaymentExpired", "EXPIRED")]}
