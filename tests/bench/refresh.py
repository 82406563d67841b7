"""What a refresh costs: a batch against one, processor time against a floor, calls counted."""

import contextlib
import io
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import boto3
import requests

from kubroker.connections.model import Authorization, Connection, ConnectionStatus
from kubroker.connections.vault import DataKey, EncryptionContext, Purpose
from kubroker.rotation.wiring import RotationMessages, build_rotation_messages
from tests.bench.cases import _marshal, build_environment
from tests.bench.refresh_stand_in import RefreshStandIn
from tests.bench.stand_in import DATA_KEY
from tests.support.built import ROOT
from tests.support.rotation import refresh_event

USERS = [f"user-{number}" for number in range(10)]
LATENCY_SECONDS = 0.1
BATCH_GOAL = 2.0
CPU_GOAL = 1.5
TOKEN = "t" * 400


def measure_refreshes(runs: int) -> list[tuple[str, float, str, float | None, float | None]]:
    """Name, value, unit, floor and goal of each figure.

    Args:
        runs: How many batches; single refreshes are repeated ten times as often.
    """
    stand_in = RefreshStandIn()
    environment = build_environment(ROOT / "functions/token_refresh", stand_in.url)
    kept = dict(os.environ)
    os.environ.update({**environment, **_CREDENTIALS, "RESCUE_QUEUE_URL": f"{stand_in.url}/rescue"})
    try:
        stand_in.tell(items={user: _build_item(user) for user in USERS})
        messages = build_rotation_messages()
        with contextlib.redirect_stdout(io.StringIO()):
            return [
                *_count_calls(messages, stand_in),
                _compare_batch(messages, stand_in, runs),
                _compare_cpu(messages, stand_in, runs * 10),
            ]
    finally:
        stand_in.stop()
        os.environ.clear()
        os.environ.update(kept)


_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def _build_item(user_id: str) -> dict[str, Any]:
    """A connection that is always due."""
    context = EncryptionContext(user_id, Purpose.OAUTH_TOKENS)
    payload = json.dumps({"accessToken": TOKEN, "refreshToken": TOKEN}).encode()
    now = int(time.time())
    connection = Connection(
        user_id=user_id,
        account_label="Main account",
        link_generation=1,
        connection_status=ConnectionStatus.ACTIVE,
        authorization=Authorization.LIVE,
        token_data_key=b"w" * 184,
        token_ciphertext=DataKey(DATA_KEY, b"", context).encrypt(payload),
        access_token_expires_at=now + 3600,
        refresh_token_expires_at=now + 259_200,
        claim_seq=7,
        committed_seq=6,
        action_due_at=now - 5,
        next_action_at=now + 900,
        due_shard="07",
        created_at=now,
        updated_at=now,
    )
    return _marshal(connection.to_item())


def _refresh(messages: RotationMessages, users: list[str]) -> None:
    answer = messages.work_batch(refresh_event(*users), remaining_ms=28_000)
    if answer["batchItemFailures"]:
        raise RuntimeError("a refresh failed")


def _repeat(messages: RotationMessages) -> None:
    for _ in range(10):
        _refresh(messages, USERS[:1])


def _count_calls(
    messages: RotationMessages, stand_in: RefreshStandIn
) -> list[tuple[str, float, str, float | None, float | None]]:
    stand_in.read_calls()
    _refresh(messages, USERS[:1])
    calls = stand_in.read_calls()
    # The dispatcher's write comes on top: it moves the connection on in the index.
    writes = calls.count("UpdateItem") + 1
    return [
        ("KMS calls of a refresh", calls.count("Decrypt"), "", None, 1),
        ("DynamoDB writes, dispatcher's included", writes, "", None, 3),
        ("DynamoDB reads of a refresh", calls.count("GetItem"), "", None, None),
    ]


def _compare_batch(
    messages: RotationMessages, stand_in: RefreshStandIn, runs: int
) -> tuple[str, float, str, float | None, float | None]:
    """Ten users in one invocation against one, KuCoin taking 100 ms."""
    stand_in.tell(latency_seconds=LATENCY_SECONDS)
    ten, one = [], []
    for _ in range(runs):
        one.append(_time(lambda: _refresh(messages, USERS[:1]), time.perf_counter))
        ten.append(_time(lambda: _refresh(messages, USERS), time.perf_counter))
    stand_in.tell(latency_seconds=0.0)
    median = statistics.median
    return "batch of ten, 100 ms KuCoin", median(ten) * 1e3, "ms", median(one) * 1e3, BATCH_GOAL


def _compare_cpu(
    messages: RotationMessages, stand_in: RefreshStandIn, runs: int
) -> tuple[str, float, str, float | None, float | None]:
    """Processor time of one refresh against the same calls, bare; in turns of ten."""
    bare = _build_floor(stand_in.url)
    ours, floor = [], []
    for _ in range(max(3, runs // 10)):
        floor.append(_time(lambda: [bare() for _ in range(10)], time.process_time) / 10)
        ours.append(_time(lambda: _repeat(messages), time.process_time) / 10)
    median = statistics.median
    return "CPU of a refresh", median(ours) * 1e3, "ms", median(floor) * 1e3, CPU_GOAL


def _build_floor(url: str) -> Callable[[], None]:
    """The same AWS calls and one POST, with nothing around them."""
    database: Any = boto3.client("dynamodb")
    keys: Any = boto3.client("kms")
    name = os.environ["CONNECTIONS_TABLE"]
    key = {"userId": {"S": USERS[0]}}
    update = {
        "TableName": name,
        "Key": key,
        "UpdateExpression": "SET #a = :a, #b = :b, #c = :c ADD #d :d",
        "ConditionExpression": "#a = :a AND #b = :b",
        "ExpressionAttributeNames": {"#a": "a", "#b": "b", "#c": "c", "#d": "d"},
        "ExpressionAttributeValues": {
            ":a": {"S": "a"},
            ":b": {"N": "1"},
            ":c": {"B": b"c" * 1000},
            ":d": {"N": "1"},
        },
        "ReturnValues": "ALL_NEW",
    }

    def run() -> None:
        database.get_item(TableName=name, Key=key, ConsistentRead=True)
        database.update_item(**update)
        keys.decrypt(
            KeyId=os.environ["VAULT_KEY_ID"],
            CiphertextBlob=b"w" * 184,
            EncryptionContext={"userId": USERS[0], "purpose": "oauth-tokens"},
        )
        form = {"grant_type": "authorization_code", "refresh_token": TOKEN, "scope": "S"}
        requests.post(f"{url}/_oauth/refresh-token", data=form, timeout=10).json()
        database.update_item(**update)

    run()
    return run


def _time(work: Callable[[], Any], clock: Callable[[], float]) -> float:
    started = clock()
    work()
    return clock() - started
