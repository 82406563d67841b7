"""Whether a payment can be made now: KuCoin's terms and prices, and the main account's funds."""

from kubroker.connections.api_key_secret import open_credentials
from kubroker.connections.model import Connection
from kubroker.connections.vault import Vault
from kubroker.foundation.errors import KucoinError, UnavailableError
from kubroker.foundation.observability import logger
from kubroker.payments.accounts import AccountClient
from kubroker.payments.model import check_covered
from kubroker.withdrawals.fees import FeeDeductType
from kubroker.withdrawals.quotes import Priced, WithdrawalQuotes
from kubroker.withdrawals.rules import Order, check_destination

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
