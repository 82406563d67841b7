"""The Fast API withdrawal: `POST /api/v2/broker/withdrawal`, in one step or two.

Source:
    Fast API page 8 and 9. Permission Withdrawal ("Transfer"), pool Management, weight 5
    (assumed as for the SDK's withdrawal).
"""

from decimal import Decimal

from local.kucoin_simulator import wire
from local.kucoin_simulator.exchange import Exchange
from local.kucoin_simulator.funds import fees
from local.kucoin_simulator.funds.accounts import (
    PROCESSING,
    REVIEW,
    Withdrawal,
    WithdrawalOrder,
    new_id,
)
from local.kucoin_simulator.funds.fees import Cost
from local.kucoin_simulator.rest import verification, withdrawal_orders
from local.kucoin_simulator.wire import Refusal, Response

TRANSFER_WINDOWS = ((10_000, 3), (24 * 3600 * 1000, 50))
DAY_MS = 24 * 3600 * 1000
SECURITY_PATH = "/account/security/g2fa"
SECURITY_MSG = (
    "You need to bind more factors to continue this operation. Please visit the following link: "
)


def submit(exchange: Exchange) -> Response:
    """Take a withdrawal, or ask for its verification first.

    Returns:
        `withdrawalId`, or `transactionId`, `allFactors` and `sentFactors`.

    Raises:
        Refusal: With the first reason that applies; nothing has been moved then.
    """
    asked = exchange.json_body()
    validation = asked.pop("validation", None)
    order = withdrawal_orders.parse(exchange, asked)
    _check_security(exchange)
    _count_transfer(exchange, order, is_first=validation is None)
    cost = check_funds(exchange, order)
    if validation is not None:
        verified = verification.check(exchange, asked, validation)
        verified.is_used = True
    elif exchange.user.factors:
        return wire.rest_ok(verification.start(exchange, asked))
    return wire.rest_ok({"withdrawalId": _open(exchange, order, cost).withdrawal_id})


def build_cost(exchange: Exchange, order: WithdrawalOrder) -> Cost:
    """Work out fees and who pays them."""
    state = exchange.state
    currency = state.funds.catalog.currencies[order.currency]
    chain = currency.find_chain(order.chain_id) or currency.chains[0]
    service = fees.service_fee(
        order.amount,
        state.funds.catalog.price_in_usdt(order.currency),
        chain.precision,
        state.settings.fee_rounding,
    )
    available = state.funds.book.balance(exchange.user.name, "main", order.currency)
    network = fees.network_fee(order.amount, chain, is_inner=order.is_inner)
    return fees.settle(
        order.amount, network, service, deduct_type=order.deduct_type, available=available
    )


def check_funds(exchange: Exchange, order: WithdrawalOrder) -> Cost:
    """Check that the main account covers it, and that the day's quota does.

    Raises:
        Refusal: 260100 no balance, 200004 too little (world insufficient_code), 400100 fees not
            covered, or above the quota.
    """
    cost = build_cost(exchange, order)
    state = exchange.state
    available = state.funds.book.balance(exchange.user.name, "main", order.currency)
    if available == 0:
        raise Refusal("260100", "account.noBalance")
    if order.amount > available:
        raise Refusal(state.worlds.insufficient_code, "Balance insufficient")
    if cost.deducted > available:
        raise Refusal("400100", "account.available.amount")
    if cost.received <= 0:
        raise Refusal("400100", "The withdrawal amount does not cover the fees")
    worth = order.amount * state.funds.catalog.price_in_usdt(order.currency)
    if worth + used_today_usdt(exchange) > exchange.user.daily_limit_usdt:
        raise Refusal("400100", "The withdrawal amount exceeds the remaining quota")
    return cost


def used_today_usdt(exchange: Exchange) -> Decimal:
    """Return the worth of what the user has withdrawn in the last 24 hours."""
    state = exchange.state
    since_ms = state.now_ms() - DAY_MS
    recent = [
        item
        for item in state.funds.withdrawals.values()
        if item.user == exchange.user.name
        and item.created_ms > since_ms
        and item.status != "FAILURE"
    ]
    worths = [
        item.order.amount * state.funds.catalog.price_in_usdt(item.order.currency)
        for item in recent
    ]
    return sum(worths, Decimal(0))


def _open(exchange: Exchange, order: WithdrawalOrder, cost: Cost) -> Withdrawal:
    state = exchange.state
    now = state.now_ms()
    withdrawal = Withdrawal(
        withdrawal_id=new_id(),
        user=exchange.user.name,
        uid=exchange.user.uid,
        order=order,
        cost=cost,
        shown_remark=_shown_remark(exchange, order),
        created_ms=now,
        updated_ms=now,
        visible_ms=now + round(state.settings.history_delay_seconds * 1000),
        status=REVIEW if state.settings.review_seconds > 0 else PROCESSING,
        entry_seq=exchange.entry.seq,
    )
    state.funds.open(withdrawal)
    return withdrawal


def _shown_remark(exchange: Exchange, order: WithdrawalOrder) -> str:
    settings, world = exchange.state.settings, exchange.state.worlds.remark
    if world == "dropped" or order.withdraw_type in settings.remark_dropped_types:
        return ""
    return order.remark[: settings.remark_length] if world == "cut" else order.remark


def _check_security(exchange: Exchange) -> None:
    if not exchange.user.two_factor:
        settings = exchange.state.settings
        link = settings.public_url + SECURITY_PATH
        raise Refusal(settings.code_security_setup, SECURITY_MSG + link)


def _count_transfer(exchange: Exchange, order: WithdrawalOrder, *, is_first: bool) -> None:
    """Count a withdrawal to a person: 3 in 10 s, 50 in 24 h, from the first request on."""
    state = exchange.state
    counts_all = state.worlds.transfer_limit_counts == "all_calls"
    if order.withdraw_type not in withdrawal_orders.TO_PEOPLE or not (is_first or counts_all):
        return
    windows = state.funds.transfer_windows
    now = state.now_ms()
    for span_ms, limit in TRANSFER_WINDOWS:
        started_ms, used = windows.get((exchange.user.name, span_ms), (now, 0))
        if now - started_ms >= span_ms:
            started_ms, used = now, 0
        if used >= limit:
            msg = "Too many withdrawals to UID, MAIL or PHONE: 3 in 10 seconds, 50 in 24 hours"
            raise Refusal(state.settings.code_transfer_limit, msg)
        windows[exchange.user.name, span_ms] = (started_ms, used + 1)
