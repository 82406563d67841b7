"""Settings: read once, checked whole, told by name."""

import pytest

from kubroker.foundation.errors import ConfigurationError
from kubroker.foundation.settings import ConnectSettings, KucoinProtocol, KucoinSettings

KUCOIN = {
    "KUCOIN_CLIENT_ID": "client",
    "KUCOIN_REDIRECT_URL": "https://broker.example/oauth/callback",
    "KUCOIN_SECRET_NAME": "secret",
}
CONNECT = {
    "RETURN_URL_ALLOW_LIST": "https://broker.example/kucoin, http://localhost:3003",
    "BROKER_NAME": "Example",
}


def connect_settings(**more: str) -> ConnectSettings:
    return ConnectSettings.from_environment({**CONNECT, **more})


def test_settings_missing_variable_is_named() -> None:
    with pytest.raises(ConfigurationError) as caught:
        KucoinSettings.from_environment({"KUCOIN_CLIENT_ID": "x"})
    assert "KUCOIN_REDIRECT_URL" in caught.value.message
    assert "KUCOIN_SECRET_NAME" in caught.value.message


@pytest.mark.parametrize(
    ("site", "rest", "broker"),
    [
        ("global", "https://api.kucoin.com", "https://api.kucoin.com"),
        ("europe", "https://api.kucoin.eu", "https://api.kucoin.eu"),
        ("australia", "https://api.kucoin.com", "https://api.kucoin.com"),
    ],
)
def test_settings_unset_urls_are_the_sites(site: str, rest: str, broker: str) -> None:
    settings = KucoinSettings.from_environment({**KUCOIN, "KUCOIN_SITE": site})
    assert (settings.rest_url, settings.broker_url) == (rest, broker)


def test_settings_empty_url_counts_as_unset() -> None:
    settings = KucoinSettings.from_environment({**KUCOIN, "KUCOIN_WEB_URL": ""})
    assert settings.web_url == "https://www.kucoin.com"


def test_settings_v1_on_a_local_site_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        KucoinSettings.from_environment(
            {**KUCOIN, "KUCOIN_SITE": "europe", "KUCOIN_KEY_VERSION": "v1"}
        )


def test_settings_protocol_override_corrects_one_fact() -> None:
    settings = KucoinSettings.from_environment(
        {**KUCOIN, "KUCOIN_PROTOCOL_OVERRIDES": '{"token_path": "/other"}'}
    )
    assert settings.protocol.token_path == "/other"
    assert settings.protocol.refresh_path == KucoinProtocol().refresh_path


@pytest.mark.parametrize("text", ['{"no_such_fact": 1}', "not json", '{"refresh_token_seconds":0}'])
def test_settings_malformed_override_is_a_configuration_error(text: str) -> None:
    with pytest.raises(ConfigurationError):
        KucoinSettings.from_environment({**KUCOIN, "KUCOIN_PROTOCOL_OVERRIDES": text})


@pytest.mark.parametrize(
    "url",
    [
        "https://broker.example/kucoin",
        "https://broker.example/kucoin/",
        "https://broker.example/kucoin/return?user=1",
        "http://localhost:3003/kucoin/return",
        "http://localhost:3003",
    ],
)
def test_return_url_on_the_list_is_allowed(url: str) -> None:
    assert connect_settings().is_return_url_allowed(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://broker.example/kucoin",
        "https://broker.example/kucoin-evil",
        "https://broker.example/",
        "https://broker.example.evil/kucoin",
        "https://evil.example/kucoin",
        "https://broker.example@evil.example/kucoin",
        "https://broker.example/kucoin/../admin",
        "https://broker.example/kucoin/..",
        "https://broker.example/kucoin/%2e%2e/admin",
        "https://broker.example/kucoin/%2E./admin",
        "https://broker.example\\@evil.example/kucoin",
        "https://broker.example/kucoin#fragment",
        "https://broker.example/kucoin\n",
        "https://broker.example:444/kucoin",
        "http://localhost:3004/",
        "javascript:alert(1)",
        "//broker.example/kucoin",
        "https://br\u043eker.example/kucoin",
        "",
    ],
)
def test_return_url_elsewhere_is_refused(url: str) -> None:
    assert not connect_settings().is_return_url_allowed(url)


def test_return_url_http_entry_beyond_localhost_never_allows() -> None:
    settings = connect_settings(RETURN_URL_ALLOW_LIST="http://broker.example")
    assert not settings.is_return_url_allowed("http://broker.example/x")
