"""Balances, currencies, prices and withdrawals, read by public clients."""

import ccxt
import pytest
from kucoin.exceptions import KucoinAPIException
from kucoin_universal_sdk.generate.account.account import GetSpotAccountListReqBuilder
from kucoin_universal_sdk.generate.account.withdrawal import (
    CancelWithdrawalReqBuilder,
    GetWithdrawalHistoryByIdReqBuilder,
    GetWithdrawalHistoryReqBuilder,
    GetWithdrawalQuotasReqBuilder,
)
from kucoin_universal_sdk.generate.spot.market import (
    GetCurrencyReqBuilder,
    GetFiatPriceReqBuilder,
)
from kucoin_universal_sdk.model.common import RestError

from tests.simulator.unit.driver import Purse

# the SDK reads its own path variables in a way that pydantic will drop
pytestmark = pytest.mark.filterwarnings("ignore:Accessing the 'model_fields'")


@pytest.fixture
def purse(driver):
    return Purse(driver)


@pytest.fixture
def sdk(clients, purse):
    return clients.sdk(purse.key)


@pytest.fixture
def ccxt_client(clients, purse):
    client = clients.ccxt(purse.key)
    client.currencies = client.fetch_currencies()
    client.currencies_by_id = client.index_by(client.currencies, "id")
    client.markets = client.markets_by_id = {"not needed": {}}
    return client


@pytest.fixture
def python_kucoin(clients, purse):
    return clients.python_kucoin(purse.key)


def test_currencies_through_every_client_parse(sdk, ccxt_client, python_kucoin):
    market = sdk.get_spot_service().get_market_api()

    official = {item.currency: item for item in market.get_all_currencies().data}
    trx = next(chain for chain in official["USDT"].chains if chain.chain_id == "trx")
    assert (trx.withdrawal_min_fee, trx.withdraw_precision, trx.need_tag) == ("1", 6, False)
    one = market.get_currency(GetCurrencyReqBuilder().set_currency("XRP").build())
    assert one.chains[0].need_tag is True
    assert ccxt_client.currencies["USDT"]["networks"]["TRC20"]["fee"] == 1
    assert ccxt_client.currencies["USDT"]["networks"]["KCC"]["withdraw"] is False
    assert ccxt_client.currencies["BTC"]["networks"]["BTC"]["limits"]["withdraw"]["min"] == 0.0005
    assert {item["currency"] for item in python_kucoin.get_currencies()} == set(official)
    assert python_kucoin.get_currency("BTC")["chains"][0]["chainId"] == "btc"


def test_prices_through_every_client_parse(sdk, ccxt_client, python_kucoin):
    request = GetFiatPriceReqBuilder().set_base("USD").set_currencies("BTC,ETH").build()

    official = sdk.get_spot_service().get_market_api().get_fiat_price(request)

    assert official.to_dict()["BTC"] == "60000"
    answer = ccxt_client.public_get_prices({"base": "USD", "currencies": "BTC,ETH"})
    assert answer["data"] == {"BTC": "60000", "ETH": "3000"}
    assert python_kucoin.get_fiat_prices("USD", "BTC,ETH") == {"BTC": "60000", "ETH": "3000"}


def test_accounts_through_every_client_parse(purse, sdk, ccxt_client, python_kucoin):
    purse.withdraw()
    request = GetSpotAccountListReqBuilder().set_currency("USDT").build()

    official = sdk.get_account_service().get_account_api().get_spot_account_list(request).data

    assert [(a.type.value, a.balance, a.available, a.holds) for a in official] == [
        ("main", "10000", "9886.5", "113.5"),
        ("trade", "500", "500", "0"),
    ]
    listed = {(a["type"], a["currency"]): a for a in ccxt_client.fetch_accounts()}
    assert listed["main", "USDT"]["info"]["available"] == "9886.5"
    balance = ccxt_client.fetch_balance({"type": "main", "hf": False})
    assert (balance["USDT"]["free"], balance["USDT"]["used"]) == (9886.5, 113.5)
    assert len(python_kucoin.get_accounts(currency="USDT")) == 2


def test_withdrawal_quotas_through_every_client_parse(sdk, ccxt_client, python_kucoin):
    request = GetWithdrawalQuotasReqBuilder().set_currency("USDT").set_chain("trx").build()

    official = sdk.get_account_service().get_withdrawal_api().get_withdrawal_quotas(request)

    assert (official.available_amount, official.withdraw_min_fee) == ("10000", "1")
    assert (official.precision, official.chain, official.is_withdraw_enabled) == (6, "TRC20", True)
    fee = ccxt_client.fetch_deposit_withdraw_fee("USDT", {"chain": "trx"})
    assert fee["withdraw"]["fee"] == 1
    assert python_kucoin.get_withdrawal_quotas("USDT", "trx")["withdrawMinSize"] == "2"


def test_withdrawal_history_through_every_client_parses(purse, sdk, ccxt_client, python_kucoin):
    purse.driver.control.set_settings(processing_seconds=0, wallet_seconds=0)
    made = purse.withdraw()
    api = sdk.get_account_service().get_withdrawal_api()

    page = api.get_withdrawal_history(
        GetWithdrawalHistoryReqBuilder().set_currency("USDT").set_page_size(10).build()
    )

    item = page.items[0]
    assert (page.total_num, page.total_page, page.page_size) == (1, 1, 10)
    assert (item.id, item.status.value, item.amount, item.fee) == (made, "SUCCESS", "100", "13.5")
    assert (item.chain, item.is_inner, item.remark) == ("eth", False, "kb-0001 rent")
    parsed = ccxt_client.fetch_withdrawals("USDT")[0]
    assert (parsed["id"], parsed["status"], parsed["amount"]) == (made, "ok", 100)
    assert parsed["fee"]["cost"] == 13.5
    assert python_kucoin.get_withdrawals("USDT")["items"][0]["id"] == made


def test_withdrawal_by_id_through_the_official_sdk_parses(purse, sdk):
    made = purse.withdraw()
    request = GetWithdrawalHistoryByIdReqBuilder().set_withdrawal_id(made).build()

    api = sdk.get_account_service().get_withdrawal_api()
    detail = api.get_withdrawal_history_by_id(request)

    assert (detail.id, detail.uid, detail.status) == (made, 200000001, "PROCESSING")
    assert (detail.chain_id, detail.chain_name) == ("eth", "ERC20")
    assert detail.cancel_type.value == "CANCELABLE"
    assert detail.return_status.value == "NOT_RETURN"
    purse.driver.control.set_withdrawal(made, "FAILURE", failureReason="risk")
    detail = api.get_withdrawal_history_by_id(request)
    assert (detail.failure_reason, detail.return_status.value) == ("risk", "SUCCESS")
    assert (detail.return_amount, detail.return_currency) == ("113.5", "USDT")


def test_cancel_through_every_client_works(purse, sdk, ccxt_client, python_kucoin):
    api = sdk.get_account_service().get_withdrawal_api()
    first, second, third = (purse.withdraw(amount="20") for _ in range(3))

    answer = api.cancel_withdrawal(CancelWithdrawalReqBuilder().set_withdrawal_id(first).build())
    ccxt_client.private_delete_withdrawals_withdrawalid({"withdrawalId": second})
    python_kucoin.cancel_withdrawal(third)

    assert answer.common_response.code == "200000"
    assert {item["status"] for item in purse.history()} == {"FAILURE"}
    assert purse.main() == "10000"


def test_unknown_chain_raises_in_every_client(sdk, ccxt_client, python_kucoin):
    request = GetWithdrawalQuotasReqBuilder().set_currency("BTC").set_chain("eth").build()

    with pytest.raises(RestError) as official:
        sdk.get_account_service().get_withdrawal_api().get_withdrawal_quotas(request)
    with pytest.raises(ccxt.BadRequest, match="900014"):
        ccxt_client.private_get_withdrawals_quotas({"currency": "BTC", "chain": "eth"})
    with pytest.raises(KucoinAPIException, match="900014"):
        python_kucoin.get_withdrawal_quotas("BTC", "eth")

    assert official.value.get_common_response().code == "900014"


def test_page_too_large_raises_in_every_client(sdk, ccxt_client, python_kucoin):
    request = GetWithdrawalHistoryReqBuilder().set_page_size(501).build()

    with pytest.raises(RestError, match="400100"):
        sdk.get_account_service().get_withdrawal_api().get_withdrawal_history(request)
    with pytest.raises(ccxt.BadRequest, match="400100"):
        ccxt_client.private_get_withdrawals({"pageSize": 501})
    with pytest.raises(KucoinAPIException, match="400100"):
        python_kucoin.get_withdrawals(limit=501)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("260100", ccxt.InsufficientFunds),
        ("200004", ccxt.InsufficientFunds),
        ("900014", ccxt.BadRequest),
        ("400100", ccxt.BadRequest),
        ("411100", ccxt.AccountSuspended),
        ("260210", ccxt.ExchangeError),
        ("260325", ccxt.ExchangeError),
    ],
)
def test_withdrawal_codes_raise_their_class_in_ccxt(purse, ccxt_client, code, error):
    purse.driver.control.add_fault("withdrawal_quotas", "error", code=code, msg="refused")

    with pytest.raises(error, match=code):
        ccxt_client.private_get_withdrawals_quotas({"currency": "USDT"})
