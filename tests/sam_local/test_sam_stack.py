"""What `sam build` made, in Lambda containers: golden events, a link, a refresh, a withdrawal.

`sam local start-api` does not check AWS_IAM, makes 200 of an exception and knows no 404 of API
Gateway's: none of that is asked here.
"""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from tests.support.built import ROOT, build, run_sam
from tests.support.linking import Link
from tests.support.sam_stack import BROKER_URL, SamStack

pytestmark = [pytest.mark.sam_local, pytest.mark.timeout(900)]
EVENTS = sorted((ROOT / "events").glob("*/*.json"))
WORKED: dict[str, list[str]] = {"batchItemFailures": []}
# Nobody is linked: what a golden event gets then, a status or what the function returns.
ANSWERS = {
    "audit_export/entry.json": {"written": 1},
    "connect/health.json": 200,
    "connect/open_session.json": 201,
    "connections/list.json": 200,
    "deposit_address/open_payout.json": 202,
    "export/collect.json": None,
    "export/revive_exports.json": None,
    "export/list_exports.json": 200,
    "export/open_export.json": 202,
    "oauth_callback/authorized.json": 410,
    "oauth_callback/refused.json": 410,
    "rebate/check_tags.json": {"isFinished": False, "reason": "broker_account_missing"},
    "rebate/order_report.json": 409,
    "refresh_dispatcher/tick.json": {"queued": 0, "isComplete": True},
    "support/search.json": 200,
    "support/show_timeline.json": 200,
    # Nobody listens at the broker's endpoint: the message stays in its queue.
    "webhook_delivery/deliver.json": {
        "batchItemFailures": [{"itemIdentifier": "0b1c2d3e-4f50-4a6b-8c7d-9e0f1a2b3c4d"}]
    },
    "withdrawal/list.json": 200,
    "withdrawal/list_payments.json": 200,
    "withdrawal_tracker/check_keys.json": {
        "isFinished": True,
        "checked": 0,
        "gone": 0,
        "doubted": 0,
        "changed": 0,
        "unchecked": 0,
    },
    "withdrawal_tracker/reconcile.json": {"isFinished": True},
    "withdrawal_tracker/track.json": {"looked": 0},
}
NOT_THERE = 404
# One of each function's events for `sam local invoke`.
PLAIN = list({path.parent.name: path for path in reversed(EVENTS)}.values())
ORDER = {
    "currency": "USDT",
    "amount": "100",
    "withdrawType": "ADDRESS",
    "chain": "trx",
    "address": "TXJ1z9JzJ1rT7xY2q1Z3wEXAMPLE01",
}


def _name(path):
    return path.relative_to(ROOT / "events").as_posix()


def _check(path, payload):
    default = WORKED if "Records" in json.loads(path.read_text()) else NOT_THERE
    expected = ANSWERS.get(_name(path), default)
    told = payload["statusCode"] if isinstance(expected, int) else payload
    assert told == expected, payload


@pytest.fixture(scope="module")
def sam(tmp_path_factory):
    build()
    with SamStack(tmp_path_factory.mktemp("sam")) as running:
        yield running


@pytest.fixture
def link(sam):
    sam.stack.aws.clear_data()
    sam.simulator.reset()
    return Link(sam.api, sam.simulator, sam.functions, f"{BROKER_URL}/kucoin/return")


@pytest.mark.parametrize("path", EVENTS, ids=_name)
def test_golden_event_gets_its_answer(sam, path):
    sam.stack.aws.clear_data()
    _check(path, sam.functions.call(path.parent.name, json.loads(path.read_text())))


def test_each_function_answers_by_sam_local_invoke(sam):
    def invoke(path):
        function = sam.stack.find_function(path.parent.name).logical_id
        return run_sam(
            "local", "invoke", function, "--event", str(path), *sam.arguments, seconds=300
        )

    sam.stack.aws.clear_data()
    with ThreadPoolExecutor(2) as threads:
        for path, result in zip(PLAIN, threads.map(invoke, PLAIN), strict=True):
            assert result.returncode == 0, result.stderr
            _check(path, json.loads(result.stdout.strip().splitlines()[-1]))


def test_user_is_linked_and_tokens_are_refreshed(sam, link):
    connection = link.walk("alice", "SPOT")
    assert (connection["status"], connection["authorization"]["state"]) == ("ACTIVE", "LIVE")
    assert sam.api.get(link.connect_path).status == 200
    before = sam.simulator.rotations()["rotations"]
    answer = sam.api.post("/v1/connections/user-1/refresh")
    assert (answer.status, answer.json()["status"]) == (200, "ACTIVE"), answer.text
    assert len(sam.simulator.rotations()["rotations"]) == len(before) + 1


def test_due_tokens_are_refreshed_by_the_schedule(sam, link):
    link.walk("alice", "SPOT")
    key = {"userId": {"S": "user-1"}}
    _make_due(sam, "ConnectionsTable", key, "nextActionAt", "actionDueAt")
    assert sam.functions.call("refresh_dispatcher", {})["queued"] == 1
    (result,) = sam.functions.drain("RefreshQueue")
    assert result.payload == WORKED
    assert len(sam.simulator.rotations()["rotations"]) == 1


def test_withdrawal_with_two_codes_goes_to_its_end(sam, link):
    link.walk("alice", "WITHDRAWAL")
    sam.simulator.set_settings(processing_seconds=0, wallet_seconds=0)
    path = "/v1/connections/user-1/withdrawals"
    asked = sam.api.post(path, json=ORDER, headers={"Idempotency-Key": "invoice-1"})
    assert (asked.status, asked.json()["status"]) == (202, "VERIFICATION_REQUIRED"), asked.text
    one = f"{path}/{asked.json()['withdrawalId']}"
    factors = sam.simulator.codes("alice")[-1]["factors"]
    assert len(factors) == 2
    verified = sam.api.post(f"{one}/verification", json={"factors": factors})
    assert (verified.status, verified.json()["status"]) == (200, "SUBMITTED"), verified.text
    key = {"userId": {"S": "user-1"}, "withdrawalId": {"S": asked.json()["withdrawalId"]}}
    deadline = time.monotonic() + 60
    while (state := sam.api.get(one).json()["status"]) != "SUCCESS":
        assert time.monotonic() < deadline, state
        _make_due(sam, "WithdrawalsTable", key, "nextCheckAt")
        sam.functions.call("withdrawal_tracker", {"kind": "track"})
    (made,) = sam.simulator.withdrawals("alice")
    assert Decimal(made["amount"]) == 100


def _make_due(sam, table, key, *attributes):
    """As if its time had come."""
    names = {f"#{name}": name for name in attributes}
    sam.stack.aws.client("dynamodb").update_item(
        TableName=sam.stack.tables[table],
        Key=key,
        UpdateExpression="SET " + ", ".join(f"{name} = :now" for name in names),
        ConditionExpression=" AND ".join(f"attribute_exists({name})" for name in names),
        ExpressionAttributeNames=names,
        ExpressionAttributeValues={":now": {"N": "1"}},
    )
