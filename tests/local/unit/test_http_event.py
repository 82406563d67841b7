import base64
from datetime import UTC, datetime

import pytest

from local.gateway.http_event import HttpRequest, InvalidAnswerError, build_event, parse_answer
from local.gateway.sigv4 import AllowedCaller

NOW = datetime(2026, 5, 27, 10, 0, tzinfo=UTC)


def build(target="/health", headers=(), body=b"", caller=None, **parameters):
    request = HttpRequest("GET", target, tuple(headers), body)
    return build_event(
        request,
        route_key="GET /health",
        path_parameters=parameters,
        api_id="api",
        caller=caller,
        now=NOW,
    )


def test_build_event_path_is_decoded_and_cut_at_a_decoded_question_mark():
    assert build("/connect/a%20b%3Fc%2Fd?x=1")["rawPath"] == "/connect/a b"


def test_build_event_query_is_as_sent_and_joined():
    event = build("/x?a=1&a=2&b=%20&c")
    assert event["rawQueryString"] == "a=1&a=2&b=%20&c"
    assert event["queryStringParameters"] == {"a": "1,2", "b": " ", "c": ""}


def test_build_event_without_query_has_no_parameters():
    event = build()
    assert event["rawQueryString"] == ""
    assert "queryStringParameters" not in event
    assert "body" not in event
    assert "cookies" not in event


def test_build_event_headers_are_lower_case_joined_without_cookies():
    event = build(headers=[("X-A", "1"), ("x-a", "2"), ("Cookie", "a=1; b=2"), ("Cookie", "c=3")])
    assert event["headers"]["x-a"] == "1,2"
    assert "cookie" not in event["headers"]
    assert event["cookies"] == ["a=1", "b=2", "c=3"]


@pytest.mark.parametrize(
    ("content_type", "body", "is_base64"),
    [
        ("application/json", b'{"a":1}', False),
        ("text/plain; charset=utf-8", "ü".encode(), False),
        ("application/json", b"\xff", True),
        ("application/x-www-form-urlencoded", b"a=1", True),
        ("application/octet-stream", b"\x00", True),
        ("", b"a", True),
    ],
)
def test_build_event_body_by_type(content_type, body, is_base64):
    event = build(headers=[("Content-Type", content_type)], body=body)
    assert event["isBase64Encoded"] is is_base64
    assert event["body"] == (base64.b64encode(body).decode() if is_base64 else body.decode())


def test_build_event_signed_tells_who():
    iam = build(caller=AllowedCaller("key", "secret"))["requestContext"]["authorizer"]["iam"]
    assert iam["accessKey"] == "key"
    assert iam["userArn"].endswith("user/local")
    assert "secret" not in str(iam)


def test_build_event_path_parameters_are_decoded():
    assert build(userId="a%2Fb")["pathParameters"] == {"userId": "a/b"}


def test_parse_answer_headers_cookies_and_base64():
    response = parse_answer(
        {
            "statusCode": 303,
            "headers": {"Location": "/x", "Content-Length": "999"},
            "cookies": ["a=1", "b=2"],
            "body": base64.b64encode(b"\xff").decode(),
            "isBase64Encoded": True,
        }
    )
    assert (response.status, response.body) == (303, b"\xff")
    assert response.get_header("location") == "/x"
    assert [value for name, value in response.headers if name == "set-cookie"] == ["a=1", "b=2"]
    assert response.get_header("content-length") == ""


def test_parse_answer_without_status_is_json():
    response = parse_answer({"a": 1})
    assert (response.status, response.body) == (200, b'{"a": 1}')


@pytest.mark.parametrize(
    "payload",
    [
        {"statusCode": "many"},
        {"statusCode": 99},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "body": "%%%", "isBase64Encoded": True},
        {"statusCode": 200, "headers": ["a"]},
    ],
)
def test_parse_answer_malformed_raises(payload):
    with pytest.raises(InvalidAnswerError):
        parse_answer(payload)
