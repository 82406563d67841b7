"""What KuCoin tells everyone: currencies with their chains, and prices."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from kubroker.foundation.amounts import MAX_DECIMALS, find_amount, find_integer
from kubroker.foundation.errors import KucoinOutcomeUnknownError, KucoinRefusedError
from kubroker.kucoin import answers
from kubroker.kucoin.codes import Meaning, get_meaning
from kubroker.kucoin.currency import Chain, Currency, Prices
from kubroker.kucoin.rest import KucoinRest

# The currency is a part of the path: what can't be one is answered as a wrong path or parameter.
_UNKNOWN_CURRENCY = {Meaning.CURRENCY_UNKNOWN, Meaning.PARAMETER, Meaning.NO_SUCH_PATH}


class MarketClient:
    """Public reads."""

    def __init__(self, rest: KucoinRest, *, now: Callable[[], int]) -> None:
        """Takes its parts.

        Args:
            rest: Sends.
            now: Epoch seconds, for the time that prices were read.
        """
        self._rest = rest
        self._now = now

    def find_currency(self, code: str, *, deadline_seconds: float) -> Currency | None:
        """A currency with all its chains, or None where KuCoin knows no such.

        Source: ``GET /api/v3/currencies/{currency}``, public, pool Public, weight 3.

        Args:
            code: For example ``USDT``.
            deadline_seconds: For all of it.

        Raises:
            KucoinRefusedError: KuCoin said no for another reason.
            KucoinUnsentError: KuCoin could not be reached.
            KucoinOutcomeUnknownError: No usable answer came.
        """
        path = f"/api/v3/currencies/{quote(code, safe='')}"
        try:
            data = self._rest.get_public(path, deadline_seconds=deadline_seconds)
        except KucoinRefusedError as error:
            if get_meaning(error) in _UNKNOWN_CURRENCY:
                return None
            raise
        if data is None:
            return None
        if answers.find_text(data, "currency") != code:
            raise KucoinOutcomeUnknownError("KuCoin's answer is about another currency.")
        chains = data.get("chains")
        return Currency(
            code=code,
            decimals=_get_decimals(data, "precision"),
            chains=tuple(_parse_chain(chain) for chain in chains or []),
        )

    def get_prices(self, code: str, *, deadline_seconds: float) -> Prices:
        """Prices of the currency and of USDT in USD, from one answer.

        Source: ``GET /api/v1/prices?base=USD&currencies=A,B``, public, pool Public, weight 3.

        Raises:
            KucoinOutcomeUnknownError: KuCoin tells no price; without it no fee and no limit can
                be worked out.
            KucoinRefusedError: KuCoin said no.
            KucoinUnsentError: KuCoin could not be reached.
        """
        names = ",".join(dict.fromkeys([code, "USDT"]))
        data = self._rest.get_public(
            "/api/v1/prices",
            {"base": "USD", "currencies": names},
            deadline_seconds=deadline_seconds,
        )
        currency, usdt = _find_price(data, code), _find_price(data, "USDT")
        if currency is None or usdt is None:
            raise KucoinOutcomeUnknownError(f"KuCoin tells no price for {code} now.")
        return Prices(currency_usd=currency, usdt_usd=usdt, read_at=self._now())


def _find_price(data: Any, code: str) -> Decimal | None:
    price = find_amount(data.get(code)) if isinstance(data, dict) else None
    return price if price else None


def _parse_chain(data: Any) -> Chain:
    """One chain; a field that money depends on is never guessed."""
    chain_id = answers.find_text(data, "chainId")
    minimum = find_amount(data.get("withdrawalMinSize")) if chain_id else None
    fee = find_amount(data.get("withdrawalMinFee")) if chain_id else None
    if chain_id is None or minimum is None or fee is None:
        raise KucoinOutcomeUnknownError("KuCoin's answer about the currency can't be read.")
    maximum = find_amount(data.get("maxWithdraw"))
    return Chain(
        chain_id=chain_id,
        decimals=_get_decimals(data, "withdrawPrecision"),
        minimum=minimum,
        maximum=maximum if maximum else None,
        minimum_fee=fee,
        fee_rate=find_amount(data.get("withdrawFeeRate")) or Decimal(0),
        needs_memo=data.get("needTag") is True,
        is_withdraw_enabled=data.get("isWithdrawEnabled") is True,
    )


def _get_decimals(data: Any, name: str) -> int:
    decimals = find_integer(data.get(name), maximum=MAX_DECIMALS)
    if decimals is None:
        raise KucoinOutcomeUnknownError(f"KuCoin's answer has no usable {name}.")
    return decimals
