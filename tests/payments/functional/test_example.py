"""The documented example against the whole local stack, and the golden events."""

import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests

from local.aws.client import ACCESS_KEY, REGION, SECRET_KEY
from tests.support.examples import load_example
from tests.support.paying import Paying

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "docs/examples/pay_with_kucoin.py"


@pytest.fixture
def linked(local_stack):
    """Linked to alice, of whom KuCoin wants no codes, and whose payments settle at once."""
    local_stack.simulator.set_settings(processing_seconds=0, wallet_seconds=0)
    made = Paying(None, SimpleNamespace(stack=local_stack.stack), local_stack.simulator, None)
    made.connect()
    made.no_factors()
    return made


def test_example_runs_as_it_is_documented(local_stack, linked):
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLE), local_stack.gateway_url, "user-1", "shop", "25.5", "USDT"],
        env={
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": REGION,
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        link = process.stdout.readline().removeprefix("send the user to ").strip()
        fees = re.search(r'name="fees" value="([^"]+)"', requests.get(link, timeout=30).text)[1]
        form = {"action": "pay", "fees": fees}
        assert "KuCoin is sending your payment" in requests.post(link, data=form, timeout=60).text
        for item in local_stack.aws.client("dynamodb").scan(
            TableName=local_stack.stack.tables["WithdrawalsTable"]
        )["Items"]:
            local_stack.aws.client("dynamodb").update_item(
                TableName=local_stack.stack.tables["WithdrawalsTable"],
                Key={name: item[name] for name in ("userId", "withdrawalId")},
                UpdateExpression="SET nextCheckAt = :now",
                ExpressionAttributeValues={":now": {"N": "1"}},
            )
        local_stack.pool.invoke("withdrawal_tracker", {"kind": "track"})
        told, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert re.fullmatch(r"SETTLED [0-9a-f]{64}\n", told)
    assert len(linked.made()) == 1


def test_example_tells_refusals_by_code(local_stack, linked):
    import boto3

    example = load_example("pay_with_kucoin")
    session = boto3.Session(ACCESS_KEY, SECRET_KEY, region_name=REGION)
    payments = example.Payments(local_stack.gateway_url, session)
    fields = {"userId": "user-1", "amount": "5", "currency": "USDT", "reference": "r"}
    with pytest.raises(RuntimeError, match="payee_unknown"):
        payments.open("one", payee="nobody", **fields)
    assert payments.open("one", payee="shop", **fields)["status"] == "OPEN"


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("open_payment", 404),
        ("list_payments", 200),
        ("get_payment", 404),
        ("cancel_payment", 404),
        ("press_pay", 404),
    ],
)
def test_golden_event_gets_its_answer_where_nobody_is_linked(functions, name, status):
    event = json.loads((ROOT / f"events/withdrawal/{name}.json").read_text())
    assert functions.call("withdrawal", event)["statusCode"] == status
