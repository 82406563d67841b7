import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

TABLE = "kubroker-small-things"


@pytest.fixture
def database(small_stack):
    return small_stack.aws.client("dynamodb")


@pytest.fixture
def queue(small_stack):
    return small_stack.aws.client("sqs")


def put(database, name):
    return database.put_item(TableName=TABLE, Item={"id": {"S": name}})


def has(database, name):
    return "Item" in database.get_item(TableName=TABLE, Key={"id": {"S": name}})


def test_conditional_writes_at_once_one_wins(database):
    put(database, "a")

    def claim(number):
        try:
            database.update_item(
                TableName=TABLE,
                Key={"id": {"S": "a"}},
                UpdateExpression="SET #o = :o",
                ConditionExpression="attribute_not_exists(#o)",
                ExpressionAttributeNames={"#o": "owner"},
                ExpressionAttributeValues={":o": {"N": str(number)}},
            )
        except ClientError as error:
            return error.response["Error"]["Code"]
        return "won"

    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(claim, range(40)))
    assert outcomes.count("won") == 1
    assert set(outcomes) == {"won", "ConditionalCheckFailedException"}


def test_increments_at_once_none_is_lost(small_stack, database):
    # Large enough that moto alone loses some in every run.
    filler = {f"filler{number}": {"S": "x" * 50} for number in range(150)}
    database.put_item(TableName=TABLE, Item={"id": {"S": "a"}, "n": {"N": "0"}, **filler})

    def increment(_):
        database.update_item(
            TableName=TABLE,
            Key={"id": {"S": "a"}},
            UpdateExpression="SET n = n + :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(increment, range(300)))
    found = database.get_item(TableName=TABLE, Key={"id": {"S": "a"}})
    assert found["Item"]["n"]["N"] == "300"


@pytest.mark.parametrize("position", [0, 3])
def test_transaction_that_fails_changes_nothing(small_stack, database, position):
    streams = small_stack.aws.client("dynamodbstreams")
    names = ("changed", "deleted", "new")

    def read():
        arn = database.describe_table(TableName=TABLE)["Table"]["LatestStreamArn"]
        shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        return database.scan(TableName=TABLE)["Items"], len(
            streams.get_records(ShardIterator=iterator)["Records"]
        )

    def key(name):
        return {"TableName": TABLE, "Key": {"id": {"S": name}}}

    for name in names[:2]:
        put(database, name)
    before = read()
    changes = [
        {
            "Update": {
                **key("changed"),
                "UpdateExpression": "SET n = :n",
                "ExpressionAttributeValues": {":n": {"N": "1"}},
            }
        },
        {"Delete": key("deleted")},
        {"Put": {"TableName": TABLE, "Item": {"id": {"S": "new"}}}},
    ]
    check = {"ConditionCheck": {**key("none"), "ConditionExpression": "attribute_exists(id)"}}
    with pytest.raises(ClientError, match="TransactionCanceled"):
        database.transact_write_items(
            TransactItems=[*changes[:position], check, *changes[position:]]
        )
    assert read() == before
    database.transact_write_items(TransactItems=changes)
    items, records = read()
    assert {item["id"]["S"]: item.get("n") for item in items} == {
        "changed": {"N": "1"},
        "new": None,
    }
    assert records == before[1] + 3


def test_receive_at_once_each_message_once(small_stack, queue):
    url = small_stack.queues["Work"]
    for number in range(20):
        queue.send_message(QueueUrl=url, MessageBody=str(number))
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: queue.receive_message(QueueUrl=url), range(30)))
    bodies = [message["Body"] for answer in answers for message in answer.get("Messages", [])]
    assert sorted(bodies, key=int) == [str(number) for number in range(20)]


def test_receive_waits_until_a_message_comes(small_stack, queue):
    url = small_stack.queues["Work"]
    other = small_stack.aws.client("sqs")
    timer = threading.Timer(0.1, lambda: other.send_message(QueueUrl=url, MessageBody="late"))
    timer.start()
    [message] = queue.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    assert message["Body"] == "late"


def test_kms_wrong_context_is_refused(small_stack):
    keys = small_stack.aws.client("kms")
    key_id = keys.create_key(MultiRegion=True)["KeyMetadata"]["Arn"]
    context = {"userId": "u", "purpose": "api-key"}
    made = keys.generate_data_key(KeyId=key_id, KeySpec="AES_256", EncryptionContext=context)
    opened = keys.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context)
    assert opened["Plaintext"] == made["Plaintext"]
    with pytest.raises(ClientError, match="InvalidCiphertext"):
        keys.decrypt(
            CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context | {"userId": "v"}
        )


@pytest.mark.parametrize(("phase", "is_done"), [("before", False), ("after", True)])
def test_fault_error_in_a_phase(small_stack, database, phase, is_done):
    small_stack.aws.add_fault(
        "error", service="dynamodb", operation="PutItem", phase=phase, code="ThrottlingException"
    )
    with pytest.raises(ClientError, match="ThrottlingException") as caught:
        put(database, "a")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert has(database, "a") is is_done
    put(database, "a")


@pytest.mark.parametrize(("phase", "is_done"), [("before", False), ("after", True)])
def test_fault_drop_in_a_phase(small_stack, database, phase, is_done):
    small_stack.aws.add_fault("drop", operation="PutItem", phase=phase)
    with pytest.raises(ConnectionClosedError):
        put(database, "a")
    assert has(database, "a") is is_done


def test_fault_skip_times_and_match_choose_requests(small_stack, database):
    rule = small_stack.aws.add_fault(
        "error", operation="PutItem", match='"hit"', skip=1, times=2, code="InternalServerError"
    )
    outcomes = []
    for name in ("hit", "other", "hit", "hit", "hit"):
        try:
            put(database, name)
            outcomes.append(200)
        except ClientError as error:
            outcomes.append(error.response["ResponseMetadata"]["HTTPStatusCode"])
    assert outcomes == [200, 200, 500, 500, 200]
    [told] = small_stack.aws.list_faults()
    assert (told["id"], told["seen"], told["hits"]) == (rule, 4, 2)


def test_fault_unknown_field_is_refused(small_stack):
    with pytest.raises(OSError, match="400"):
        small_stack.aws.add_fault("error", operations="PutItem")


@pytest.mark.parametrize(
    ("phase", "discard", "is_done_before_release", "is_done_after"),
    [
        ("before", False, False, True),
        ("before", True, False, False),
        ("after", False, True, True),
        ("after", True, True, True),
    ],
)
def test_hold_until_released(
    small_stack, database, phase, discard, is_done_before_release, is_done_after
):
    rule = small_stack.aws.hold(service="dynamodb", operation="PutItem", phase=phase)
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(put, small_stack.aws.client("dynamodb"), "a")
        held = small_stack.aws.wait_held(rule)
        assert held["resource"] == TABLE
        assert [item["id"] for item in small_stack.aws.list_holds()] == [held["id"]]
        assert has(database, "a") is is_done_before_release
        assert small_stack.aws.release(held["id"], discard=discard) == 1
        assert isinstance(answer.exception(), ConnectionClosedError) is discard
    assert has(database, "a") is is_done_after
    assert small_stack.aws.list_holds() == []


def test_wait_held_nothing_comes_raises(small_stack):
    rule = small_stack.aws.hold(operation="PutItem")
    with pytest.raises(TimeoutError):
        small_stack.aws.wait_held(rule, timeout_seconds=0.05)


def test_journal_tells_calls_without_their_content(small_stack, database):
    keys = small_stack.aws.client("kms")
    key_id = keys.create_key()["KeyMetadata"]["Arn"]
    since = small_stack.aws.read_journal()[-1]["number"]
    put(database, "not-for-the-journal")
    keys.generate_data_key(KeyId=key_id, KeySpec="AES_256", EncryptionContext={"userId": "u"})
    with pytest.raises(ClientError):
        database.get_item(TableName="missing", Key={"id": {"S": "a"}})
    written, wrapped, failed = small_stack.aws.read_journal(since)
    assert (written["service"], written["operation"]) == ("dynamodb", "PutItem")
    assert (written["resource"], written["status"]) == (TABLE, 200)
    assert wrapped["encryptionContext"] == {"userId": "u"}
    assert wrapped["resource"] == key_id.rpartition("/")[2]
    assert failed["error"] == "ResourceNotFoundException"
    assert "not-for-the-journal" not in str(small_stack.aws.read_journal())


def test_release_delayed_makes_messages_visible(small_stack, queue):
    url = small_stack.queues["Work"]
    queue.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=630)
    assert "Messages" not in queue.receive_message(QueueUrl=url)
    assert small_stack.aws.release_delayed("kubroker-small-work") == 1
    assert queue.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "later"


def test_sweep_deletes_what_has_expired(small_stack, database):
    for name, ttl in (("old", "99"), ("new", "101")):
        database.put_item(TableName=TABLE, Item={"id": {"S": name}, "ttl": {"N": ttl}})
    assert small_stack.aws.sweep_expired_items(100) == 1
    assert (has(database, "old"), has(database, "new")) == (False, True)


def test_clear_data_empties_tables_and_queues(small_stack, database, queue):
    put(database, "a")
    queue.send_message(QueueUrl=small_stack.queues["Work"], MessageBody="a")
    small_stack.aws.clear_data()
    assert not has(database, "a")
    assert "Messages" not in queue.receive_message(QueueUrl=small_stack.queues["Work"])


def test_body_that_waits_for_the_word_is_let_come_at_once(small_stack):
    """S3's clients send `Expect: 100-continue` and wait a second where nobody answers it."""
    storage = small_stack.aws.client("s3")
    storage.create_bucket(
        Bucket="waits", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    began = time.monotonic()
    for number in range(4):
        storage.put_object(Bucket="waits", Key=str(number), Body=b"content")
    assert time.monotonic() - began < 3
    assert storage.get_object(Bucket="waits", Key="3")["Body"].read() == b"content"
