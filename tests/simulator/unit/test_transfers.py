"""Transfers between a user's own accounts."""

import pytest

from tests.simulator.unit.driver import Trader, code_of


@pytest.fixture
def trader(driver):
    return Trader(driver)


@pytest.mark.parametrize(
    ("source", "target", "accounts"),
    [
        ("MAIN", "TRADE", {"main": "9900", "trade": "600"}),
        ("TRADE", "MAIN", {"main": "10100", "trade": "400"}),
        ("MAIN", "CONTRACT", {"main": "9900", "contract": "100"}),
    ],
)
def test_transfer_moves_between_accounts(trader, source, target, accounts):
    answer = trader.transfer(source, target)

    assert len(answer.json()["data"]["orderId"]) == 24
    assert {name: trader.balance(name) for name in accounts} == accounts


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": "10001"}, "230003"),
        ({"amount": "0"}, "400100"),
        ({"amount": "0.000000001"}, "400100"),
        ({"amount": 5}, "400100"),
        ({"target": "MAIN"}, "400100"),
        ({"target": "MARGIN"}, "400100"),
        ({"type": "PARENT_TO_SUB"}, "400100"),
        ({"type": "OTHER"}, "400100"),
        ({"clientOid": ""}, "400100"),
        ({"clientOid": "a" * 129}, "400100"),
        ({"currency": "NOPE"}, "900003"),
        ({"currency": "BTC", "target": "CONTRACT", "amount": "0.1"}, "400100"),
    ],
)
def test_transfer_is_refused_and_moves_nothing(trader, changes, code):
    assert code_of(trader.transfer(**changes)) == code
    assert (trader.balance("main"), trader.balance("trade")) == ("10000", "500")


def test_transfer_with_a_used_client_oid_is_refused(trader):
    assert code_of(trader.transfer(clientOid="one")) == "200000"
    assert code_of(trader.transfer(clientOid="one")) == "126044"
    assert trader.balance("main") == "9900"


def test_transfer_needs_flexible_transfers(driver):
    everything_else = ["API_COMMON", "API_SPOT", "API_FUTURES", "API_WITHDRAW_OAUTH"]

    assert code_of(Trader(driver, groups=everything_else).transfer()) == "400007"
    assert code_of(Trader(driver, groups=["API_COMMON", "API_TRANSFER"]).transfer()) == "200000"


def test_transfer_counts_4_in_the_management_pool(trader):
    headers = trader.transfer().headers

    assert (headers["gw-ratelimit-limit"], headers["gw-ratelimit-remaining"]) == ("2000", "1996")
