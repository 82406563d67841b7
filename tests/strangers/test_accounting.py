"""Deposit addresses, deposits, transfers, ledgers and rebate reports through public clients."""

import ccxt
import pytest
from kucoin.exceptions import KucoinAPIException
from kucoin_universal_sdk.generate.account.account import (
    GetFuturesAccountReqBuilder,
    GetFuturesLedgerReqBuilder,
    GetSpotHfLedgerReqBuilder,
    GetSpotLedgerReqBuilder,
)
from kucoin_universal_sdk.generate.account.deposit import (
    AddDepositAddressV3Req,
    AddDepositAddressV3ReqBuilder,
    GetDepositAddressV3ReqBuilder,
    GetDepositHistoryReqBuilder,
)
from kucoin_universal_sdk.generate.account.transfer import FlexTransferReq, FlexTransferReqBuilder
from kucoin_universal_sdk.generate.broker.apibroker import GetRebaseReq, GetRebaseReqBuilder
from kucoin_universal_sdk.model.common import RestError

# the SDK reads its own path variables in a way that pydantic will drop
pytestmark = pytest.mark.filterwarnings("ignore:Accessing the 'model_fields'")


@pytest.fixture
def key(driver):
    return driver.key()


@pytest.fixture
def sdk(clients, key):
    return clients.sdk(key)


@pytest.fixture
def exchange(clients, key):
    made = clients.ccxt(key)
    made.load_markets()
    return made


@pytest.fixture
def python_kucoin(clients, key):
    return clients.python_kucoin(key)


def new_address(chain="trx", to=AddDepositAddressV3Req.ToEnum.TRADE):
    builder = AddDepositAddressV3ReqBuilder().set_currency("USDT").set_chain(chain).set_to(to)
    return builder.build()


def transfer(client_oid, amount="100", target=FlexTransferReq.ToAccountTypeEnum.TRADE):
    return (
        FlexTransferReqBuilder()
        .set_client_oid(client_oid)
        .set_currency("USDT")
        .set_amount(amount)
        .set_type(FlexTransferReq.TypeEnum.INTERNAL)
        .set_from_account_type(FlexTransferReq.FromAccountTypeEnum.MAIN)
        .set_to_account_type(target)
        .build()
    )


def test_deposit_address_through_every_client_parses(sdk, exchange, python_kucoin):
    api = sdk.get_account_service().get_deposit_api()

    made = api.add_deposit_address_v3(new_address())
    second = exchange.create_deposit_address("USDT", {"network": "ERC20"})
    third = python_kucoin.create_deposit_address("XRP", chain="xrp")

    assert (made.chain_id, made.chain_name, made.to, made.memo) == ("trx", "TRC20", "TRADE", "")
    assert (second["network"], second["address"][:2]) == ("ERC20", "0x")
    assert third["memo"]
    request = GetDepositAddressV3ReqBuilder().set_currency("USDT").build()
    listed = api.get_deposit_address_v3(request).data
    assert [(item.chain_id, item.to.value) for item in listed] == [
        ("trx", "TRADE"),
        ("eth", "MAIN"),
    ]
    assert listed[0].contract_address.startswith("TR7")
    # its own fetch_deposit_address asks for versions 1 and 2
    raw = exchange.private_get_deposit_addresses({"currency": "USDT", "version": "v3"})
    assert exchange.parse_deposit_address(raw["data"][0])["address"] == made.address
    addresses = python_kucoin.get_deposit_addresses("XRP", chain="xrp")
    assert addresses[0]["address"] == third["address"]


def test_existing_address_raises_in_every_client(sdk, exchange, python_kucoin):
    api = sdk.get_account_service().get_deposit_api()
    api.add_deposit_address_v3(new_address())

    with pytest.raises(RestError, match="260000"):
        api.add_deposit_address_v3(new_address())
    with pytest.raises(ccxt.InvalidAddress, match="260000"):
        exchange.create_deposit_address("USDT", {"network": "TRC20"})
    with pytest.raises(KucoinAPIException, match="260000"):
        python_kucoin.create_deposit_address("USDT", chain="trx")


def test_missing_address_raises_in_every_client_in_its_world(driver, sdk, exchange, python_kucoin):
    driver.control.set_worlds(no_address="260220")
    request = GetDepositAddressV3ReqBuilder().set_currency("USDT").build()

    with pytest.raises(RestError, match="260220"):
        sdk.get_account_service().get_deposit_api().get_deposit_address_v3(request)
    with pytest.raises(ccxt.InvalidAddress, match="260220"):
        exchange.private_get_deposit_addresses({"currency": "USDT", "version": "v3"})
    with pytest.raises(KucoinAPIException, match="260220"):
        python_kucoin.get_deposit_addresses("USDT")


def test_deposits_through_every_client_parse(driver, sdk, exchange, python_kucoin):
    api = sdk.get_account_service().get_deposit_api()
    api.add_deposit_address_v3(new_address())
    driver.control.add_deposit("alice", "USDT", "12.5", chain="trx")

    page = api.get_deposit_history(GetDepositHistoryReqBuilder().set_currency("USDT").build())

    item = page.items[0]
    assert (item.amount, item.status.value, item.chain, item.arrears) == (
        "12.5", "SUCCESS", "trx", False,
    )  # fmt: skip
    parsed = exchange.fetch_deposits("USDT")[0]
    assert (parsed["amount"], parsed["status"], parsed["txid"]) == (12.5, "ok", item.wallet_tx_id)
    assert python_kucoin.get_deposits("USDT")["totalNum"] == 1


def test_transfer_through_every_client_moves(driver, sdk, exchange, python_kucoin):
    answer = sdk.get_account_service().get_transfer_api().flex_transfer(transfer("t-1"))
    exchange.transfer("USDT", 100, "main", "trade")
    fields = {"clientOid": "t-3", "currency": "USDT", "amount": "100", "type": "INTERNAL"}
    ends = {"fromAccountType": "MAIN", "toAccountType": "TRADE"}
    # its own create_universal_transfer asks for version 1
    python_kucoin._post("accounts/universal-transfer", True, "v3", data={**fields, **ends})

    assert len(answer.order_id) == 24
    balances = {
        item["account"]: item["amount"]
        for item in driver.control.book()["balances"]
        if (item["owner"], item["currency"]) == ("alice", "USDT")
    }
    assert balances == {"main": "9700", "trade": "800"}


def test_transfer_above_the_balance_raises_in_every_client(sdk, exchange):
    with pytest.raises(RestError, match="230003"):
        sdk.get_account_service().get_transfer_api().flex_transfer(transfer("t-1", "20000"))
    with pytest.raises(ccxt.InsufficientFunds, match="230003"):
        exchange.transfer("USDT", 20000, "main", "trade")


def test_funding_ledger_through_every_client_parses(sdk, exchange, python_kucoin):
    sdk.get_account_service().get_transfer_api().flex_transfer(transfer("t-1"))
    api = sdk.get_account_service().get_account_api()

    page = api.get_spot_ledger(GetSpotLedgerReqBuilder().set_currency("USDT").build())

    item = page.items[0]
    assert (item.biz_type, item.direction, item.amount, item.account_type) == (
        "TRANSFER", "out", "100", "MAIN",
    )  # fmt: skip
    entry = exchange.fetch_ledger("USDT", params={"hf": False})[-1]
    assert (entry["id"], entry["direction"], entry["amount"]) == (item.id, "out", 100)
    # its own get_account_activity takes its filters for a version
    raw = python_kucoin._get("accounts/ledgers", True, data={"currency": "USDT"})
    assert raw["items"][0]["id"] == item.id


def test_trade_ledger_through_every_client_parses(sdk, exchange, python_kucoin):
    exchange.create_order("BTC/USDT", "market", "buy", 0.001)
    api = sdk.get_account_service().get_account_api()

    listed = api.get_spot_hf_ledger(GetSpotHfLedgerReqBuilder().set_currency("USDT").build()).data

    assert (listed[0].biz_type, listed[0].amount, listed[0].fee) == (
        "TRADE_EXCHANGE", "60.06", "0.06",
    )  # fmt: skip
    entry = exchange.fetch_ledger("USDT")[-1]
    assert (entry["type"], entry["amount"], entry["id"]) == ("trade", 60.06, listed[0].id)
    assert python_kucoin.hf_get_account_activity("USDT")[0]["id"] == listed[0].id


def test_futures_ledger_and_account_through_every_client_parse(sdk, exchange, python_kucoin):
    contract = FlexTransferReq.ToAccountTypeEnum.CONTRACT
    sdk.get_account_service().get_transfer_api().flex_transfer(transfer("t-1", target=contract))
    api = sdk.get_account_service().get_account_api()

    ledger = api.get_futures_ledger(GetFuturesLedgerReqBuilder().set_currency("USDT").build())

    item = ledger.data_list[0]
    assert (item.type, item.amount, item.status, ledger.has_more) == (
        "TransferIn", 100.0, "Completed", False,
    )  # fmt: skip
    raw = exchange.futuresprivate_get_transaction_history({"currency": "USDT"})["data"]
    assert [entry["offset"] for entry in raw["dataList"]] == [item.offset]
    activity = python_kucoin.futures_get_account_activity("USDT")
    assert activity["dataList"][0]["accountEquity"] == 100.0
    account = api.get_futures_account(GetFuturesAccountReqBuilder().set_currency("USDT").build())
    assert (account.account_equity, account.available_balance) == (100.0, 100.0)


def test_ledger_window_too_long_raises_in_every_client(driver, sdk, exchange, python_kucoin):
    now = driver.control.state()["clock"]["nowMs"]
    start = now - 25 * 3600 * 1000
    api = sdk.get_account_service().get_account_api()

    with pytest.raises(RestError, match="24 hours"):
        api.get_spot_ledger(GetSpotLedgerReqBuilder().set_start_at(start).set_end_at(now).build())
    with pytest.raises(ccxt.BadRequest, match="24 hours"):
        exchange.private_get_accounts_ledgers({"startAt": start, "endAt": now})
    with pytest.raises(KucoinAPIException, match="24 hours"):
        python_kucoin._get("accounts/ledgers", True, data={"startAt": start, "endAt": now})


def test_rebate_report_through_clients_gives_a_file(driver, clients):
    driver.control.add_user("broker", isBroker=True)
    key = driver.key("broker")
    request = (
        GetRebaseReqBuilder()
        .set_begin("20240610")
        .set_end("20241010")
        .set_trade_type(GetRebaseReq.TradeTypeEnum.T_1)
        .build()
    )

    url = clients.sdk(key).get_broker_service().get_api_broker_api().get_rebase(request).url

    answer = driver.session.get(url, timeout=10)
    assert (answer.status_code, answer.text.split(",")[0]) == (200, "uid")
    query = {"begin": "20240610", "end": "20241010", "tradeType": "2"}
    raw = clients.ccxt(key).private_get_broker_api_rebase_download(query)
    assert raw["data"]["url"].startswith(driver.url)
