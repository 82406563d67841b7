"""What KuCoin tells about withdrawals: list, one by id, cancel, quotas.

Source:
    KuCoin's SDK: `GET /api/v1/withdrawals` (General, Management 20), `GET …/{id}` (20), `DELETE
    …/{id}` (Withdrawal, 20), `GET …/quotas` (General, 20).
"""

from decimal import Decimal
from typing import Any

from local.kucoin_simulator import wire
from local.kucoin_simulator.exchange import Exchange
from local.kucoin_simulator.funds.accounts import FAILURE, PROCESSING, STATUSES, SUCCESS, Withdrawal
from local.kucoin_simulator.funds.catalog import plain
from local.kucoin_simulator.rest import withdrawals
from local.kucoin_simulator.state import State
from local.kucoin_simulator.wire import Json, Refusal, Response

DEFAULT_PAGE_SIZE = 50
MIN_PAGE_SIZE = 10
MAX_PAGE_SIZE = 500
CANCELLED = "Cancelled by the user"


def list_withdrawals(exchange: Exchange) -> Response:
    """List the user's withdrawals, latest first, page by page."""
    query = exchange.request.query()
    page = _number(query, "currentPage", 1)
    size = _number(query, "pageSize", DEFAULT_PAGE_SIZE)
    if size > MAX_PAGE_SIZE:
        raise Refusal("400100", "pageSize should not greater than 500")
    if size < MIN_PAGE_SIZE or page < 1:
        raise Refusal("400100", "pageSize should not less than 10, currentPage not less than 1")
    if query.get("status", SUCCESS) not in STATUSES:
        raise Refusal("400100", "status is not valid")
    found = [item for item in _visible(exchange) if _fits(item, query)]
    found.sort(key=lambda item: (item.created_ms, item.entry_seq), reverse=True)
    shown = found[(page - 1) * size : page * size]
    return wire.rest_ok(
        {
            "currentPage": page,
            "pageSize": size,
            "totalNum": len(found),
            "totalPage": -(-len(found) // size),
            "items": [show(exchange.state, withdrawal) for withdrawal in shown],
        }
    )


def get_withdrawal(exchange: Exchange) -> Response:
    """Tell everything about one withdrawal."""
    return wire.rest_ok(_detail(exchange, _find(exchange)))


def cancel_withdrawal(exchange: Exchange) -> Response:
    """Cancel a withdrawal; only while it is PROCESSING."""
    withdrawal = _find(exchange)
    if withdrawal.status != PROCESSING:
        code = exchange.state.settings.code_not_cancellable
        raise Refusal(code, f"A withdrawal in {withdrawal.status} cannot be cancelled")
    exchange.state.funds.move_to(
        withdrawal, FAILURE, exchange.state.now_ms(), failure_reason=CANCELLED
    )
    return wire.rest_ok(None)


def get_quotas(exchange: Exchange) -> Response:
    """Tell what the user may withdraw of a currency on a chain."""
    query = exchange.request.query()
    catalog = exchange.state.funds.catalog
    currency = catalog.currencies.get(query.get("currency", ""))
    if currency is None:
        raise Refusal("900003", "Currency not exists")
    chain = currency.find_chain(query.get("chain", ""))
    if chain is None:
        raise Refusal("900014", "Invalid chainId")
    user = exchange.user
    used = withdrawals.used_today_usdt(exchange)
    limit = Decimal(user.daily_limit_usdt)
    bitcoin = catalog.price_in_usdt("BTC")
    remaining = (limit - used) / catalog.price_in_usdt(currency.code)
    available = exchange.state.funds.book.balance(user.name, "main", currency.code)
    held = exchange.state.funds.book.balance(user.name, "hold:main", currency.code)
    return wire.rest_ok(
        {
            "currency": currency.code,
            "limitBTCAmount": _fixed(limit / bitcoin),
            "usedBTCAmount": _fixed(used / bitcoin),
            "quotaCurrency": "USDT",
            "limitQuotaCurrencyAmount": _fixed(limit),
            "usedQuotaCurrencyAmount": _fixed(used),
            "remainAmount": _fixed(remaining),
            "availableAmount": plain(available),
            "withdrawMinFee": plain(chain.min_fee),
            "innerWithdrawMinFee": "0",
            "withdrawMinSize": plain(chain.min_size),
            "isWithdrawEnabled": chain.is_withdraw_enabled,
            "precision": chain.precision,
            "chain": chain.name,
            "reason": None,
            "lockedAmount": plain(held),
        }
    )


def _visible(exchange: Exchange) -> list[Withdrawal]:
    exchange.state.advance_withdrawals()
    now = exchange.state.now_ms()
    return [
        item
        for item in exchange.state.funds.withdrawals.values()
        if item.user == exchange.user.name and item.visible_ms <= now
    ]


def _find(exchange: Exchange) -> Withdrawal:
    wanted = exchange.params["withdrawalId"]
    for item in _visible(exchange):
        if item.withdrawal_id == wanted:
            return item
    raise Refusal("400100", "The withdrawal does not exist")


def _fits(withdrawal: Withdrawal, query: dict[str, str]) -> bool:
    return (
        query.get("currency", withdrawal.order.currency) == withdrawal.order.currency
        and query.get("status", withdrawal.status) == withdrawal.status
        and withdrawal.created_ms >= _number(query, "startAt", 0)
        and withdrawal.created_ms <= _number(query, "endAt", withdrawal.created_ms)
    )


def _number(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise Refusal("400100", f"{name} must be a number")
    return int(text)


def _amounts(state: State, withdrawal: Withdrawal) -> Json:
    worlds, cost = state.worlds, withdrawal.cost
    fee = cost.fee if worlds.history_fee == "total" else cost.network_fee
    amount = withdrawal.order.amount if worlds.history_amount == "asked" else cost.received
    return {"amount": plain(amount), "fee": plain(fee)}


def _show_address(state: State, withdrawal: Withdrawal) -> str:
    """Addresses on a chain are public; those of persons may be masked."""
    address = withdrawal.order.address
    if state.worlds.history_address == "shown" or withdrawal.order.withdraw_type == "ADDRESS":
        return address
    return f"{address[:2]}*****{address[-2:]}"


def show(state: State, withdrawal: Withdrawal) -> Json:
    """Return a withdrawal as the history lists it."""
    order = withdrawal.order
    return {
        "id": withdrawal.withdrawal_id,
        "currency": order.currency,
        "chain": order.chain_id,
        "status": withdrawal.status,
        "address": _show_address(state, withdrawal),
        "memo": order.memo,
        "isInner": order.is_inner,
        **_amounts(state, withdrawal),
        "walletTxId": withdrawal.wallet_tx_id,
        "createdAt": withdrawal.created_ms,
        "updatedAt": withdrawal.updated_ms,
        "remark": withdrawal.shown_remark,
    }


def _detail(exchange: Exchange, withdrawal: Withdrawal) -> dict[str, Any]:
    order = withdrawal.order
    is_returned = withdrawal.status == FAILURE and withdrawal.return_status == SUCCESS
    return {
        "id": withdrawal.withdrawal_id,
        "uid": withdrawal.uid,
        "currency": order.currency,
        "chainId": order.chain_id,
        "chainName": order.chain_name,
        "currencyName": order.currency,
        "status": withdrawal.status,
        "failureReason": withdrawal.failure_reason,
        "failureReasonMsg": withdrawal.failure_reason or None,
        "address": _show_address(exchange.state, withdrawal),
        "memo": order.memo,
        "isInner": order.is_inner,
        **_amounts(exchange.state, withdrawal),
        "walletTxId": withdrawal.wallet_tx_id or None,
        "addressRemark": None,
        "remark": withdrawal.shown_remark,
        "createdAt": withdrawal.created_ms,
        "cancelType": "CANCELABLE" if withdrawal.status == PROCESSING else "NON_CANCELABLE",
        "taxes": None,
        "taxDescription": None,
        "returnStatus": withdrawal.return_status,
        "returnAmount": plain(withdrawal.cost.deducted) if is_returned else None,
        "returnCurrency": order.currency if is_returned else None,
    }


def _fixed(value: Decimal) -> str:
    return format(value.quantize(Decimal("0.00000001")), "f")
