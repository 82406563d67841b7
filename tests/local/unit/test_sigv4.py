from datetime import UTC, datetime, timedelta

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.gateway.sigv4 import AllowedCaller, find_caller, sign_headers

NOW = datetime(2026, 5, 27, 10, 0, tzinfo=UTC)
CALLER = AllowedCaller("local", "local")
URL = "http://localhost:3000/v1/connections/a%20b?status=ACTIVE&status=FAILED&x="


def find(headers, *, method="GET", url=URL, body=b"", now=NOW, callers=(CALLER,)):
    return find_caller(
        method=method, url=url, headers=list(headers.items()), body=body, callers=callers, now=now
    )


def sign(caller=CALLER, body=b"", **headers):
    return sign_headers(method="GET", url=URL, headers=headers, body=body, caller=caller, now=NOW)


def test_find_caller_signed_is_found():
    assert find(sign()) == CALLER


def test_find_caller_signed_by_botocore_alone_is_found():
    request = AWSRequest("POST", URL, headers={"Content-Type": "application/json"}, data=b"{}")
    SigV4Auth(Credentials("local", "local"), "execute-api", "eu-west-1").add_auth(request)
    headers = {"Host": "localhost:3000", **dict(request.headers.items())}
    assert find(headers, method="POST", body=b"{}", now=datetime.now(UTC)) == CALLER


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "DELETE"},
        {"url": URL.replace("a%20b", "other")},
        {"url": URL + "1"},
        {"body": b"x"},
        {"now": NOW + timedelta(minutes=5, seconds=1)},
        {"now": NOW - timedelta(minutes=5, seconds=1)},
        {"callers": [AllowedCaller("local", "other")]},
        {"callers": [AllowedCaller("other", "local")]},
        {"callers": [AllowedCaller("local", "local", session_token="t")]},
    ],
)
def test_find_caller_anything_changed_is_none(changed):
    assert find(sign(), **changed) is None


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Authorization", ""),
        ("Authorization", "Bearer local"),
        ("X-Amz-Date", "yesterday"),
        ("X-Amz-Date", "20260527T095900Z"),
        ("X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD"),
        ("Host", "elsewhere:3000"),
        ("X-Extra", "changed"),
    ],
)
def test_find_caller_header_changed_is_none(header, value):
    signed = sign(**{"X-Extra": "1"})
    assert find(signed) == CALLER
    assert find({**signed, header: value}) is None


def test_find_caller_other_region_is_none():
    signed = sign()
    moved = signed["Authorization"].replace("eu-west-1", "us-east-1")
    assert find({**signed, "Authorization": moved}) is None


def test_find_caller_host_unsigned_is_none():
    signed = sign()
    without = signed["Authorization"].replace("SignedHeaders=host;", "SignedHeaders=")
    assert find({**signed, "Authorization": without}) is None


def test_find_caller_temporary_credentials_need_their_token():
    caller = AllowedCaller("ASIA1", "secret", session_token="token")
    signed = sign(caller)
    assert find(signed, callers=[CALLER, caller]) == caller
    assert find({**signed, "X-Amz-Security-Token": "else"}, callers=[caller]) is None


def test_allowed_caller_route_patterns():
    caller = AllowedCaller("a", "b", allowed_routes=("GET/v1/connections*",))
    assert caller.may_call("GET", "/v1/connections/u1")
    assert not caller.may_call("DELETE", "/v1/connections/u1")
