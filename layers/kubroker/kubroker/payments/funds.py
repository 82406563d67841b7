"""Whether a payment can be made now: KuCoin's terms and prices, and the main account's funds."""

from decimal import Decimal
from typing import Any

from kubroker.connections.model import Connection
from kubroker.connections.secrets import open_credentials
from kubroker.connections.vault import Vault
from kubroker.foundation.amounts import UP, find_amount
from kubroker.foundation.errors import KucoinError, KucoinOutcomeUnknownError, UnavailableError
from kubroker.foundation.observability import logger
from kubroker.kucoin import answers
from kubroker.kucoin.rest import KucoinRest
from kubroker.kucoin.signer import ApiCredentials
from kubroker.payments.model import Balances, check_covered
from kubroker.withdrawals.fees import FeeDeductType
from kubroker.withdrawals.quotes import Priced, WithdrawalQuotes
from kubroker.withdrawals.rules import Order, check_destination


class AccountClient:
    """Signed reads of balances."""

    def __init__(self, rest: KucoinRest) -> None:
        """Sends through ``rest``."""
        self._rest = rest

    def get_balances(
        self, currency: str, credentials: ApiCredentials, *, deadline_seconds: float
    ) -> Balances:
        """What the main and the trade account have of a currency, holds left out.

        Source: ``GET /api/v1/accounts``, permission General, pool Management, weight 5; an
        account that never held the currency is not listed.

        Raises:
            KucoinRefusedError: KuCoin said no.
            KucoinUnsentError: KuCoin could not be reached.
            KucoinOutcomeUnknownError: No usable answer came.
        """
        data = self._rest.get(
            "/api/v1/accounts",
            {"currency": currency},
            credentials=credentials,
            deadline_seconds=deadline_seconds,
        )
        if not isinstance(data, list):
            raise KucoinOutcomeUnknownError("KuCoin's answer about the accounts can't be read.")
        found = {"main": Decimal(0), "trade": Decimal(0)}
        for item in data:
            kind, available = _parse_account(item, currency)
            if kind in found:
                found[kind] = UP.add(found[kind], available)
        return Balances(main=found["main"], trade=found["trade"])


def _parse_account(item: Any, currency: str) -> tuple[str, Decimal]:
    """Its type and what is available; an amount that money depends on is never guessed."""
    kind = answers.find_text(item, "type")
    available = find_amount(item.get("available")) if kind is not None else None
    if kind is None or available is None or answers.find_text(item, "currency") != currency:
        raise KucoinOutcomeUnknownError("KuCoin's answer about an account can't be read.")
    return kind, available


_DEADLINE_SECONDS = 3.0


class PaymentFunds:
    """Asks KuCoin for everything that a payment depends on."""

    def __init__(self, quotes: WithdrawalQuotes, accounts: AccountClient, vault: Vault) -> None:
        """Joins KuCoin's clients, and the vault for the purpose api-key."""
        self._vault = vault
        self._quotes = quotes
        self._accounts = accounts

    def check(self, order: Order, connection: Connection) -> Priced:
        """A quote for a payment that the main account covers, fees included.

        A balance or quota that can't be read means no: KuCoin would refuse after the user has
        confirmed, or take a fee that was not shown.

        Raises:
            UnprocessableError: ``insufficient_balance``, or see ``withdrawal_rules``.
            UnavailableError: KuCoin can't be read.
            ConflictError: The connection has no key (any more).
        """
        credentials = open_credentials(self._vault, connection)
        priced = self._quotes.price(order, credentials)
        check_destination(order, priced.terms)
        try:
            balances = self._accounts.get_balances(
                order.currency, credentials, deadline_seconds=_DEADLINE_SECONDS
            )
        except KucoinError as error:
            logger.warning("no balance to be seen", extra={"reason": error.message})
            raise _build_unreadable() from error
        if priced.available is None:
            raise _build_unreadable()
        leaves = priced.quote.movements[FeeDeductType.EXTERNAL].leaves
        check_covered(leaves, order.currency, balances, priced.available)
        return priced


def _build_unreadable() -> UnavailableError:
    return UnavailableError(
        "The balance at KuCoin can't be read now. Nothing was paid; ask again.",
        code="kucoin_unreadable",
        retry_after_seconds=5,
    )
