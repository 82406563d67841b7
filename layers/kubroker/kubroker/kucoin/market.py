"""What KuCoin tells everyone: currencies with their chains, and prices."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from kubroker.foundation.amounts import MAX_DECIMALS, find_amount, find_integer
from kubroker.foundation.errors import KucoinOutcomeUnknownError, KucoinRefusedError
from kubroker.foundation.observability import logger
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
        decimals = _find_decimals(data, "precision")
        told = data.get("chains") or []
        if decimals is None or not isinstance(told, list):
            raise KucoinOutcomeUnknownError("KuCoin's answer about the currency can't be read.")
        chains = [_find_chain(chain) for chain in told]
        unreadable = {
            answers.find_text(chain, "chainId") or ""
            for chain, found in zip(told, chains, strict=True)
            if found is None
        }
        if unreadable:
            names = sorted(unreadable)
            logger.warning("chains can't be read", extra={"currency": code, "chains": names})
        return Currency(
            code=code,
            decimals=decimals,
            chains=tuple(chain for chain in chains if chain and chain.chain_id not in unreadable),
            unreadable_chains=frozenset(unreadable),
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


def _find_chain(data: Any) -> Chain | None:
    """One chain, or None: a field that money depends on is never guessed.

    Source: kucoin-protocol section 9: chains without withdrawPrecision or fees are seen. No
    maxWithdraw and no withdrawFeeRate are usual: no maximum, and no fee by share.
    """
    chain_id = answers.find_text(data, "chainId")
    if chain_id is None:
        return None
    decimals = _find_decimals(data, "withdrawPrecision")
    minimum = find_amount(data.get("withdrawalMinSize"))
    fee = find_amount(data.get("withdrawalMinFee"))
    maximum = _find_optional(data, "maxWithdraw")
    fee_rate = _find_optional(data, "withdrawFeeRate")
    needs_memo = data.get("needTag")
    if decimals is None or minimum is None or fee is None or maximum is None or fee_rate is None:
        return None
    if not isinstance(needs_memo, bool):
        return None
    return Chain(
        chain_id=chain_id,
        decimals=decimals,
        minimum=minimum,
        maximum=maximum if maximum else None,
        minimum_fee=fee,
        fee_rate=fee_rate,
        needs_memo=needs_memo,
        is_withdraw_enabled=data.get("isWithdrawEnabled") is True,
    )


def _find_optional(data: dict[str, Any], name: str) -> Decimal | None:
    """0 where there is none; None where there is one that can't be read."""
    value = data.get(name)
    return Decimal(0) if value is None or value == "" else find_amount(value)


def _find_decimals(data: dict[str, Any], name: str) -> int | None:
    return find_integer(data.get(name), maximum=MAX_DECIMALS)
