"""What users do with their money while they live: deposit, transfer, withdraw."""

import random
from dataclasses import dataclass
from decimal import Decimal

from local.kucoin_simulator.funds import fees
from local.kucoin_simulator.funds.accounts import (
    FAILURE,
    PROCESSING,
    SUCCESS,
    WALLET_PROCESSING,
    Withdrawal,
    WithdrawalOrder,
    new_id,
)
from local.kucoin_simulator.funds.book import Account
from local.kucoin_simulator.funds.deposits import DepositAddress, arrive, new_address
from local.kucoin_simulator.funds.ledgers import TRANSFER
from local.kucoin_simulator.model import DEMO_ADDRESS
from local.kucoin_simulator.state import State

KINDS = ("deposits", "withdrawals", "transfers")
SETTLEMENT = "settlement"
CHAINS = ("trx", "eth")
FAILING = 0.1
ENOUGH = {"trade": Decimal(5000), "contract": Decimal(2000), "main": Decimal(1000)}


@dataclass(slots=True)
class Purse:
    """One user's money, at the moment that KuCoin's clock says."""

    state: State
    user: str
    dice: random.Random

    def prepare(self) -> None:
        """Make sure of an address on each chain and of funds in every account."""
        for currency in ("USDT", "USDC"):
            self._address(currency, "eth")
        self._address("USDT", "trx")
        if self._balance("main", "USDT") < ENOUGH["main"]:
            self._deposit("USDT", Decimal(5000))
        for account, currency in (
            ("trade", "USDT"),
            ("trade", "USDC"),
            ("contract", "USDT"),
            ("contract", "USDC"),
        ):
            if self._balance(account, currency) < ENOUGH[account]:
                self.top_up(account, currency)

    def top_up(self, account: str, currency: str = "USDT") -> None:
        """Deposit, and move it to where it is needed."""
        self._deposit(currency, ENOUGH[account] * 2)
        self._move("main", account, currency, ENOUGH[account] * 2)

    def act(self, kind: str) -> int | None:
        """Do one thing; return when it needs looking after."""
        if kind == "deposits":
            status = FAILURE if self.dice.random() < FAILING else SUCCESS
            self._deposit("USDT", self._amount(), status)
        elif kind == "transfers":
            ends = ["main", "trade", "contract"]
            self.dice.shuffle(ends)
            amount = min(self._amount(), self._balance(ends[0], "USDT"))
            if amount:
                self._move(ends[0], ends[1], "USDT", amount)
        elif kind == "withdrawals":
            return self._withdraw()
        elif kind == SETTLEMENT:
            self.state.advance_withdrawals()
        return None

    def _amount(self) -> Decimal:
        return Decimal(self.dice.randrange(2000, 20000)) / 100

    def _balance(self, account: str, currency: str) -> Decimal:
        return self.state.funds.book.balance(self.user, account, currency)

    def _address(self, currency: str, chain_id: str) -> DepositAddress:
        funds = self.state.funds
        for item in funds.addresses:
            if (item.user, item.currency, item.chain_id) == (self.user, currency, chain_id):
                return item
        known = funds.catalog.currencies[currency]
        chain = known.find_chain(chain_id) or known.chains[0]
        made = new_address(self.user, known, chain, "main")
        funds.addresses.append(made)
        return made

    def _deposit(self, currency: str, amount: Decimal, status: str = SUCCESS) -> None:
        chain_id = self.dice.choice(CHAINS) if currency == "USDT" else "eth"
        address, now = self._address(currency, chain_id), self.state.now_ms()
        deposit = arrive(address, amount, now)
        self.state.funds.deposits.append(deposit)
        self.state.funds.settle_deposit(deposit, status, now)
        if address.account != "main" and status == SUCCESS:
            self._move(address.account, "main", currency, amount)

    def _move(self, source: str, target: str, currency: str, amount: Decimal) -> None:
        now, order_id = self.state.now_ms(), new_id()
        self.state.ledgers.settle(now)
        legs = {
            Account(self.user, source, currency): -amount,
            Account(self.user, target, currency): amount,
        }
        context = {"orderId": order_id}
        self.state.funds.book.post(TRANSFER, order_id, now, legs, context=context)

    def _withdraw(self) -> int | None:
        state, now = self.state, self.state.now_ms()
        order = self._withdrawal_order()
        available = self._balance("main", order.currency)
        chain = state.funds.catalog.currencies["USDT"].find_chain(order.chain_id)
        if chain is None or available < order.amount * 2:
            return None
        network = fees.network_fee(order.amount, chain, is_inner=False)
        service = fees.service_fee(order.amount, Decimal(1), chain.precision)
        withdrawal = Withdrawal(
            withdrawal_id=new_id(),
            user=self.user,
            uid=state.users[self.user].uid,
            order=order,
            cost=fees.settle(
                order.amount, network, service, deduct_type="EXTERNAL", available=available
            ),
            shown_remark=order.remark,
            created_ms=now,
            updated_ms=now,
            visible_ms=now,
            status=PROCESSING,
            entry_seq=0,
        )
        state.funds.open(withdrawal)
        if self.dice.random() < FAILING:
            state.funds.move_to(withdrawal, FAILURE, now, failure_reason="risk")
            return None
        state.funds.move_to(withdrawal, WALLET_PROCESSING, now)
        return now + round(state.settings.wallet_seconds * 1000)

    def _withdrawal_order(self) -> WithdrawalOrder:
        chain_id = self.dice.choice(CHAINS)
        return WithdrawalOrder(
            currency="USDT",
            chain_id=chain_id,
            chain_name="TRC20" if chain_id == "trx" else "ERC20",
            address=DEMO_ADDRESS,
            recipient="",
            amount=self._amount(),
            withdraw_type="ADDRESS",
            is_inner=False,
            remark=f"life {self.dice.randrange(10**6)}",
            memo="",
            deduct_type="EXTERNAL",
        )
