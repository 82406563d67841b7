"""What goes to KuCoin's OAuth endpoints byte by byte, and what comes of each answer."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from kubroker.foundation.errors import (
    ConfigurationError,
    KucoinError,
    KucoinOutcomeUnknownError,
    KucoinRefusedError,
    KucoinUnsentError,
)
from kubroker.foundation.settings import KucoinProtocol
from kubroker.kucoin.codes import is_installations
from kubroker.kucoin.exchange import KucoinAnswer
from kubroker.kucoin.oauth import (
    OAuthClient,
    TokenOutcome,
    classify_token_refusal,
    parse_token_pair,
)
from kubroker.kucoin.transport import KucoinTransport
from tests.support.wire_server import build_answer

PAIR = {
    "access_token": "access-1",
    "token_type": "bearer",
    "expires_in": 3599,
    "refresh_token": "refresh-1",
    "scope": ["OAUTH_CREATE_API"],
}
REDIRECT = "https://broker.example:8443/oauth/callback?x=1"


@pytest.fixture
def build_client(build_settings):
    def build(url="http://127.0.0.1:1", *, secret=None, **changes):
        held = None if secret is None else SecretStr(secret)
        return OAuthClient(build_settings(url, **changes), lambda: held, KucoinTransport())

    return build


# The login page


def test_build_login_url_encodes_all_but_the_redirect_url(build_client):
    url = build_client("https://www.kucoin.example/").build_login_url("st/ate&=")
    assert url == (
        "https://www.kucoin.example/oauth?response_type=code&client_id=client%2F1"
        f"&redirect_uri={REDIRECT}&scope=OAUTH_CREATE_API&state=st%2Fate%26%3D"
    )


@given(state=st.text(max_size=60))
def test_build_login_url_any_state_comes_back_as_it_was(state):
    client = OAuthClient(_build_plain_settings(), lambda: None, KucoinTransport())
    query = parse_qs(
        urlsplit(client.build_login_url(state)).query, keep_blank_values=True, errors="strict"
    )
    assert query["state"] == [state]
    assert query["redirect_uri"] == ["https://b.example/cb"]


def _build_plain_settings():
    from kubroker.foundation.settings import KucoinSettings

    return KucoinSettings.from_environment(
        {
            "KUCOIN_CLIENT_ID": "c",
            "KUCOIN_REDIRECT_URL": "https://b.example/cb",
            "KUCOIN_SECRET_NAME": "n",
        }
    )


@pytest.mark.parametrize("char", ["&", "#", "%", "+", " ", "\n", "ü"])
def test_redirect_url_that_cannot_stand_unencoded_is_a_configuration_error(build_client, char):
    client = build_client(KUCOIN_REDIRECT_URL=f"https://b.example/c{char}b")
    with pytest.raises(ConfigurationError, match="KUCOIN_REDIRECT_URL"):
        client.build_login_url("s")
    with pytest.raises(ConfigurationError, match="KUCOIN_REDIRECT_URL"):
        client.exchange_code(SecretStr("c"), deadline_seconds=5)


# The code exchange


def test_exchange_code_asks_with_the_redirect_url_unencoded(serve, build_client):
    server = serve(build_answer(PAIR))
    pair = build_client(server.url).exchange_code(SecretStr("co/de&x"), deadline_seconds=5)
    (received,) = server.received
    assert received.line == (
        "GET /_oauth/access-token?grant_type=authorization_code&code=co%2Fde%26x"
        f"&redirect_uri={REDIRECT}&client_id=client%2F1 HTTP/1.1"
    )
    assert received.body == b""
    assert pair.access_token.get_secret_value() == "access-1"
    assert pair.refresh_token is not None
    assert pair.refresh_token.get_secret_value() == "refresh-1"
    assert pair.access_expires_in_seconds == 3599
    assert pair.scope == ("OAUTH_CREATE_API",)
    assert not pair.was_expiry_doubtful
    assert "access-1" not in repr(pair)
    assert "refresh-1" not in repr(pair)


def test_exchange_code_sends_the_client_secret_where_there_is_one(serve, build_client):
    server = serve(build_answer(PAIR))
    client = build_client(server.url, secret="hu sh")
    client.exchange_code(SecretStr("c"), deadline_seconds=5)
    assert server.received[0].line.endswith("&client_id=client%2F1&client_secret=hu%20sh HTTP/1.1")


# The refresh


def test_refresh_posts_a_form(serve, build_client):
    server = serve(build_answer(PAIR))
    pair = build_client(server.url, secret="hush").refresh(SecretStr("re/f&"), deadline_seconds=5)
    (received,) = server.received
    assert received.line == "POST /_oauth/refresh-token HTTP/1.1"
    assert received.headers["content-type"] == "application/x-www-form-urlencoded"
    assert received.body == (
        b"grant_type=authorization_code&refresh_token=re%2Ff%26&scope=OAUTH_CREATE_API"
    )
    assert pair.access_token.get_secret_value() == "access-1"


def test_refresh_follows_the_protocol_settings(serve, build_client):
    overrides = {
        "refresh_path": "/r",
        "refresh_grant_type": "refresh_token",
        "refresh_in_query": True,
    }
    server = serve(build_answer(PAIR))
    client = build_client(server.url, KUCOIN_PROTOCOL_OVERRIDES=json.dumps(overrides))
    client.refresh(SecretStr("r"), deadline_seconds=5)
    (received,) = server.received
    assert received.line == (
        "POST /r?grant_type=refresh_token&refresh_token=r&scope=OAUTH_CREATE_API HTTP/1.1"
    )
    assert received.body == b""


def test_both_calls_open_a_connection_each_and_never_repeat(serve, build_client):
    server = serve(build_answer(PAIR), lambda peer: peer.close(), build_answer({}, status=500))
    client = build_client(server.url)
    client.refresh(SecretStr("r"), deadline_seconds=5)
    for _ in range(2):
        with pytest.raises(KucoinOutcomeUnknownError):
            client.exchange_code(SecretStr("c"), deadline_seconds=5)
    assert [received.connection for received in server.received] == [1, 2, 3]


def test_both_calls_name_no_secret_in_errors(serve, build_client):
    client = build_client("http://127.0.0.1:1", secret="hush-client")
    for call in (client.refresh, client.exchange_code):
        with pytest.raises(KucoinUnsentError) as caught:
            call(SecretStr("hush-token"), deadline_seconds=5)
        assert "hush" not in str(caught.value)


def test_both_calls_end_at_the_deadline_as_unknown(serve, build_client):
    client = build_client(serve(lambda peer: peer.stay_silent()).url)
    for call in (client.refresh, client.exchange_code):
        with pytest.raises(KucoinOutcomeUnknownError):
            call(SecretStr("x"), deadline_seconds=0.2)


# Reading a pair


def parse(payload, **protocol):
    answer = KucoinAnswer(status=200, body=json.dumps(payload).encode())
    return parse_token_pair(answer, KucoinProtocol(**protocol))


@pytest.mark.parametrize("seconds", [1, 60, 3600, 86_400])
def test_parse_token_pair_plausible_expiry_is_taken(seconds):
    pair = parse({**PAIR, "expires_in": seconds})
    assert (pair.access_expires_in_seconds, pair.was_expiry_doubtful) == (seconds, False)


@pytest.mark.parametrize(
    "value", [0, -1, 86_401, 10**30, 1.5, 3600.0, "3600", "soon", True, None, [], {}]
)
def test_parse_token_pair_doubtful_expiry_is_the_default(value):
    pair = parse({**PAIR, "expires_in": value}, default_access_token_seconds=1800)
    assert (pair.access_expires_in_seconds, pair.was_expiry_doubtful) == (1800, True)


def test_parse_token_pair_missing_expiry_is_the_default_within_a_day():
    payload = {name: value for name, value in PAIR.items() if name != "expires_in"}
    pair = parse(payload, default_access_token_seconds=10**9)
    assert (pair.access_expires_in_seconds, pair.was_expiry_doubtful) == (86_400, True)


@pytest.mark.parametrize("value", [None, "", 7, [], "x" * 20_000])
def test_parse_token_pair_without_usable_refresh_token_says_none(value):
    assert parse({**PAIR, "refresh_token": value}).refresh_token is None
    assert parse({"access_token": "a"}).refresh_token is None


@pytest.mark.parametrize("value", [None, "", 7, "a b", "a\r\nX-Evil: 1", "é", "x" * 20_000])
def test_parse_token_pair_without_usable_access_token_is_unknown(value):
    with pytest.raises(KucoinOutcomeUnknownError, match="no usable access token"):
        parse({**PAIR, "access_token": value})


@pytest.mark.parametrize(
    ("scope", "parsed"),
    [(["A", "B"], ("A", "B")), ("A B", ("A", "B")), ("A,B", ("A", "B")), (None, ()), (7, ())],
)
def test_parse_token_pair_scope_in_any_form(scope, parsed):
    assert parse({**PAIR, "scope": scope}).scope == parsed


# What a failure means: the outcome table


def refused(code, status=200):
    return KucoinRefusedError(code, "words", http_status_received=status)


GOOD, OURS, PASSING = (
    TokenOutcome.REFUSED_FOR_GOOD,
    TokenOutcome.MISCONFIGURED,
    TokenOutcome.PASSING,
)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (KucoinUnsentError("refused before sending"), PASSING),
        (KucoinOutcomeUnknownError("timeout after sending"), PASSING),
        (KucoinOutcomeUnknownError("garbage"), PASSING),
        (KucoinError("any other"), PASSING),
        (refused("invalid_grant"), GOOD),
        (refused("invalid_grant", 400), GOOD),
        (refused("40002"), GOOD),
        (refused("40002", 401), GOOD),
        (refused("invalid_client", 401), OURS),
        (refused("unauthorized_client"), OURS),
        (refused("invalid_scope"), OURS),
        (refused("40003"), OURS),
        (refused("400006", 403), OURS),
        (refused("400202"), OURS),
        (refused("400003"), PASSING),
        (refused("429000", 200), PASSING),
        (refused("invalid_request", 400), PASSING),
        (refused("500000"), PASSING),
        (refused("408000"), PASSING),
        (refused("200", 200), PASSING),
        (refused("40503"), PASSING),
        (refused("anything new", 403), PASSING),
    ],
)
def test_classify_token_refusal_follows_the_table(error, outcome):
    assert classify_token_refusal(error, KucoinProtocol()) is outcome


def test_classify_token_refusal_codes_are_settings_and_ours_come_first():
    protocol = KucoinProtocol(
        refused_for_good_codes=frozenset({"7", "8"}), misconfiguration_codes=frozenset({"8"})
    )
    assert classify_token_refusal(refused("7"), protocol) is GOOD
    assert classify_token_refusal(refused("8"), protocol) is OURS
    assert classify_token_refusal(refused("invalid_grant"), protocol) is PASSING


@given(code=st.text(max_size=20), status=st.integers(200, 599))
def test_classify_token_refusal_unnamed_code_never_ends_a_connection(code, status):
    protocol = KucoinProtocol()
    if code not in protocol.refused_for_good_codes | protocol.misconfiguration_codes:
        wanted = OURS if is_installations(code) else PASSING
        assert classify_token_refusal(refused(code, status), protocol) is wanted


@pytest.mark.parametrize(
    ("script", "error_class", "outcome"),
    [
        (build_answer({"error": "invalid_grant"}, status=400), KucoinRefusedError, GOOD),
        (build_answer({"success": False, "code": "40002", "msg": "x"}), KucoinRefusedError, GOOD),
        (build_answer({"success": False, "code": "40003", "msg": "x"}), KucoinRefusedError, OURS),
        (build_answer({"success": False, "code": "9", "retry": True}), KucoinOutcomeUnknownError, PASSING),
        (build_answer({"code": "400202", "msg": "Invalid request IP"}), KucoinRefusedError, OURS),
        (build_answer({"code": "404", "msg": "Not Found"}, status=404), KucoinOutcomeUnknownError, PASSING),
        (build_answer({"error": "invalid_grant"}, status=429), KucoinOutcomeUnknownError, PASSING),
        (build_answer({"error": "invalid_grant"}, status=500), KucoinOutcomeUnknownError, PASSING),
        (build_answer({"error": "invalid_client"}, status=503), KucoinOutcomeUnknownError, PASSING),
        (build_answer({"code": "40002"}, status=503), KucoinOutcomeUnknownError, PASSING),
        (build_answer("<html>", status=503), KucoinOutcomeUnknownError, PASSING),
        (build_answer("<html>", status=403), KucoinOutcomeUnknownError, PASSING),
        (build_answer("<html>", status=429), KucoinOutcomeUnknownError, PASSING),
        (build_answer("", status=302, headers={"Location": "/"}), KucoinOutcomeUnknownError, PASSING),
        (build_answer("{"), KucoinOutcomeUnknownError, PASSING),
        (lambda peer: peer.close(), KucoinOutcomeUnknownError, PASSING),
        (lambda peer: peer.reset(), KucoinOutcomeUnknownError, PASSING),
    ],
)  # fmt: skip
def test_refresh_failure_over_the_wire_means_what_the_table_says(
    serve, build_client, script, error_class, outcome
):
    with pytest.raises(error_class) as caught:
        build_client(serve(script).url).refresh(SecretStr("r"), deadline_seconds=5)
    assert classify_token_refusal(caught.value, KucoinProtocol()) is outcome
