"""Control over money: balances, codes, withdrawals, the book, chains."""

from decimal import Decimal
from typing import Any

from local.kucoin_simulator.control.call import Call
from local.kucoin_simulator.funds.accounts import RETURN_STATUSES, SUCCESS, Verification, Withdrawal
from local.kucoin_simulator.funds.catalog import Chain, plain
from local.kucoin_simulator.wire import Json
from local.kucoin_simulator.worlds import BadControlRequestError

CHAIN_FLAGS = {
    "isWithdrawEnabled": "is_withdraw_enabled",
    "isDepositEnabled": "is_deposit_enabled",
    "needTag": "need_tag",
}
CHAIN_AMOUNTS = {"minFee": "min_fee", "minSize": "min_size", "feeRate": "fee_rate"}


def add_balance(call: Call) -> Json:
    """Bring funds into (or, negative, take out of) an account, without a deposit."""
    user = call.state.users[call.name]
    kind = str(call.body.get("account", "main"))
    currency = str(call.body["currency"])
    if (
        kind not in ("main", "trade", "contract")
        or currency not in call.state.funds.catalog.currencies
    ):
        raise BadControlRequestError(f"no account {kind} in {currency}")
    amount = Decimal(str(call.body["amount"]))
    call.state.funds.adjust(user.name, (kind, currency), amount, call.state.now_ms())
    return {"balances": _balances(call, user.name)}


def get_codes(call: Call) -> Json:
    """Return the verification transactions that still wait, with their codes."""
    waiting = [item for item in call.state.funds.verifications.values() if not item.is_used]
    return {"codes": [_verification(item) for item in waiting]}


def get_withdrawals(call: Call) -> Json:
    """Return every withdrawal, whether the history shows it yet or not."""
    call.state.advance_withdrawals()
    return {"withdrawals": [_withdrawal(item) for item in call.state.funds.withdrawals.values()]}


def patch_withdrawal(call: Call) -> Json:
    """Set a status, or end the return of a failed one."""
    call.state.advance_withdrawals()
    withdrawal = call.state.funds.withdrawals[call.name]
    return_status = str(call.body.get("returnStatus", SUCCESS))
    if return_status not in RETURN_STATUSES:
        raise BadControlRequestError(f"returnStatus must be one of {', '.join(RETURN_STATUSES)}")
    now = call.state.now_ms()
    if not withdrawal.is_open:
        call.state.funds.finish_return(withdrawal, return_status, now)
        return _withdrawal(withdrawal)
    call.state.funds.move_to(
        withdrawal,
        str(call.body["status"]),
        now,
        failure_reason=str(call.body.get("failureReason", "")),
        return_status=return_status,
    )
    return _withdrawal(withdrawal)


def get_book(call: Call) -> Json:
    """Return balances, postings, and whether the postings explain the balances."""
    call.state.advance_withdrawals()
    book = call.state.funds.book
    since = int(call.query.get("since", 0))
    end = since + int(call.query.get("limit", len(book.postings)))
    return {
        "balances": _balances(call, None),
        "postings": [posting.as_json() for posting in book.postings[since:end]],
        "sound": book.is_sound(),
    }


def patch_chain(call: Call) -> Json:
    """Change a chain of a currency."""
    code, _, chain_id = call.name.partition("/")
    currency = call.state.funds.catalog.currencies[code]
    chain = next((item for item in currency.chains if item.chain_id == chain_id), None)
    if chain is None:
        raise BadControlRequestError(f"{code} has no chain {chain_id}")
    for name, value in call.body.items():
        _set_chain_field(chain, name, value)
    return currency.as_json()


def _set_chain_field(chain: Chain, name: str, value: Any) -> None:
    if name in CHAIN_FLAGS and isinstance(value, bool):
        setattr(chain, CHAIN_FLAGS[name], value)
    elif name in CHAIN_AMOUNTS:
        setattr(chain, CHAIN_AMOUNTS[name], Decimal(str(value)))
    elif name == "precision" and isinstance(value, int):
        chain.precision = value
    else:
        raise BadControlRequestError(f"chain field {name!r} is unknown or has the wrong type")


def _balances(call: Call, owner: str | None) -> list[Json]:
    return [
        {
            "owner": account.owner,
            "account": account.kind,
            "currency": account.currency,
            "amount": plain(amount),
        }
        for account, amount in call.state.funds.book.balances(owner).items()
    ]


def _verification(item: Verification) -> Json:
    return {
        "user": item.user,
        "transactionId": item.transaction_id,
        "factors": item.codes,
        "allFactors": item.factors,
        "expiresAt": item.expires_ms,
        "triesLeft": item.tries_left,
        "body": item.body,
    }


def _withdrawal(item: Withdrawal) -> Json:
    order, cost = item.order, item.cost
    return {
        "id": item.withdrawal_id,
        "user": item.user,
        "uid": item.uid,
        "currency": order.currency,
        "chain": order.chain_id,
        "address": order.address,
        "recipient": order.recipient,
        "memo": order.memo,
        "withdrawType": order.withdraw_type,
        "isInner": order.is_inner,
        "remark": order.remark,
        "shownRemark": item.shown_remark,
        "amount": plain(order.amount),
        "networkFee": plain(cost.network_fee),
        "serviceFee": plain(cost.service_fee),
        "fee": plain(cost.fee),
        "deducted": plain(cost.deducted),
        "received": plain(cost.received),
        "feeDeductType": cost.deduct_type,
        "status": item.status,
        "failureReason": item.failure_reason,
        "returnStatus": item.return_status,
        "walletTxId": item.wallet_tx_id,
        "createdAt": item.created_ms,
        "updatedAt": item.updated_ms,
        "visibleAt": item.visible_ms,
        "seq": item.entry_seq,
    }
