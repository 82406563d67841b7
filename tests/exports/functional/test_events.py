"""What the bus and the broker's endpoint learn of exports: their end, once each."""

import pytest
from jsonschema import validate

from kubroker.events.list import EVENT_TYPES
from kubroker.exports.records import ExportKind
from tests.exports.functional.living import show
from tests.support.outside import Outside
from tools.event_docs import build_schema

SCHEMAS = {event_type.__name__: build_schema(event_type) for event_type in EVENT_TYPES}
KINDS = [ExportKind.DEPOSITS]


@pytest.fixture
def outside(functions, endpoint) -> Outside:
    return Outside(functions, endpoint)


def expect_told(outside, export_id, told):
    """These events, on the bus and as webhooks, and nothing else."""
    outside.publish("ExportsTable")
    events = outside.on_bus()
    assert [(event["type"], event["data"]) for event in events] == told
    for event in events:
        assert (event["subject"], event["userId"]) == (f"export/{export_id}", None)
        validate(event["data"], SCHEMAS[event["type"]])
    outside.endpoint.received.clear()
    outside.deliver()
    outside.verify_all()
    assert outside.endpoint.bodies() == events
    return events


def test_export_that_is_ready_is_told_once_on_the_bus_and_as_a_webhook(world, outside):
    world.begin(2)
    world.opt_in()
    world.live(2, 30, seed=1)
    world.collect()
    order = {
        "kinds": KINDS,
        "userIds": [*world.users, "nobody"],
        "to": show(world.now_ms() - 120_000),
    }
    export_id = world.open(**order).json()["exportId"]
    expect_told(outside, export_id, [])
    world.drain()
    export = world.get(export_id)
    assert export["records"] > 0
    data = {"exportId": export_id, "users": 3, "usersWithGaps": 1, "records": export["records"]}
    (event,) = expect_told(outside, export_id, [("ExportReady", data)])
    assert event["timestamp"] == export["readyAt"]
    world.open(**order)
    world.drain()
    expect_told(outside, export_id, [])
    entries = [row for row in outside.entries() if row["kind"] == "EVENT"]
    assert [(row["userId"], row["action"]) for row in entries] == [("-", "ExportReady")]


def test_export_that_is_given_up_is_told_once_and_its_resumption_when_it_is_ready(world, outside):
    world.begin(1)
    world.live(1, 5, seed=1)
    order = {"kinds": KINDS, "to": show(world.now_ms() - 120_000)}
    aws = world.functions.stack.aws
    aws.add_fault(
        "error", service="s3", caller=world.functions.stack.find_function("export").name, times=0
    )
    export_id = world.open(**order).json()["exportId"]
    world.drain()
    assert world.get(export_id)["state"] == "FAILED"
    data = {"exportId": export_id, "code": "store_unavailable"}
    expect_told(outside, export_id, [("ExportFailed", data)])
    aws.reset_faults()
    assert world.open(**order).json()["state"] == "RUNNING"
    expect_told(outside, export_id, [])
    world.drain()
    export = world.get(export_id)
    data = {"exportId": export_id, "users": 1, "usersWithGaps": 0, "records": export["records"]}
    expect_told(outside, export_id, [("ExportReady", data)])


def test_export_that_is_cancelled_is_told_to_nobody(world, outside):
    world.begin(1)
    world.live(1, 5, seed=1)
    export_id = world.open(kinds=KINDS).json()["exportId"]
    assert world.api.delete(f"/v1/exports/{export_id}").json()["state"] == "CANCELLED"
    world.drain()
    expect_told(outside, export_id, [])
