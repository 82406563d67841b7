"""The control routes of trading and deposits as methods; client.py has the others."""

from collections.abc import Mapping, Sequence
from typing import Any

import requests

TIMEOUT_S = 15.0


class SimulatorError(Exception):
    """The simulator did not start, or refused a control request; the message says why."""


class TradeControl:
    """Steers markets and deposits, and tells all that ever was."""

    def __init__(self, url: str) -> None:
        """Steer the simulator at this base URL."""
        self._base = url.rstrip("/") + "/_sim"

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
    ) -> Any:
        """Make one control request.

        Raises:
            SimulatorError: It was refused.
        """
        response = requests.request(
            method,
            self._base + path,
            json=body,
            headers={"Connection": "close"},
            timeout=timeout_s,
        )
        answer = response.json()
        if response.status_code >= requests.codes.bad_request:
            raise SimulatorError(f"{method} {path}: {answer.get('error')}")
        return answer

    def add_deposit(
        self, user: str, currency: str, amount: str, *, chain: str, **fields: Any
    ) -> Any:
        """Let a deposit arrive at the user's address; fields: status, remark."""
        body = {"currency": currency, "chain": chain, "amount": amount, **fields}
        return self.call("POST", f"/users/{user}/deposits", body)

    def set_deposit(self, deposit_id: str, status: str) -> Any:
        """End a deposit that is PROCESSING."""
        return self.call("PATCH", f"/deposits/{deposit_id}", {"status": status})

    def set_liquidity(self, **sizes: Sequence[str] | None) -> Any:
        """Set counter-orders: `set_liquidity(**{"BTC-USDT": ["0.1"]})`; None for no bounds."""
        return self.call("PUT", "/liquidity", sizes)

    def records(self, kind: str, user: str = "", **window: int) -> Any:
        """Return all there ever was of a kind: [{user, record}]; window: startAt, endAt."""
        query = {"user": user, **window} if user else window
        text = "&".join(f"{name}={value}" for name, value in query.items())
        return self.call("GET", f"/records/{kind}?{text}")["records"]

    def set_prices(self, **prices: str) -> Any:
        """Set prices in US dollars: `set_prices(BTC="60000")`."""
        return self.call("PUT", "/prices", prices)

    def live(self, users: Sequence[str], *, days: float, fills: int, **fields: Any) -> Any:
        """Let users live days of trading; the clock ends with them.

        Args:
            users: Names; all must exist.
            days: How long.
            fills: How many fills in all, exactly.
            **fields: seed, symbols, contracts, futuresShare, taggedShare, moneyPerDay.

        Returns:
            startMs, endMs, and how many of everything happened.
        """
        body = {"users": list(users), "days": days, "fills": fills, **fields}
        return self.call("POST", "/trade-history", body, timeout_s=120)
