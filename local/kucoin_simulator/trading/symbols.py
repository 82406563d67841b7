"""What can be traded: spot symbols and futures contracts, and what they cost now.

Source:
    `GET /api/v2/symbols` and `GET /api/v1/contracts/active` as the SDK documents them; figures are
    round numbers, prices come from the catalog so that `PUT /_sim/prices` moves every market.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from local.kucoin_simulator.funds.catalog import Catalog, plain


@dataclass(frozen=True, slots=True)
class Symbol:
    """One spot market.

    Attributes:
        tick: Smallest step of the price.
        step: Smallest step of the size, and the smallest size.
        min_funds: Least worth of an order, in the quote currency.
    """

    name: str
    base: str
    quote: str
    tick: Decimal
    step: Decimal
    min_funds: Decimal

    def price(self, catalog: Catalog) -> Decimal:
        """Return the market's price, a multiple of the tick."""
        worth = catalog.prices[self.base] / catalog.prices[self.quote]
        return max(worth.quantize(self.tick), self.tick)

    def as_json(self) -> dict[str, Any]:
        """Return it as KuCoin does."""
        return {
            "symbol": self.name,
            "name": self.name,
            "baseCurrency": self.base,
            "quoteCurrency": self.quote,
            "feeCurrency": self.quote,
            "market": self.quote,
            "baseMinSize": plain(self.step),
            "quoteMinSize": plain(self.min_funds),
            "baseMaxSize": "10000000000",
            "quoteMaxSize": "99999999",
            "baseIncrement": plain(self.step),
            "quoteIncrement": plain(self.tick * self.step),
            "priceIncrement": plain(self.tick),
            "priceLimitRate": "0.1",
            "minFunds": plain(self.min_funds),
            "isMarginEnabled": False,
            "enableTrading": True,
            "feeCategory": 1,
            "makerFeeCoefficient": "1.00",
            "takerFeeCoefficient": "1.00",
            "st": False,
        }


@dataclass(frozen=True, slots=True)
class Contract:
    """One linear perpetual contract, settled in a stable coin.

    Attributes:
        multiplier: Units of the base currency in one lot.
    """

    name: str
    base: str
    shown_base: str
    settle: str
    tick: Decimal
    multiplier: Decimal

    def price(self, catalog: Catalog) -> Decimal:
        """Return the market's price, a multiple of the tick."""
        worth = catalog.prices[self.base] / catalog.prices[self.settle]
        return max(worth.quantize(self.tick), self.tick)

    def value(self, lots: int, price: Decimal) -> Decimal:
        """Return what so many lots are worth."""
        return price * self.multiplier * lots

    def as_json(self, catalog: Catalog) -> dict[str, Any]:
        """Return it as KuCoin does: numbers, not strings."""
        price = float(self.price(catalog))
        return {
            "symbol": self.name,
            "rootSymbol": self.settle,
            "type": "FFWCSX",
            "firstOpenDate": 1_585_555_200_000,
            "baseCurrency": self.shown_base,
            "quoteCurrency": self.settle,
            "settleCurrency": self.settle,
            "maxOrderQty": 1_000_000,
            "maxPrice": 1_000_000.0,
            "lotSize": 1,
            "tickSize": float(self.tick),
            "indexPriceTickSize": float(self.tick),
            "multiplier": float(self.multiplier),
            "initialMargin": 0.008,
            "maintainMargin": 0.004,
            "maxLeverage": 125,
            "makerFeeRate": 0.0002,
            "takerFeeRate": 0.0006,
            "isDeleverage": True,
            "isInverse": False,
            "fundingFeeRate": 0.0,
            "nextFundingRateTime": 17_752_926,
            "fundingRateGranularity": 28_800_000,
            "openInterest": "0",
            "turnoverOf24h": 0.0,
            "volumeOf24h": 0.0,
            "supportCross": True,
            "isQuanto": False,
            "status": "Open",
            "expireDate": None,
            "settleDate": None,
            "markPrice": price,
            "indexPrice": price,
            "lastTradePrice": price,
        }


SYMBOLS = {
    item.name: item
    for item in (
        Symbol(f"{base}-{quote}", base, quote, Decimal(tick), Decimal(step), Decimal(least))
        for base, quote, tick, step, least in (
            ("BTC", "USDT", "0.1", "0.00000001", "0.1"),
            ("ETH", "USDT", "0.01", "0.0000001", "0.1"),
            ("XRP", "USDT", "0.0001", "0.0001", "0.1"),
            ("KCS", "USDT", "0.001", "0.0001", "0.1"),
            ("SHIB", "USDT", "0.0000000001", "1", "0.1"),
            ("USDC", "USDT", "0.0001", "0.0001", "0.1"),
            ("BTC", "USDC", "0.1", "0.00000001", "0.1"),
            ("ETH", "BTC", "0.00001", "0.0000001", "0.00001"),
        )
    )
}
CONTRACTS = {
    item.name: item
    for item in (
        Contract("XBTUSDTM", "BTC", "XBT", "USDT", Decimal("0.1"), Decimal("0.001")),
        Contract("ETHUSDTM", "ETH", "ETH", "USDT", Decimal("0.01"), Decimal("0.01")),
        Contract("XBTUSDCM", "BTC", "XBT", "USDC", Decimal("0.1"), Decimal("0.001")),
    )
}
