"""The table of forwarded calls: every line of it, and that what is not in it is refused."""

import json
import re
import string
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubroker.foundation.errors import BadRequestError, ForbiddenError
from kubroker.kucoin.permissions import Permission
from kubroker.proxy.policy import (
    BODY_RULES,
    CALLS,
    check_body,
    decode_query,
    find_call,
    parse_path,
)
from tests.proxy.unit.sdk_endpoints import list_endpoints

EXAMPLES = {
    "accountId": "5bd6e9286d99522a52e458de",
    "orderId": "6717422bd51c29000775ea03",
    "withdrawalId": "670deec84d64da0007d7c946",
    "clientOid": "my-order",
    "currency": "BTC",
    "symbol": "BTC-USDT",
}
LINES = [(host, call) for host, calls in CALLS.items() for call in calls]
SDK = {(one.host, one.method, one.path): one for one in list_endpoints()}
METHODS = ("GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "get")
# Why the rest of the SDK's endpoints is not forwarded; every one has to fall under one of these.
REFUSED = {
    "withdrawals act by routes of their own": r"^(POST|DELETE) /api/v[13]/withdrawals",
    "keys are nobody's to see or to make": r"api-key|apikey",
    "sub-accounts": r"/sub[-/]|/sub$|sub-transfer|account-overview-all",
    "the broker's own business": r"[bB]roker|affiliate",
    "copy trading": r"/copy-trade/",
    "loans": r"/otc-loan/",
    "transfers of the older kind": r"inner-transfer|transfer-out|transfer-in|transfer-list",
    "tokens of WebSockets outlive a disconnect": r"/bullet-",
    "given up by KuCoin": (
        r"/hist-|/api/v[12]/deposit-addresses$|/api/v1/margin/order|/api/v1/margin/account$"
        r"|/api/v1/isolated/account"
    ),
}
UNDOCUMENTED_WEIGHTS = {
    ("spot", "GET", "/api/v1/earn/promotion/products"): 5,
    ("futures", "GET", "/api/v1/recentFills"): 3,
}


def fill(pattern: str) -> str:
    """A path of the pattern."""
    return re.sub(r"\{(\w+)\}", lambda found: EXAMPLES[found[1]], pattern)


@pytest.mark.parametrize(
    ("host", "call"), LINES, ids=lambda value: getattr(value, "pattern", value)
)
def test_line_is_found_and_says_what_kucoin_documents(host, call):
    path = fill(call.pattern)
    assert parse_path(path[1:]) == path
    assert find_call(host, call.method, path) is call
    documented = SDK[host, call.method, call.pattern]
    wanted = {"FLEXTRANSFERS": "FLEXIBLE_TRANSFERS"}.get(
        documented.permission, documented.permission
    )
    if documented.channel == "PUBLIC":
        assert (call.permission, call.pool, call.method) == (None, "PUBLIC", "GET")
    else:
        assert (call.permission, call.pool) == (Permission(wanted or "GENERAL"), documented.pool)
    weight = documented.weight
    if weight is None:
        weight = UNDOCUMENTED_WEIGHTS[host, call.method, call.pattern]
    assert call.weight == weight


@pytest.mark.parametrize(
    ("host", "call"), LINES, ids=lambda value: getattr(value, "pattern", value)
)
def test_line_gives_nothing_to_another_method_case_or_path(host, call):
    path = fill(call.pattern)
    listed = {(one.method, fill(one.pattern)) for one in CALLS[host]}
    for method in METHODS:
        if (method, path) not in listed:
            assert find_call(host, method, path) is None
    for other in (path + "/x/y/z", path + "x/y/z", path.upper(), "/x" + path, path[:-1] + "/"):
        assert find_call(host, call.method, other) is None


def test_every_other_endpoint_of_the_sdk_is_refused_for_a_reason():
    listed = {(host, call.method, call.pattern) for host, call in LINES}
    for key, endpoint in SDK.items():
        if key in listed:
            continue
        text = f"{endpoint.method} {endpoint.path}"
        reasons = [why for why, pattern in REFUSED.items() if re.search(pattern, text)]
        assert reasons, text
        path = re.sub(r"\{(\w+)\}", "6717422bd51c29000775ea03", endpoint.path)
        for host in CALLS:
            assert find_call(host, endpoint.method, path) is None, text


def test_no_line_is_of_a_kind_that_is_refused():
    for host, call in LINES:
        text = f"{call.method} {call.pattern}"
        assert not [why for why, pattern in REFUSED.items() if re.search(pattern, text)], text
        assert call.permission is not Permission.WITHDRAWAL, host


def test_no_line_stands_twice():
    keys = [(host, call.method, call.pattern) for host, call in LINES]
    assert len(keys) == len(set(keys))
    assert set(BODY_RULES) <= set(keys)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v3/withdrawals"),
        ("POST", "/api/v1/withdrawals"),
        ("POST", "/api/v2/broker/withdrawal"),
        ("DELETE", "/api/v1/withdrawals/670deec84d64da0007d7c946"),
        ("GET", "/api/v1/user/api-key"),
        ("POST", "/api/v1/sub/api-key"),
        ("POST", "/api/v1/sub/api-key/update"),
        ("DELETE", "/api/v1/sub/api-key"),
        ("POST", "/api/v2/sub/user/created"),
        ("POST", "/api/v2/accounts/sub-transfer"),
        ("POST", "/api/v1/bullet-private"),
        ("GET", "/api/v1/withdrawals/anything"),
        ("GET", "/api/v1/hf/orders/active-new"),
        ("DELETE", "/api/v1/hf/orders/all"),
        ("GET", "/api/v1/accounts/secrets"),
        ("GET", "/_oauth/access-token"),
        ("GET", "/api/ua/v1/account/balance"),
    ],
)
def test_call_that_is_not_listed_is_not_found(method, path):
    assert find_call("spot", method, path) is None
    assert find_call("futures", method, path) is None


@given(st.text(alphabet=string.ascii_letters + string.digits + "._-/", max_size=40))
def test_path_is_taken_exactly_if_it_is_plain_segments(tail):
    segments = tail.split("/")
    is_plain = all(segment and set(segment) != {"."} for segment in segments)
    if is_plain:
        assert parse_path(tail) == f"/{tail}"
    else:
        with pytest.raises(BadRequestError, match="segments of"):
            parse_path(tail)


@pytest.mark.parametrize(
    "tail",
    [
        "",
        "/",
        "a//b",
        "a/",
        "/a",
        ".",
        "a/../b",
        "a/./b",
        "a/...",
        "a b",
        "a%2Fb",
        "a?b",
        "a;b",
        "a#b",
        "a\\b",
        "ä",
        "a\nb",
        "a\x00",
        "a" * 512,
        "a@b",
        "a:b",
        "a+b",
        "a,b",
        "a~b",
    ],
)
def test_path_with_anything_else_is_refused(tail):
    with pytest.raises(BadRequestError) as caught:
        parse_path(tail)
    assert caught.value.code == "invalid_path"


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=4))
def test_query_is_signed_as_the_official_sdk_signs_it(pairs):
    # kucoin_universal_sdk, DefaultTransport: raw "key=value" joined is signed, urlencode is sent.
    sent = "&".join(f"{quote_plus(key)}={quote_plus(value)}" for key, value in pairs)
    assert decode_query(sent) == "&".join(f"{key}={value}" for key, value in pairs)


@pytest.mark.parametrize(
    "query",
    [
        "a=%",
        "a=%2",
        "a=%zz",
        "a=%ff",
        "a=%C3",
        "a b",
        "a=\n",
        "a=\x00",
        "a=ä",
        "a#b",
        'a="b"',
        "a=<b>",
        "a\\b",
        "a^b",
        "a`b",
        "a|b",
        "a={b}",
        "x" * 4097,
    ],
)
def test_query_that_no_url_holds_is_refused(query):
    with pytest.raises(BadRequestError) as caught:
        decode_query(query)
    assert caught.value.code == "invalid_query"


TRANSFER = next(call for _, call in LINES if call.pattern.endswith("universal-transfer"))
ORDER = next(call for _, call in LINES if call.pattern == "/api/v1/hf/orders")
INTERNAL = {
    "clientOid": "1",
    "currency": "USDT",
    "amount": "1",
    "type": "INTERNAL",
    "fromAccountType": "TRADE",
    "toAccountType": "MAIN",
}


def test_transfer_between_own_accounts_is_let_through():
    check_body("spot", TRANSFER, json.dumps(INTERNAL).encode())


@pytest.mark.parametrize(
    "body",
    [
        {**INTERNAL, "type": "PARENT_TO_SUB"},
        {**INTERNAL, "type": "SUB_TO_PARENT"},
        {**INTERNAL, "type": "internal"},
        {**INTERNAL, "type": ["INTERNAL"]},
        {**INTERNAL, "type": None},
        {key: value for key, value in INTERNAL.items() if key != "type"},
        {**INTERNAL, "toUserId": "123"},
        {**INTERNAL, "fromUserId": "123"},
        {**INTERNAL, "Type": "PARENT_TO_SUB"},
        {**INTERNAL, "type ": "PARENT_TO_SUB"},
    ],
)
def test_transfer_to_another_is_refused(body):
    with pytest.raises(ForbiddenError) as caught:
        check_body("spot", TRANSFER, json.dumps(body).encode())
    assert caught.value.code == "field_not_forwarded"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"INTERNAL"',
        b"{",
        b'{"type":"INTERNAL","type":"PARENT_TO_SUB"}',
        b'{"type":"PARENT_TO_SUB","type":"INTERNAL"}',
        b'{"ty\\u0070e":"PARENT_TO_SUB","type":"INTERNAL"}',
        b'\xef\xbb\xbf{"type":"INTERNAL"}',
        b'{"type":"INTERNAL"}{"type":"PARENT_TO_SUB"}',
        '{"type":"INTERNAL"}'.encode("utf-16"),
        b"[" * 100_000,
        b'{"type":"INTERNAL","amount":"\xff"}',
    ],
)
def test_transfer_whose_body_can_be_read_in_two_ways_is_refused(body):
    with pytest.raises(BadRequestError) as caught:
        check_body("spot", TRANSFER, body)
    assert caught.value.code == "invalid_json"


@pytest.mark.parametrize("query", ["type=PARENT_TO_SUB", "a=b", "?", "%74ype=x"])
def test_transfer_with_a_query_is_refused(query):
    with pytest.raises(ForbiddenError) as caught:
        check_body("spot", TRANSFER, json.dumps(INTERNAL).encode(), query=query)
    assert (caught.value.code, caught.value.field) == ("field_not_forwarded", "query")


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_transfer_with_a_constant_that_is_no_json_is_refused(constant):
    body = (
        json.dumps(INTERNAL)
        .replace('"1"', constant)
        .replace('"amount": "', f'"x": {constant}, "amount": "', 1)
    )
    assert constant in body
    with pytest.raises(BadRequestError):
        check_body("spot", TRANSFER, body.encode())


def test_body_without_a_rule_is_not_read():
    check_body("spot", ORDER, b"\xff not json")


def test_get_with_a_body_is_refused():
    accounts = find_call("spot", "GET", "/api/v1/accounts")
    with pytest.raises(BadRequestError) as caught:
        check_body("spot", accounts, b"{}")
    assert caught.value.code == "body_not_allowed"
