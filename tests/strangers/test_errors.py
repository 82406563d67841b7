"""Each refusal makes public clients raise what they raise for KuCoin's code."""

import ccxt
import pytest
from kucoin.exceptions import KucoinAPIException
from kucoin_universal_sdk.model.common import RestError

from tests.simulator.unit.driver import Key


def _unknown_key(driver):
    return Key("6422da9c97b45100018c6e62", "secret", "passphrase")


def _wrong_secret(driver):
    key = driver.key()
    return Key(key.api_key, "wrong", key.passphrase)


def _wrong_signature(driver):
    driver.control.add_fault(
        "check_key", "error", times=None, status=401, code="400005", msg="Invalid KC-API-SIGN"
    )
    return driver.key()


def _old_clock(driver):
    driver.control.set_clock(offsetSeconds=60)
    return driver.key()


def _other_address(driver):
    return driver.key(ipWhitelist=["10.0.0.1"])


def _no_permission(driver):
    return driver.key(groups=["API_SPOT"])


def _frozen(driver):
    return driver.key("erin")


def _missing_headers(driver):
    driver.control.set_settings(key_versions=["4"])
    return driver.key()


def _partner_required(driver):
    driver.control.set_worlds(partner_required=True)
    return driver.key()


def _quota_used_up(driver):
    driver.control.set_settings(rate_limits={"management": 10})
    return driver.key()


CASES = [
    (_missing_headers, "400001", 400, ccxt.AuthenticationError),
    (_old_clock, "400002", 400, ccxt.InvalidNonce),
    (_unknown_key, "400003", 401, ccxt.AuthenticationError),
    (_wrong_secret, "400004", 401, ccxt.AuthenticationError),
    (_wrong_signature, "400005", 401, ccxt.AuthenticationError),
    (_other_address, "400006", 403, ccxt.AuthenticationError),
    (_no_permission, "400007", 403, ccxt.AuthenticationError),
    (_frozen, "411100", 200, ccxt.AccountSuspended),
    # this ccxt has no entry for 429000, so its general class is the right one
    (_quota_used_up, "429000", 429, ccxt.ExchangeError),
]
IDS = [case[1] for case in CASES]


@pytest.mark.parametrize(("arrange", "code", "status", "error"), CASES, ids=IDS)
def test_refusal_through_ccxt_raises_its_class(driver, clients, arrange, code, status, error):
    client = clients.ccxt(arrange(driver))

    with pytest.raises(error) as caught:
        client.private_get_user_api_key()

    assert code in str(caught.value)


@pytest.mark.parametrize(("arrange", "code", "status", "error"), CASES, ids=IDS)
def test_refusal_through_the_official_sdk_raises_rest_error(
    driver, clients, arrange, code, status, error
):
    api = clients.sdk(arrange(driver)).get_account_service().get_account_api()

    with pytest.raises(RestError) as caught:
        api.get_apikey_info()

    assert code in str(caught.value)
    answered = caught.value.get_common_response()
    assert (answered is not None) == (status == 200)


@pytest.mark.parametrize(("arrange", "code", "status", "error"), CASES, ids=IDS)
def test_refusal_through_python_kucoin_raises_its_code(
    driver, clients, arrange, code, status, error
):
    client = clients.python_kucoin(arrange(driver))

    with pytest.raises(KucoinAPIException) as caught:
        client._get("user/api-key", True)

    assert (caught.value.code, caught.value.status_code) == (code, status)


def test_partner_refusals_reach_every_client(driver, clients):
    key = _partner_required(driver)

    with pytest.raises(ccxt.ExchangeError, match="400200"):
        clients.ccxt(key).private_get_user_api_key()
    with pytest.raises(RestError, match="400200"):
        clients.sdk(key).get_account_service().get_account_api().get_apikey_info()
    with pytest.raises(KucoinAPIException, match="400200"):
        clients.python_kucoin(key)._get("user/api-key", True)


def test_unknown_path_reaches_every_client(driver, clients):
    key = driver.key()

    with pytest.raises(ccxt.NotSupported, match="404000"):
        clients.ccxt(key).public_get_timestamp({"version": "v9"})
    with pytest.raises(KucoinAPIException, match="404000"):
        clients.python_kucoin(key)._get("nothing", True)
