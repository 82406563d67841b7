"""KuCoin's published vector through the signers of public clients."""

import time

import pytest
from kucoin_universal_sdk.internal.infra.default_signer import KcSigner

from tests.simulator.unit.driver import Key
from tests.simulator.unit.test_signatures import (
    API_KEY,
    BODY,
    PARTNER_SIGN,
    PASSPHRASE,
    SECRET,
    SIGN,
    STAMP,
)
from tests.strangers import conftest as make

KEY = Key(API_KEY, SECRET, "1111111")


@pytest.fixture
def published_moment(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: int(STAMP) / 1000)


def test_vector_through_the_official_signer_matches(published_moment):
    signer = KcSigner(API_KEY, SECRET, "1111111", "goodbrokerND", "goodbroker", "e8512b82-a4aa")

    headers = signer.broker_headers("POST/api/v1/orders" + BODY)

    assert headers["KC-API-SIGN"] == SIGN
    assert headers["KC-API-PASSPHRASE"] == PASSPHRASE
    assert headers["KC-API-PARTNER-SIGN"] == PARTNER_SIGN
    assert headers["KC-BROKER-NAME"] == "goodbrokerND"


def test_vector_through_ccxt_matches():
    client = make.make_ccxt("http://127.0.0.1", KEY)
    client.nonce = lambda: int(STAMP)
    client.json = lambda _: BODY
    client.options["partner"] = {"id": "goodbroker", "key": "e8512b82-a4aa"}

    headers = client.sign("orders", "private", "POST", {"version": "v1", "symbol": "x"})["headers"]

    assert headers["KC-API-SIGN"] == SIGN
    assert headers["KC-API-PASSPHRASE"] == PASSPHRASE
    assert headers["KC-API-PARTNER-SIGN"] == PARTNER_SIGN


def test_vector_through_python_kucoin_matches(published_moment):
    client = make.make_python_kucoin("http://127.0.0.1", KEY)
    client.SPOT_KC_PARTNER, client.SPOT_KC_KEY = "goodbroker", "e8512b82-a4aa"
    fields = {
        "symbol": "BTC-USDT",
        "side": "buy",
        "size": "0.0001",
        "price": "30000",
        "type": "limit",
        "clientOid": "2b802154-8d31-42e6-88ea-c8c18d3e4822",
        "tradeType": "TRADE",
    }

    assert client._generate_signature(STAMP, "post", "/api/v1/orders", fields) == SIGN
    assert client._sign_partner() == PARTNER_SIGN
