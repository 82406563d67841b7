"""Whether a withdrawal can be asked for at all: each refusal has its code and says what is allowed.

Checked before KuCoin is asked, against what KuCoin says about the currency. Nothing is filled in:
a currency or a chain that is missing is a refusal, never a default.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from kubroker.foundation.amounts import format_amount, has_decimals
from kubroker.foundation.errors import UnavailableError, UnprocessableError
from kubroker.kucoin.currency import Chain, Currency, Quota
from kubroker.withdrawals.fees import (
    FeeDeductType,
    NetworkFee,
    Quote,
    decide_deduct_type,
)


class WithdrawType(StrEnum):
    """What the field ``address`` holds.

    Source: kucoin-fast-api, 8.2.
    """

    ADDRESS = "ADDRESS"
    UID = "UID"
    MAIL = "MAIL"
    PHONE = "PHONE"


_ADDRESS_FORMS = {
    WithdrawType.ADDRESS: (r"[!-~]{4,256}", "4 to 256 printable characters without spaces"),
    WithdrawType.UID: (r"[0-9]{3,20}", "a KuCoin uid: 3 to 20 digits"),
    WithdrawType.MAIL: (r"[^\s@]{1,64}@[^\s@]{1,190}", "an e-mail address"),
    WithdrawType.PHONE: (
        r"(\+?[0-9]{1,4}[- ])?[0-9]{4,15}",
        "a phone number with its country code, such as 44-7700900123",
    ),
}


def find_address_fault(withdraw_type: WithdrawType, address: str) -> str | None:
    """What the address would have to be, or None where it can be one."""
    pattern, words = _ADDRESS_FORMS[withdraw_type]
    return None if re.fullmatch(pattern, address) else words


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be withdrawn, as far as rules and fees need to know."""

    currency: str
    amount: Decimal
    withdraw_type: WithdrawType
    address: str
    chain: str | None = None
    is_inner: bool = False
    memo: str | None = None
    fee_deduct_type: FeeDeductType | None = None

    @property
    def stays_inside(self) -> bool:
        """Whether it goes to another KuCoin account."""
        return self.is_inner or self.withdraw_type is not WithdrawType.ADDRESS


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the currency's chain, or KuCoin's own books, ask of an amount.

    Attributes:
        maximum: The largest amount, or None.
        needs_memo: Whether the destination is incomplete without one.
    """

    decimals: int
    minimum: Decimal
    maximum: Decimal | None
    network_fee: NetworkFee
    needs_memo: bool


def find_terms(
    order: Order, currency: Currency | None, quota: Quota | None, *, adds_rate: bool
) -> Terms:
    """The terms that apply.

    Args:
        order: What is to be withdrawn.
        currency: What KuCoin says of it; None where it knows no such currency.
        quota: What KuCoin says of the account, where the key may see it.
        adds_rate: See ``NetworkFee``.

    Raises:
        UnprocessableError: ``currency_unknown``, ``chain_required``, ``chain_unknown``,
            ``withdrawal_disabled``.
        UnavailableError: KuCoin tells terms of this very chain that can't be read.
    """
    if currency is None:
        raise UnprocessableError(
            f"KuCoin knows no currency {order.currency}.", code="currency_unknown", field="currency"
        )
    inner_fee = (quota.inner_fee if quota else None) or Decimal(0)
    chain = _find_chain(order, currency)
    if chain is None:
        return Terms(
            decimals=currency.decimals,
            minimum=Decimal(0),
            maximum=None,
            network_fee=NetworkFee(minimum=inner_fee),
            needs_memo=False,
        )
    if order.stays_inside:
        fee = NetworkFee(minimum=inner_fee)
    else:
        fee = NetworkFee(minimum=chain.minimum_fee, rate=chain.fee_rate, adds_rate=adds_rate)
    return Terms(
        decimals=chain.decimals,
        minimum=chain.minimum,
        maximum=chain.maximum,
        network_fee=fee,
        needs_memo=chain.needs_memo and not order.stays_inside,
    )


def _find_chain(order: Order, currency: Currency) -> Chain | None:
    """The chain asked for; None only where nothing leaves KuCoin and none was named."""
    open_chains = [chain.chain_id for chain in currency.chains if chain.is_withdraw_enabled]
    if order.chain is None:
        if order.withdraw_type is not WithdrawType.ADDRESS:
            return None
        raise _refuse(
            "chain_required",
            f"Say on which chain {currency.code} is to be sent: {_name(open_chains)}.",
            field="chain",
            allowed=open_chains,
        )
    chain = currency.find_chain(order.chain)
    if chain is None and currency.is_unreadable(order.chain):
        raise UnavailableError(
            f"KuCoin's terms for {currency.code} on {order.chain} can't be read now. Nothing was "
            f"withdrawn; ask again. Possible now are {_name(open_chains)}.",
            code="kucoin_unreadable",
            field="chain",
            retry_after_seconds=5,
            members={"allowed": open_chains},
        )
    if chain is None:
        raise _refuse(
            "chain_unknown",
            f"KuCoin does not send {currency.code} on {order.chain}. "
            f"Possible are {_name(open_chains)}.",
            field="chain",
            allowed=open_chains,
        )
    if not chain.is_withdraw_enabled:
        raise _refuse(
            "withdrawal_disabled",
            f"KuCoin has paused withdrawals of {currency.code} on {chain.chain_id}. "
            f"Possible now are {_name(open_chains)}.",
            field="chain",
            allowed=open_chains,
        )
    return chain


def check_amount(amount: Decimal, terms: Terms) -> None:
    """Whether the amount is one that KuCoin takes.

    Raises:
        UnprocessableError: ``amount_not_positive``, ``amount_precision``,
            ``amount_below_minimum``, ``amount_above_maximum``.
    """
    if amount <= 0:
        raise _refuse("amount_not_positive", "The amount has to be more than 0.", field="amount")
    if not has_decimals(amount, terms.decimals):
        raise _refuse(
            "amount_precision",
            f"The amount may have at most {terms.decimals} decimals on this chain.",
            field="amount",
            allowed=terms.decimals,
        )
    if amount < terms.minimum:
        smallest = format_amount(terms.minimum)
        raise _refuse(
            "amount_below_minimum",
            f"The amount has to be at least {smallest}.",
            field="amount",
            allowed=smallest,
        )
    if terms.maximum is not None and amount > terms.maximum:
        largest = format_amount(terms.maximum)
        raise _refuse(
            "amount_above_maximum",
            f"The amount may be at most {largest}.",
            field="amount",
            allowed=largest,
        )


def check_destination(order: Order, terms: Terms) -> None:
    """Whether the destination can be one.

    Raises:
        UnprocessableError: ``address_invalid``, ``memo_required``.
    """
    words = find_address_fault(order.withdraw_type, order.address)
    if words is not None:
        raise _refuse(
            "address_invalid",
            f"For {order.withdraw_type} the address has to be {words}.",
            field="address",
            allowed=words,
        )
    if terms.needs_memo and not order.memo:
        raise _refuse(
            "memo_required",
            "This chain needs a memo (tag): without it the recipient can't be told apart.",
            field="memo",
            allowed="1 to 128 characters",
        )


def check_funds(order: Order, quote: Quote, available: Decimal | None) -> None:
    """Whether fees leave something to arrive and the balance suffices, where it is seen.

    Raises:
        UnprocessableError: ``amount_below_fees``, ``insufficient_balance``.
    """
    deduct_type = decide_deduct_type(order.fee_deduct_type, quote, available)
    # A balance not seen might make KuCoin take the fees from the amount: that has to bear them.
    movement = quote.movements[deduct_type or FeeDeductType.INTERNAL]
    if movement.arrives <= 0:
        total = format_amount(quote.total_fee)
        raise _refuse(
            "amount_below_fees",
            f"The fees of {total} may be taken from the amount and would leave nothing to arrive; "
            "feeDeductType EXTERNAL takes them from the account besides.",
            field="amount",
            allowed=f"more than {total}",
        )
    if available is not None and movement.leaves > available:
        raise _refuse(
            "insufficient_balance",
            f"{format_amount(movement.leaves)} would have to leave the account, which can "
            f"withdraw {format_amount(available)}.",
            field="amount",
            allowed=format_amount(available),
        )


def _refuse(code: str, message: str, *, field: str, allowed: object = None) -> UnprocessableError:
    members = {} if allowed is None else {"allowed": allowed}
    return UnprocessableError(message, code=code, field=field, members=members)


def _name(chains: list[str]) -> str:
    return ", ".join(chains) if chains else "none at the moment"
