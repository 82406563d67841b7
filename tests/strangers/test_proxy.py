"""Public clients through Kubroker: other base URLs, SigV4, dummy keys, else unchanged.

BTC costs 60000; `user-1` is linked to alice's account.
"""

import boto3
import ccxt
import kucoin.client
import pytest
from kucoin.exceptions import KucoinAPIException
from kucoin_universal_sdk.generate.account.withdrawal import WithdrawalV3ReqBuilder
from kucoin_universal_sdk.generate.account.withdrawal.model_withdrawal_v3_req import WithdrawalV3Req
from kucoin_universal_sdk.generate.spot.order import (
    AddOrderReq,
    AddOrderReqBuilder,
    CancelOrderByOrderIdReqBuilder,
    GetOpenOrdersReqBuilder,
    GetOrderByOrderIdReqBuilder,
)
from kucoin_universal_sdk.model.common import RestError

from kubroker.kucoin.permissions import Permission
from local.aws.client import ACCESS_KEY, REGION, SECRET_KEY
from tests.support.examples import build_sdk, load_example
from tests.support.linked import link_user

# the SDK reads its own path variables in a way that pydantic will drop
pytestmark = pytest.mark.filterwarnings("ignore:Accessing the 'model_fields'")
SPOT, CONTRACT = "BTC/USDT", "BTC/USDT:USDT"
ADDRESS = "TXJ1z9JzJ1rT7xY2q1Z3wEXAMPLE01"


@pytest.fixture(scope="module")
def example():
    return load_example("trade_with_ccxt")


@pytest.fixture
def adapter(example):
    return example.SignWithAws(boto3.Session(ACCESS_KEY, SECRET_KEY, region_name=REGION))


@pytest.fixture
def key(local_stack):
    """What KuCoin showed of alice's key; she has funds on both venues."""
    local_stack.simulator.add_balance("alice", "USDT", "1000", account="trade")
    local_stack.simulator.add_balance("alice", "USDT", "1000", account="contract")
    return link_user(local_stack.stack, local_stack.simulator)


@pytest.fixture
def exchange(local_stack, key, example):
    session = boto3.Session(ACCESS_KEY, SECRET_KEY, region_name=REGION)
    return example.build_exchange(local_stack.gateway_url, "user-1", session)


@pytest.fixture
def sdk(local_stack, key, adapter):
    return build_sdk(local_stack.gateway_url, adapter)


@pytest.fixture
def python_kucoin(local_stack, key, adapter):
    client = kucoin.client.Client("dummy", "dummy", "dummy")
    client.API_URL = f"{local_stack.gateway_url}/v1/connections/user-1/kucoin"
    client.session.mount(local_stack.gateway_url, adapter)
    return client


def spot_order(price="50000", size="0.001"):
    return (
        AddOrderReqBuilder()
        .set_symbol("BTC-USDT")
        .set_side(AddOrderReq.SideEnum.BUY)
        .set_type(AddOrderReq.TypeEnum.LIMIT)
        .set_price(price)
        .set_size(size)
        .build()
    )


def withdrawal():
    return (
        WithdrawalV3ReqBuilder()
        .set_currency("USDT")
        .set_chain("trx")
        .set_amount("10")
        .set_to_address(ADDRESS)
        .set_withdraw_type(WithdrawalV3Req.WithdrawTypeEnum.ADDRESS)
        .build()
    )


def check_signed(local_stack, key):
    """KuCoin saw the user's own key and the broker's tag on each signed call."""
    entries = [entry for entry in local_stack.simulator.journal() if entry["signature"]]
    assert {(entry["signature"], entry["partner"]) for entry in entries} == {("held", "held")}
    assert {entry["apiKey"] for entry in entries} == {key["apiKey"]}


def test_futures_order_through_ccxt_lives_its_life(local_stack, key, exchange):
    placed = exchange.create_order(CONTRACT, "limit", "buy", 2, 50_000, {"leverage": 5})

    opened = exchange.fetch_open_orders(CONTRACT)
    assert [(item["id"], item["remaining"]) for item in opened] == [(placed["id"], 2)]
    exchange.cancel_order(placed["id"], CONTRACT)
    assert exchange.fetch_order(placed["id"], CONTRACT)["status"] == "canceled"
    (order,) = local_stack.simulator.records("futures-orders", "alice")
    assert (order["record"]["id"], order["facts"]["isTagged"]) == (placed["id"], True)
    check_signed(local_stack, key)


def test_spot_order_through_the_official_sdk_lives_its_life(local_stack, key, sdk):
    api = sdk.get_spot_service().get_order_api()

    placed = api.add_order(spot_order())

    opened = api.get_open_orders(GetOpenOrdersReqBuilder().set_symbol("BTC-USDT").build()).data
    assert [(item.id, item.price, item.active) for item in opened] == [
        (placed.order_id, "50000", True)
    ]
    cancel = CancelOrderByOrderIdReqBuilder().set_symbol("BTC-USDT").set_order_id(placed.order_id)
    assert api.cancel_order_by_order_id(cancel.build()).order_id == placed.order_id
    read = GetOrderByOrderIdReqBuilder().set_symbol("BTC-USDT").set_order_id(placed.order_id)
    found = api.get_order_by_order_id(read.build())
    assert (found.cancel_exist, found.cancelled_size) == (True, "0.001")
    assert found.common_response.rate_limit.limit == 4000
    (order,) = local_stack.simulator.records("spot-orders", "alice")
    assert order["facts"]["isTagged"] is True
    check_signed(local_stack, key)


def test_too_little_balance_raises_in_every_client_as_without_kubroker(
    exchange, sdk, python_kucoin
):
    with pytest.raises(ccxt.InsufficientFunds, match="200004"):
        exchange.create_order(SPOT, "market", "buy", 1)
    with pytest.raises(ccxt.InsufficientFunds, match="300003"):
        exchange.create_order(CONTRACT, "market", "buy", 1000, None, {"leverage": 5})
    with pytest.raises(RestError, match="200004") as caught:
        sdk.get_spot_service().get_order_api().add_order(spot_order(size="1"))
    assert caught.value.get_common_response().code == "200004"
    with pytest.raises(KucoinAPIException) as refused:
        python_kucoin.hf_create_market_order("BTC-USDT", "buy", size="1")
    assert refused.value.code == "200004"


def test_unknown_order_raises_its_class_in_ccxt(exchange):
    with pytest.raises(ccxt.OrderNotFound):
        exchange.fetch_order("6422da9c97b45100018c6e62", SPOT)
    with pytest.raises(ccxt.OrderNotFound, match="100001"):
        exchange.fetch_order("6422da9c97b45100018c6e62", CONTRACT)


def test_quota_of_kucoin_raises_its_code_in_every_client(local_stack, exchange, sdk, python_kucoin):
    exchange.load_markets()
    local_stack.simulator.add_fault("spot_order", "rate_limit", times=3, headers=False)

    with pytest.raises(ccxt.ExchangeError, match="429000"):
        exchange.create_order(SPOT, "limit", "buy", 0.001, 50_000)
    with pytest.raises(RestError, match="429000"):
        sdk.get_spot_service().get_order_api().add_order(spot_order())
    with pytest.raises(KucoinAPIException) as caught:
        python_kucoin.hf_create_limit_order("BTC-USDT", "buy", "50000", "0.001")
    assert (caught.value.code, caught.value.status_code) == ("429000", 429)


def test_withdrawal_through_every_client_is_refused_and_never_sent(
    local_stack, exchange, sdk, python_kucoin
):
    with pytest.raises(ccxt.ExchangeError, match="call_not_forwarded"):
        exchange.withdraw("USDT", 10, ADDRESS, params={"network": "TRC20"})
    with pytest.raises(RestError, match="call_not_forwarded"):
        sdk.get_account_service().get_withdrawal_api().withdrawal_v3(withdrawal())
    with pytest.raises(KucoinAPIException) as caught:
        python_kucoin.create_withdrawal("USDT", "10", ADDRESS, "ADDRESS", chain="trx")
    assert (caught.value.code, caught.value.status_code) == ("call_not_forwarded", 403)

    sent = {(item["method"], item["path"]) for item in local_stack.simulator.journal()}
    assert not [path for method, path in sent if method == "POST"]
    assert local_stack.simulator.withdrawals() == []


def test_permission_that_the_user_did_not_grant_is_told_by_ccxt(local_stack, key, exchange):
    chosen = [Permission.GENERAL, Permission.SPOT]
    link_user(local_stack.stack, local_stack.simulator, permissions=chosen)

    with pytest.raises(ccxt.ExchangeError, match="permission_not_granted"):
        exchange.create_order(CONTRACT, "limit", "buy", 2, 50_000, {"leverage": 5})

    assert local_stack.simulator.records("futures-orders", "alice") == []


def test_order_whose_answer_was_lost_is_found_by_its_client_oid(local_stack, exchange):
    exchange.load_markets()
    local_stack.simulator.add_fault("spot_order", "drop", phase="after")

    with pytest.raises(ccxt.ExchangeError, match="kucoin_outcome_unknown"):
        exchange.create_order(SPOT, "limit", "buy", 0.001, 50_000, {"clientOrderId": "mine-1"})

    found = exchange.fetch_order(None, SPOT, {"clientOrderId": "mine-1"})
    (order,) = local_stack.simulator.records("spot-orders", "alice")
    assert (found["id"], found["status"]) == (order["record"]["id"], "open")
