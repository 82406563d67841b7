"""API-key creation in both versions, and every way it is refused."""

import json

import pytest

from tests.simulator.unit.driver import Key, code_of

WITHDRAW = "API_WITHDRAW_OAUTH"


def test_create_key_v2_gives_a_key_that_signs(driver):
    pair = driver.tokens("alice", permissions=["API_TRANSFER", WITHDRAW])
    data = driver.create_key(
        pair["access_token"], ["API_COMMON", "API_SPOT", "API_TRANSFER", WITHDRAW]
    ).json()["data"]

    facts = driver.check_key(Key.of(data)).json()["data"]

    assert data["authGroup"] == "API_COMMON,API_SPOT,API_TRANSFER,API_WITHDRAW_OAUTH"
    assert set(data) == {
        "apiName", "apiKey", "secret", "passphrase", "brokerId", "authGroup", "ipWhiteList",
    }  # fmt: skip
    assert facts["permission"] == "General,Spot,InnerTransfer,Transfer"
    assert facts["uid"] == 200000001
    assert facts["apiVersion"] == 3
    assert "ipWhitelist" not in facts


def test_create_key_v1_has_all_granted_groups_but_withdrawal(driver):
    pair = driver.tokens("alice", permissions=["API_MARGIN", WITHDRAW])

    data = driver.create_key_v1(pair["access_token"]).json()["data"]

    assert data["authGroup"] == "API_COMMON,API_SPOT,API_MARGIN,API_EARN"


def test_create_key_v1_with_a_body_is_refused(driver):
    assert code_of(driver.create_key_v1(driver.tokens()["access_token"], "a=b")) == "40004"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("", "application/json"),
        ("[]", "application/json"),
        ("{", "application/json"),
        ('{"authGroupMap":{"API_COMMON":true}}', "application/json"),
        ('{"authGroupMap":[],"isAddressbookOnly":false}', "application/json"),
        ('{"authGroupMap":{"API_SPOT":true},"isAddressbookOnly":false}', "application/json"),
        ('{"authGroupMap":{"API_COMMON":"true"},"isAddressbookOnly":false}', "application/json"),
        (
            '{"authGroupMap":{"API_COMMON":true,"API_X":true},"isAddressbookOnly":false}',
            "application/json",
        ),
        ('{"authGroupMap":{"API_COMMON":true},"isAddressbookOnly":"no"}', "application/json"),
        ('{"authGroupMap":{"API_COMMON":true},"isAddressbookOnly":false}', "text/plain"),
    ],
)
def test_create_key_malformed_request_is_refused(driver, body, content_type):
    answer = driver.create_key_raw(driver.tokens()["access_token"], body, content_type)

    assert code_of(answer) == "40004"


def test_create_key_without_bearer_is_refused_with_401(driver):
    answer = driver.create_key("unknown")

    assert answer.status_code == 401
    assert code_of(answer) == "40001"


@pytest.mark.parametrize(
    ("user", "granted", "granted_flag", "asked", "flag", "code"),
    [
        ("alice", ["API_FUTURES"], False, ["API_COMMON", "API_FUTURES"], False, "200"),
        ("alice", [], False, ["API_COMMON", "API_FUTURES"], False, "40503"),
        ("bob", ["API_FUTURES"], False, ["API_COMMON", "API_FUTURES"], False, "40503"),
        ("alice", [WITHDRAW], False, ["API_COMMON", WITHDRAW], True, "40503"),
        ("alice", [WITHDRAW], True, ["API_COMMON", WITHDRAW], False, "40503"),
        ("alice", [WITHDRAW], True, ["API_COMMON", WITHDRAW], True, "200"),
        ("alice", [], True, ["API_COMMON"], False, "200"),
        ("alice", [], False, ["API_COMMON"], True, "200"),
        ("alice", ["API_UNIFIED"], False, ["API_COMMON", "API_UNIFIED"], False, "200"),
    ],
)
def test_create_key_compares_with_the_grant(driver, user, granted, granted_flag, asked, flag, code):
    pair = driver.tokens(user, permissions=granted, isAddressbookOnly=granted_flag)

    assert code_of(driver.create_key(pair["access_token"], asked, flag)) == code


def test_create_key_in_the_exact_world_refuses_fewer_groups(driver):
    driver.control.set_worlds(grant_match="exact")
    access = driver.tokens("alice", permissions=[])["access_token"]

    assert code_of(driver.create_key(access, ["API_COMMON"])) == "40503"
    assert code_of(driver.create_key(access, ["API_COMMON", "API_SPOT", "API_EARN"])) == "200"


def test_create_key_second_time_is_allowed_under_another_name(driver):
    access = driver.tokens()["access_token"]

    names = [driver.create_key(access).json()["data"]["apiName"] for _ in range(2)]

    assert names == ["kubroker", "kubroker-2"]


def test_create_key_second_time_in_the_one_key_world_is_a_taken_name(driver):
    driver.control.set_worlds(one_key_per_broker=True)
    access = driver.tokens()["access_token"]
    driver.create_key(access)

    assert code_of(driver.create_key(access)) == "40010"


def test_create_key_after_the_old_one_was_deleted_works_in_the_one_key_world(driver):
    driver.control.set_worlds(one_key_per_broker=True)
    access = driver.tokens()["access_token"]
    driver.control.delete_key(driver.create_key(access).json()["data"]["apiKey"])

    assert code_of(driver.create_key(access)) == "200"


def test_create_key_at_the_limit_is_refused(driver):
    answer = driver.create_key(driver.tokens("dave")["access_token"])

    assert code_of(answer) == "40011"
    assert "maximum" in answer.json()["msg"]


def test_create_key_refusal_codes_are_settings(driver):
    driver.control.set_settings(code_key_limit="99999", web_error_status=400)

    answer = driver.create_key(driver.tokens("dave")["access_token"])

    assert (answer.status_code, code_of(answer)) == (400, "99999")


def test_create_key_gets_the_configured_ip_whitelist(driver):
    driver.control.set_settings(keyIpWhitelist="10.0.0.1,127.0.0.1")

    data = driver.create_key(driver.tokens()["access_token"]).json()["data"]

    assert data["ipWhiteList"] == "10.0.0.1,127.0.0.1"
    assert driver.check_key(Key.of(data)).json()["data"]["ipWhitelist"] == "10.0.0.1,127.0.0.1"


def test_secrets_list_every_secret_that_was_issued(driver):
    code = driver.control.authorization_code("alice")
    pair = driver.exchange(code).json()
    data = driver.create_key(pair["access_token"]).json()["data"]

    known = driver.control.secrets()

    for secret in (
        code,
        pair["access_token"],
        pair["refresh_token"],
        data["secret"],
        data["passphrase"],
        "local-client-secret",
        "local-spot-broker-key",
        "local-futures-broker-key",
    ):
        assert secret in known


def test_journal_and_state_hold_no_secret(driver):
    pair = driver.tokens()
    driver.refresh(pair["refresh_token"])
    key = driver.key()
    driver.check_key(key)

    shown = json.dumps([driver.control.journal(), driver.control.state()])
    page = driver.get("/_sim").text

    for secret in driver.control.secrets():
        assert secret not in shown
        assert secret not in page
