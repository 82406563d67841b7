"""The operations of trading and accounting, each with the permission, pool and weight it has."""

from local.kucoin_simulator.exchange import Handler, Route
from local.kucoin_simulator.rest import deposit_calls, ledger_calls, market, rebates, transfers
from local.kucoin_simulator.trading import futures_calls, spot_calls

ORDERS = "/api/v1/hf/orders"
BY_CLIENT_OID = ORDERS + "/client-order/{clientOid}"
FUTURES_ORDERS = "/api/v1/orders"

type _Row = tuple[str, str, str, Handler, str, str, int]

SPOT_ROWS: tuple[_Row, ...] = (
    (
        "create_deposit_address",
        "POST",
        "/api/v3/deposit-address/create",
        deposit_calls.create_address,
        "General",
        "management",
        20,
    ),
    (
        "deposit_addresses",
        "GET",
        "/api/v3/deposit-addresses",
        deposit_calls.list_addresses,
        "General",
        "management",
        5,
    ),
    (
        "deposits",
        "GET",
        "/api/v1/deposits",
        deposit_calls.list_deposits,
        "General",
        "management",
        5,
    ),
    (
        "transfer",
        "POST",
        "/api/v3/accounts/universal-transfer",
        transfers.transfer,
        "InnerTransfer",
        "management",
        4,
    ),
    ("spot_order", "POST", ORDERS, spot_calls.place_order, "Spot", "spot", 1),
    ("spot_orders_active", "GET", ORDERS + "/active", spot_calls.list_active, "General", "spot", 2),
    ("spot_orders_done", "GET", ORDERS + "/done", spot_calls.list_done, "General", "spot", 2),
    ("spot_order_by_client_oid", "GET", BY_CLIENT_OID, spot_calls.get_order, "General", "spot", 2),
    (
        "spot_cancel_by_client_oid",
        "DELETE",
        BY_CLIENT_OID,
        spot_calls.cancel_order,
        "Spot",
        "spot",
        1,
    ),
    ("spot_order_detail", "GET", ORDERS + "/{orderId}", spot_calls.get_order, "General", "spot", 2),
    ("spot_cancel", "DELETE", ORDERS + "/{orderId}", spot_calls.cancel_order, "Spot", "spot", 1),
    ("spot_fills", "GET", "/api/v1/hf/fills", spot_calls.list_fills, "General", "spot", 2),
    (
        "funding_ledger",
        "GET",
        "/api/v1/accounts/ledgers",
        ledger_calls.list_funding,
        "General",
        "management",
        2,
    ),
    (
        "trade_ledger",
        "GET",
        "/api/v1/hf/accounts/ledgers",
        ledger_calls.list_trade,
        "General",
        "spot",
        2,
    ),
    (
        "rebate_report",
        "GET",
        "/api/v1/broker/api/rebase/download",
        rebates.order_report,
        "General",
        "management",
        3,
    ),
    (
        "broker_volumes",
        "GET",
        "/api/v2/broker/queryDetailByUid",
        rebates.list_volumes,
        "General",
        "management",
        3,
    ),
    ("hf_opened", "GET", "/api/v1/hf/accounts/opened", market.tell_hf, "General", "spot", 2),
)
FUTURES_ROWS: tuple[_Row, ...] = (
    ("futures_order", "POST", FUTURES_ORDERS, futures_calls.place_order, "Futures", "futures", 2),
    ("futures_orders", "GET", FUTURES_ORDERS, futures_calls.list_orders, "General", "futures", 2),
    (
        "futures_order_by_client_oid",
        "GET",
        FUTURES_ORDERS + "/byClientOid",
        futures_calls.find_by_client_oid,
        "General",
        "futures",
        5,
    ),
    (
        "futures_order_detail",
        "GET",
        FUTURES_ORDERS + "/{orderId}",
        futures_calls.get_order,
        "General",
        "futures",
        5,
    ),
    (
        "futures_cancel",
        "DELETE",
        FUTURES_ORDERS + "/{orderId}",
        futures_calls.cancel_order,
        "Futures",
        "futures",
        1,
    ),
    ("futures_fills", "GET", "/api/v1/fills", futures_calls.list_fills, "General", "futures", 5),
    (
        "futures_account",
        "GET",
        "/api/v1/account-overview",
        futures_calls.get_account,
        "Futures",
        "futures",
        5,
    ),
    (
        "futures_ledger",
        "GET",
        "/api/v1/transaction-history",
        ledger_calls.list_futures,
        "General",
        "futures",
        2,
    ),
)
PUBLIC_ROWS: tuple[tuple[str, str, str, Handler, int], ...] = (
    ("symbols", "spot", "/api/v2/symbols", market.list_symbols, 4),
    ("margin_symbols", "spot", "/api/v3/margin/symbols", market.list_margin_symbols, 3),
    ("isolated_symbols", "spot", "/api/v1/isolated/symbols", market.list_isolated_symbols, 3),
    ("tickers", "spot", "/api/v1/market/allTickers", market.list_tickers, 15),
    ("contracts", "futures", "/api/v1/contracts/active", market.list_contracts, 3),
)


def _signed(host: str, row: _Row) -> Route:
    name, method, pattern, handler, permission, pool, weight = row
    return Route(
        name,
        (host,),
        method,
        pattern,
        "signed",
        handler,
        permission=permission,
        pool=pool,
        weight=weight,
    )


def _public(row: tuple[str, str, str, Handler, int]) -> Route:
    name, host, pattern, handler, weight = row
    return Route(name, (host,), "GET", pattern, "public", handler, weight=weight)


TRADE_ROUTES = (
    *(_signed("spot", row) for row in SPOT_ROWS),
    *(_signed("futures", row) for row in FUTURES_ROWS),
    Route("rebate_file", ("web",), "GET", rebates.FILES_PATH, "page", rebates.fetch_report),
    *(_public(row) for row in PUBLIC_ROWS),
)
