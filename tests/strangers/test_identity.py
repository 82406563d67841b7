"""The calls that linking needs, made by public clients."""


def test_check_key_through_the_official_sdk_parses(driver, clients):
    key = driver.key(ipWhitelist=["127.0.0.1", "10.0.0.1"])

    facts = clients.sdk(key).get_account_service().get_account_api().get_apikey_info()

    assert facts.api_key == key.api_key
    assert facts.api_version == 3
    assert facts.permission == "General,Spot,Margin,Futures,Earn,InnerTransfer,Transfer,Unified"
    assert facts.ip_whitelist == "127.0.0.1,10.0.0.1"
    assert facts.uid == 200000001
    assert facts.is_master is True
    assert facts.common_response.rate_limit.limit == 2000
    assert facts.common_response.rate_limit.remaining == 1980


def test_check_key_through_the_official_transport_with_broker_headers_keeps_the_rebate(
    driver, clients
):
    from kucoin_universal_sdk.generate.account.account import GetApikeyInfoResp

    api = clients.sdk(driver.key()).get_account_service().get_account_api()

    api.transport.call(
        "spot", True, "GET", "/api/v1/user/api-key", None, GetApikeyInfoResp(), False
    )

    entry = driver.last_entry(route="check_key")
    assert (entry["signature"], entry["partner"], entry["rebateLost"]) == ("held", "held", False)


def test_check_key_through_ccxt_parses_and_its_partner_signature_holds(driver, clients):
    key = driver.key()

    answer = clients.ccxt(key).private_get_user_api_key()

    assert answer["data"]["apiKey"] == key.api_key
    entry = driver.last_entry(route="check_key")
    assert entry["signature"] == "held"
    assert entry["partner"] == "Invalid KC-BROKER-NAME: missing"


def test_check_key_through_python_kucoin_parses_and_its_partner_signature_holds(driver, clients):
    key = driver.key()

    answer = clients.python_kucoin(key)._get("user/api-key", True)

    assert answer["apiKey"] == key.api_key
    entry = driver.last_entry(route="check_key")
    assert entry["signature"] == "held"
    assert entry["partner"] == "Invalid KC-BROKER-NAME: missing"


def test_timestamp_through_every_client_parses(driver, clients):
    driver.control.set_clock(frozen=True, nowMs=1_700_000_000_000)
    key = driver.key()
    sdk = clients.sdk(key)

    read = [
        sdk.get_spot_service().get_market_api().get_server_time().data,
        sdk.get_futures_service().get_market_api().get_server_time().data,
        clients.ccxt(key).fetch_time(),
        int(clients.ccxt(key).futurespublic_get_timestamp()["data"]),
        clients.python_kucoin(key).get_timestamp(),
        clients.python_kucoin(key).futures_get_timestamp(),
    ]

    assert read == [1_700_000_000_000] * 6


def test_my_ip_through_the_official_sdk_parses(driver, clients):
    market = clients.sdk(driver.key()).get_spot_service().get_market_api()

    assert market.get_client_ip_address().data == "127.0.0.1"
