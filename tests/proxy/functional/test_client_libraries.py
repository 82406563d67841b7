"""Public KuCoin clients through the gateway: dummy keys, other base URLs, SigV4, else unchanged."""

import json
import subprocess
from pathlib import Path

import boto3
import ccxt
import kucoin.client
import pytest
from kucoin_universal_sdk.generate.spot.order import GetOpenOrdersReqBuilder

from local.aws.client import ACCESS_KEY, REGION, SECRET_KEY
from tests.support.examples import build_sdk, load_example
from tests.support.linked import link_user

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def example():
    return load_example("trade_with_ccxt")


@pytest.fixture
def session():
    return boto3.Session(ACCESS_KEY, SECRET_KEY, region_name=REGION)


@pytest.fixture
def trader(local_stack):
    """Linked to alice's account, with funds to trade; what KuCoin showed of the key."""
    made = link_user(local_stack.stack, local_stack.simulator)
    local_stack.simulator.add_balance("alice", "USDT", "1000", account="trade")
    return made


def signed_entries(local_stack):
    return [entry for entry in local_stack.simulator.journal() if entry["signature"]]


def test_example_with_ccxt_trades(local_stack, trader, example, session):
    exchange = example.build_exchange(local_stack.gateway_url, "user-1", session)
    assert exchange.fetch_balance({"type": "trade", "hf": False})["USDT"]["free"] == 1500
    order = exchange.create_order("BTC/USDT", "limit", "buy", 0.001, 20_000)
    assert [one["id"] for one in exchange.fetch_open_orders("BTC/USDT")] == [order["id"]]
    exchange.cancel_order(order["id"], "BTC/USDT")
    assert exchange.fetch_open_orders("BTC/USDT") == []
    entries = signed_entries(local_stack)
    assert len(entries) >= 5
    assert {(one["signature"], one["partner"]) for one in entries} == {("held", "held")}
    assert {one["apiKey"] for one in entries} == {trader["apiKey"]}


def test_example_runs_as_it_is_documented(local_stack, trader, example, monkeypatch, capsys):
    variables = {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": REGION,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    monkeypatch.setattr("sys.argv", ["trade_with_ccxt.py", local_stack.gateway_url, "user-1"])
    example.main()
    shown = capsys.readouterr().out
    assert "placed" in shown
    assert "cancelled" in shown


def read_section(language):
    """The code of that language in the README's section about trading."""
    section = (ROOT / "README.md").read_text().split("### Trade with the client you have")[1]
    return section.split(f"```{language}\n")[1].split("```")[0]


def test_readme_code_places_an_order(local_stack, trader, example, session):
    names = {
        "ccxt": ccxt,
        "SignWithAws": example.SignWithAws,
        "base_url": local_stack.gateway_url,
        "user_id": "user-1",
        "session": session,
    }
    exec(read_section("python"), names)
    (order,) = names["exchange"].fetch_open_orders("BTC/USDT")
    assert order["id"] == names["order"]["id"]


def test_readme_curl_reads(local_stack, trader):
    command = read_section("sh").replace("http://localhost:3000", local_stack.gateway_url)
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["data"][0]["currency"] == "USDT"


def test_python_kucoin_trades(local_stack, trader, example, session):
    client = kucoin.client.Client("dummy", "dummy", "dummy")
    client.API_URL = f"{local_stack.gateway_url}/v1/connections/user-1/kucoin"
    client.session.mount(local_stack.gateway_url, example.SignWithAws(session))
    assert client.get_accounts(currency="USDT", account_type="trade")[0]["available"] == "1500"
    made = client.hf_create_limit_order("BTC-USDT", "buy", price="20000", size="0.001")
    assert client.hf_cancel_order(made["orderId"], "BTC-USDT")["orderId"] == made["orderId"]
    assert {one["partner"] for one in signed_entries(local_stack)} == {"held"}


def test_official_sdk_reads(local_stack, trader, example, session):
    client = build_sdk(local_stack.gateway_url, example.SignWithAws(session))
    service = client.get_spot_service().get_order_api()
    request = GetOpenOrdersReqBuilder().set_symbol("BTC-USDT").build()
    assert service.get_open_orders(request).data == []
    (entry,) = signed_entries(local_stack)
    assert (entry["signature"], entry["partner"]) == ("held", "held")


def test_no_secret_of_a_key_is_in_the_logs(local_stack, trader, example, session):
    exchange = example.build_exchange(local_stack.gateway_url, "user-1", session)
    exchange.fetch_balance({"type": "trade", "hf": False})
    logs = local_stack.pool.read_logs()
    assert '"message":"signed"' in logs
    for secret in (trader["apiKey"], trader["secret"], trader["passphrase"]):
        assert secret not in logs


def test_client_of_a_disconnected_user_is_told_so(local_stack, trader, example, session):
    exchange = example.build_exchange(local_stack.gateway_url, "user-1", session)
    exchange.fetch_balance({"type": "trade", "hf": False})
    answer = exchange.session.delete(f"{local_stack.gateway_url}/v1/connections/user-1")
    assert answer.status_code == 200, answer.text
    with pytest.raises(ccxt.ExchangeError, match="connection_disconnected"):
        exchange.fetch_balance({"type": "trade", "hf": False})
