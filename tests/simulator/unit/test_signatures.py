"""KuCoin's published vector, and what the signed text is made of."""

from local.kucoin_simulator.config import Partner
from local.kucoin_simulator.rest.signatures import (
    build_signed_text,
    check_partner,
    check_secrets,
    sign,
)
from local.kucoin_simulator.wire import Request

SECRET = "cde06451-dbed"
STAMP = "1680885532722"
API_KEY = "6422da9c97b45100018c6e62"
BODY = (
    '{"symbol":"BTC-USDT","side":"buy","size":"0.0001","price":"30000","type":"limit",'
    '"clientOid":"2b802154-8d31-42e6-88ea-c8c18d3e4822","tradeType":"TRADE"}'
)
SIGN = "ncPuAcZW8WYUZyvblRVVgMfYoVH+FlCTO6K45/FMLFQ="
PASSPHRASE = "rl1Ki0WuwidRT48JnoGQo+AJ4UtZ6mQEKt6F5XYVnT4="
PARTNER_SIGN = "CN1imIGUz/USkPuhOtGWi5DlZ08VeuVfknJNOPqUEac="


def _request(method="POST", path="/api/v1/orders", raw_query="", body=BODY, **headers):
    sent = {"kc-api-timestamp": STAMP, "kc-api-key": API_KEY} | headers
    return Request(method, "spot", path, raw_query, sent, body.encode(), "127.0.0.1")


def test_sign_published_vector_gives_the_published_signature():
    assert sign(SECRET, build_signed_text(_request())) == SIGN


def test_sign_vector_passphrase_gives_the_computed_value():
    assert sign(SECRET, "1111111") == PASSPHRASE


def test_check_secrets_of_the_vector_holds():
    request = _request(**{"kc-api-passphrase": PASSPHRASE, "kc-api-sign": SIGN})

    check_secrets(request, SECRET, "1111111")


def test_check_partner_of_the_vector_holds():
    request = _request(
        **{
            "kc-api-partner": "goodbroker",
            "kc-api-partner-sign": PARTNER_SIGN,
            "kc-broker-name": "goodbrokerND",
            "kc-api-partner-verify": "true",
        }
    )
    partner = Partner("goodbroker", "goodbrokerND", "e8512b82-a4aa")

    assert check_partner(request, partner, required=True).verdict == "held"


def test_build_signed_text_decodes_the_query_once():
    request = _request("GET", "/api/v1/withdrawals", "remark=a%26b+c%2Bd&currency=USDT", "")

    assert build_signed_text(request) == (
        STAMP + "GET/api/v1/withdrawals?remark=a&b c+d&currency=USDT"
    )


def test_build_signed_text_without_query_has_no_question_mark():
    assert build_signed_text(_request("GET", body="")) == STAMP + "GET/api/v1/orders"
