"""The Fast API withdrawal: both steps, every refusal, limits, fees, and faults around the work."""

import threading
import time

import pytest
import requests

from local.kucoin_simulator.control.client import SimulatorError
from tests.simulator.unit.driver import ADDRESS, Purse, code_of, order

BOB_UID = "200000002"


@pytest.fixture
def purse(driver):
    return Purse(driver)


def test_submit_asks_for_the_codes_then_gives_the_withdrawal_id(driver, purse):
    body = order()

    first = purse.submit(body).json()["data"]

    assert set(first) == {"transactionId", "allFactors", "sentFactors"}
    assert (first["allFactors"], first["sentFactors"]) == ([["GAV", "EMV"]], [["EMV"]])
    assert driver.control.withdrawals() == []
    second = purse.verify(body, first["transactionId"]).json()
    assert set(second["data"]) == {"withdrawalId"}
    made = driver.control.withdrawals()
    assert [item["id"] for item in made] == [second["data"]["withdrawalId"]]


def test_submit_of_a_user_who_is_asked_for_no_factor_takes_one_step(driver, purse):
    driver.control.patch_user("alice", factors=[])

    assert "withdrawalId" in purse.submit(order()).json()["data"]


def test_submit_with_alternatives_takes_either(driver, purse):
    driver.control.patch_user("alice", factors=[["GAV", "EMV"], ["SMS"]])
    body = order()
    first = purse.submit(body).json()["data"]
    assert first["sentFactors"] == [["EMV"], ["SMS"]]
    codes = purse.codes(first["transactionId"])

    answer = purse.verify(body, first["transactionId"], {"SMS": codes["SMS"]})

    assert "withdrawalId" in answer.json()["data"]


def _first(purse, body):
    return purse.submit(body).json()["data"]["transactionId"]


def test_verify_wrong_code_counts_down_the_tries(driver, purse):
    driver.control.set_settings(verification_tries=2)
    body = order()
    transaction = _first(purse, body)
    right = purse.codes(transaction)
    wrong = {**right, "EMV": "abcdef"}

    answers = [purse.verify(body, transaction, wrong).json() for _ in range(2)]

    assert [answer["code"] for answer in answers] == ["260402", "260402"]
    assert "1 tries left" in answers[0]["msg"]
    assert code_of(purse.verify(body, transaction, right)) == "260403"
    assert driver.control.withdrawals() == []


def test_verify_expired_transaction_is_refused_and_a_new_one_can_be_asked_for(driver, purse):
    driver.control.set_settings(verification_seconds=60, timestamp_window_ms=3_600_000)
    body = order()
    transaction = _first(purse, body)
    driver.control.advance(60)

    assert code_of(purse.verify(body, transaction)) == "260403"
    assert "withdrawalId" in purse.verify(body, _first(purse, body)).json()["data"]


def test_verify_replayed_is_refused(driver, purse):
    body = order()
    transaction = _first(purse, body)
    codes = purse.codes(transaction)
    purse.verify(body, transaction, codes)

    assert code_of(purse.verify(body, transaction, codes)) == "260401"
    assert len(driver.control.withdrawals()) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": "100.0"},
        {"amount": "101"},
        {"address": ADDRESS[:-1] + "8"},
        {"remark": None},
        {"remark": "other"},
        {"feeDeductType": "INTERNAL"},
        {"isInner": False},
        {"memo": ""},
    ],
)
def test_verify_with_another_body_is_refused(driver, purse, changes):
    transaction = _first(purse, order())

    assert code_of(purse.verify(order(**changes), transaction)) == "260404"
    assert driver.control.withdrawals() == []


def test_verify_transaction_of_another_user_is_unknown(driver, purse):
    body = order()
    transaction = _first(purse, body)

    answer = Purse(driver, "bob").verify(body, transaction, purse.codes(transaction))

    assert code_of(answer) == "260401"


@pytest.mark.parametrize(
    "validation",
    [
        {},
        [],
        "x",
        {"transactionId": "x"},
        {"transactionId": 1, "factors": []},
        {"transactionId": "x", "factors": ["GAV"]},
        {"transactionId": "x", "factors": [{"factorType": "GAV", "factorValue": 1}]},
        {
            "transactionId": "x",
            "factors": [
                {"factorType": "GAV", "factorValue": "1"},
                {"factorType": "GAV", "factorValue": "2"},
            ],
        },
    ],
)
def test_verify_malformed_validation_is_400100(purse, validation):
    assert code_of(purse.submit({**order(), "validation": validation})) == "400100"


def test_verify_without_a_needed_factor_spends_no_try(driver, purse):
    driver.control.set_settings(verification_tries=1)
    body = order()
    transaction = _first(purse, body)
    codes = purse.codes(transaction)

    assert code_of(purse.verify(body, transaction, {"GAV": codes["GAV"]})) == "400100"
    assert "withdrawalId" in purse.verify(body, transaction, codes).json()["data"]


def test_verify_after_the_balance_went_is_refused_and_the_transaction_stays(driver, purse):
    body = order()
    transaction = _first(purse, body)
    driver.control.add_balance("alice", "USDT", "-9950")

    assert code_of(purse.verify(body, transaction)) == "200004"
    driver.control.add_balance("alice", "USDT", "100")
    assert "withdrawalId" in purse.verify(body, transaction).json()["data"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"currency": None}, "400100"),
        ({"address": None}, "400100"),
        ({"address": ""}, "400100"),
        ({"address": "a b c d e f"}, "400100"),
        ({"amount": None}, "400100"),
        ({"amount": 100}, "400100"),
        ({"amount": "-1"}, "400100"),
        ({"amount": "0"}, "400100"),
        ({"amount": "1e2"}, "400100"),
        ({"amount": "100.0000001"}, "400100"),
        ({"amount": "9.999999"}, "400100"),
        ({"withdrawType": None}, "400100"),
        ({"withdrawType": "CARD"}, "400100"),
        ({"isInner": "false"}, "400100"),
        ({"remark": 7}, "400100"),
        ({"feeDeductType": "internal"}, "400100"),
        ({"currency": "NOPE"}, "900003"),
        ({"chain": "nope"}, "900014"),
        ({"chain": "ERC20"}, "900014"),
        ({"chain": "kcc"}, "260210"),
        ({"currency": "LUNC", "chain": "lunc", "memo": "1"}, "260210"),
        ({"currency": "XRP", "chain": "xrp"}, "400100"),
        ({"withdrawType": "UID", "address": "1"}, "400100"),
        ({"withdrawType": "MAIL", "address": "nobody@example.com"}, "400100"),
        ({"withdrawType": "UID", "address": "200000001"}, "400100"),
        ({"amount": "10001"}, "200004"),
        ({"amount": "10000", "feeDeductType": "EXTERNAL"}, "400100"),
    ],
)
def test_submit_wrong_request_is_refused_and_moves_nothing(driver, purse, changes, code):
    assert code_of(purse.submit(order(**changes))) == code
    assert purse.main() == "10000"
    assert driver.control.codes() == []


def test_submit_body_that_is_no_json_is_refused(driver, purse):
    answer = purse.submit(order(), headers={"Content-Type": "text/plain"})

    assert (answer.status_code, code_of(answer)) == (415, "415000")


def test_submit_without_any_balance_is_260100(driver):
    body = order(currency="ETH", amount="1")

    assert code_of(Purse(driver, "bob").submit(body)) == "260100"


def test_submit_amount_below_its_own_fees_is_refused(purse):
    body = order(amount="10", chain="eth", feeDeductType="INTERNAL")
    assert "transactionId" in purse.submit(body).json()["data"]
    purse.driver.control.patch_chain("USDT", "eth", minFee="9")

    assert code_of(purse.submit(body)) == "400100"


def test_submit_above_the_daily_quota_is_refused(driver, purse):
    driver.control.patch_user("alice", dailyLimitUsdt=150)
    purse.withdraw(amount="100")

    assert code_of(purse.submit(order(amount="51"))) == "400100"
    assert "transactionId" in purse.submit(order(amount="50")).json()["data"]


def test_submit_needs_the_withdrawal_permission(driver):
    purse = Purse(driver, groups=["API_COMMON", "API_SPOT", "API_TRANSFER"])

    answer = purse.submit(order())

    assert (answer.status_code, code_of(answer)) == (403, "400007")


def test_submit_of_a_frozen_account_is_411100(driver):
    assert code_of(Purse(driver, "erin").submit(order())) == "411100"


@pytest.mark.parametrize("restricted_by", ["key", "user"])
def test_submit_outside_the_whitelist_is_260325(driver, restricted_by):
    purse = Purse(driver, isAddressbookOnly=restricted_by == "key")
    driver.control.patch_user("alice", whitelistOnly=restricted_by == "user")

    assert code_of(purse.submit(order(address="0x" + "1" * 40))) == "260325"
    assert "transactionId" in purse.submit(order(address=ADDRESS)).json()["data"]


def test_submit_without_the_recipients_identity_in_the_travel_rule_world(driver, purse):
    driver.control.set_worlds(travel_rule_required=True)

    assert code_of(purse.submit(order())) == "260430"
    named = {**order(), "receiverType": "INDIVIDUAL", "firstName": "A", "lastName": "B"}
    assert "transactionId" in purse.submit(named).json()["data"]


def test_submit_without_second_factor_gives_the_link(driver):
    answer = Purse(driver, "carol").submit(order()).json()

    assert answer["code"] == "260330"
    assert answer["msg"] == (
        "You need to bind more factors to continue this operation. Please visit the following "
        f"link: {driver.url}/account/security/g2fa"
    )


def test_security_setup_sends_the_user_back_and_withdrawing_works(driver):
    purse = Purse(driver, "carol")
    back = "http://localhost:3000/verify/abc?x=1&y=2"
    query = {"client_id": "kubroker-local", "redirect_uri": back}
    page = driver.get("/account/security/g2fa", params=query).text
    assert "for Carol" in page

    answer = driver.session.post(
        driver.url + "/account/security/g2fa",
        data={**query, "user": "carol"},
        allow_redirects=False,
        timeout=5,
    )

    assert (answer.status_code, answer.headers["location"]) == (303, back)
    assert "transactionId" in purse.submit(order()).json()["data"]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"client_id": "other", "redirect_uri": "http://localhost:3000/"},
        {"client_id": "kubroker-local", "redirect_uri": "javascript:alert(1)"},
    ],
)
def test_security_setup_without_a_way_back_ends_on_a_page(driver, fields):
    answer = driver.session.post(
        driver.url + "/account/security/g2fa",
        data={"email": "carol@example.com", "password": "demo-carol", **fields},
        allow_redirects=False,
        timeout=5,
    )

    assert answer.status_code == 200
    assert "Security set up" in answer.text


def test_security_setup_wrong_password_is_refused(driver):
    answer = driver.session.post(
        driver.url + "/account/security/g2fa",
        data={"email": "carol@example.com", "password": "x"},
        timeout=5,
    )

    assert answer.status_code == 401
    assert code_of(Purse(driver, "carol").submit(order())) == "260330"


@pytest.mark.parametrize(
    ("changes", "left", "received", "fee"),
    [
        # 10 % of 100 is 10, network 3.5
        ({"feeDeductType": "EXTERNAL"}, "9886.5", "100", "13.5"),
        ({"feeDeductType": "INTERNAL"}, "9900", "86.5", "13.5"),
        ({}, "9886.5", "100", "13.5"),
        ({"chain": "trx"}, "9889", "100", "11"),
        ({"chain": None}, "9886.5", "100", "13.5"),
        ({"amount": "9990"}, "10", "9956.5", "33.5"),
        ({"withdrawType": "UID", "address": BOB_UID, "chain": None}, "9890", "100", "10"),
    ],
)
def test_withdrawal_moves_amount_and_fees(driver, purse, changes, left, received, fee):
    purse.withdraw(**changes)

    made = driver.control.withdrawals()[0]

    assert purse.main() == left
    assert (made["received"], made["fee"]) == (received, fee)


def test_withdrawal_in_another_currency_has_its_fee_in_it(driver, purse):
    purse.withdraw(currency="SHIB", amount="1234567")

    made = driver.control.withdrawals()[0]

    assert (made["serviceFee"], made["networkFee"]) == ("123457", "50000")
    assert purse.main("SHIB") == "48591976"


@pytest.mark.parametrize(
    ("withdraw_type", "address"),
    [
        ("UID", BOB_UID),
        ("MAIL", "bob@example.com"),
        ("PHONE", "+15550000002"),
        ("PHONE", "1555-0000002"),
    ],
)
def test_withdrawal_to_a_person_arrives_there(driver, purse, withdraw_type, address):
    driver.control.set_settings(processing_seconds=0, wallet_seconds=0)
    purse.withdraw(withdrawType=withdraw_type, address=address, chain=None)

    item = purse.history()[0]

    assert (item["isInner"], item["walletTxId"], item["status"]) == (True, "", "SUCCESS")
    assert Purse(driver, "bob").main() == "1100"
    assert driver.control.book()["sound"] is True


def _to_bob(purse):
    return code_of(purse.submit(order(withdrawType="UID", address=BOB_UID, chain=None)))


def test_withdrawals_to_people_are_limited_to_three_in_ten_seconds(driver, purse):
    driver.control.set_clock(frozen=True)
    driver.control.set_settings(timestamp_window_ms=3_600_000)
    assert [_to_bob(purse) for _ in range(4)] == ["200000"] * 3 + ["260410"]
    assert code_of(purse.submit(order())) == "200000"
    driver.control.advance(10)

    assert _to_bob(purse) == "200000"


def test_withdrawals_to_people_are_limited_to_fifty_in_a_day(driver, purse):
    driver.control.set_clock(frozen=True)
    driver.control.set_settings(timestamp_window_ms=200_000_000)
    answers = []
    for _ in range(51):
        answers.append(_to_bob(purse))
        driver.control.advance(10)

    assert answers == ["200000"] * 50 + ["260410"]
    driver.control.advance(86_400 - 510)
    assert _to_bob(purse) == "200000"


def test_withdrawals_to_people_in_the_world_that_counts_every_call(driver, purse):
    driver.control.set_worlds(transfer_limit_counts="all_calls")
    body = order(withdrawType="UID", address=BOB_UID, chain=None)
    transaction = _first(purse, body)
    purse.verify(body, transaction)
    assert _to_bob(purse) == "200000"

    assert _to_bob(purse) == "260410"


@pytest.mark.parametrize(("kind", "phase", "done"), [("error", "before", 0), ("error", "after", 1)])
def test_withdraw_fault_before_or_after_the_work(driver, purse, kind, phase, done):
    body = order()
    transaction = _first(purse, body)
    driver.control.add_fault("withdraw", kind, phase=phase, code="500000", status=500)

    assert purse.verify(body, transaction).status_code == 500
    assert len(driver.control.withdrawals()) == done


def test_withdraw_fault_during_the_work_is_done_later_by_the_clock_of_its_arrival(driver, purse):
    body = order()
    transaction = _first(purse, body)
    driver.control.add_fault("withdraw", "drop", phase="during")
    with pytest.raises(requests.ConnectionError):
        purse.verify(body, transaction)
    assert purse.history() == []
    driver.control.advance(60)
    driver.control.release()

    deadline = time.monotonic() + 5
    while not driver.control.withdrawals() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(driver.control.withdrawals()) == 1


def test_withdraw_request_held_before_the_work_is_too_old_when_released(driver, purse):
    driver.control.add_fault("withdraw", "hold", phase="before")
    outcome = []
    session = requests.Session()
    thread = threading.Thread(target=lambda: outcome.append(purse.submit(order(), session=session)))
    thread.start()
    driver.control.wait_for_holds()
    driver.control.advance(6)
    driver.control.release()
    thread.join(5)

    assert code_of(outcome[0]) == "400002"


def test_concurrent_verifications_of_one_transaction_withdraw_once(driver, purse):
    body = order()
    transaction = _first(purse, body)
    codes = purse.codes(transaction)
    answers = []

    def verify():
        with requests.Session() as session:
            factors = [{"factorType": n, "factorValue": c} for n, c in codes.items()]
            validation = {"transactionId": transaction, "factors": factors}
            answer = purse.submit({**body, "validation": validation}, session=session)
            answers.append(code_of(answer))

    threads = [threading.Thread(target=verify) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == ["200000"] + ["260401"] * 9
    assert len(driver.control.withdrawals()) == 1


def test_codes_are_secrets_and_stand_on_the_page(driver, purse):
    transaction = _first(purse, order())
    codes = purse.codes(transaction)

    assert set(codes.values()) <= set(driver.control.secrets())
    assert not set(codes.values()) & set(driver.control.secrets(without=["two_factor_code"]))
    assert codes["GAV"] in driver.get("/_sim").text
    purse.verify(order(), transaction)
    journal = str(driver.control.journal(route="withdraw"))
    assert codes["GAV"] not in journal


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/users/alice/balances", {"currency": "NOPE", "amount": "1"}),
        ("/users/alice/balances", {"currency": "USDT", "amount": "-100000"}),
        ("/users/alice/balances", {"currency": "USDT", "amount": "much"}),
    ],
)
def test_balance_that_cannot_be_is_refused(driver, path, body):
    with pytest.raises(SimulatorError):
        driver.control.call("POST", path, body)
