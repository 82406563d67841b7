"""Deposit addresses and deposits.

Source:
    KuCoin's SDK: `POST /api/v3/deposit-address/create` (General, Management 20), `GET
    /api/v3/deposit-addresses` (General, Management 5), `GET /api/v1/deposits` (General,
    Management 5). A deposit has no id of its own on the wire. An expiry exists for Lightning
    invoices only; every one is new, so 260000 never comes for them. 260200 (deposit disabled) is
    assumed as the counterpart of the documented 260210.
"""

from local.kucoin_simulator import paging, wire
from local.kucoin_simulator.exchange import Exchange
from local.kucoin_simulator.funds.catalog import Chain, Currency
from local.kucoin_simulator.funds.deposits import (
    INVOICE_CHAIN,
    INVOICE_MS,
    STATUSES,
    Deposit,
    DepositAddress,
    new_address,
)
from local.kucoin_simulator.wire import Refusal, Response


def create_address(exchange: Exchange) -> Response:
    """Create a deposit address.

    Raises:
        Refusal: 260000 it exists, 260200 deposits are disabled, 900003, 900014, 400100.
    """
    body = exchange.json_body()
    for name in ("currency", "chain", "to", "amount"):
        if not isinstance(body.get(name, ""), str):
            raise Refusal("400100", f"{name} must be a string")
    account = body.get("to", "main")
    if account not in ("main", "trade"):
        raise Refusal("400100", "to must be main or trade")
    currency, chain = _find(exchange, body.get("currency", ""), body.get("chain", ""))
    if not chain.is_deposit_enabled:
        raise Refusal("260200", "deposit.disabled")
    held = exchange.state.funds.addresses
    is_invoice = chain.chain_id == INVOICE_CHAIN
    if is_invoice and not body.get("amount"):
        raise Refusal("400100", "amount is required for a Lightning invoice")
    known = (exchange.user.name, currency.code, chain.chain_id)
    if not is_invoice and any(_key(item) == known for item in held):
        raise Refusal("260000", "Deposit address already exists.")
    expires_ms = exchange.state.now_ms() + INVOICE_MS if is_invoice else 0
    made = new_address(exchange.user.name, currency, chain, account, expires_ms=expires_ms)
    held.append(made)
    return wire.rest_ok(made.as_json())


def list_addresses(exchange: Exchange) -> Response:
    """List the user's addresses of a currency, or of one of its chains.

    Raises:
        Refusal: 900003, 900014; 260220 for none in the world `no_address`.
    """
    query = exchange.request.query()
    currency, chain = _find(exchange, query.get("currency", ""), query.get("chain", ""))
    now = exchange.state.now_ms()
    found = [
        item
        for item in exchange.state.funds.addresses
        if (item.user, item.currency) == (exchange.user.name, currency.code)
        and item.chain_id == (chain.chain_id if query.get("chain") else item.chain_id)
        and (not item.expires_ms or item.expires_ms > now)
    ]
    if not found and exchange.state.worlds.no_address == "260220":
        raise Refusal("260220", "deposit.address.not.exists")
    return wire.rest_ok([{**item.as_json(), "contractAddress": item.contract} for item in found])


def list_deposits(exchange: Exchange) -> Response:
    """List the user's deposits, latest first, page by page."""
    query = exchange.request.query()
    status = paging.parse_choice(query, "status", *STATUSES)
    start = paging.parse_number(query, "startAt", 0)
    end = paging.parse_number(query, "endAt", exchange.state.now_ms())
    found = [
        item
        for item in exchange.state.funds.deposits
        if item.user == exchange.user.name
        and item.currency == (query.get("currency") or item.currency)
        and item.status == (status or item.status)
        and start <= item.created_ms <= end
    ]
    found.sort(key=lambda item: item.created_ms, reverse=True)
    return wire.rest_ok(paging.show_page(query, found, Deposit.as_json))


def _find(exchange: Exchange, code: str, chain_id: str) -> tuple[Currency, Chain]:
    currency = exchange.state.funds.catalog.currencies.get(code)
    if currency is None:
        raise Refusal("900003", "Currency not exists")
    chain = currency.find_chain(chain_id)
    if chain is None:
        raise Refusal("900014", "Invalid chainId")
    return currency, chain


def _key(item: DepositAddress) -> tuple[str, str, str]:
    return item.user, item.currency, item.chain_id
