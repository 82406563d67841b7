"""The golden events, through the functions that they belong to."""

import json
from pathlib import Path

from tests.support.rotation import build_event

EVENTS = Path(__file__).parents[3] / "events"


def load(name):
    return json.loads((EVENTS / name).read_text())


def test_stream_event_tells_link_and_end(functions, outside):
    answer = functions.call("event_publisher", load("event_publisher/connection.json"))
    assert answer == {"batchItemFailures": []}
    told = [event["type"] for event in outside.on_bus()]
    assert told == ["ConnectionAuthorized", "ConnectionDisconnected"]


def test_stream_event_tells_a_payout_that_is_ready(functions, outside):
    answer = functions.call("event_publisher", load("event_publisher/payout.json"))
    assert answer == {"batchItemFailures": []}
    (event,) = outside.on_bus()
    assert (event["type"], event["data"]["found"]) == ("PayoutsReady", 38)


def test_stream_event_tells_exports_that_are_ready_or_failed(functions, outside):
    answer = functions.call("event_publisher", load("event_publisher/export.json"))
    assert answer == {"batchItemFailures": []}
    ready, failed = outside.on_bus()
    assert (ready["type"], ready["data"]["records"]) == ("ExportReady", 1234)
    assert (failed["type"], failed["data"]["code"]) == ("ExportFailed", "store_unavailable")


def test_webhook_event_is_delivered(functions, outside):
    event = load("webhook_delivery/deliver.json")
    assert functions.call("webhook_delivery", event) == {"batchItemFailures": []}
    outside.verify_all()
    (body,) = outside.endpoint.bodies()
    assert body["type"] == "ConnectionDisconnected"


def test_audit_event_is_exported(functions, outside):
    assert functions.call("audit_export", load("audit_export/entry.json")) == {"written": 1}
    assert any(key.startswith("2024/03/12/") for key in outside.list_objects("AuditBucket"))


def test_support_events_are_answered(functions, outside):
    for name in ("show_timeline", "search"):
        assert functions.call("support", load(f"support/{name}.json"))["statusCode"] == 200


def test_message_that_is_not_json_fails_alone(functions, outside):
    event = build_event("kubroker-local-webhook.fifo", "not json")
    assert len(functions.call("webhook_delivery", event)["batchItemFailures"]) == 1
