import time

import pytest

from local.wakers.pollers import Pollers, parse_rate_seconds
from local.wakers.streams import StreamFeed


@pytest.fixture
def pollers(small_stack, pool):
    return Pollers(small_stack, pool.invoke)


def send(stack, *bodies):
    queue = stack.aws.client("sqs")
    for body in bodies:
        queue.send_message(QueueUrl=stack.queues["Work"], MessageBody=body)


def count(stack, logical_id):
    attributes = stack.aws.client("sqs").get_queue_attributes(
        QueueUrl=stack.queues[logical_id], AttributeNames=["All"]
    )["Attributes"]
    return int(attributes["ApproximateNumberOfMessages"]), int(
        attributes["ApproximateNumberOfMessagesNotVisible"]
    )


def test_feed_queue_batch_is_deleted(small_stack, pollers):
    send(small_stack, "a", "b", "c", "d", "e")
    result = pollers.feed_queue("Work")
    assert result.payload["count"] == 4
    assert count(small_stack, "Work") == (1, 0)
    assert pollers.feed_queue("Work").payload["count"] == 1
    assert pollers.feed_queue("Work") is None


def test_feed_queue_failed_item_comes_again_then_dies(small_stack, pollers):
    send(small_stack, "a", "fail")
    pollers.feed_queue("Work")
    assert count(small_stack, "Work")[1] == 1
    small_stack.aws.release_delayed()
    assert pollers.feed_queue("Work").payload["count"] == 1
    small_stack.aws.release_delayed()
    assert pollers.feed_queue("Work") is None
    assert count(small_stack, "Dead") == (1, 0)


def test_tick_runs_the_schedule(pollers):
    assert pollers.tick("tick").payload["event"] == {"tick": True}


def test_parse_rate_seconds():
    assert parse_rate_seconds("rate(1 minute)") == 60
    assert parse_rate_seconds("rate(2 hours)") == 7200
    with pytest.raises(ValueError, match="cron"):
        parse_rate_seconds("cron(0 1 * * ? *)")


def test_pollers_feed_queue_stream_and_schedule(small_stack, pool):
    seen = []

    def invoke(name, event):
        seen.append(event)
        return pool.invoke(name, event)

    database = small_stack.aws.client("dynamodb")
    pollers = Pollers(small_stack, invoke, speed=600)
    pollers.start()
    try:
        send(small_stack, "a")
        for name in ("one", "fail", "two"):
            database.put_item(TableName=small_stack.tables["Things"], Item={"id": {"S": name}})
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            records = [record for event in list(seen) for record in event.get("Records", [])]
            bodies = [record["body"] for record in records if "body" in record]
            names = [
                record["dynamodb"]["Keys"]["id"]["S"] for record in records if "dynamodb" in record
            ]
            ticks = [event for event in list(seen) if "tick" in event]
            if bodies and names.count("fail") > 1 and names[-1] == "two" and len(ticks) > 1:
                break
            time.sleep(0.05)
    finally:
        pollers.stop()
    assert bodies == ["a"]
    assert names[0] == "one"
    assert names[-1] == "two"
    assert names.count("fail") >= 2
    assert len(ticks) > 1


def test_stream_feed_goes_on_after_the_tables_were_emptied(small_stack, pool):
    """Between two tests the data goes, the feeds stay."""
    seen = []

    def invoke(name, event):
        records = [record["dynamodb"]["Keys"]["id"]["S"] for record in event["Records"]]
        seen.extend(records)
        return pool.invoke(name, event)

    (source,) = small_stack.stream_sources
    feed = StreamFeed(small_stack.aws, source, invoke)
    database, table = small_stack.aws.client("dynamodb"), small_stack.tables["Things"]
    for name in ("one", "two"):
        database.put_item(TableName=table, Item={"id": {"S": name}, "blob": {"B": b"\x00\xff"}})
    feed.feed_once()
    database.put_item(TableName=table, Item={"id": {"S": "unread"}})
    small_stack.aws.clear_data()
    database.put_item(TableName=table, Item={"id": {"S": "three"}})
    while feed.feed_once() is not None:
        pass
    assert seen == ["one", "two", "three"]
