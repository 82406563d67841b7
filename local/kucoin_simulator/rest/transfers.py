"""Transfers between a user's own accounts.

Source:
    KuCoin's SDK: `POST /api/v3/accounts/universal-transfer` (FlexTransfers, which a key calls
    InnerTransfer; Management 4). 230003 for the balance is KuCoin's. Sub-accounts do not exist
    here, so that every other type than INTERNAL is refused.
"""

from decimal import Decimal

from local.kucoin_simulator import wire
from local.kucoin_simulator.exchange import Exchange
from local.kucoin_simulator.fields import choose, decimal
from local.kucoin_simulator.funds.accounts import new_id
from local.kucoin_simulator.funds.book import Account, InsufficientFundsError
from local.kucoin_simulator.funds.ledgers import TRANSFER
from local.kucoin_simulator.trading.symbols import CONTRACTS
from local.kucoin_simulator.wire import Refusal, Response

KINDS = {"MAIN": "main", "TRADE": "trade", "CONTRACT": "contract"}
TYPES = ("INTERNAL", "PARENT_TO_SUB", "SUB_TO_PARENT")
SETTLED = frozenset(contract.settle for contract in CONTRACTS.values())


def transfer(exchange: Exchange) -> Response:
    """Move funds between main, trade and futures account.

    Raises:
        Refusal: 400100 a field, 900003 the currency, 230003 the balance, a repeated clientOid.
    """
    body, state, user = exchange.json_body(), exchange.state, exchange.user.name
    source, target = (
        KINDS[choose(body, name, tuple(KINDS))] for name in ("fromAccountType", "toAccountType")
    )
    if choose(body, "type", TYPES) != "INTERNAL":
        raise Refusal("400100", "The sub-account does not exist")
    client_oid = body.get("clientOid")
    if not isinstance(client_oid, str) or not 1 <= len(client_oid) <= 128:
        raise Refusal("400100", "clientOid is required")
    currency = state.funds.catalog.currencies.get(str(body.get("currency")))
    if currency is None:
        raise Refusal("900003", "Currency not exists")
    amount = decimal(body, "amount")
    if not amount or amount % Decimal(1).scaleb(-currency.precision) or source == target:
        raise Refusal("400100", "amount or accounts are not valid")
    if "contract" in (source, target) and currency.code not in SETTLED:
        raise Refusal("400100", f"{currency.code} cannot be held in the futures account")
    if (user, client_oid) in state.trades.transfers:
        raise Refusal(state.settings.code_duplicate_client_oid, "clientOid duplicate")
    order_id = move(exchange, (source, target), currency.code, amount)
    state.trades.transfers[user, client_oid] = order_id
    return wire.rest_ok({"orderId": order_id})


def move(exchange: Exchange, accounts: tuple[str, str], currency: str, amount: Decimal) -> str:
    """Post a transfer and return its id.

    Raises:
        Refusal: 230003, the account does not cover it.
    """
    state, user, (source, target) = exchange.state, exchange.user.name, accounts
    order_id, now = new_id(), state.now_ms()
    state.ledgers.settle(now)
    legs = {Account(user, source, currency): -amount, Account(user, target, currency): amount}
    try:
        state.funds.book.post(TRANSFER, order_id, now, legs, context={"orderId": order_id})
    except InsufficientFundsError:
        raise Refusal("230003", "Balance insufficient!") from None
    return order_id
