"""Currencies, their chains, and prices.

Source:
    `GET /api/v3/currencies` and `GET /api/v1/prices` as the SDK documents them. The figures are
    round numbers, not today's: tests work them out by hand.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

PRICES_USD = {
    "USDT": "1",
    "USDC": "0.9995",
    "BTC": "60000",
    "ETH": "3000",
    "XRP": "0.5",
    "KCS": "10",
    "SHIB": "0.00002",
    "LUNC": "0.0001",
}
BASES = {"USD": Decimal(1), "EUR": Decimal("1.1")}


@dataclass(slots=True)
class Chain:
    """One chain of a currency.

    Attributes:
        precision: Decimals of a withdrawal amount.
        min_fee: Network fee of a withdrawal; `fee_rate` of the amount comes on top.
    """

    chain_id: str
    name: str
    min_size: Decimal
    min_fee: Decimal
    precision: int
    fee_rate: Decimal = Decimal(0)
    need_tag: bool = False
    is_withdraw_enabled: bool = True
    is_deposit_enabled: bool = True
    contract: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as KuCoin does."""
        return {
            "chainName": self.name,
            "withdrawalMinSize": plain(self.min_size),
            "depositMinSize": None,
            "withdrawFeeRate": plain(self.fee_rate),
            "withdrawalMinFee": plain(self.min_fee),
            "isWithdrawEnabled": self.is_withdraw_enabled,
            "isDepositEnabled": self.is_deposit_enabled,
            "confirms": 12,
            "preConfirms": 12,
            "contractAddress": self.contract,
            "withdrawPrecision": self.precision,
            "maxWithdraw": None,
            "maxDeposit": None,
            "needTag": self.need_tag,
            "chainId": self.chain_id,
        }


@dataclass(slots=True)
class Currency:
    """One currency; its first chain is the default one."""

    code: str
    full_name: str
    precision: int
    chains: list[Chain]

    def find_chain(self, chain_id: str) -> Chain | None:
        """Return the chain of this id (the first where none is named)."""
        if not chain_id:
            return self.chains[0]
        return next((chain for chain in self.chains if chain.chain_id == chain_id), None)

    def as_json(self) -> dict[str, Any]:
        """Return it as KuCoin does."""
        return {
            "currency": self.code,
            "name": self.code,
            "fullName": self.full_name,
            "precision": self.precision,
            "confirms": None,
            "contractAddress": None,
            "isMarginEnabled": True,
            "isDebitEnabled": True,
            "chains": [chain.as_json() for chain in self.chains],
        }


@dataclass(slots=True)
class Catalog:
    """All currencies and their prices in US dollars."""

    currencies: dict[str, Currency] = field(default_factory=dict)
    prices: dict[str, Decimal] = field(default_factory=dict)

    def price_in_usdt(self, code: str) -> Decimal:
        """Return what one unit is worth in USDT."""
        return self.prices[code] / self.prices["USDT"]


def plain(value: Decimal) -> str:
    """Write a decimal without exponent and without needless zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def default_catalog() -> Catalog:
    """Return the currencies that every fresh simulator has."""
    made = [
        Currency(
            "USDT",
            "Tether",
            8,
            [
                _chain(
                    "eth", "ERC20", ("10", "3.5"), 6, contract="0xdac17f958d2ee523a2206206994597"
                ),
                _chain(
                    "trx", "TRC20", ("2", "1"), 6, contract="TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
                ),
                _chain("kcc", "KCC", ("5", "1"), 6, is_withdraw_enabled=False),
            ],
        ),
        Currency("USDC", "USD Coin", 8, [_chain("eth", "ERC20", ("10", "3"), 6)]),
        Currency("BTC", "Bitcoin", 8, _bitcoin_chains()),
        Currency(
            "ETH",
            "Ethereum",
            8,
            [
                _chain("eth", "ERC20", ("0.005", "0.001"), 8),
                _chain("arbitrum", "ARBITRUM", ("0.001", "0.0001"), 8, fee_rate=Decimal("0.001")),
            ],
        ),
        Currency("XRP", "XRP", 6, [_chain("xrp", "XRP", ("5", "0.5"), 6, need_tag=True)]),
        Currency("KCS", "KuCoin Token", 8, [_chain("kcc", "KCC", ("0.1", "0.01"), 4)]),
        Currency("SHIB", "Shiba Inu", 0, [_chain("eth", "ERC20", ("100000", "50000"), 0)]),
        Currency(
            "LUNC", "Terra Classic", 6, [_chain("lunc", "LUNC", ("100", "10"), 6, need_tag=True)]
        ),
    ]
    made[-1].chains[0].is_withdraw_enabled = False
    prices = {code: Decimal(price) for code, price in PRICES_USD.items()}
    return Catalog({item.code: item for item in made}, prices)


def _bitcoin_chains() -> list[Chain]:
    return [
        _chain("btc", "BTC", ("0.0005", "0.0001"), 8),
        _chain("btcln", "LIGHTNING", ("0.00001", "0"), 8, is_withdraw_enabled=False),
    ]


def _chain(
    chain_id: str, name: str, size_and_fee: tuple[str, str], precision: int, **more: Any
) -> Chain:
    min_size, min_fee = map(Decimal, size_and_fee)
    return Chain(chain_id, name, min_size, min_fee, precision, **more)
