"""Login links, codes, tokens, rotation in each world."""

from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.simulator.unit.driver import CLIENT_SECRET, REDIRECT_URL, code_of


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"client_id": "other"}, "client_id is unknown"),
        ({"redirect_uri": "http://localhost:3000/other"}, "redirect_uri is not registered"),
        ({"redirect_uri": REDIRECT_URL + "/"}, "redirect_uri is not registered"),
        (
            {"redirect_uri": "http%3A%2F%2Flocalhost%3A3000%2Foauth%2Fcallback"},
            "must not be percent-encoded",
        ),
        ({"response_type": "token"}, "response_type must be code"),
        ({"scope": "OTHER"}, "scope must be OAUTH_CREATE_API"),
        ({"state": ""}, "state is missing"),
    ],
)
def test_login_wrong_link_shows_why_and_sends_nowhere(driver, changes, message):
    response = driver.get(driver.login_url(**changes), allow_redirects=False)

    assert response.status_code == 400
    assert message in response.text
    assert "location" not in response.headers


def _hidden_attempt(page):
    return page.split('name="attempt" value="')[1].split('"')[0]


def _post_form(driver, path, fields):
    return driver.session.post(driver.url + path, data=fields, allow_redirects=False, timeout=10)


def test_login_and_consent_by_hand_return_a_code_with_the_chosen_groups(driver):
    attempt = _hidden_attempt(driver.get(driver.login_url(state="a%20b%26c")).text)
    consent = _post_form(
        driver,
        "/oauth/login",
        {"attempt": attempt, "email": "Alice@Example.com", "password": "demo-alice"},
    )
    answer = _post_form(
        driver,
        "/oauth/consent",
        {"attempt": attempt, "decision": "allow", "group": ["API_FUTURES"]},
    )

    assert "UID 200000001" in consent.text
    assert answer.status_code == 303
    back = urlsplit(answer.headers["location"])
    fields = parse_qs(back.query)
    assert fields["success"] == ["true"]
    assert fields["state"] == ["a b&c"]
    assert driver.exchange(fields["code"][0]).json()["token_type"] == "bearer"
    granted = driver.control.rotations()["chains"][0]["groups"]
    assert granted == ["API_COMMON", "API_SPOT", "API_FUTURES", "API_EARN"]


def test_login_wrong_password_stays_on_the_page(driver):
    attempt = _hidden_attempt(driver.get(driver.login_url()).text)

    answer = _post_form(
        driver, "/oauth/login", {"attempt": attempt, "email": "alice@example.com", "password": "x"}
    )

    assert answer.status_code == 401
    assert "Wrong e-mail address or password" in answer.text


def test_consent_without_login_is_refused(driver):
    attempt = _hidden_attempt(driver.get(driver.login_url()).text)

    answer = _post_form(driver, "/oauth/consent", {"attempt": attempt, "decision": "allow"})

    assert answer.status_code == 400


def test_consent_cancelled_returns_without_code(driver):
    attempt = _hidden_attempt(driver.get(driver.login_url()).text)

    answer = _post_form(driver, "/oauth/consent", {"attempt": attempt, "decision": "cancel"})

    assert answer.headers["location"] == REDIRECT_URL + "?success=false&state=s1"


def test_consent_page_of_bob_offers_no_futures(driver):
    attempt = _hidden_attempt(driver.get(driver.login_url()).text)

    page = _post_form(driver, "/oauth/login", {"attempt": attempt, "user": "bob"}).text

    assert "Margin trading" in page
    assert "Futures trading" not in page


def test_consent_page_does_not_preselect_withdrawal(driver):
    attempt = _hidden_attempt(driver.get(driver.login_url()).text)

    page = _post_form(driver, "/oauth/login", {"attempt": attempt, "user": "alice"}).text

    assert 'value="API_WITHDRAW_OAUTH">' in page
    assert 'value="API_FUTURES" checked>' in page


def test_authorize_grants_only_what_the_account_has(driver):
    driver.tokens("bob", permissions=["API_FUTURES", "API_MARGIN"])

    groups = driver.control.rotations()["chains"][0]["groups"]

    assert groups == ["API_COMMON", "API_SPOT", "API_MARGIN", "API_EARN"]


def test_exchange_gives_the_documented_fields(driver):
    answer = driver.tokens()

    assert set(answer) == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert answer["token_type"] == "bearer"
    assert answer["expires_in"] == 3600
    assert answer["scope"] == ["OAUTH_CREATE_API"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"code": "668000000000000000000000"}, "40002"),
        ({"code": None}, "40004"),
        ({"redirect_uri": None}, "40004"),
        ({"redirect_uri": REDIRECT_URL + "/"}, "40002"),
        ({"redirect_uri": "http%3A%2F%2Flocalhost%3A3000%2Foauth%2Fcallback"}, "40002"),
        ({"client_id": None}, "40004"),
        ({"client_id": "other"}, "40003"),
        ({"client_secret": "wrong"}, "40003"),
        ({"client_secret": None}, "40003"),
        ({"grant_type": "password"}, "40004"),
    ],
)
def test_exchange_wrong_field_is_refused_and_keeps_the_code(driver, changes, code):
    value = driver.control.authorization_code("alice")

    refused = driver.exchange(**{"code": value} | changes)

    assert code_of(refused) == code
    assert refused.json()["success"] is False
    assert "access_token" in driver.exchange(value).json()


def test_exchange_same_code_twice_is_refused(driver):
    value = driver.control.authorization_code("alice")
    driver.exchange(value)

    assert code_of(driver.exchange(value)) == "40002"


def test_exchange_code_older_than_five_minutes_is_refused(driver):
    value = driver.control.authorization_code("alice")
    driver.control.advance(300)

    assert code_of(driver.exchange(value)) == "40002"


def test_exchange_accepts_both_secrets_while_one_is_rotated(driver):
    driver.control.set_settings(client_secrets=[CLIENT_SECRET, "next"])

    answer = driver.exchange(driver.control.authorization_code("alice"), client_secret="next")

    assert "access_token" in answer.json()


def test_exchange_in_the_world_without_client_secret_needs_none(driver):
    driver.control.set_worlds(client_secret_required=False)

    answer = driver.exchange(driver.control.authorization_code("alice"), client_secret=None)

    assert "access_token" in answer.json()


def test_exchange_refusal_in_the_rfc_world_has_the_rfc_form(driver):
    driver.control.set_worlds(oauth_error_form="rfc6749")

    answer = driver.exchange("668000000000000000000000")

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_grant"


def test_refresh_gives_a_new_pair_and_kills_the_old_access_token(driver):
    old = driver.tokens()

    new = driver.refresh(old["refresh_token"]).json()

    assert {new["access_token"], new["refresh_token"]}.isdisjoint(
        {old["access_token"], old["refresh_token"]}
    )
    assert code_of(driver.create_key(old["access_token"])) == "40001"
    assert code_of(driver.create_key(new["access_token"])) == "200"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"grant_type": None}, "40004"),
        ({"grant_type": "refresh_token"}, "40004"),
        ({"scope": None}, "40004"),
        ({"scope": "OTHER"}, "40004"),
        ({"client_id": "other"}, "40003"),
        ({"client_secret": "wrong"}, "40003"),
        ({"refresh_token": "unknown"}, "40002"),
    ],
)
def test_refresh_wrong_field_is_refused_and_spends_nothing(driver, changes, code):
    pair = driver.tokens()
    fields = {"refresh_token": pair["refresh_token"]} | changes

    assert code_of(driver.refresh(fields.pop("refresh_token"), **fields)) == code
    assert "access_token" in driver.refresh(pair["refresh_token"]).json()


def test_refresh_json_body_is_refused(driver):
    pair = driver.tokens()
    body = {
        "grant_type": "authorization_code",
        "refresh_token": pair["refresh_token"],
        "scope": "OAUTH_CREATE_API",
    }

    answer = requests.post(driver.url + "/_oauth/refresh-token", json=body, timeout=10)

    assert code_of(answer) == "40004"


@pytest.mark.parametrize(
    ("world", "grant_type", "accepted"),
    [
        ("refresh_token", "refresh_token", True),
        ("refresh_token", "authorization_code", False),
        ("any", "refresh_token", True),
        ("any", "authorization_code", True),
    ],
)
def test_refresh_grant_type_follows_the_world(driver, world, grant_type, accepted):
    driver.control.set_worlds(refresh_grant_type=world)

    answer = driver.refresh(driver.tokens()["refresh_token"], grant_type=grant_type).json()

    assert ("access_token" in answer) is accepted


def test_refresh_after_the_refresh_token_ended_is_refused(driver):
    driver.control.set_settings(refresh_token_seconds=60)
    pair = driver.tokens()
    driver.control.advance(60)

    assert code_of(driver.refresh(pair["refresh_token"])) == "40002"


def test_access_token_after_its_end_is_refused(driver):
    driver.control.set_settings(access_token_seconds=20)
    pair = driver.tokens()
    assert pair["expires_in"] == 20
    driver.control.advance(20)

    assert code_of(driver.create_key(pair["access_token"])) == "40001"


def _reuse(driver, world):
    driver.control.set_worlds(refresh_rotation=world)
    old = driver.tokens()
    new = driver.refresh(old["refresh_token"]).json()
    again = driver.refresh(old["refresh_token"]).json()
    return old, new, again


def test_rotation_where_the_old_token_dies_refuses_reuse_and_keeps_the_new_pair(driver):
    _, new, again = _reuse(driver, "dies")

    assert again["code"] == "40002"
    assert "access_token" in driver.refresh(new["refresh_token"]).json()
    assert driver.control.rotations()["reused"] == 1


def test_rotation_where_the_old_token_survives_gives_another_pair(driver):
    _, new, again = _reuse(driver, "survives")

    assert code_of(driver.create_key(new["access_token"])) == "40001"
    assert code_of(driver.create_key(again["access_token"])) == "200"
    assert "access_token" in driver.refresh(new["refresh_token"]).json()


def test_rotation_where_reuse_kills_the_chain_leaves_nothing(driver):
    _, new, again = _reuse(driver, "reuse_kills_chain")

    assert again["code"] == "40002"
    assert code_of(driver.refresh(new["refresh_token"])) == "40002"
    assert code_of(driver.create_key(new["access_token"])) == "40001"
    assert driver.control.rotations()["chains"][0]["dead"]


def test_revoked_authorization_refuses_both_tokens(driver):
    pair = driver.tokens()
    driver.control.revoke_chain(driver.control.rotations()["chains"][0]["id"])

    assert code_of(driver.refresh(pair["refresh_token"])) == "40002"
    assert code_of(driver.create_key(pair["access_token"])) == "40001"


def test_rotations_tell_the_live_pair_and_whether_it_was_used(driver):
    new = driver.refresh(driver.tokens()["refresh_token"]).json()
    driver.create_key(new["access_token"])

    chain = driver.control.rotations()["chains"][0]

    assert chain["live"] == 2
    assert [pair["live"] for pair in chain["pairs"]] == [False, True]
    assert [pair["refreshValid"] for pair in chain["pairs"]] == [False, True]
    assert chain["pairs"][1]["seen"] is True


def test_unknown_oauth_path_answers_in_the_web_envelope(driver):
    answer = driver.get("/_oauth/nothing")

    assert answer.status_code == 404
    assert answer.json()["success"] is False
