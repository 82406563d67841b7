"""History, details, cancelling, quotas, balances, currencies, prices, and how withdrawals end."""

import pytest

from local.kucoin_simulator.control.client import SimulatorError
from tests.simulator.unit.driver import Purse, code_of


@pytest.fixture
def purse(driver):
    driver.control.set_settings(timestamp_window_ms=10**12)
    driver.control.set_clock(frozen=True)
    return Purse(driver)


def test_history_shows_the_withdrawal_as_documented(purse):
    made = purse.withdraw()

    item = purse.history()[0]

    assert item["id"] == made
    assert item["status"] == "PROCESSING"
    assert (item["currency"], item["chain"], item["amount"], item["fee"]) == (
        "USDT",
        "eth",
        "100",
        "13.5",
    )
    assert item["remark"] == "kb-0001 rent"
    assert isinstance(item["createdAt"], int)


def test_statuses_advance_with_time(driver, purse):
    driver.control.set_settings(review_seconds=5)
    purse.withdraw()
    seen = [purse.history()[0]["status"]]
    for _ in range(3):
        driver.control.advance(5)
        seen.append(purse.history()[0]["status"])

    assert seen == ["REVIEW", "PROCESSING", "WALLET_PROCESSING", "SUCCESS"]
    assert len(purse.history()[0]["walletTxId"]) == 64
    assert driver.control.book()["sound"] is True


def test_statuses_catch_up_after_a_long_time(driver, purse):
    purse.withdraw()
    driver.control.advance(86_400)

    item = purse.history()[0]

    assert item["status"] == "SUCCESS"
    assert item["updatedAt"] - item["createdAt"] == 10_000


@pytest.mark.parametrize(
    ("return_status", "left"),
    [("SUCCESS", "10000"), ("PROCESSING", "9886.5"), ("NOT_RETURN", "9886.5")],
)
def test_failure_returns_the_funds_or_not(driver, purse, return_status, left):
    made = purse.withdraw()
    driver.control.set_withdrawal(made, "FAILURE", failureReason="risk", returnStatus=return_status)

    detail = purse.get(f"/api/v1/withdrawals/{made}").json()["data"]

    assert (detail["status"], detail["failureReason"]) == ("FAILURE", "risk")
    assert detail["returnStatus"] == return_status
    assert detail["returnAmount"] == ("113.5" if return_status == "SUCCESS" else None)
    assert purse.main() == left
    assert driver.control.book()["sound"] is True


def test_failure_whose_return_was_processing_can_be_returned_later(driver, purse):
    made = purse.withdraw()
    driver.control.set_withdrawal(made, "FAILURE", returnStatus="PROCESSING")
    driver.control.set_withdrawal(made, "FAILURE", returnStatus="SUCCESS")
    driver.control.set_withdrawal(made, "FAILURE", returnStatus="SUCCESS")

    assert purse.main() == "10000"


def test_unknown_status_can_be_set_and_stays(driver, purse):
    made = purse.withdraw()
    driver.control.set_withdrawal(made, "THINKING")
    driver.control.advance(3600)

    assert purse.history()[0]["status"] == "THINKING"


def test_return_status_that_does_not_exist_is_refused(driver, purse):
    with pytest.raises(SimulatorError):
        driver.control.set_withdrawal(purse.withdraw(), "FAILURE", returnStatus="MAYBE")


@pytest.mark.parametrize(
    ("world", "shown"), [("kept", "kb-0001 rent"), ("cut", "kb-000"), ("dropped", "")]
)
def test_remark_follows_the_world(driver, purse, world, shown):
    driver.control.set_worlds(remark=world)
    driver.control.set_settings(remark_length=6)
    purse.withdraw()

    assert purse.history()[0]["remark"] == shown


def test_remark_can_be_dropped_for_one_type_only(driver, purse):
    driver.control.set_settings(remark_dropped_types=["UID"])
    purse.withdraw()
    purse.withdraw(withdrawType="UID", address="200000002", chain=None)

    assert [item["remark"] for item in purse.history()] == ["", "kb-0001 rent"]


def test_history_can_be_late(driver, purse):
    driver.control.set_settings(history_delay_seconds=30)
    made = purse.withdraw()
    assert purse.history() == []
    assert code_of(purse.get(f"/api/v1/withdrawals/{made}")) == "400100"
    driver.control.advance(30)

    assert [item["id"] for item in purse.history()] == [made]


@pytest.mark.parametrize(
    ("worlds", "amount", "fee"),
    [
        ({"history_fee": "network"}, "100", "3.5"),
        ({"history_amount": "net"}, "86.5", "13.5"),
    ],
)
def test_history_figures_follow_the_worlds(driver, purse, worlds, amount, fee):
    driver.control.set_worlds(**worlds)
    purse.withdraw(feeDeductType="INTERNAL")

    item = purse.history()[0]

    assert (item["amount"], item["fee"]) == (amount, fee)


def test_history_is_paged_latest_first(driver, purse):
    made = []
    for _ in range(23):
        made.append(purse.withdraw(amount="10"))
        driver.control.advance(1)

    pages = [
        purse.get("/api/v1/withdrawals", currentPage=page, pageSize=10).json()["data"]
        for page in (1, 2, 3, 4)
    ]

    assert [len(page["items"]) for page in pages] == [10, 10, 3, 0]
    assert (pages[0]["totalNum"], pages[0]["totalPage"]) == (23, 3)
    assert [item["id"] for page in pages for item in page["items"]] == made[::-1]


def test_history_can_be_narrowed(driver, purse):
    first = purse.withdraw()
    driver.control.advance(60)
    second = purse.withdraw(currency="BTC", chain="btc", amount="0.01")
    created = {item["id"]: item["createdAt"] for item in purse.history()}

    def ids(**query):
        return [item["id"] for item in purse.history(**query)]

    assert ids(currency="BTC") == [second]
    assert ids(status="SUCCESS") == [first]
    assert ids(startAt=created[second]) == [second]
    assert ids(endAt=created[second] - 1) == [first]
    assert ids(startAt=created[first], endAt=created[second]) == [second, first]


@pytest.mark.parametrize(
    "query",
    [
        {"pageSize": 501},
        {"pageSize": 9},
        {"currentPage": 0},
        {"pageSize": "x"},
        {"status": "DONE"},
        {"startAt": "soon"},
    ],
)
def test_history_wrong_parameter_is_400100(purse, query):
    purse.withdraw()

    assert code_of(purse.get("/api/v1/withdrawals", **query)) == "400100"


def test_history_of_another_user_is_not_shown(driver, purse):
    made = purse.withdraw()
    other = Purse(driver, "bob")

    assert other.history() == []
    assert code_of(other.get(f"/api/v1/withdrawals/{made}")) == "400100"


def _cancel(driver, purse, withdrawal_id):
    return driver.call(purse.key, "DELETE", f"/api/v1/withdrawals/{withdrawal_id}")


def test_cancel_while_processing_returns_the_funds(driver, purse):
    made = purse.withdraw()
    assert purse.get(f"/api/v1/withdrawals/{made}").json()["data"]["cancelType"] == "CANCELABLE"

    answer = _cancel(driver, purse, made)

    assert answer.json() == {"code": "200000", "data": None}
    assert purse.main() == "10000"
    assert purse.history()[0]["status"] == "FAILURE"
    assert code_of(_cancel(driver, purse, made)) == "260420"


def test_cancel_later_is_refused(driver, purse):
    made = purse.withdraw()
    driver.control.advance(5)

    assert code_of(_cancel(driver, purse, made)) == "260420"


def test_cancel_needs_the_withdrawal_permission(driver, purse):
    made = purse.withdraw()

    assert code_of(_cancel(driver, Purse(driver, groups=["API_COMMON"]), made)) == "400007"


def test_quotas_tell_what_may_be_withdrawn(purse):
    purse.withdraw()

    data = purse.get("/api/v1/withdrawals/quotas", currency="USDT", chain="trx").json()["data"]

    assert data["availableAmount"] == "9886.5"
    assert data["lockedAmount"] == "113.5"
    assert data["remainAmount"] == "999900.00000000"
    assert (data["withdrawMinFee"], data["withdrawMinSize"], data["precision"]) == ("1", "2", 6)
    assert data["isWithdrawEnabled"] is True


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"currency": "NOPE"}, "900003"),
        ({"currency": "BTC", "chain": "eth"}, "900014"),
        ({}, "900003"),
    ],
)
def test_quotas_of_what_does_not_exist_are_refused(purse, query, code):
    assert code_of(purse.get("/api/v1/withdrawals/quotas", **query)) == code


def test_accounts_show_main_trade_and_holds(purse):
    purse.withdraw()

    accounts = purse.get("/api/v1/accounts", currency="USDT").json()["data"]

    assert [(a["type"], a["balance"], a["available"], a["holds"]) for a in accounts] == [
        ("main", "10000", "9886.5", "113.5"),
        ("trade", "500", "500", "0"),
    ]
    assert code_of(purse.get("/api/v1/accounts", type="margin")) == "400100"


def test_currencies_list_their_chains(driver):
    everything = driver.get("/api/v3/currencies").json()["data"]
    one = driver.get("/api/v3/currencies/USDT?chain=trx").json()["data"]

    assert {item["currency"] for item in everything} >= {"USDT", "BTC", "SHIB"}
    assert [chain["chainId"] for chain in one["chains"]] == ["trx"]
    assert one["chains"][0]["withdrawalMinFee"] == "1"
    assert code_of(driver.get("/api/v3/currencies/NOPE")) == "900003"
    assert code_of(driver.get("/api/v3/currencies/BTC?chain=eth")) == "900014"


def test_chain_can_be_changed_by_control(driver):
    driver.control.patch_chain("BTC", "btc", isWithdrawEnabled=False, minFee="0.001")

    chain = driver.get("/api/v3/currencies/BTC").json()["data"]["chains"][0]

    assert (chain["isWithdrawEnabled"], chain["withdrawalMinFee"]) == (False, "0.001")
    for fields in ({"nothing": 1}, {"isWithdrawEnabled": 1}):
        with pytest.raises(SimulatorError):
            driver.control.patch_chain("BTC", "btc", **fields)
    with pytest.raises(SimulatorError):
        driver.control.patch_chain("BTC", "eth", minFee="1")


def test_prices_are_strings_in_the_base(driver):
    driver.control.set_prices(BTC="55000")

    assert driver.get("/api/v1/prices?currencies=BTC,SHIB,NOPE").json()["data"] == {
        "BTC": "55000",
        "SHIB": "0.00002",
    }
    assert driver.get("/api/v1/prices?base=EUR&currencies=BTC").json()["data"] == {"BTC": "50000"}
    assert "ETH" in driver.get("/api/v1/prices").json()["data"]
    assert code_of(driver.get("/api/v1/prices?base=XYZ")) == "400100"
    with pytest.raises(SimulatorError):
        driver.control.set_prices(BTC="0")


def test_book_explains_every_movement(driver, purse):
    before = len(driver.control.book()["postings"])
    made = purse.withdraw()
    driver.control.advance(10)

    book = driver.control.book(since=before)

    assert [p["bizType"] for p in book["postings"]] == ["Withdrawal hold", "Withdrawal"]
    assert {p["reference"] for p in book["postings"]} == {made}
    balances = {(b["owner"], b["account"], b["currency"]): b["amount"] for b in book["balances"]}
    assert balances["kucoin", "service_fees", "USDT"] == "10"
    assert balances["kucoin", "network_fees", "USDT"] == "3.5"
    assert balances["alice", "hold:main", "USDT"] == "0"


def test_page_shows_codes_withdrawals_and_balances(driver, purse):
    purse.withdraw()

    page = driver.get("/_sim").text

    for text in ("Verification codes", "Withdrawals (newest first)", "Balances", "kb-0001 rent"):
        assert text in page
