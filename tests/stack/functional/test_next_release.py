"""A canary mixes releases: this one works on items and messages that the next one wrote.

The next release's items have attributes that this one does not know, at every level, and a higher
schemaVersion; so have its messages.
"""

import json

import pytest

from tests.support.linked import link_user
from tests.support.linking import Link
from tests.support.money import Money
from tests.support.rotation import RotationWorld

UNKNOWN = {"S": "of the next release"}
BY_KEY = {"windows"}  # maps whose names are data, not attributes


def modernize_items(stack):
    """Makes every item one of the next release; gives how many."""
    client, count = stack.aws.client("dynamodb"), 0
    for table in stack.tables.values():
        for item in client.scan(TableName=table)["Items"]:
            client.put_item(TableName=table, Item=_modernize({"M": item})["M"])
            count += 1
    return count


def _modernize(value):
    """Unknown attributes in the item and in every map below; lists and sets as they are."""
    if "M" not in value:
        return value
    fields = {
        name: inner if name in BY_KEY else _modernize(inner) for name, inner in value["M"].items()
    }
    if "schemaVersion" in fields:
        fields["schemaVersion"] = {"N": str(int(fields["schemaVersion"]["N"]) + 1)}
    return {"M": {**fields, "ofTheNextRelease": UNKNOWN}}


def modernize_messages(stack, queue):
    """The same for what waits in a queue."""
    client, url = stack.aws.client("sqs"), stack.queues[queue]
    stack.aws.release_delayed()
    bodies = []
    while messages := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            bodies.append(json.loads(message["Body"]))
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    for body in bodies:
        body["schemaVersion"] += 1
        client.send_message(
            QueueUrl=url, MessageBody=json.dumps({**body, "ofTheNextRelease": {"a": [1]}})
        )
    return len(bodies)


def list_forgotten(stack):
    """Items that lost the next release's attribute."""
    client = stack.aws.client("dynamodb")
    return [
        (table, item)
        for table in (stack.tables["ConnectionsTable"], stack.tables["WithdrawalsTable"])
        for item in client.scan(TableName=table)["Items"]
        if item.get("ofTheNextRelease") != UNKNOWN
    ]


def test_linking_goes_on_with_items_and_messages_of_the_next_release(link: Link, stack):
    assert link.open().status == 201
    assert modernize_items(stack)
    assert link.choose("SPOT").status == 303
    modernize_items(stack)
    link.authorize("alice", permissions=["SPOT"])
    assert link.come_back().status == 303
    modernize_items(stack)
    assert link.complete().status == 200
    modernize_items(stack)
    assert modernize_messages(stack, "KeyCreationQueue")
    link.create_key()
    assert link.connection()["status"] == "ACTIVE"
    modernize_items(stack)
    assert link.api.get("/v1/connections").json()["connections"]
    assert link.api.delete("/v1/connections/user-1").json()["status"] == "DISCONNECTED"
    assert list_forgotten(stack) == []


def test_rotation_goes_on_with_items_and_messages_of_the_next_release(functions, stack, simulator):
    world = RotationWorld(stack, simulator)
    world.link()
    modernize_items(stack)
    functions.call("refresh_dispatcher", {})
    assert modernize_messages(stack, "RefreshQueue") == 1
    world.aws.add_fault("error", service="dynamodb", operation="UpdateItem", skip=1, times=0)
    functions.set_environment("token_refresh", ROTATION_LEASE_SECONDS="2")
    functions.drain("RefreshQueue")
    world.aws.reset_faults()
    assert modernize_messages(stack, "RescueQueue") == 1
    functions.drain("RescueQueue")
    assert world.is_current()
    assert list_forgotten(stack) == []


@pytest.fixture
def money(api, functions, simulator, monkeypatch):
    made = Money(api, functions, simulator, monkeypatch)
    made.connect()
    return made


def test_withdrawal_goes_on_with_items_of_the_next_release(money: Money, stack):
    assert modernize_items(stack)
    assert money.submit().status == 202
    modernize_items(stack)
    assert money.verify().json()["status"] == "SUBMITTED"
    modernize_items(stack)
    money.track(3, step=120)
    assert money.get()["status"] in {"SUBMITTED", "SUCCESS"}
    assert money.api.get(money.path()).json()["withdrawals"]
    assert list_forgotten(stack) == []


def test_payout_goes_on_with_items_and_messages_of_the_next_release(
    api, functions, stack, simulator
):
    link_user(stack, simulator)
    body = {"currency": "USDT", "chain": "trx", "account": "main", "userIds": ["user-1"]}
    opened = api.post("/v1/payouts", json=body, headers={"Idempotency-Key": "p-1"}).json()
    modernize_items(stack)
    assert modernize_messages(stack, "DepositAddressQueue")
    functions.drain("DepositAddressQueue")
    assert api.get(f"/v1/payouts/{opened['payoutId']}").json()["state"] == "READY"
