"""A user's whole story: what the bus, the endpoint and support learn of it."""

import json
from itertools import groupby

from jsonschema import validate

from kubroker.events.list import EVENT_TYPES
from tests.support.rotation import refresh_event
from tools.event_docs import build_schema

EXPECTED = [
    "ConnectionAuthorized",
    "ApiKeyCreated",
    "TokensRefreshed",
    "ConnectionAuthorized",
    "ApiKeyCreated",
    "ConnectionDisconnecting",
    "ConnectionDisconnected",
]
EXPECTED_OF_WITHDRAWAL = [
    "WithdrawalVerificationRequired",
    "WithdrawalSubmitted",
    "WithdrawalSettled",
]
SCHEMAS = {event_type.__name__: build_schema(event_type) for event_type in EVENT_TYPES}


def live(link, money):
    """Link, refresh, link again, withdraw with two codes, disconnect."""
    link.walk("alice", "SPOT", "WITHDRAWAL")
    answer = link.api.post("/v1/connections/user-1/refresh")
    assert answer.status == 200, answer.text
    link.cookies = {}
    link.walk("alice", "SPOT", "WITHDRAWAL")
    assert money.submit().status == 202
    assert money.verify().status == 200
    money.later(61)
    money.track()
    assert money.get()["status"] == "SUCCESS"
    assert link.api.delete("/v1/connections/user-1").status == 200


def by_subject(events):
    rows = sorted(events, key=lambda event: event["subject"])
    return {
        subject: [event["type"] for event in group]
        for subject, group in groupby(rows, key=lambda event: event["subject"])
    }


def test_story_is_told_in_order_once_signed_and_without_secrets(link, money, outside, functions):
    functions.set_environment("event_publisher", PUBLISH_TOKEN_REFRESHES="true")
    live(link, money)
    outside.publish()
    outside.deliver()
    on_bus, delivered = outside.on_bus(), outside.endpoint.bodies()
    told = by_subject(on_bus)
    (withdrawal,) = set(told) - {"connection/user-1"}
    assert told["connection/user-1"] == EXPECTED
    assert told[withdrawal] == EXPECTED_OF_WITHDRAWAL
    assert by_subject(delivered) == told
    assert sorted(event["id"] for event in on_bus) == sorted(event["id"] for event in delivered)
    for events in (on_bus, delivered):
        for subject in told:
            numbers = [event["sequence"] for event in events if event["subject"] == subject]
            assert numbers == sorted(set(numbers))
    for event in on_bus:
        validate(event["data"], SCHEMAS[event["type"]])
    outside.verify_all()
    _check_no_secret(link, outside, json.dumps(on_bus) + json.dumps(delivered))
    _check_timeline(link, on_bus)


def _check_no_secret(link, outside, told):
    entries = json.dumps(outside.entries())
    for secret in link.simulator.secrets():
        assert secret not in told
        assert secret not in entries
    items = json.dumps(
        [
            outside.aws.client("dynamodb").scan(TableName=table)["Items"]
            for table in outside.stack.tables.values()
        ],
        default=lambda value: value.decode("latin-1"),
    )
    assert "TXJ1z9JzJ1rT7xY2q1Z3wEXAMPLE01" in items, "the table holds what is not told"
    for word in ("iphertext", "ataKey", "TXJ1z9JzJ1rT7xY2q1Z3wEXAMPLE01", "verifyHashes"):
        assert word not in told
        assert word not in entries


def _check_timeline(link, on_bus):
    rows, cursor = [], ""
    while cursor is not None:
        query = f"limit=7&cursor={cursor}" if cursor else "limit=7"
        page = link.api.get(f"/v1/connections/user-1/timeline?{query}").json()
        rows += page["entries"]
        cursor = page["nextCursor"]
    ids = {row["reference"] for row in rows if row["kind"] == "EVENT"}
    assert ids == {event["id"] for event in on_bus}
    acts = [(row["action"], row["outcome"]) for row in rows[::-1] if row["kind"] == "ACT"]
    assert acts == [
        ("api_key.create", "BEGUN"),
        ("api_key.create", "DONE"),
        ("api_key.create", "BEGUN"),
        ("api_key.create", "DONE"),
        ("withdrawal.submit", "BEGUN"),
        ("withdrawal.submit", "DONE"),
        ("withdrawal.verify", "BEGUN"),
        ("withdrawal.verify", "DONE"),
    ]
    requests = [
        (row["action"], row["outcome"], row["status"]) for row in rows if row["kind"] == "REQUEST"
    ]
    assert requests[:2] == [
        ("DELETE /v1/connections/{userId}", "DONE", 200),
        ("DELETE /v1/connections/{userId}", "BEGUN", None),
    ]
    assert [row["at"] for row in rows] == sorted((row["at"] for row in rows), reverse=True)


def test_refreshes_are_not_told_by_default(link, outside, functions):
    link.walk("alice", "SPOT")
    assert link.api.post("/v1/connections/user-1/refresh").status == 200
    functions.call("token_refresh", refresh_event("user-1"))
    outside.publish()
    assert [event["type"] for event in outside.on_bus()] == [
        "ConnectionAuthorized",
        "ApiKeyCreated",
    ]


def test_duplicates_carry_the_same_id_and_the_timeline_has_each_once(link, outside):
    link.walk("alice", "SPOT")
    outside.publish()
    first = outside.on_bus()
    outside.replay()
    assert outside.on_bus() == first
    outside.deliver()
    delivered = outside.endpoint.bodies()
    assert [event["id"] for event in delivered] == [event["id"] for event in first]
    entries = [row["reference"] for row in outside.entries() if row["kind"] == "EVENT"]
    assert entries == [event["id"] for event in first]


def test_failed_key_and_required_authorization_are_told(link, outside, simulator):
    simulator.add_fault("create_key", "error", code="40011")
    link.walk("alice", "SPOT")
    outside.publish()
    told = [(event["type"], event["data"].get("code")) for event in outside.on_bus()]
    assert told == [("ConnectionAuthorized", None), ("ApiKeyFailed", "key_limit_reached")]
