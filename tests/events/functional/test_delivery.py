"""Dead endpoints, bad records, and AWS that takes nothing: who is held up, and by what."""

import json
import time
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from kubroker.connections.disconnect import BACKUP_SECONDS
from kubroker.events.webhook_retries import MAX_RECEIVE_COUNT
from tests.support.rotation import RotationWorld, build_event

CONNECTIONS = "ConnectionsTable"


@pytest.fixture
def world(functions, clean_stack, simulator, outside) -> RotationWorld:
    return RotationWorld(clean_stack, simulator)


def users(events):
    return {event["userId"] for event in events}


def test_dead_endpoint_holds_up_neither_the_bus_nor_other_users(world, outside):
    world.link("user-a")
    world.link("user-b")
    outside.endpoint.refused = {"user-a"}
    outside.publish(CONNECTIONS)
    for user_id in ("user-a", "user-b"):
        world.change(user_id, expiryWarningHours=24, sequence=2)
    outside.publish(CONNECTIONS)
    outside.deliver()
    assert len(outside.on_bus()) == 4
    bodies = outside.endpoint.bodies()
    of_b = [body["type"] for body in bodies if body["userId"] == "user-b"]
    assert of_b == ["ConnectionAuthorized", "RefreshTokenExpiring"]
    of_a = [body["type"] for body in bodies if body["userId"] == "user-a"]
    assert set(of_a) == {"ConnectionAuthorized"}, "the second waits behind the first, in order"


def test_endpoint_that_is_well_again_gets_all_in_order_with_the_same_id(world, outside):
    world.link("user-a")
    world.change("user-a", expiryWarningHours=24, sequence=2)
    outside.endpoint.refused = {"user-a"}
    outside.publish(CONNECTIONS)
    outside.deliver()
    outside.endpoint.refused = set()
    outside.aws.release_delayed()
    outside.deliver()
    bodies = outside.endpoint.bodies()
    assert [body["type"] for body in bodies] == [
        "ConnectionAuthorized", "ConnectionAuthorized", "RefreshTokenExpiring",
    ]  # fmt: skip
    assert bodies[0]["id"] == bodies[1]["id"]
    headers = [sent for sent, _ in outside.endpoint.received]
    assert headers[0]["webhook-id"] == headers[1]["webhook-id"] == bodies[0]["id"]
    outside.verify_all()


def test_webhook_that_fails_rests_longer_each_time_then_goes_to_the_dead_letters(world, outside):
    world.link("user-a")
    outside.endpoint.refused = {"user-a"}
    outside.publish(CONNECTIONS)
    rests = []
    for _ in range(MAX_RECEIVE_COUNT + 1):
        since = len(outside.aws.read_journal())
        if outside.webhook_feed().feed_once() is None:
            break
        journal = outside.aws.read_journal()[since:]
        rests += [call for call in journal if call["operation"] == "ChangeMessageVisibility"]
        outside.aws.release_delayed()
    assert len(outside.endpoint.received) == MAX_RECEIVE_COUNT
    assert len(rests) == MAX_RECEIVE_COUNT
    queue = outside.aws.client("sqs")
    (dead,) = queue.receive_message(QueueUrl=outside.stack.queues["WebhookDeadLetterQueue"])[
        "Messages"
    ]
    (first, *_) = outside.endpoint.bodies()
    assert json.loads(json.loads(dead["Body"])["payload"]) == first


def test_webhook_without_a_usable_secret_waits(world, outside):
    world.link("user-a")
    outside.publish(CONNECTIONS)
    name = outside.stack.find_function("webhook_delivery").environment["WEBHOOKS_SECRET_NAME"]
    client, kept = outside.aws.client("secretsmanager"), outside.secret()
    client.put_secret_value(SecretId=name, SecretString='{"current":""}')
    try:
        outside.deliver(limit=1)
        assert outside.endpoint.received == []
    finally:
        client.put_secret_value(SecretId=name, SecretString=json.dumps(kept))
    outside.functions.forget()
    outside.aws.release_delayed()
    outside.deliver()
    outside.verify_all()
    assert len(outside.endpoint.received) == 1


def test_rotated_secret_signs_with_both(world, outside):
    name = outside.stack.find_function("webhook_delivery").environment["WEBHOOKS_SECRET_NAME"]
    client, old = outside.aws.client("secretsmanager"), outside.secret()["current"]
    new = "bmV3" * 11
    rotated = json.dumps({"current": new, "previous": old})
    client.put_secret_value(SecretId=name, SecretString=rotated)
    try:
        world.link("user-a")
        outside.publish(CONNECTIONS)
        outside.deliver()
    finally:
        client.put_secret_value(
            SecretId=name, SecretString=json.dumps({"current": old, "previous": ""})
        )
    ((headers, body),) = outside.endpoint.received
    for secret in (old, new):
        assert Webhook(secret).verify(body, headers)


def test_without_an_endpoint_nothing_is_queued(world, outside):
    outside.functions.set_environment("event_publisher", WEBHOOK_URL="")
    world.link("user-a")
    outside.publish(CONNECTIONS)
    assert len(outside.on_bus()) == 1
    assert outside.webhook_feed().feed_once() is None


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/", "https://169.254.169.254/latest", "https://localhost/", "https://[::1]/", "https://[::ffff:10.0.0.1]/"],
)  # fmt: skip
def test_private_endpoint_is_asked_for_nothing(world, outside, url):
    world.link("user-a")
    outside.publish(CONNECTIONS)
    outside.functions.set_environment("webhook_delivery", WEBHOOK_URL=url)
    result = outside.webhook_feed().feed_once()
    assert result.payload["batchItemFailures"]


def test_http_endpoint_is_refused_unless_this_is_one_machine(world, outside):
    world.link("user-a")
    outside.publish(CONNECTIONS)
    outside.functions.set_environment(
        "webhook_delivery", KUBROKER_PUBLIC_BASE_URL="https://connect.broker.example"
    )
    assert outside.webhook_feed().feed_once().function_error
    assert outside.endpoint.received == []


# ------------------------------------------------------------------ the stream


def poison(outside: Any, user_id: str) -> None:
    """An item that no release of ours could have written."""
    outside.aws.client("dynamodb").put_item(
        TableName=outside.stack.tables[CONNECTIONS],
        Item={"userId": {"S": user_id}, "linkGeneration": {"S": "not a number"}},
    )


def test_poisoned_record_is_set_aside_and_holds_up_nobody(world, outside, capfd):
    world.link("user-a")
    poison(outside, "poison")
    world.link("user-b")
    before = set(outside.list_objects("SetAsideBucket"))
    outside.publish(CONNECTIONS)
    assert users(outside.on_bus()) == {"user-a", "user-b"}
    objects = outside.list_objects("SetAsideBucket")
    (key,) = set(objects) - before
    assert key.startswith("unreadable/")
    (line,) = objects[key].splitlines()
    assert json.loads(line)["dynamodb"]["Keys"] == {"userId": {"S": "poison"}}
    printed = capfd.readouterr().out
    assert '"StreamRecordSetAside":[1.0]' in printed
    assert "not a number" not in printed
    assert BACKUP_SECONDS > 30 * 86_400


@pytest.mark.parametrize("service", ["events", "sqs", "dynamodb"])
def test_passing_failure_is_delivered_again_and_loses_nothing(world, outside, service):
    world.link("user-a")
    world.link("user-b")
    operation = {"events": "PutEvents", "sqs": "SendMessageBatch", "dynamodb": "PutItem"}[service]
    outside.aws.add_fault("error", service=service, operation=operation, times=3)
    first = outside.feed(CONNECTIONS).feed_once()
    assert first.payload["batchItemFailures"], "the SDK's own three tries failed"
    outside.aws.reset_faults()
    outside.publish(CONNECTIONS)
    outside.deliver()
    assert users(outside.on_bus()) == {"user-a", "user-b"}
    assert len(outside.endpoint.received) == 2
    timeline = {row["userId"] for row in outside.entries() if row["kind"] == "EVENT"}
    assert timeline == {"user-a", "user-b"}


def test_bus_that_takes_nothing_leaves_the_batch_in_the_set_aside_bucket(world, outside):
    world.link("user-a")
    before = set(outside.list_objects("SetAsideBucket"))
    outside.aws.add_fault("error", service="events", operation="PutEvents", times=0)
    feed = outside.feed(CONNECTIONS)
    for _ in range(4):
        feed.feed_once()
    objects = outside.list_objects("SetAsideBucket")
    (key,) = set(objects) - before
    assert key.startswith("aws/lambda/kubroker-local-event-publisher/")
    outside.aws.reset_faults()
    event = json.loads(json.loads(objects[key])["payload"])
    outside.functions.call("event_publisher", event)
    assert users(outside.on_bus()) == {"user-a"}


def test_large_batch_keeps_the_order_of_each_user(world, outside):
    for user_id in ("user-a", "user-b"):
        world.link(user_id)
    for step in range(2, 14):
        for user_id in ("user-a", "user-b"):
            world.change(user_id, expiryWarningHours=24 if step % 2 else 6, sequence=step)
    outside.publish(CONNECTIONS)
    events = outside.on_bus()
    assert len(events) == 26
    for user_id in ("user-a", "user-b"):
        numbers = [event["sequence"] for event in events if event["userId"] == user_id]
        assert numbers == sorted(set(numbers))


def test_unknown_message_is_no_webhook(outside):
    event = build_event("kubroker-local-webhook.fifo", {"kind": "other"})
    result = outside.functions.call("webhook_delivery", event)
    assert len(result["batchItemFailures"]) == 1
    assert outside.endpoint.received == []


def test_delivery_takes_no_longer_than_its_deadline(world, outside):
    """The connection is refused at once: nothing waits for a timeout."""
    world.link("user-a")
    outside.publish(CONNECTIONS)
    outside.endpoint.stop()
    began = time.monotonic()
    assert outside.webhook_feed().feed_once().payload["batchItemFailures"]
    assert time.monotonic() - began < 30
