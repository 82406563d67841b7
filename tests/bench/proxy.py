"""What a call through the proxy costs, warm: processor time against a floor, and beside others.

The floor is what no proxy with a store can do without: one consistent GetItem and one call of
``requests`` on a kept connection. AWS and KuCoin are processes of their own.
"""

import contextlib
import importlib.util
import io
import json
import os
import statistics
import time
from collections.abc import Callable
from logging import StreamHandler
from typing import Any

import boto3
import ccxt
import requests
from kucoin_universal_sdk.api import DefaultClient
from kucoin_universal_sdk.generate.account.account import GetSpotAccountListReqBuilder
from kucoin_universal_sdk.model import ClientOptionBuilder, TransportOptionBuilder

from kubroker.connections.model import (
    ApiKeyState,
    Authorization,
    Connection,
    ConnectionStatus,
    KeyFacts,
)
from kubroker.connections.vault import DataKey, EncryptionContext, Purpose
from kubroker.foundation.observability import logger
from kubroker.kucoin.permissions import GROUP_NAMES, Permission
from local.kucoin_simulator.control.client import SimulatorProcess
from tests.bench.cases import _marshal, build_environment
from tests.bench.refresh_stand_in import RefreshStandIn
from tests.bench.stand_in import DATA_KEY
from tests.support.built import ROOT
from tests.support.functions import LambdaContextStandin, clear_caches

CPU_GOAL = 1.5
CALLS = 20
_ATTRIBUTES = "connectionStatus, apiKeyState, kucoinUid, apiKeyDataKey, apiKeyCiphertext"
_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "LOG_LEVEL": "INFO",
}

type Row = tuple[str, float, str, float | None, float | None]


def measure_proxy(runs: int) -> list[Row]:
    """Name, value, unit, floor and goal of each figure.

    Args:
        runs: How many times twenty calls of each kind, in turns.
    """
    stand_in = RefreshStandIn()
    kept = dict(os.environ)
    with SimulatorProcess() as simulator, contextlib.redirect_stdout(io.StringIO()):
        for handler in logger.handlers:  # lines are made as in Lambda, and read by nobody
            if isinstance(handler, StreamHandler):
                handler.setStream(io.StringIO())
        logger._logger.propagate = False
        try:
            return _measure(stand_in, simulator, runs)
        finally:
            stand_in.stop()
            os.environ.clear()
            os.environ.update(kept)


def _measure(stand_in: RefreshStandIn, simulator: SimulatorProcess, runs: int) -> list[Row]:
    folder = ROOT / "functions/kucoin_proxy"
    os.environ.update({**build_environment(folder, stand_in.url), **_CREDENTIALS})
    os.environ["KUCOIN_REST_URL"] = simulator.url
    clear_caches()  # another figure's clients are bound to its own stand-in
    # ccxt signs for key version 2, which KuCoin still takes.
    simulator.control.set_settings(rate_limits={"management": 10_000_000}, key_versions=["2", "3"])
    groups = [GROUP_NAMES[Permission.GENERAL], GROUP_NAMES[Permission.SPOT]]
    key = simulator.control.add_key("alice", groups=groups)
    stand_in.tell(items={"user-1": _build_item(key)})
    works = {
        "floor": _build_floor(simulator.url),
        "proxy call, warm, CPU": _build_ours(),
        "ccxt's own call, CPU": _build_ccxt(simulator.url, key),
        "official SDK's own call, CPU": _build_sdk(simulator.url, key),
    }
    spent: dict[str, list[float]] = {name: [] for name in works}
    for run in range(runs + 1):
        for name, work in works.items():
            started = time.process_time()
            for _ in range(CALLS):
                work()
            if run > 0:
                spent[name].append((time.process_time() - started) / CALLS * 1e3)
    floor = statistics.median(spent.pop("floor"))
    return [
        (name, statistics.median(values), "ms", floor, CPU_GOAL if "proxy" in name else None)
        for name, values in spent.items()
    ]


def _build_item(key: dict[str, Any]) -> dict[str, Any]:
    """A connection with that key in use."""
    context = EncryptionContext("user-1", Purpose.API_KEY)
    payload = {name: key[name] for name in ("apiKey", "secret", "passphrase")}
    now = int(time.time())
    connection = Connection(
        user_id="user-1",
        account_label="Main account",
        link_generation=1,
        connection_status=ConnectionStatus.ACTIVE,
        authorization=Authorization.LIVE,
        api_key_state=ApiKeyState.ACTIVE,
        api_key_data_key=b"w" * 184,
        api_key_ciphertext=DataKey(DATA_KEY, b"", context).encrypt(json.dumps(payload).encode()),
        api_key_facts=KeyFacts(
            name="kubroker",
            hint="0000",
            permissions=[Permission.GENERAL, Permission.SPOT],
            is_addressbook_only=False,
            ip_whitelist=[],
            created_at=now,
        ),
        kucoin_uid=str(key["uid"]),
        created_at=now,
        updated_at=now,
    )
    wanted = {"apiKeyFacts", "userId", *_ATTRIBUTES.split(", ")}
    item = _marshal(connection.to_item())
    return {name: value for name, value in item.items() if name in wanted}


def _build_floor(url: str) -> Callable[[], Any]:
    database: Any = boto3.client("dynamodb")
    session = requests.Session()
    request = {
        "TableName": os.environ["CONNECTIONS_TABLE"],
        "Key": {"userId": {"S": "user-1"}},
        "ConsistentRead": True,
        "ProjectionExpression": _ATTRIBUTES,
    }

    def run() -> None:
        database.get_item(**request)
        session.get(f"{url}/api/v1/accounts?currency=USDT&type=main", timeout=10)

    return run


def _build_ours() -> Callable[[], Any]:
    """The function's handler with its golden event."""
    spec = importlib.util.spec_from_file_location(
        "bench_kucoin_proxy", ROOT / "functions/kucoin_proxy/app.py"
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = (ROOT / "events/kucoin_proxy/accounts.json").read_text()
    context = LambdaContextStandin("kucoin-proxy")

    def run() -> None:
        answer = module.lambda_handler(json.loads(text), context)
        if '"200000"' not in answer["body"]:
            raise RuntimeError(f"the proxy answered {answer['body']}")

    return run


def _build_ccxt(url: str, key: dict[str, Any]) -> Callable[[], Any]:
    names = {"apiKey": "apiKey", "secret": "secret", "password": "passphrase"}
    client: Any = ccxt.kucoin({theirs: key[ours] for theirs, ours in names.items()})
    client.urls["api"] = dict.fromkeys(client.urls["api"], url)
    client.enableRateLimit = False
    client.options["partner"] = {}  # its own would be refused
    return lambda: client.private_get_accounts({"currency": "USDT", "type": "main"})


def _build_sdk(url: str, key: dict[str, Any]) -> Callable[[], Any]:
    option = (
        ClientOptionBuilder()
        .set_key(key["apiKey"])
        .set_secret(key["secret"])
        .set_passphrase(key["passphrase"])
        .set_spot_endpoint(url)
        .set_transport_option(TransportOptionBuilder().build())
        .build()
    )
    service: Any = DefaultClient(option).rest_service().get_account_service().get_account_api()
    request = GetSpotAccountListReqBuilder().set_currency("USDT").build()
    return lambda: service.get_spot_account_list(request)
