"""A chain whose terms can't be read is unusable alone; nothing of it is guessed."""

from decimal import Decimal
from typing import Any

import pytest

from kubroker.foundation.errors import KucoinOutcomeUnknownError
from kubroker.kucoin.market import MarketClient

GOOD = {
    "chainId": "eth",
    "withdrawPrecision": 6,
    "withdrawalMinSize": "10",
    "withdrawalMinFee": "3",
    "needTag": False,
    "isWithdrawEnabled": True,
}


ODD: tuple[Any, ...] = (None, "", "x", [], {}, "NaN", -1)


class Rest:
    """Answers one public read."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def get_public(self, *_args: Any, **_kwargs: Any) -> Any:
        return self.data


def read(*chains: Any, **fields: Any) -> Any:
    data = {"currency": "USDT", "precision": 8, "chains": list(chains), **fields}
    return MarketClient(Rest(data), now=lambda: 0).find_currency("USDT", deadline_seconds=1)


@pytest.mark.parametrize(
    "changed",
    [
        {name: value}
        for name in ("withdrawPrecision", "withdrawalMinSize", "withdrawalMinFee", "needTag")
        for value in ODD
    ]
    + [{"withdrawPrecision": True}, {"withdrawPrecision": "6"}, {"needTag": "false"}]
    + [{"withdrawFeeRate": "x"}, {"withdrawFeeRate": "-1"}, {"maxWithdraw": "x"}],
    ids=str,
)
def test_one_odd_chain_is_unusable_and_leaves_the_others(changed):
    currency = read({**GOOD, "chainId": "trx", **changed}, GOOD)
    assert [chain.chain_id for chain in currency.chains] == ["eth"]
    assert currency.unreadable_chains == {"trx"}
    assert currency.is_unreadable("trx")
    assert not currency.is_unreadable("eth")
    assert not currency.is_unreadable("btc")


@pytest.mark.parametrize("chain", [None, "eth", {}, {**GOOD, "chainId": None}], ids=str)
def test_chain_without_a_name_may_be_any_that_is_not_there(chain):
    currency = read(chain, GOOD)
    assert currency.find_chain("eth") is not None
    assert not currency.is_unreadable("eth")
    assert currency.is_unreadable("trx")


def test_chain_told_twice_of_which_one_is_odd_is_unusable():
    currency = read(GOOD, {**GOOD, "withdrawalMinFee": None})
    assert (currency.chains, currency.is_unreadable("eth")) == ((), True)


@pytest.mark.parametrize("none", [None, ""])
def test_maximum_and_share_that_are_not_there_are_none(none):
    (chain,) = read({**GOOD, "maxWithdraw": none, "withdrawFeeRate": none}).chains
    assert (chain.maximum, chain.fee_rate) == (None, Decimal(0))
    assert read({**GOOD, "withdrawFeeRate": "0.001"}).chains[0].fee_rate == Decimal("0.001")


@pytest.mark.parametrize("none", [None, []])
def test_currency_without_chains_has_none(none):
    assert read(chains=none).chains == ()


@pytest.mark.parametrize("fields", [{"chains": "x"}, {"chains": {"a": 1}}, {"precision": None}])
def test_currency_that_can_not_be_read_is_no_currency(fields):
    with pytest.raises(KucoinOutcomeUnknownError):
        read(GOOD, **fields)
