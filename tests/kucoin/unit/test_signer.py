"""KuCoin's published vector, and what the headers must not depend on."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from kubroker.kucoin.identity import BrokerIdentity
from kubroker.kucoin.signer import ApiCredentials, sign_request

TIMESTAMP_MS = 1680885532722
BODY = (
    '{"symbol":"BTC-USDT","side":"buy","size":"0.0001","price":"30000","type":"limit",'
    '"clientOid":"2b802154-8d31-42e6-88ea-c8c18d3e4822","tradeType":"TRADE"}'
)
BROKER = BrokerIdentity(
    partner="goodbroker", broker_name="goodbrokerND", broker_key=SecretStr("e8512b82-a4aa")
)


@pytest.fixture
def signed(credentials):
    return sign_request(
        credentials,
        BROKER,
        timestamp_ms=TIMESTAMP_MS,
        method="POST",
        path_and_query="/api/v1/orders",
        body=BODY,
    )


def test_sign_request_published_vector_gives_every_header(signed):
    assert signed == {
        "KC-API-KEY": "6422da9c97b45100018c6e62",
        "KC-API-SIGN": "ncPuAcZW8WYUZyvblRVVgMfYoVH+FlCTO6K45/FMLFQ=",
        "KC-API-TIMESTAMP": "1680885532722",
        "KC-API-PASSPHRASE": "rl1Ki0WuwidRT48JnoGQo+AJ4UtZ6mQEKt6F5XYVnT4=",
        "KC-API-KEY-VERSION": "3",
        "Content-Type": "application/json",
        "KC-API-PARTNER": "goodbroker",
        "KC-API-PARTNER-SIGN": "CN1imIGUz/USkPuhOtGWi5DlZ08VeuVfknJNOPqUEac=",
        "KC-BROKER-NAME": "goodbrokerND",
        "KC-API-PARTNER-VERIFY": "true",
    }


def test_sign_request_body_as_bytes_signs_the_same(credentials, signed):
    again = sign_request(
        credentials,
        BROKER,
        timestamp_ms=TIMESTAMP_MS,
        method="POST",
        path_and_query="/api/v1/orders",
        body=BODY.encode(),
    )
    assert again == signed


def test_sign_request_without_broker_has_no_broker_headers(credentials, signed):
    alone = sign_request(
        credentials, None, timestamp_ms=TIMESTAMP_MS, method="POST",
        path_and_query="/api/v1/orders", body=BODY,
    )  # fmt: skip
    assert set(signed) - set(alone) == {
        "KC-API-PARTNER",
        "KC-API-PARTNER-SIGN",
        "KC-BROKER-NAME",
        "KC-API-PARTNER-VERIFY",
    }
    assert alone.items() <= signed.items()


@pytest.mark.parametrize(
    ("site", "expected"), [("global", None), ("europe", None), ("australia", "australia")]
)
def test_sign_request_site_header_only_where_the_site_demands_it(credentials, site, expected):
    headers = sign_request(
        credentials, None, timestamp_ms=1, method="GET", path_and_query="/x", site=site
    )
    assert headers.get("X-SITE-TYPE") == expected


def test_sign_request_query_is_signed_raw(credentials):
    headers = sign_request(
        credentials, None, timestamp_ms=7, method="GET", path_and_query="/api/v1/x?name=ä b&c=/"
    )
    message = "7GET/api/v1/x?name=ä b&c=/".encode()
    expected = base64.b64encode(hmac.digest(b"cde06451-dbed", message, hashlib.sha256)).decode()
    assert headers["KC-API-SIGN"] == expected


text = st.text(min_size=1, max_size=40)


@given(api_key=text, secret=text, passphrase=text, path=text, body=st.binary(max_size=200))
def test_sign_request_any_input_is_deterministic_and_hides_secrets(
    api_key, secret, passphrase, path, body
):
    key = ApiCredentials(
        api_key=SecretStr(api_key), secret=SecretStr(secret), passphrase=SecretStr(passphrase)
    )
    first, second = (
        sign_request(key, BROKER, timestamp_ms=1, method="POST", path_and_query=path, body=body)
        for _ in range(2)
    )
    assert first == second
    assert len(base64.b64decode(first["KC-API-SIGN"])) == 32
    assert repr(key) == (
        "ApiCredentials(api_key=SecretStr('**********'), secret=SecretStr('**********'), "
        "passphrase=SecretStr('**********'))"
    )


@given(body=st.binary(max_size=50), changed=st.binary(max_size=50))
def test_sign_request_another_body_is_another_signature(body, changed):
    key = ApiCredentials(api_key=SecretStr("k"), secret=SecretStr("s"), passphrase=SecretStr("p"))
    signatures = {
        sign_request(key, None, timestamp_ms=1, method="POST", path_and_query="/", body=content)[
            "KC-API-SIGN"
        ]
        for content in (body, changed)
    }
    assert len(signatures) == len({body, changed})
