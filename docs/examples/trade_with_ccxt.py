"""Trades with a user's linked account through Kubroker, by an unchanged KuCoin client (ccxt).

    pip install ccxt boto3
    python trade_with_ccxt.py https://API-ID.execute-api.REGION.amazonaws.com USER-ID

Two things differ from a direct use of the client: its base URLs, and SigV4 on each request. The
API key, secret and passphrase are dummies: Kubroker signs with the user's own.
"""

import sys
from typing import Any

import boto3
import ccxt
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest


class SignWithAws(requests.adapters.HTTPAdapter):
    """SigV4 for any client built on requests: ``session.mount(BASE_URL, SignWithAws())``."""

    def __init__(self, session: boto3.Session | None = None) -> None:
        """Takes credentials and region from where boto3 finds them."""
        super().__init__()
        self._session = session or boto3.Session()

    def send(self, request: requests.PreparedRequest, *others: Any, **named: Any) -> Any:
        """Signs the request as it is, then sends it."""
        plain = AWSRequest(request.method, request.url, data=request.body)
        credentials = self._session.get_credentials().get_frozen_credentials()
        SigV4Auth(credentials, "execute-api", self._session.region_name).add_auth(plain)
        request.headers.update(dict(plain.headers))
        return super().send(request, *others, **named)


def build_exchange(base_url: str, user_id: str, session: boto3.Session | None = None) -> Any:
    """A ccxt client whose spot and futures calls go through Kubroker."""
    exchange = ccxt.kucoin(
        {
            "apiKey": "dummy",
            "secret": "dummy",
            "password": "dummy",
            "options": {"uta": False},  # the account is a classic one; ccxt would ask KuCoin
        }
    )
    spot = f"{base_url}/v1/connections/{user_id}/kucoin"
    futures = f"{base_url}/v1/connections/{user_id}/kucoin-futures"
    exchange.urls["api"] = {
        name: futures if name.startswith("futures") else spot for name in exchange.urls["api"]
    }
    exchange.session.mount(base_url, SignWithAws(session))
    return exchange


def main() -> None:
    """Shows the trade account's balance, places a small order and cancels it."""
    exchange = build_exchange(*sys.argv[1:3])
    print(exchange.fetch_balance({"type": "trade", "hf": False})["total"])
    order = exchange.create_order("BTC/USDT", "limit", "buy", 0.001, 20_000)
    print("placed", order["id"])
    exchange.cancel_order(order["id"], "BTC/USDT")
    print("cancelled", order["id"])


if __name__ == "__main__":
    main()
