"""Signed calls: every check, its code and its HTTP status."""

import time

import pytest

from tests.simulator.unit.driver import FUTURES, SPOT, Key, code_of, hmac64


def test_check_key_signed_rightly_holds_and_is_journaled(driver):
    key = driver.key()

    answer = driver.check_key(key)
    entry = driver.last_entry(route="check_key")

    assert code_of(answer) == "200000"
    assert answer.headers["content-type"].startswith("application/json")
    assert (entry["signature"], entry["partner"], entry["rebateLost"]) == ("held", "held", False)
    assert (entry["user"], entry["apiKey"], entry["outcome"]) == ("alice", key.api_key, "200000")


@pytest.mark.parametrize(
    "missing", ["KC-API-KEY", "KC-API-SIGN", "KC-API-TIMESTAMP", "KC-API-PASSPHRASE"]
)
def test_signed_call_without_a_header_is_400001(driver, missing):
    answer = driver.check_key(driver.key(), headers={missing: None})

    assert (answer.status_code, code_of(answer)) == (400, "400001")


@pytest.mark.parametrize("version", [None, "1", "2"])
def test_signed_call_with_another_key_version_is_400001(driver, version):
    answer = driver.check_key(driver.key(), headers={"KC-API-KEY-VERSION": version})

    assert (answer.status_code, code_of(answer)) == (400, "400001")
    assert "KC-API-KEY-VERSION" in answer.json()["msg"]


@pytest.mark.parametrize("shift_ms", [-6000, 6000])
def test_signed_call_outside_the_window_is_400002(driver, shift_ms):
    answer = driver.check_key(driver.key(), timestamp=time.time_ns() // 1_000_000 + shift_ms)

    assert (answer.status_code, code_of(answer)) == (400, "400002")


@pytest.mark.parametrize("stamp", ["soon", "-1", "1.5", "²"])
def test_signed_call_with_a_timestamp_that_is_none_is_400002(driver, stamp):
    answer = driver.check_key(driver.key(), headers={"KC-API-TIMESTAMP": stamp.encode()})

    assert code_of(answer) == "400002"


def test_signed_call_follows_the_simulated_clock(driver):
    driver.control.set_clock(offsetSeconds=86_400)
    key = driver.key()
    kucoin_ms = driver.get("/api/v1/timestamp").json()["data"]

    assert code_of(driver.check_key(key)) == "400002"
    assert code_of(driver.check_key(key, timestamp=kucoin_ms)) == "200000"


def test_signed_call_with_an_unknown_key_is_400003(driver):
    answer = driver.check_key(Key("6422da9c97b45100018c6e62", "a", "b"))

    assert (answer.status_code, code_of(answer)) == (401, "400003")


def test_signed_call_with_a_deleted_key_is_400003(driver):
    key = driver.key()
    driver.control.delete_key(key.api_key)

    assert code_of(driver.check_key(key)) == "400003"


def test_signed_call_with_a_wrong_passphrase_is_400004(driver):
    key = driver.key()

    answer = driver.check_key(Key(key.api_key, key.secret, "wrong"))

    assert (answer.status_code, code_of(answer)) == (401, "400004")


def test_signed_call_with_a_plain_passphrase_is_400004(driver):
    key = driver.key()

    assert code_of(driver.check_key(key, headers={"KC-API-PASSPHRASE": key.passphrase})) == "400004"


def test_signed_call_with_a_wrong_signature_is_400005(driver):
    key = driver.key()

    answer = driver.check_key(key, headers={"KC-API-SIGN": hmac64(key.secret, "other")})

    assert (answer.status_code, code_of(answer)) == (401, "400005")
    assert driver.last_entry(route="check_key")["signature"].startswith("400005")


def test_signed_call_signs_the_query_raw_and_sends_it_encoded(driver):
    key = driver.key()

    answer = driver.check_key(key, query={"note": "a b&c=d/é"})

    assert code_of(answer) == "200000"


def test_signed_call_that_signs_the_encoded_query_is_400005(driver):
    key = driver.key()

    answer = driver.check_key(key, query={"note": "a b"}, signed_query="note=a%20b")

    assert code_of(answer) == "400005"


def test_signed_call_from_an_address_outside_the_whitelist_is_400006(driver):
    key = driver.key(ipWhitelist=["10.1.2.3"])

    answer = driver.check_key(key)

    assert (answer.status_code, code_of(answer)) == (403, "400006")
    assert "127.0.0.1" in answer.json()["msg"]


def test_signed_call_from_a_whitelisted_address_holds(driver):
    driver.control.set_settings(clientIp="10.1.2.3")

    assert code_of(driver.check_key(driver.key(ipWhitelist=["10.1.2.3"]))) == "200000"


def test_signed_call_from_a_foreign_address_is_400202_in_that_world(driver):
    driver.control.set_worlds(address_code="400202")
    answer = driver.check_key(driver.key(ipWhitelist=["10.1.2.3"]))

    assert (answer.status_code, code_of(answer)) == (403, "400202")


def test_signed_call_without_the_permission_is_400007(driver):
    answer = driver.check_key(driver.key(groups=["API_SPOT"]))

    assert (answer.status_code, code_of(answer)) == (403, "400007")


def test_signed_call_of_a_frozen_account_is_411100(driver):
    assert code_of(driver.check_key(driver.key("erin"))) == "411100"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"KC-API-PARTNER": "stranger"}, "400200"),
        ({"KC-API-PARTNER-SIGN": "AAAA"}, "400201"),
        ({"KC-API-PARTNER-SIGN": None}, "400201"),
        ({"KC-BROKER-NAME": "stranger"}, "400200"),
    ],
)
def test_partner_header_wrong_with_verify_is_refused(driver, headers, code):
    answer = driver.check_key(driver.key(), headers=headers)

    assert (answer.status_code, code_of(answer)) == (400, code)
    assert driver.last_entry(route="check_key")["signature"] == "held"


def test_partner_signed_with_the_api_secret_is_400201(driver):
    key = driver.key()
    stamp = time.time_ns() // 1_000_000
    wrong = hmac64(key.secret, f"{stamp}{SPOT[0]}{key.api_key}")

    answer = driver.check_key(key, timestamp=stamp, headers={"KC-API-PARTNER-SIGN": wrong})

    assert code_of(answer) == "400201"


@pytest.mark.parametrize(
    "headers",
    [
        {"KC-API-PARTNER-SIGN": "AAAA", "KC-API-PARTNER-VERIFY": None},
        {
            "KC-API-PARTNER": None,
            "KC-API-PARTNER-SIGN": None,
            "KC-BROKER-NAME": None,
            "KC-API-PARTNER-VERIFY": None,
        },
        {"KC-BROKER-NAME": None},
    ],
)
def test_partner_header_missing_or_unverified_loses_the_rebate_silently(driver, headers):
    answer = driver.check_key(driver.key(), headers=headers)

    assert code_of(answer) == "200000"
    assert driver.last_entry(route="check_key")["rebateLost"] is True


def test_partner_required_world_refuses_calls_without_headers(driver):
    driver.control.set_worlds(partner_required=True)
    headers = dict.fromkeys(
        ("KC-API-PARTNER", "KC-API-PARTNER-SIGN", "KC-BROKER-NAME", "KC-API-PARTNER-VERIFY")
    )

    assert code_of(driver.check_key(driver.key(), headers=headers)) == "400200"


def test_partner_of_futures_on_the_spot_host_is_refused(driver):
    assert code_of(driver.check_key(driver.key(), partner=FUTURES)) == "400200"


def test_public_calls_need_no_signature_on_every_host(driver):
    for host in ("", "/futures", "/broker"):
        assert isinstance(driver.get(f"{host}/api/v1/timestamp").json()["data"], int)
    assert driver.get("/api/v1/my-ip").json() == {"code": "200000", "data": "127.0.0.1"}


def test_unknown_rest_path_is_404000(driver):
    answer = driver.get("/api/v1/nothing")

    assert (answer.status_code, code_of(answer)) == (404, "404000")


def test_bearer_identity_world_tells_the_uid(driver):
    headers = {"Authorization": f"bearer {driver.tokens('bob')['access_token']}"}
    assert code_of(driver.get("/api/v1/user/api-key", headers=headers)) == "400001"
    driver.control.set_worlds(bearer_identity=True)

    answer = driver.get("/api/v1/user/api-key", headers=headers)

    assert answer.json()["data"] == {"uid": 200000002}


def test_quota_headers_count_down_and_end_in_429000(driver):
    driver.control.set_settings(rate_limits={"management": 50})
    key = driver.key()

    answers = [driver.check_key(key) for _ in range(3)]

    assert [answer.headers["gw-ratelimit-remaining"] for answer in answers] == ["30", "10", "10"]
    assert answers[0].headers["gw-ratelimit-limit"] == "50"
    assert 0 < int(answers[2].headers["gw-ratelimit-reset"]) <= 30_000
    assert (answers[2].status_code, code_of(answers[2])) == (429, "429000")


def test_quota_is_whole_again_after_the_window(driver):
    driver.control.set_settings(rate_limits={"public": 3})
    assert code_of(driver.get("/api/v1/timestamp")) == "200000"
    assert code_of(driver.get("/api/v1/timestamp")) == "429000"
    driver.control.advance(30)

    assert code_of(driver.get("/api/v1/timestamp")) == "200000"
