"""What is forwarded is what came: path, query and body, byte for byte, in both directions."""

import hashlib
import hmac
import string
from base64 import b64encode
from urllib.parse import quote_plus, unquote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.proxy.functional.conftest import SPOT
from tests.support.wire_server import WireServer, build_answer

RESERVED = "!$&'()*+,/:;=?@[]-._~%"
EXAMPLES = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
# A query as a client may send it: reserved characters as they are, all else encoded, as it likes.
query_parts = st.one_of(
    st.text(alphabet="!$&'()*+,/:;=?@[]-._~" + string.ascii_letters + string.digits, max_size=8),
    st.text(max_size=6).map(quote_plus),
    st.binary(max_size=4).map(lambda data: "".join(f"%{ord(c):02x}" for c in data.hex())),
)
queries = st.lists(query_parts, max_size=6).map("".join)
segments = st.text(alphabet=string.ascii_letters + string.digits + "._-", min_size=1, max_size=20)
bodies = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=80).map(str.encode),
    st.sampled_from([b"{}", b'{"a":1,"a":2}', b"\r\n\r\n", b"\x00", b'{ "price" : 1.10 }']),
)


@pytest.fixture
def wire(linked, functions):
    """KuCoin as a socket that keeps what it got; its clock is as good as ours."""
    server = WireServer(build_answer({"code": "200000", "data": 0}))
    functions.set_environment(
        "kucoin_proxy", KUCOIN_REST_URL=server.url, KUCOIN_FUTURES_URL=server.url
    )
    yield server
    server.stop()


def check_signature(received, linked):
    """Computed here as KuCoin computes it: over the decoded query and the body's bytes."""
    method, target, _ = received.line.split(" ")
    path, _, query = target.partition("?")
    signed_target = f"{path}?{unquote_plus(query)}" if query else path
    stamp = received.headers["kc-api-timestamp"]
    message = f"{stamp}{method}{signed_target}".encode() + received.body
    digest = hmac.digest(linked["secret"].encode(), message, hashlib.sha256)
    assert received.headers["kc-api-sign"] == b64encode(digest).decode()


@EXAMPLES
@given(query=queries)
def test_query_goes_on_as_it_came(api, wire, linked, query):
    answer = api.get(f"{SPOT}/api/v1/accounts" + (f"?{query}" if query else ""))
    assert answer.status == 200, answer.text
    received = wire.received[-1]
    expected = f"/api/v1/accounts?{query}" if query else "/api/v1/accounts"
    assert received.line == f"GET {expected} HTTP/1.1"
    check_signature(received, linked)


@EXAMPLES
@given(client_oid=segments.filter(lambda text: set(text) != {"."}))
def test_path_goes_on_as_it_came(api, wire, linked, client_oid):
    path = f"/api/v1/hf/orders/client-order/{client_oid}"
    assert api.delete(f"{SPOT}{path}?symbol=BTC-USDT").status == 200
    received = wire.received[-1]
    assert received.line == f"DELETE {path}?symbol=BTC-USDT HTTP/1.1"
    check_signature(received, linked)


@EXAMPLES
@given(body=bodies, content_type=st.sampled_from(["application/json", "application/octet-stream"]))
def test_body_goes_on_as_it_came(api, wire, linked, body, content_type):
    headers = {"Content-Type": content_type}
    assert api.post(f"{SPOT}/api/v1/hf/orders", body=body, headers=headers).status == 200
    received = wire.received[-1]
    assert received.body == body
    assert received.headers["content-type"] == "application/json"
    check_signature(received, linked)


@EXAMPLES
@given(
    body=st.binary(max_size=300),
    status=st.sampled_from([200, 201, 400, 401, 403, 404, 418, 429]),
    content_type=st.sampled_from(
        ["application/json", "application/json;charset=UTF-8", "text/html", "application/x-any"]
    ),
)
def test_answer_comes_back_as_it_was(api, wire, body, status, content_type):
    headers = {"Content-Type": content_type, "Set-Cookie": "a=b", "X-Other": "1"}
    wire.scripts[:] = [build_answer(body, status=status, headers=headers)]
    answer = api.get(f"{SPOT}/api/v1/accounts")
    assert (answer.status, answer.raw.body) == (status, body)
    assert answer.header("content-type") == content_type
    assert not answer.set_cookies
    assert answer.header("x-other") == ""


def test_large_answer_comes_back_whole(api, wire):
    body = b'{"code":"200000","data":"' + b'\\"\xc3\xa4' * 900_000 + b'"}'
    assert len(body) > 3_500_000
    wire.scripts[:] = [build_answer(body, headers={"Content-Type": "application/json"})]
    assert api.get(f"{SPOT}/api/v1/accounts").raw.body == body


def test_what_goes_out_is_exactly_these_headers(api, wire):
    sent = {"X-Forwarded-For": "1.2.3.4", "Cookie": "a=b", "TE": "trailers", "KC-X": "1"}
    api.post(f"{SPOT}/api/v1/hf/orders", json={}, headers=sent)
    assert set(wire.received[-1].headers) == {
        "accept",
        "accept-encoding",
        "content-length",
        "content-type",
        "host",
        "kc-api-key",
        "kc-api-key-version",
        "kc-api-partner",
        "kc-api-partner-sign",
        "kc-api-partner-verify",
        "kc-api-passphrase",
        "kc-api-sign",
        "kc-api-timestamp",
        "kc-broker-name",
        "user-agent",
    }


def test_order_takes_no_connection_that_idled_for_five_seconds(api, wire, functions):
    api.get(f"{SPOT}/api/v1/accounts")
    transport = functions.module("kucoin_proxy").proxy()._forwarder._transport
    api.post(f"{SPOT}/api/v1/hf/orders", json={})
    assert wire.received[-1].connection == wire.received[-2].connection
    now = transport._monotonic()
    transport._monotonic = lambda: now + 5.5
    api.post(f"{SPOT}/api/v1/hf/orders", json={})
    assert wire.received[-1].connection > wire.received[-2].connection
