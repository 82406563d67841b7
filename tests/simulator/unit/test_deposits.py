"""Deposit addresses and deposits."""

import pytest

from local.kucoin_simulator.control.client import SimulatorError
from tests.simulator.unit.driver import Purse, Trader, code_of

CREATE, LIST, DEPOSITS = (
    "/api/v3/deposit-address/create",
    "/api/v3/deposit-addresses",
    "/api/v1/deposits",
)


@pytest.fixture
def trader(driver):
    return Trader(driver)


def create(trader, currency="USDT", chain="trx", **fields):
    return trader.send("POST", CREATE, {"currency": currency, "chain": chain, **fields})


def test_create_address_gives_it_in_kucoins_form(trader):
    made = create(trader, to="trade").json()["data"]

    assert made.pop("address").startswith("T")
    assert made == {
        "memo": "",
        "chainId": "trx",
        "to": "TRADE",
        "expirationDate": 0,
        "currency": "USDT",
        "chainName": "TRC20",
    }


def test_create_address_twice_is_refused_and_the_list_has_it_once(trader):
    made = create(trader).json()["data"]

    assert code_of(create(trader)) == "260000"
    listed = trader.data(LIST, currency="USDT", chain="trx")
    contract = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
    assert listed == [{**made, "contractAddress": contract}]
    assert made["to"] == "MAIN"


def test_addresses_without_chain_lists_every_chain(trader):
    create(trader)
    create(trader, chain="eth")
    create(trader, currency="USDC", chain="eth")

    assert [item["chainId"] for item in trader.data(LIST, currency="USDT")] == ["trx", "eth"]


def test_addresses_of_one_chain_are_the_same_for_every_currency(trader):
    usdt = create(trader, chain="eth").json()["data"]["address"]

    assert create(trader, currency="USDC", chain="eth").json()["data"]["address"] == usdt


def test_create_address_without_chain_takes_the_currencys_first(trader):
    made = trader.send("POST", CREATE, {"currency": "USDT"}).json()["data"]

    assert made["chainId"] == "eth"


@pytest.mark.parametrize(("world", "code"), [("empty", "200000"), ("260220", "260220")])
def test_addresses_where_there_are_none_follow_the_world(trader, world, code):
    trader.control.set_worlds(no_address=world)

    answer = trader.get(LIST, currency="USDT", chain="trx").json()

    assert (answer["code"], answer.get("data", [])) == (code, [])


def test_memo_chain_shares_the_address_and_tells_users_apart_by_memo(driver, trader):
    mine = create(trader, currency="XRP", chain="xrp").json()["data"]
    others = create(Trader(driver, "bob"), currency="XRP", chain="xrp").json()["data"]

    assert mine["address"] == others["address"]
    assert mine["memo"].isdigit()
    assert mine["memo"] != others["memo"]


def test_lightning_invoice_needs_an_amount_and_expires(trader):
    assert code_of(create(trader, "BTC", "btcln")) == "400100"
    first = create(trader, "BTC", "btcln", amount="0.001").json()["data"]
    second = create(trader, "BTC", "btcln", amount="0.001").json()["data"]

    assert first["address"] != second["address"]
    assert first["expirationDate"] == trader.now_ms + 3600 * 1000
    assert len(trader.data(LIST, currency="BTC", chain="btcln")) == 2
    trader.control.advance(3600)
    assert trader.data(LIST, currency="BTC", chain="btcln") == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"currency": "NOPE"}, "900003"),
        ({"chain": "btc"}, "900014"),
        ({"to": "MAIN"}, "400100"),
        ({"chain": 7}, "400100"),
    ],
)
def test_create_address_refuses(trader, fields, code):
    body = {"currency": "USDT", "chain": "trx", **fields}

    assert code_of(trader.send("POST", CREATE, body)) == code


def test_create_address_where_deposits_are_disabled_is_refused(trader):
    trader.control.patch_chain("USDT", "trx", isDepositEnabled=False)

    assert code_of(create(trader)) == "260200"


def test_address_calls_need_only_general(driver):
    trader = Trader(driver, groups=["API_COMMON"])

    assert code_of(create(trader)) == "200000"
    assert trader.driver.last_entry()["outcome"] == "200000"


def test_deposit_arrives_on_the_account_of_its_address(trader):
    create(trader, to="trade")
    trader.control.add_deposit("alice", "USDT", "12.5", chain="trx", remark="rent")

    assert trader.balance("trade") == "512.5"
    item = trader.data(DEPOSITS, currency="USDT")["items"][0]
    assert len(item.pop("walletTxId")) == 64
    assert item.pop("createdAt") == item.pop("updatedAt") == trader.now_ms
    assert item.pop("address") == trader.data(LIST, currency="USDT")[0]["address"]
    assert item == {
        "currency": "USDT",
        "chain": "trx",
        "status": "SUCCESS",
        "memo": "",
        "isInner": False,
        "amount": "12.5",
        "fee": "0",
        "remark": "rent",
        "arrears": False,
    }
    assert trader.control.book()["sound"]


def test_deposit_in_processing_credits_nothing_until_it_succeeds(trader):
    create(trader)
    made = trader.control.add_deposit("alice", "USDT", "5", chain="trx", status="PROCESSING")

    assert trader.balance("main") == "10000"
    trader.control.set_deposit(made["id"], "SUCCESS")
    assert trader.balance("main") == "10005"
    with pytest.raises(SimulatorError, match="PROCESSING"):
        trader.control.set_deposit(made["id"], "SUCCESS")


def test_deposit_without_an_address_is_a_control_error(trader):
    with pytest.raises(SimulatorError, match="no such address"):
        trader.control.add_deposit("alice", "USDT", "5", chain="trx")


def test_deposits_filter_and_page_latest_first(trader):
    create(trader)
    for number in range(12):
        trader.control.advance(1)
        trader.control.add_deposit("alice", "USDT", str(number + 1), chain="trx")

    page = trader.data(DEPOSITS, pageSize=10, currentPage=2)
    assert (page["totalNum"], page["totalPage"]) == (12, 2)
    assert [item["amount"] for item in page["items"]] == ["2", "1"]
    now = trader.now_ms
    recent = trader.data(DEPOSITS, startAt=now - 1000, endAt=now, status="SUCCESS")
    assert [item["amount"] for item in recent["items"]] == ["12", "11"]
    assert trader.data(DEPOSITS, status="FAILURE")["items"] == []
    assert trader.data(DEPOSITS, currency="BTC")["items"] == []
    assert code_of(trader.get(DEPOSITS, pageSize=501)) == "400100"
    assert code_of(trader.get(DEPOSITS, pageSize=9)) == "400100"
    assert code_of(trader.get(DEPOSITS, status="DONE")) == "400100"


def test_inner_withdrawal_is_a_deposit_of_whom_it_reaches(driver):
    driver.control.set_settings(processing_seconds=0, wallet_seconds=0)
    bob = driver.control.state()["users"][1]
    Purse(driver).withdraw(address=str(bob["uid"]), withdrawType="UID", chain=None, amount="100")
    driver.control.withdrawals()

    item = Trader(driver, "bob").data(DEPOSITS)["items"][0]
    assert (item["isInner"], item["amount"], item["walletTxId"]) == (True, "100", None)


def test_deposits_of_others_are_not_shown(driver, trader):
    create(trader)
    trader.control.add_deposit("alice", "USDT", "5", chain="trx")

    assert Trader(driver, "bob").data(DEPOSITS)["items"] == []
    records = trader.control.records("deposits")
    assert [(item["user"], item["record"]["amount"]) for item in records] == [("alice", "5")]
