"""Signed reads: host, identity, encoding, and KuCoin's clock."""

import base64
import hashlib
import hmac

import pytest
from pydantic import SecretStr

from kubroker.foundation.errors import (
    KucoinOutcomeUnknownError,
    KucoinRefusedError,
    KucoinUnsentError,
)
from kubroker.kucoin.identity import BrokerIdentity, KucoinSecret
from kubroker.kucoin.rest import KucoinRest
from kubroker.kucoin.transport import KucoinTransport
from tests.support.wire_server import build_answer

NOW_MS = 1_700_000_000_000
CLOCK_REFUSED = build_answer({"code": "400002", "msg": "Invalid KC-API-TIMESTAMP"}, status=400)


def identity(name):
    return BrokerIdentity(
        partner=name, broker_name=f"{name}ND", broker_key=SecretStr(f"{name}-key")
    )


SECRET = KucoinSecret(client_secret=None, spot=identity("spotter"), futures=identity("futurist"))


@pytest.fixture
def build_rest(build_settings):
    def build(url, *, secret=SECRET, now_ms=lambda: NOW_MS, monotonic=lambda: 0.0, **changes):
        return KucoinRest(
            build_settings(url, **changes),
            lambda: secret,
            KucoinTransport(random_share=lambda: 0.0),
            now_ms=now_ms,
            monotonic=monotonic,
        )

    return build


def sign(message):
    return base64.b64encode(
        hmac.digest(b"cde06451-dbed", message.encode(), hashlib.sha256)
    ).decode()


def test_get_signs_the_query_raw_and_sends_it_encoded(serve, build_rest, credentials):
    server = serve(build_answer({"code": "200000", "data": {"items": []}}))
    query = {"symbol": "BTC-USDT", "text": "a b&c=ü"}
    data = build_rest(server.url).get(
        "/api/v1/fills", query, credentials=credentials, deadline_seconds=5
    )
    assert data == {"items": []}
    (received,) = server.received
    assert received.line == ("GET /api/v1/fills?symbol=BTC-USDT&text=a%20b%26c%3D%C3%BC HTTP/1.1")
    assert received.headers["kc-api-timestamp"] == str(NOW_MS)
    assert received.headers["kc-api-sign"] == sign(
        f"{NOW_MS}GET/api/v1/fills?symbol=BTC-USDT&text=a b&c=ü"
    )
    assert received.headers["kc-api-partner"] == "spotter"
    assert "x-site-type" not in received.headers


@pytest.mark.parametrize(
    ("host", "prefix", "partner"),
    [("spot", "", "spotter"), ("futures", "/futures", "futurist"), ("broker", "/broker", "spotter")],
)  # fmt: skip
def test_get_host_decides_address_and_identity(
    serve, build_rest, credentials, host, prefix, partner
):
    server = serve(build_answer({"code": "200000", "data": 1}))
    build_rest(server.url + "").get(
        "/api/v1/x", credentials=credentials, host=host, deadline_seconds=5
    )
    (received,) = server.received
    assert received.line == f"GET {prefix}/api/v1/x HTTP/1.1"
    assert received.headers["kc-api-sign"] == sign(f"{NOW_MS}GET/api/v1/x")
    assert received.headers["kc-api-partner"] == partner
    assert received.headers["kc-api-partner-verify"] == "true"


def test_get_without_identity_has_no_broker_headers(serve, build_rest, credentials):
    server = serve(build_answer({"code": "200000"}))
    rest = build_rest(server.url, secret=KucoinSecret())
    assert rest.get("/x", credentials=credentials, deadline_seconds=5) is None
    assert "kc-api-partner" not in server.received[0].headers


def test_get_on_the_australian_site_says_so(serve, build_rest, credentials):
    server = serve(build_answer({"code": "200000"}))
    rest = build_rest(server.url, KUCOIN_SITE="australia")
    rest.get("/x", credentials=credentials, deadline_seconds=5)
    assert server.received[0].headers["x-site-type"] == "australia"


def test_get_refused_for_the_clock_measures_it_and_asks_once_more(serve, build_rest, credentials):
    server = serve(
        CLOCK_REFUSED,
        build_answer({"code": "200000", "data": NOW_MS + 60_000}),
        build_answer({"code": "200000", "data": "done"}),
    )
    rest = build_rest(server.url)
    assert rest.get("/x", credentials=credentials, deadline_seconds=5) == "done"
    assert [received.line.split()[1] for received in server.received] == [
        "/x",
        "/api/v1/timestamp",
        "/x",
    ]
    assert "kc-api-key" not in server.received[1].headers
    assert server.received[2].headers["kc-api-timestamp"] == str(NOW_MS + 60_000)
    rest.get("/y", credentials=credentials, deadline_seconds=5)
    assert server.received[3].headers["kc-api-timestamp"] == str(NOW_MS + 60_000)


def test_get_measures_the_clock_at_the_middle_of_the_exchange(serve, build_rest, credentials):
    server = serve(
        CLOCK_REFUSED,
        build_answer({"code": "200000", "data": 50_000}),
        build_answer({"code": "200000", "data": "done"}),
    )
    moments = iter([0, 1_000, 3_000, 10_000])  # request, before, after, request
    rest = build_rest(server.url, now_ms=lambda: next(moments))
    rest.get("/x", credentials=credentials, deadline_seconds=5)
    assert server.received[2].headers["kc-api-timestamp"] == str(10_000 + 50_000 - 2_000)


def test_get_measures_the_clock_of_the_host_it_asks(serve, build_rest, credentials):
    server = serve(
        CLOCK_REFUSED, build_answer({"code": "200000", "data": 1}), build_answer({"code": "200000"})
    )
    build_rest(server.url).get("/x", credentials=credentials, host="futures", deadline_seconds=5)
    assert server.received[1].line == "GET /futures/api/v1/timestamp HTTP/1.1"


def test_get_refused_for_the_clock_twice_is_refused(serve, build_rest, credentials):
    server = serve(CLOCK_REFUSED, build_answer({"code": "200000", "data": NOW_MS}), CLOCK_REFUSED)
    with pytest.raises(KucoinRefusedError) as caught:
        build_rest(server.url).get("/x", credentials=credentials, deadline_seconds=5)
    assert caught.value.kucoin_code == "400002"
    assert len(server.received) == 3


def test_get_refused_for_anything_else_is_not_asked_again(serve, build_rest, credentials):
    server = serve(build_answer({"code": "400005", "msg": "Invalid KC-API-SIGN"}, status=401))
    with pytest.raises(KucoinRefusedError) as caught:
        build_rest(server.url).get("/x", credentials=credentials, deadline_seconds=5)
    assert (caught.value.kucoin_code, len(server.received)) == ("400005", 1)


@pytest.mark.parametrize("data", [None, "soon", {}, 1.5])
def test_get_unreadable_clock_is_unknown(serve, build_rest, credentials, data):
    server = serve(CLOCK_REFUSED, build_answer({"code": "200000", "data": data}))
    with pytest.raises(KucoinOutcomeUnknownError, match="no usable timestamp"):
        build_rest(server.url).get("/x", credentials=credentials, deadline_seconds=5)


def test_get_measurement_and_second_call_share_the_deadline(serve, build_rest, credentials):
    server = serve(CLOCK_REFUSED)
    moments = iter([0.0, 6.0])
    rest = build_rest(server.url, monotonic=lambda: next(moments))
    with pytest.raises(KucoinUnsentError, match="no time left"):
        rest.get("/x", credentials=credentials, deadline_seconds=5)
    assert len(server.received) == 1


def test_get_second_call_has_what_the_measurement_left(serve, build_rest, credentials):
    server = serve(CLOCK_REFUSED, build_answer({"code": "200000", "data": NOW_MS}))
    moments = iter([0.0, 1.0, 6.0])
    rest = build_rest(server.url, monotonic=lambda: next(moments))
    with pytest.raises(KucoinUnsentError, match="no time left"):
        rest.get("/x", credentials=credentials, deadline_seconds=5)
    assert len(server.received) == 2
