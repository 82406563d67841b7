"""Three shapes of answers, and everything that is none of them."""

import json
from decimal import Decimal
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubroker.foundation.errors import KucoinOutcomeUnknownError, KucoinRefusedError
from kubroker.foundation.settings import KucoinProtocol
from kubroker.kucoin.answers import (
    find_header_value,
    find_text,
    is_in_envelope,
    is_no_such_path,
    parse_list,
    parse_rest,
    parse_token,
    parse_web,
)
from kubroker.kucoin.codes import Act, Acting
from kubroker.kucoin.exchange import KucoinAnswer

SECRET = "eyJhbGciOiJIUzI1NiJ9-hush_hush"  # looks like one


def answer(payload, status=200, *, secrets=(), **headers):
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return KucoinAnswer(
        status=status,
        headers={k.replace("_", "-"): v for k, v in headers.items()},
        body=body,
        secrets=tuple(secrets),
    )


def parse_acting(given_answer):
    return parse_rest(given_answer, Acting(Act.WITHDRAWAL, KucoinProtocol()))


def parse_reading(given_answer):
    return parse_rest(given_answer)


def parse_key(given_answer):
    return parse_web(given_answer, Acting(Act.KEY, KucoinProtocol()))


def parse_pair(given_answer, **hidden):
    return parse_token(given_answer, Acting(Act.TOKEN, KucoinProtocol()), **hidden)


PARSERS = [parse_acting, parse_reading, parse_key, parse_pair]
ACTING = [parse_acting, parse_key, parse_pair]

# Success


@pytest.mark.parametrize(
    ("payload", "data"),
    [
        ({"code": "200000", "data": {"a": 1}}, {"a": 1}),
        ({"code": "200000", "data": []}, []),
        ({"code": "200000", "data": 1680885532722}, 1680885532722),
        ({"code": "200000"}, None),
        ({"code": 200000, "data": "x"}, "x"),
        ({"code": "200000", "success": True, "msg": "success", "data": None}, None),
        ({"code": "200000", "msg": "no failure here", "data": {}}, {}),
    ],
)
@pytest.mark.parametrize("status", [200, 201, 400, 500])
@pytest.mark.parametrize("parse", [parse_acting, parse_reading])
def test_parse_rest_success_gives_data_whatever_the_status(payload, data, status, parse):
    assert parse(answer(payload, status)) == data


def test_parse_rest_fractions_are_decimals():
    body = b'{"code":"200000","data":{"a":0.1,"b":1e-8,"c":12345678901234567890}}'
    assert parse_reading(answer(body)) == {
        "a": Decimal("0.1"),
        "b": Decimal("1E-8"),
        "c": 12345678901234567890,
    }


@pytest.mark.parametrize("code", ["200", "200000", 200])
def test_parse_web_success_gives_data(code):
    payload = {"success": True, "code": code, "msg": "success", "retry": False, "data": {"a": 1}}
    assert parse_key(answer(payload)) == {"a": 1}


def test_parse_token_success_bare_or_enveloped_gives_the_object():
    bare = {"access_token": "a", "error": ""}
    assert parse_pair(answer(bare)) == bare
    assert parse_pair(answer({"success": True, "code": "200", "data": bare})) == bare


# Refusals: definite


@pytest.mark.parametrize(
    ("parse", "payload", "code", "words"),
    [
        (parse_acting, {"code": "400100", "msg": "bad"}, "400100", "bad"),
        (parse_reading, {"code": "400003", "msg": "KC-API-KEY not exists"}, "400003", "KC-API-KEY not exists"),
        (parse_acting, {"code": 400100, "msg": None}, "400100", ""),
        (parse_acting, {"code": "400100"}, "400100", ""),
        (parse_reading, {"code": "x" * 99, "msg": "y" * 1999}, "x" * 40, "y" * 1000),
        (parse_reading, {"code": "999999", "msg": "new"}, "999999", "new"),
        (parse_reading, {"code": "404000", "msg": "no url"}, "404000", "no url"),
        (parse_reading, {"code": "500000", "msg": "Internal"}, "500000", "Internal"),
        (parse_reading, {"code": "408000", "msg": "slow"}, "408000", "slow"),
        (parse_reading, {"code": "200000", "success": False, "msg": "busy"}, "200000", "busy"),
        (parse_reading, {"code": "200000", "success": "false", "data": {}}, "200000", ""),
        (parse_reading, {"code": "200000", "msg": "Failure: busy", "data": None}, "200000", "Failure: busy"),
        (parse_reading, {"code": "200000", "msg": "system error"}, "200000", "system error"),
        (parse_key, {"success": False, "code": "40503", "msg": "Risk"}, "40503", "Risk"),
        (parse_key, {"success": False, "code": 40503, "msg": "Risk"}, "40503", "Risk"),
        (parse_key, {"code": "400001", "msg": "gateway"}, "400001", "gateway"),
        (parse_pair, {"success": False, "code": "40002", "msg": "no"}, "40002", "no"),
        (parse_pair, {"code": "400001", "msg": "gateway"}, "400001", "gateway"),
        (parse_pair, {"error": "invalid_grant"}, "invalid_grant", ""),
        (parse_pair, {"error": "invalid_client", "error_description": "who"}, "invalid_client", "who"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", [200, 400, 401, 403])
def test_parse_refusal_keeps_code_words_and_status(parse, payload, code, words, status):
    with pytest.raises(KucoinRefusedError) as caught:
        parse(answer(payload, status))
    error = caught.value
    assert (error.kucoin_code, error.kucoin_message) == (code, words)
    assert error.http_status_received == status
    assert error.retry_after_seconds is None


@pytest.mark.parametrize(
    ("parse", "payload"),
    [
        (parse_key, {"success": False, "code": "40001", "msg": f"Invalid token {SECRET}!"}),
        (parse_pair, {"success": False, "code": "40002", "msg": f"Invalid token {SECRET}!"}),
        (parse_pair, {"error": "invalid_grant", "error_description": f"Invalid token {SECRET}!"}),
    ],
)
def test_parse_refusal_that_repeats_a_secret_is_cut(parse, payload):
    with pytest.raises(KucoinRefusedError) as caught:
        parse(answer(payload))
    assert caught.value.kucoin_message == "Invalid token […]!"


@pytest.mark.parametrize("secret", ["own-secret", "a b/c+d%e", "x" * 8])
@pytest.mark.parametrize("write", [str, lambda secret: quote(secret, safe="")])
@pytest.mark.parametrize(
    "body",
    [
        {"success": False, "code": "40002", "msg": "no: {}"},
        {"error": "invalid_grant", "error_description": "no: {}"},
        {"error": "no_{}"},
        {"success": False, "code": "no_{}"},
    ],
)
def test_parse_token_refusal_repeats_nothing_that_was_sent(secret, write, body):
    told = {
        name: value.format(write(secret)) if isinstance(value, str) else value
        for name, value in body.items()
    }
    with pytest.raises((KucoinRefusedError, KucoinOutcomeUnknownError)) as caught:
        parse_pair(answer(told, secrets=["other-secret", secret]))
    assert secret not in caught.value.message
    assert write(secret) not in caught.value.message


def test_parse_token_refusal_keeps_its_code_from_a_secret_of_one_letter():
    with pytest.raises(KucoinRefusedError) as caught:
        parse_pair(answer({"error": "invalid_grant"}, secrets=["r"]))
    assert caught.value.kucoin_code == "invalid_grant"
    assert SECRET not in str(caught.value)


def test_parse_rest_refusal_keeps_the_link_to_the_security_page():
    words = "Please visit the following link: https://www.kucoin.com/account/security/g2fa"
    with pytest.raises(KucoinRefusedError) as caught:
        parse_acting(answer({"code": "400007", "msg": words}))
    assert caught.value.kucoin_message == words


# Limits


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize(
    ("payload", "status"),
    [
        ({"code": "429000", "msg": "Too many"}, 429),
        ({"code": "429000", "msg": "Too many"}, 200),
        ({"code": "429", "msg": "Too many"}, 200),
        ({"code": "1015", "msg": "edge"}, 429),
        (b"<html>429</html>", 429),
        (b"", 429),
        (b"[]", 429),
    ],
)
def test_parse_limit_with_the_quota_used_up_is_a_refusal(parse, payload, status):
    quota = {"gw_ratelimit_reset": "1001", "gw_ratelimit_remaining": "0"}
    with pytest.raises(KucoinRefusedError) as caught:
        parse(answer(payload, status, **quota))
    assert caught.value.kucoin_code == "429000"
    assert caught.value.http_status_received == status
    assert caught.value.retry_after_seconds == 2


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"gw_ratelimit_reset": "0"}, 1),
        ({"gw_ratelimit_reset": "1"}, 1),
        ({"gw_ratelimit_reset": "1000"}, 1),
        ({"gw_ratelimit_reset": "30000"}, 30),
        ({"gw_ratelimit_reset": "soon"}, None),
        ({"gw_ratelimit_reset": "-5"}, None),
        ({"gw_ratelimit_reset": "9" * 5000}, None),
        ({}, None),
    ],
)
def test_parse_limit_tells_the_time_until_reset_in_whole_seconds(headers, seconds):
    with pytest.raises(KucoinRefusedError) as caught:
        parse_reading(answer({"code": "429000"}, 429, **headers))
    assert caught.value.retry_after_seconds == seconds


def test_parse_reset_of_another_refusal_is_no_reason_to_wait():
    with pytest.raises(KucoinRefusedError) as caught:
        parse_acting(answer({"code": "400100"}, gw_ratelimit_reset="3000"))
    assert caught.value.retry_after_seconds is None


# Unknown outcomes


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"true",
        b"200000",
        b'"200000"',
        b'[{"code":"200000"}]',
        b"{}",
        b'{"data":{"a":1}}',
        b'{"code":null}',
        b'{"code":true}',
        b'{"code":""}',
        b'{"code":["200000"]}',
        b'{"code":200000.0}',
        b'{"code":"200000","data":{"unfin',
        b'\x00\xff{"code":"200000"}',
        b"<html><body>403 Forbidden</body></html>",
        b'{"code":"\xff"}',
        b"[" * 100_000,
        b'{"code":' + b"9" * 5000 + b"}",
    ],
)
@pytest.mark.parametrize("status", [200, 403, 503])
def test_parse_unreadable_answer_is_unknown(parse, body, status):
    with pytest.raises(KucoinOutcomeUnknownError, match=f"HTTP status {status}") as caught:
        parse(answer(body, status))
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("status", [300, 302, 399])
def test_parse_redirect_is_unknown_even_with_an_envelope(parse, status):
    payload = {"success": True, "code": "200000", "data": {}, "access_token": "a"}
    with pytest.raises(KucoinOutcomeUnknownError):
        parse(answer(payload, status))


@pytest.mark.parametrize("parse", ACTING)
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("408000", 200),
        ("500000", 200),
        (500000, 200),
        ("500000", 500),
        ("200002", 200),
        ("230005", 200),
        ("404000", 200),
        ("404000", 404),
        ("404", 404),
        ("200", 200),
        ("200000", 200),
        ("260999", 200),
        ("999999", 403),
        ("x", 504),
        ("400001", 404),
        ("400001", 500),
        ("400001", 502),
        ("400001", 409),
    ],
)
def test_parse_acting_call_that_nobody_listed_as_a_no_is_unknown(parse, code, status):
    payload = {"success": False, "code": code, "msg": f"secret {SECRET}"}
    with pytest.raises(KucoinOutcomeUnknownError, match="leaves open") as caught:
        parse(answer(payload, status))
    assert SECRET not in caught.value.message
    assert caught.value.http_status_received == status
    assert caught.value.kucoin_code == str(code)


@pytest.mark.parametrize(
    ("parse", "code"),
    [
        (parse_acting, "40503"),
        (parse_acting, "260000"),
        (parse_acting, "260420"),
        (parse_key, "40002"),
        (parse_key, "260100"),
        (parse_key, "400100"),
        (parse_pair, "40503"),
        (parse_pair, "200004"),
    ],
)
def test_parse_no_of_another_act_is_unknown(parse, code):
    with pytest.raises(KucoinOutcomeUnknownError):
        parse(answer({"success": False, "code": code, "msg": "no"}))


@pytest.mark.parametrize("parse", ACTING)
@pytest.mark.parametrize("remaining", [None, "1", "4", "2000", "x"])
def test_parse_limit_of_an_acting_call_without_proof_is_unknown(parse, remaining):
    headers = {"gw_ratelimit_reset": "2000"}
    headers |= {"gw_ratelimit_remaining": remaining} if remaining else {}
    with pytest.raises(KucoinOutcomeUnknownError) as caught:
        parse(answer({"code": "429000", "msg": "Too many"}, 429, **headers))
    assert caught.value.retry_after_seconds == 2


@pytest.mark.parametrize(
    ("payload", "status", "is_missing"),
    [
        ({"code": "404", "msg": "Not Found"}, 404, True),
        ({"code": "404000", "msg": "Url Not Found"}, 404, True),
        (b"<html>404</html>", 404, True),
        (b"", 404, True),
        ({"code": "404000", "msg": "Url Not Found"}, 200, False),
        ({"code": "400100", "msg": "withdrawal not found"}, 404, False),
        (b"<html>403</html>", 403, False),
        (b"<html>502</html>", 502, False),
        ({"code": "500000"}, 200, False),
    ],
)
def test_no_such_path_is_a_gateways_404_in_any_form(payload, status, is_missing):
    with pytest.raises(KucoinOutcomeUnknownError) as caught:
        parse_acting(answer(payload, status))
    assert is_no_such_path(caught.value) is is_missing


@pytest.mark.parametrize(
    ("payload", "status", "is_known"),
    [
        ({"code": "230005", "msg": "busy"}, 200, True),
        ({"code": "500000", "msg": "busy"}, 500, True),
        ({"code": "400100", "msg": "no such"}, 404, True),
        ({"code": "200000", "success": False}, 200, True),
        ({"code": "404000"}, 404, False),
        ({"code": "404"}, 404, False),
        ({"code": "oops"}, 200, False),
        (b"<html>", 200, False),
    ],
)
def test_envelope_is_the_services_own(payload, status, is_known):
    with pytest.raises(KucoinOutcomeUnknownError) as caught:
        parse_acting(answer(payload, status))
    assert is_in_envelope(caught.value) is is_known


def test_parse_reading_call_with_server_error_is_a_refusal():
    with pytest.raises(KucoinRefusedError):
        parse_reading(answer({"code": "500000", "msg": "Internal"}, 500))


@pytest.mark.parametrize(
    "payload",
    [
        {"success": True, "code": "40503", "data": {}},
        {"success": True, "data": {}},
        {"success": False, "data": None},
        {"code": "200", "data": {}},
        {"success": "true", "code": "200", "data": {}},
        {"success": 1, "code": "200", "data": {}},
    ],
)
def test_parse_web_contradiction_is_unknown(payload):
    with pytest.raises(KucoinOutcomeUnknownError):
        parse_key(answer(payload))


@pytest.mark.parametrize("data", [None, {}, [], "access_token", {"token": "a"}])
def test_parse_token_success_without_a_token_is_unknown(data):
    with pytest.raises(KucoinOutcomeUnknownError):
        parse_pair(answer({"success": True, "code": "200", "data": data}))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
envelopes = st.fixed_dictionaries(
    {},
    optional={
        "code": json_values | st.sampled_from(["200", "200000", "429000", "500000", "40503"]),
        "success": json_values,
        "msg": json_values,
        "data": json_values,
        "access_token": json_values,
        "error": json_values,
        "error_description": json_values,
    },
)
bodies = (
    st.binary(max_size=40)
    | json_values.map(lambda value: json.dumps(value).encode())
    | envelopes.map(lambda value: json.dumps(value).encode())
)


@given(body=bodies, status=st.integers(200, 599), parse=st.sampled_from(PARSERS))
def test_parse_any_answer_is_data_or_one_of_the_two_errors(body, status, parse):
    outcome = try_to(parse, KucoinAnswer(status=status, body=body))
    if isinstance(outcome, KucoinRefusedError):
        assert outcome.http_status_received == status
        assert 0 < len(outcome.kucoin_code) <= 40
    elif not isinstance(outcome, KucoinOutcomeUnknownError):
        assert b"20" in body or b"access_token" in body
        assert not 300 <= status < 400


def try_to(parse, given_answer):
    try:
        return parse(given_answer)
    except (KucoinRefusedError, KucoinOutcomeUnknownError) as error:
        return error


# Fields


@pytest.mark.parametrize(
    ("value", "text", "header"),
    [
        ("abc-123.~!", "abc-123.~!", "abc-123.~!"),
        ("a b", "a b", None),
        ("a\r\nX: y", "a\r\nX: y", None),
        ("a\n", "a\n", None),
        ("é", "é", None),
        ("x" * 16_384, "x" * 16_384, "x" * 16_384),
        ("x" * 16_385, None, None),
        ("", None, None),
        (None, None, None),
        (7, None, None),
        (["a"], None, None),
    ],
)
def test_find_text_and_header_value_take_only_what_fits(value, text, header):
    assert find_text({"n": value}, "n") == text
    assert find_header_value({"n": value}, "n") == header


@pytest.mark.parametrize("source", [None, [], "n", 7, {}])
def test_find_text_of_what_has_no_fields_is_none(source):
    assert find_text(source, "n") is None
    assert find_header_value(source, "n") is None


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("API_COMMON,API_SPOT", ("API_COMMON", "API_SPOT")),
        ("API_COMMON, API_SPOT,", ("API_COMMON", "API_SPOT")),
        ("a b", ("a", "b")),
        (["a", " b ", "", 7, None], ("a", "b")),
        ("", ()),
        (None, ()),
        (7, ()),
        ({"a": 1}, ()),
    ],
)
def test_parse_list_reads_arrays_and_text(value, parts):
    assert parse_list(value) == parts
