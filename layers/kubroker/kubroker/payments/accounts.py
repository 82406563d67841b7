"""KuCoin's accounts: what a user has, and where it lies."""

from decimal import Decimal
from typing import Any

from kubroker.foundation.amounts import UP, find_amount
from kubroker.foundation.errors import KucoinOutcomeUnknownError
from kubroker.kucoin import answers
from kubroker.kucoin.rest import KucoinRest
from kubroker.kucoin.signer import ApiCredentials
from kubroker.payments.model import Balances


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
