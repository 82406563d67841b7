"""Withdrawals and verification transactions as KuCoin keeps them, and how they move on."""

import secrets
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from local.kucoin_simulator.funds.book import KUCOIN, OUTSIDE, Account, Book
from local.kucoin_simulator.funds.catalog import Catalog, default_catalog
from local.kucoin_simulator.funds.deposits import Deposit, DepositAddress
from local.kucoin_simulator.funds.fees import Cost

REVIEW = "REVIEW"
PROCESSING = "PROCESSING"
WALLET_PROCESSING = "WALLET_PROCESSING"
SUCCESS = "SUCCESS"
FAILURE = "FAILURE"
STATUSES = (REVIEW, PROCESSING, WALLET_PROCESSING, SUCCESS, FAILURE)
NOT_RETURN = "NOT_RETURN"
RETURN_STATUSES = (NOT_RETURN, PROCESSING, SUCCESS)
DEFAULT_BALANCES = {
    "alice": {
        "main": {
            "USDT": "10000",
            "BTC": "1",
            "ETH": "10",
            "XRP": "1000",
            "SHIB": "50000000",
            "KCS": "50",
            "LUNC": "1000",
            "USDC": "500",
        },
        "trade": {"USDT": "500", "BTC": "0.1"},
    },
    "bob": {"main": {"USDT": "1000"}, "trade": {"USDT": "2000"}},
    "carol": {"main": {"USDT": "1000", "BTC": "0.05"}},
    "dave": {"main": {"USDT": "100"}},
    "erin": {"main": {"USDT": "1000"}},
}


@dataclass(slots=True)
class Withdrawal:
    """One withdrawal.

    Attributes:
        order: What was asked: the parsed request.
        cost: Fees, what left the account and what arrives.
        shown_remark: The remark as the history gives it.
        visible_ms: When the history begins to show it.
        return_status: What became of the funds of a failed one.
        entry_seq: The journal entry of the request that made it.
    """

    withdrawal_id: str
    user: str
    uid: int
    order: "WithdrawalOrder"
    cost: Cost
    shown_remark: str
    created_ms: int
    updated_ms: int
    visible_ms: int
    status: str
    entry_seq: int
    wallet_tx_id: str = ""
    failure_reason: str = ""
    return_status: str = NOT_RETURN

    @property
    def is_open(self) -> bool:
        """Whether it has not come to its end."""
        return self.status not in (SUCCESS, FAILURE)


@dataclass(frozen=True, slots=True)
class WithdrawalOrder:
    """A withdrawal request after its form was checked.

    Attributes:
        address: Destination as asked: address, UID, e-mail address or phone number.
        recipient: The KuCoin account it goes to (UID, MAIL, PHONE); empty for an address.
        deduct_type: INTERNAL, EXTERNAL, or empty.
    """

    currency: str
    chain_id: str
    chain_name: str
    address: str
    recipient: str
    amount: Decimal
    withdraw_type: str
    is_inner: bool
    remark: str
    memo: str
    deduct_type: str


@dataclass(slots=True)
class Verification:
    """A validation transaction: the codes that a withdrawal waits for.

    Attributes:
        body: The first request's body; the second must be the same.
        codes: Code by factor.
        factors: Alternatives, each the factors it needs.
    """

    transaction_id: str
    user: str
    api_key: str
    body: dict[str, Any]
    factors: list[list[str]]
    codes: dict[str, str]
    expires_ms: int
    tries_left: int
    is_used: bool = False


@dataclass(slots=True)
class Funds:
    """Everything that has to do with money."""

    book: Book = field(default_factory=Book)
    withdrawals: dict[str, Withdrawal] = field(default_factory=dict)
    verifications: dict[str, Verification] = field(default_factory=dict)
    catalog: Catalog = field(default_factory=default_catalog)
    transfer_windows: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    addresses: list[DepositAddress] = field(default_factory=list)
    deposits: list[Deposit] = field(default_factory=list)

    def adjust(self, user: str, account: tuple[str, str], amount: Decimal, time_ms: int) -> None:
        """Bring funds in (or, negative, take them out) without a deposit.

        Args:
            user: Whose account it is.
            account: Kind (main, trade) and currency.
            amount: How much.
            time_ms: KuCoin's clock.
        """
        kind, currency = account
        legs = {
            Account(user, kind, currency): amount,
            Account(OUTSIDE, "world", currency): -amount,
        }
        self.book.post("Adjustment", new_id(), time_ms, legs)

    def settle_deposit(self, deposit: Deposit, status: str, time_ms: int) -> None:
        """Set the status of a deposit; SUCCESS credits it."""
        deposit.status, deposit.updated_ms = status, time_ms
        if status == SUCCESS and not deposit.is_inner:
            legs = {
                Account(deposit.user, deposit.account, deposit.currency): deposit.amount,
                Account(OUTSIDE, "world", deposit.currency): -deposit.amount,
            }
            self.book.post("Deposit", deposit.deposit_id, time_ms, legs)

    def open(self, withdrawal: Withdrawal) -> None:
        """Take the funds of a new withdrawal into hold."""
        order, cost = withdrawal.order, withdrawal.cost
        legs = {
            Account(withdrawal.user, "main", order.currency): -cost.deducted,
            Account(withdrawal.user, "hold:main", order.currency): cost.deducted,
        }
        reference = withdrawal.withdrawal_id
        self.book.post("Withdrawal hold", reference, withdrawal.created_ms, legs)
        self.withdrawals[reference] = withdrawal

    def advance(self, now_ms: int, processing_ms: int, wallet_ms: int, review_ms: int) -> None:
        """Let every open withdrawal move on as time has passed."""
        for withdrawal in list(self.withdrawals.values()):
            if not withdrawal.is_open or withdrawal.status not in STATUSES:
                continue
            spans = {REVIEW: review_ms, PROCESSING: processing_ms, WALLET_PROCESSING: wallet_ms}
            following = {
                REVIEW: PROCESSING,
                PROCESSING: WALLET_PROCESSING,
                WALLET_PROCESSING: SUCCESS,
            }
            while withdrawal.is_open:
                due_ms = withdrawal.updated_ms + spans[withdrawal.status]
                if now_ms < due_ms:
                    break
                self.move_to(withdrawal, following[withdrawal.status], due_ms)

    def move_to(
        self,
        withdrawal: Withdrawal,
        status: str,
        time_ms: int,
        *,
        failure_reason: str = "",
        return_status: str = SUCCESS,
    ) -> None:
        """Set a status and move the funds that go with it.

        Args:
            withdrawal: An open one.
            status: A documented status, or any other text (the funds then stay in hold).
            time_ms: When.
            failure_reason: For FAILURE.
            return_status: For FAILURE: SUCCESS returns the funds, PROCESSING leaves them in hold,
                NOT_RETURN keeps them.
        """
        if status in (WALLET_PROCESSING, SUCCESS) and not withdrawal.order.is_inner:
            withdrawal.wallet_tx_id = withdrawal.wallet_tx_id or secrets.token_hex(32)
        if status == SUCCESS:
            self._pay_out(withdrawal, time_ms)
        if status == FAILURE:
            withdrawal.failure_reason = failure_reason
            withdrawal.return_status = return_status
            self._give_back(withdrawal, return_status, time_ms)
        withdrawal.status = status
        withdrawal.updated_ms = time_ms

    def finish_return(self, withdrawal: Withdrawal, return_status: str, time_ms: int) -> None:
        """End a return that was PROCESSING."""
        if withdrawal.status == FAILURE and withdrawal.return_status == PROCESSING:
            withdrawal.return_status = return_status
            self._give_back(withdrawal, return_status, time_ms)

    def _pay_out(self, withdrawal: Withdrawal, time_ms: int) -> None:
        order, cost = withdrawal.order, withdrawal.cost
        target = Account(OUTSIDE, "world", order.currency)
        if order.recipient:
            target = Account(order.recipient, "main", order.currency)
        legs = {
            Account(withdrawal.user, "hold:main", order.currency): -cost.deducted,
            target: cost.received,
            Account(KUCOIN, "network_fees", order.currency): cost.network_fee,
            Account(KUCOIN, "service_fees", order.currency): cost.service_fee,
        }
        self.book.post("Withdrawal", withdrawal.withdrawal_id, time_ms, legs)
        if order.recipient:
            self.deposits.append(
                Deposit(
                    deposit_id=new_id(),
                    user=order.recipient,
                    currency=order.currency,
                    chain_id="",
                    address=str(withdrawal.uid),
                    memo="",
                    account="main",
                    amount=cost.received,
                    is_inner=True,
                    wallet_tx_id=None,
                    status=SUCCESS,
                    created_ms=time_ms,
                    updated_ms=time_ms,
                    remark=order.remark,
                )
            )

    def _give_back(self, withdrawal: Withdrawal, return_status: str, time_ms: int) -> None:
        if return_status == PROCESSING:
            return
        currency = withdrawal.order.currency
        target = Account(withdrawal.user, "main", currency)
        if return_status == NOT_RETURN:
            target = Account(KUCOIN, "retained", currency)
        legs = {
            Account(withdrawal.user, "hold:main", currency): -withdrawal.cost.deducted,
            target: withdrawal.cost.deducted,
        }
        self.book.post("Withdrawal return", withdrawal.withdrawal_id, time_ms, legs)


def new_id() -> str:
    """Return an object id."""
    return secrets.token_hex(12)


def new_code() -> str:
    """Return a six-digit verification code."""
    return f"{secrets.randbelow(1_000_000):06d}"
