"""Payouts: many users' addresses by way of the queue, and files of what came of each."""

import csv
import hashlib
import io
import json
import time

import pytest
import requests

from tests.support.linked import link_user
from tests.support.outside import Outside

WISH = {"currency": "USDT", "chain": "trx", "account": "main"}
KEY = {"Idempotency-Key": "payout-2024-03"}


def outcome(answer):
    return answer.status, answer.json()["code"]


@pytest.fixture
def crowd(functions, simulator):
    """45 linked users, one who is disconnected, one whose key is gone at KuCoin."""
    simulator.add_users(45, prefix="crowd")
    for number in range(1, 46):
        link_user(
            functions.stack,
            simulator,
            user_id=f"user-{number}",
            kucoin_user=f"crowd-{number}",
        )
    link_user(
        functions.stack,
        simulator,
        user_id="left",
        kucoin_user="bob",
        connection_status="DISCONNECTED",
    )
    gone = link_user(functions.stack, simulator, user_id="gone", kucoin_user="bob")
    simulator.delete_key(gone["apiKey"])
    return [f"user-{number}" for number in range(1, 46)] + ["left", "gone", "nobody"]


def open_payout(api, users, key=KEY, **changes):
    return api.post("/v1/payouts", json={**WISH, "userIds": users, **changes}, headers=key)


def drain(functions, limit=200):
    """The queue delivers until it has nothing; pauses of messages are over at once."""
    for _ in range(8):
        results = functions.drain("DepositAddressQueue", limit=limit)
        released = functions.stack.aws.release_delayed()
        if not results and not released:
            return


def read_files(payout):
    """Rows by format, fetched by their links."""
    files = {}
    for file in payout["files"]:
        answer = requests.get(file["url"], timeout=10)
        assert answer.status_code == 200
        assert len(answer.content) == file["sizeBytes"]
        assert hashlib.sha256(answer.content).hexdigest() == file["sha256"]
        files[file["format"]] = answer.content
    rows = [json.loads(line) for line in files["jsonl"].decode().splitlines()]
    table = list(csv.DictReader(io.StringIO(files["csv"].decode(), newline="")))
    return rows, table


def test_payout_gives_every_user_an_address_or_the_reason_why_not(api, functions, simulator, crowd):
    opened = open_payout(api, crowd)
    assert opened.status == 202, opened.text
    assert opened.json()["users"] == {"total": 48, "found": 0, "failed": 0, "waiting": 48}
    drain(functions)
    payout = api.get(f"/v1/payouts/{opened.json()['payoutId']}").json()
    assert payout["state"] == "READY", payout
    assert payout["users"] == {"total": 48, "found": 45, "failed": 3, "waiting": 0}
    rows, table = read_files(payout)
    assert [row["userId"] for row in rows] == crowd
    assert [row["userId"] for row in table] == crowd
    for row, line in zip(rows, table, strict=True):
        assert {name: value or "" for name, value in row.items()} == line
    codes = {row["userId"]: row["code"] for row in rows if row["code"]}
    assert codes == {
        "left": "connection_disconnected",
        "gone": "kucoin_refused",
        "nobody": "connection_not_found",
    }
    for number, row in enumerate(rows[:45], start=1):
        found = api.get(f"/v1/connections/user-{number}/deposit-addresses?currency=USDT").json()
        assert found["addresses"][0]["address"] == row["address"]
        assert (row["currency"], row["chain"], row["account"]) == ("USDT", "trx", "main")


def test_same_key_is_the_same_payout_and_another_body_is_refused(api, functions, crowd, simulator):
    first = open_payout(api, crowd[:2]).json()
    assert open_payout(api, crowd[:2]).json()["payoutId"] == first["payoutId"]
    assert outcome(open_payout(api, crowd[:3])) == (422, "idempotency_key_reused")
    assert outcome(open_payout(api, crowd[:2], account="trade")) == (
        422,
        "idempotency_key_reused",
    )
    drain(functions)
    assert open_payout(api, crowd[:2]).json()["state"] == "READY"
    assert len(simulator.journal(route="create_deposit_address")) == 2


def test_messages_that_come_twice_count_once(api, functions, crowd, simulator):
    payout_id = open_payout(api, crowd[:25]).json()["payoutId"]
    for _ in range(3):
        open_payout(api, crowd[:25])
    drain(functions)
    payout = api.get(f"/v1/payouts/{payout_id}").json()
    assert payout["users"] == {"total": 25, "found": 25, "failed": 0, "waiting": 0}
    assert len(simulator.journal(route="create_deposit_address")) == 25


def test_passing_trouble_is_tried_again(api, functions, crowd, simulator):
    simulator.add_fault("deposit_addresses", "rate_limit", times=3)
    simulator.add_fault("create_deposit_address", "drop", phase="before", times=2)
    payout_id = open_payout(api, crowd[:6]).json()["payoutId"]
    drain(functions)
    payout = api.get(f"/v1/payouts/{payout_id}").json()
    assert payout["users"] == {"total": 6, "found": 6, "failed": 0, "waiting": 0}


@pytest.mark.parametrize("code", ["500000", "408000", "200002", "230005", "400002", "400202"])
@pytest.mark.parametrize("route", ["deposit_addresses", "create_deposit_address"])
def test_passing_refusal_with_http_200_is_tried_again(
    api, functions, crowd, simulator, code, route
):
    simulator.add_fault(route, "error", code=code, msg="busy", times=5)
    payout_id = open_payout(api, crowd[:2]).json()["payoutId"]
    drain(functions)
    payout = api.get(f"/v1/payouts/{payout_id}").json()
    assert payout["users"] == {"total": 2, "found": 2, "failed": 0, "waiting": 0}


def test_trouble_that_stays_ends_with_its_code(api, functions, crowd, simulator):
    simulator.add_fault("deposit_addresses", "drop", times=10_000)
    payout_id = open_payout(api, crowd[:2]).json()["payoutId"]
    drain(functions)
    payout = api.get(f"/v1/payouts/{payout_id}").json()
    assert payout["state"] == "READY"
    rows, _ = read_files(payout)
    assert {row["code"] for row in rows} == {"kucoin_outcome_unknown"}


def test_part_without_time_goes_on_with_its_next_message(api, functions, crowd):
    open_payout(api, crowd[:3])
    functions.drain("DepositAddressQueue", limit=1)
    client = functions.stack.aws.client("sqs")
    url = functions.stack.queues["DepositAddressQueue"]
    (message,) = client.receive_message(QueueUrl=url)["Messages"]
    event = json.loads(open_event())
    event["Records"][0]["body"] = message["Body"]
    client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert functions.call("deposit_address", event, remaining_ms=5_000) == {"batchItemFailures": []}
    drain(functions)
    payout_id = json.loads(message["Body"])["payoutId"]
    assert api.get(f"/v1/payouts/{payout_id}").json()["users"]["found"] == 3


def open_event():
    from pathlib import Path

    return (Path(__file__).parents[3] / "events/deposit_address/payout_part.json").read_text()


@pytest.mark.parametrize(
    ("operation", "skip"),
    [
        ("TransactWriteItems", 0),
        ("PutItem", 1),
        ("SendMessage", 0),
        ("SendMessageBatch", 0),
        ("TransactWriteItems", 1),
        ("PutObject", 0),
        ("PutObject", 1),
        ("UpdateItem", 0),
    ],
)
def test_payout_survives_a_failure_at_each_step(api, functions, crowd, operation, skip):
    functions.stack.aws.add_fault("error", operation=operation, skip=skip, times=3)
    first = open_payout(api, crowd[:21])
    drain(functions)
    functions.stack.aws.reset_faults()
    payout_id = open_payout(api, crowd[:21]).json()["payoutId"]
    drain(functions)
    payout = api.get(f"/v1/payouts/{payout_id}").json()
    assert payout["users"] == {"total": 21, "found": 21, "failed": 0, "waiting": 0}, first.text
    assert payout["state"] == "READY"
    rows, _ = read_files(payout)
    assert [row["userId"] for row in rows] == crowd[:21]


def meet(functions, **criteria):
    """Transactions that finish a part meet another one on the head."""
    functions.stack.aws.add_fault(
        "error",
        operation="TransactWriteItems",
        match="partsLeft",
        code="TransactionCanceledException",
        reasons=["None", "TransactionConflict"],
        **criteria,
    )


def test_parts_that_end_at_the_same_moment_are_each_counted_once(api, functions, crowd, simulator):
    payout_id = open_payout(api, crowd[:45]).json()["payoutId"]
    meet(functions, times=2)
    results = functions.drain("DepositAddressQueue")
    assert [result.payload for result in results] == [{"batchItemFailures": []}] * 4
    payout = api.get(f"/v1/payouts/{payout_id}").json()
    assert payout["users"] == {"total": 45, "found": 45, "failed": 0, "waiting": 0}
    assert payout["state"] == "READY"
    assert len(simulator.journal(route="create_deposit_address")) == 45


def test_part_that_keeps_meeting_others_is_delivered_again_and_counted_once(api, functions, crowd):
    payout_id = open_payout(api, crowd[:25]).json()["payoutId"]
    meet(functions, times=0)
    _, *failed = functions.drain("DepositAddressQueue")
    assert all(result.payload["batchItemFailures"] for result in failed)
    assert api.get(f"/v1/payouts/{payout_id}").json()["users"]["waiting"] == 25
    functions.stack.aws.reset_faults()
    functions.stack.aws.release_delayed()
    drain(functions)
    payout = api.get(f"/v1/payouts/{payout_id}").json()
    assert payout["users"] == {"total": 25, "found": 25, "failed": 0, "waiting": 0}
    assert payout["state"] == "READY"


def test_payout_that_is_kept_no_longer_is_gone_and_its_key_is_used_up(api, functions, crowd):
    payout_id = open_payout(api, crowd[:2]).json()["payoutId"]
    drain(functions)
    functions.stack.aws.client("dynamodb").update_item(
        TableName=functions.stack.tables["PayoutsTable"],
        Key={"payoutId": {"S": payout_id}, "part": {"S": "head"}},
        UpdateExpression="SET #t = :now",
        ConditionExpression="attribute_exists(payoutId)",
        ExpressionAttributeNames={"#t": "ttl"},
        ExpressionAttributeValues={":now": {"N": str(int(time.time()))}},
    )
    assert outcome(api.get(f"/v1/payouts/{payout_id}")) == (404, "payout_not_found")
    assert outcome(open_payout(api, crowd[:2])) == (422, "idempotency_key_expired")


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("unhurried")
def test_payout_of_ten_thousand_users_is_ready(api, functions, crowd):
    strangers = [f"{number:05d}-{'x' * 122}" for number in range(9_955)]
    opened = open_payout(api, [*strangers, *crowd[:45]])
    assert opened.status == 202, opened.text
    assert opened.json()["users"]["waiting"] == 10_000
    (started,) = functions.drain("DepositAddressQueue", limit=1)
    assert started.function_error is None
    attributes = functions.stack.aws.client("sqs").get_queue_attributes(
        QueueUrl=functions.stack.queues["DepositAddressQueue"],
        AttributeNames=["ApproximateNumberOfMessages"],
    )["Attributes"]
    assert attributes["ApproximateNumberOfMessages"] == "500"
    drain(functions, limit=600)
    payout = api.get(f"/v1/payouts/{opened.json()['payoutId']}").json()
    assert payout["state"] == "READY"
    assert payout["users"] == {"total": 10_000, "found": 45, "failed": 9_955, "waiting": 0}
    rows, _ = read_files(payout)
    assert [row["userId"] for row in rows] == [*strangers, *crowd[:45]]
    assert [row["userId"] for row in rows if row["address"]] == crowd[:45]


@pytest.mark.parametrize(
    ("changes", "headers", "expected"),
    [
        ({}, {}, (400, "idempotency_key_missing")),
        ({}, {"Idempotency-Key": "a b"}, (400, "idempotency_key_malformed")),
        ({"userIds": []}, KEY, (422, "invalid_value")),
        ({"userIds": ["a", "a"]}, KEY, (422, "duplicate_user")),
        ({"userIds": ["a b"]}, KEY, (422, "invalid_value")),
        ({"userIds": ["a"] * 10_001}, KEY, (422, "invalid_value")),
        ({"userIds": "a"}, KEY, (422, "invalid_value")),
        ({"userIds": [1]}, KEY, (422, "invalid_value")),
        ({"chain": ""}, KEY, (422, "invalid_value")),
        ({"account": "all"}, KEY, (422, "invalid_value")),
        ({"amount": "1"}, KEY, (422, "invalid_value")),
        ({"more": "x" * 2_200_000}, KEY, (400, "body_too_large")),
    ],
)
def test_payout_of_another_form_is_refused(api, functions, changes, headers, expected):
    answer = api.post(
        "/v1/payouts", json={**WISH, "userIds": ["user-1"], **changes}, headers=headers
    )
    assert outcome(answer) == expected
    assert functions.drain("DepositAddressQueue") == []


@pytest.mark.parametrize("payout_id", ["0" * 32, "x", "../x", "0" * 33, "A" * 32])
def test_payout_that_is_not_there_is_not_found(api, payout_id):
    from urllib.parse import quote

    answer = api.get(f"/v1/payouts/{quote(payout_id, safe='')}")
    assert answer.status == 404


def test_payout_that_is_ready_is_told_once_on_the_bus_and_as_a_webhook(
    api, functions, crowd, endpoint
):
    outside = Outside(functions, endpoint)
    payout_id = open_payout(api, crowd).json()["payoutId"]
    outside.publish("PayoutsTable")
    assert outside.on_bus() == []

    drain(functions)
    outside.publish("PayoutsTable")
    (event,) = outside.on_bus()
    assert (event["type"], event["subject"]) == ("PayoutsReady", f"payout/{payout_id}")
    assert event["userId"] is None
    assert event["data"] == {
        "payoutId": payout_id,
        **WISH,
        "total": 48,
        "found": 45,
        "failed": 3,
    }
    assert api.get(f"/v1/payouts/{payout_id}").json()["readyAt"] == event["timestamp"]

    outside.deliver()
    outside.verify_all()
    assert outside.endpoint.bodies() == [event]
    entries = [row for row in outside.entries() if row["kind"] == "EVENT"]
    assert [(row["userId"], row["action"]) for row in entries] == [("-", "PayoutsReady")]
