"""Every operation of trading and accounting: its permission, its pool and weight, its faults."""

import pytest

from local.kucoin_simulator.routes import ROUTES
from local.kucoin_simulator.trading.routes import TRADE_ROUTES
from tests.simulator.unit.driver import Trader, code_of

ORDERS, LEDGERS = "/api/v1/hf/orders", "/api/v1/accounts/ledgers"
ROWS = [
    # route, host, method, path, permission, pool, weight
    ("create_deposit_address", "", "POST", "/api/v3/deposit-address/create", "General", "management", 20),
    ("deposit_addresses", "", "GET", "/api/v3/deposit-addresses", "General", "management", 5),
    ("deposits", "", "GET", "/api/v1/deposits", "General", "management", 5),
    ("transfer", "", "POST", "/api/v3/accounts/universal-transfer", "InnerTransfer", "management", 4),
    ("spot_order", "", "POST", ORDERS, "Spot", "spot", 1),
    ("spot_orders_active", "", "GET", ORDERS + "/active", "General", "spot", 2),
    ("spot_orders_done", "", "GET", ORDERS + "/done", "General", "spot", 2),
    ("spot_order_by_client_oid", "", "GET", ORDERS + "/client-order/x", "General", "spot", 2),
    ("spot_cancel_by_client_oid", "", "DELETE", ORDERS + "/client-order/x", "Spot", "spot", 1),
    ("spot_order_detail", "", "GET", ORDERS + "/x", "General", "spot", 2),
    ("spot_cancel", "", "DELETE", ORDERS + "/x", "Spot", "spot", 1),
    ("spot_fills", "", "GET", "/api/v1/hf/fills", "General", "spot", 2),
    ("funding_ledger", "", "GET", LEDGERS, "General", "management", 2),
    ("trade_ledger", "", "GET", "/api/v1/hf/accounts/ledgers", "General", "spot", 2),
    ("rebate_report", "", "GET", "/api/v1/broker/api/rebase/download", "General", "management", 3),
    ("broker_volumes", "", "GET", "/api/v2/broker/queryDetailByUid", "General", "management", 3),
    ("hf_opened", "", "GET", "/api/v1/hf/accounts/opened", "General", "spot", 2),
    ("futures_order", "/futures", "POST", "/api/v1/orders", "Futures", "futures", 2),
    ("futures_orders", "/futures", "GET", "/api/v1/orders", "General", "futures", 2),
    ("futures_order_by_client_oid", "/futures", "GET", "/api/v1/orders/byClientOid", "General", "futures", 5),
    ("futures_order_detail", "/futures", "GET", "/api/v1/orders/x", "General", "futures", 5),
    ("futures_cancel", "/futures", "DELETE", "/api/v1/orders/x", "Futures", "futures", 1),
    ("futures_fills", "/futures", "GET", "/api/v1/fills", "General", "futures", 5),
    ("futures_account", "/futures", "GET", "/api/v1/account-overview", "Futures", "futures", 5),
    ("futures_ledger", "/futures", "GET", "/api/v1/transaction-history", "General", "futures", 2),
]  # fmt: skip
PUBLIC = {"symbols": 4, "margin_symbols": 3, "isolated_symbols": 3, "tickers": 15, "contracts": 3}
LIMITS = {"spot": 4000, "futures": 2000, "management": 2000}
GROUPS = {"Spot": "API_SPOT", "Futures": "API_FUTURES", "InnerTransfer": "API_TRANSFER"}
EVERYTHING = ["API_COMMON", "API_SPOT", "API_MARGIN", "API_FUTURES", "API_EARN", "API_TRANSFER"]


def call(trader, row):
    _, host, method, path, *_ = row
    return trader.send(method, path, {} if method == "POST" else None, host=host)


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_route_counts_its_weight_in_its_pool_and_refuses_above_it(driver, row):
    name, *_, pool, weight = row
    trader = Trader(driver)
    limit = LIMITS[pool]

    first = call(trader, row)

    assert first.headers["gw-ratelimit-limit"] == str(limit)
    assert first.headers["gw-ratelimit-remaining"] == str(limit - weight)
    assert 0 < int(first.headers["gw-ratelimit-reset"]) <= 30_000
    assert driver.last_entry()["route"] == name
    driver.control.set_settings(rate_limits={pool: 2 * weight - 1})
    second = call(trader, row)
    assert (second.status_code, code_of(second)) == (429, "429000")
    driver.control.advance(30)
    assert call(trader, row).status_code != 429


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_route_needs_its_permission_and_no_other(driver, row):
    permission = row[4]
    needed = GROUPS.get(permission)
    with_it = Trader(driver, groups=["API_COMMON", *([needed] if needed else [])])
    assert code_of(call(with_it, row)) not in ("400007", "404000")
    if needed:
        without = Trader(driver, groups=[group for group in EVERYTHING if group != needed])
        answer = call(without, row)
        assert (answer.status_code, code_of(answer)) == (403, "400007")


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_fault_strikes_the_route_by_its_name(driver, row):
    trader = Trader(driver)
    driver.control.add_fault(row[0], "rate_limit", resetMs=700)

    answer = call(trader, row)

    assert (answer.status_code, answer.headers["gw-ratelimit-reset"]) == (429, "700")


def test_table_holds_every_signed_and_public_route_of_trading():
    signed = {route.name for route in TRADE_ROUTES if route.kind == "signed"}
    public = {route.name: route.weight for route in TRADE_ROUTES if route.kind == "public"}

    assert signed == {row[0] for row in ROWS}
    assert public == PUBLIC
    names = [route.name for route in ROUTES]
    assert len(names) == len(set(names))


def test_quota_of_one_account_or_pool_leaves_the_others_alone(driver):
    alice, bob = Trader(driver), Trader(driver, "bob")
    driver.control.set_settings(rate_limits={"spot": 2})
    row = next(row for row in ROWS if row[0] == "spot_fills")

    assert call(alice, row).status_code == 200
    assert call(alice, row).status_code == 429
    assert call(bob, row).status_code == 200
    assert alice.get("/api/v1/deposits").status_code == 200


def test_futures_path_on_the_spot_host_does_not_exist(driver):
    trader = Trader(driver)

    assert code_of(trader.get("/api/v1/transaction-history")) == "404000"
    assert code_of(trader.get("/api/v1/hf/fills", host="/futures", symbol="BTC-USDT")) == "404000"
