"""The operator's secret: parsed, and never repeated in an error."""

import json

import pytest

from kubroker.foundation.errors import ConfigurationError
from kubroker.kucoin.identity import parse_kucoin_secret

SPOT = {"partner": "spotter", "brokerName": "spotterND", "brokerKey": "key-spot"}
EMPTY_PART = {"partner": "", "brokerName": "", "brokerKey": ""}


def test_parse_kucoin_secret_full_gives_all_parts():
    secret = parse_kucoin_secret(
        json.dumps({"clientSecret": "hush", "spot": SPOT, "futures": {**SPOT, "partner": "f"}})
    )
    assert secret.client_secret is not None
    assert secret.client_secret.get_secret_value() == "hush"
    assert secret.spot is not None
    assert secret.spot.partner == "spotter"
    assert secret.spot.broker_name == "spotterND"
    assert secret.spot.broker_key.get_secret_value() == "key-spot"
    assert secret.futures is not None
    assert secret.futures.partner == "f"
    assert "hush" not in repr(secret)
    assert "key-spot" not in repr(secret)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"clientSecret": "", "spot": {}, "futures": None},
        {"clientSecret": None, "spot": EMPTY_PART, "futures": EMPTY_PART, "note": "ours"},
    ],
)
def test_parse_kucoin_secret_missing_parts_are_none(payload):
    secret = parse_kucoin_secret(json.dumps(payload))
    assert (secret.client_secret, secret.spot, secret.futures) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("hush-hush", "it is not JSON"),
        ("", "it is not JSON"),
        ('"hush"', "missing or malformed: the object"),
        ("[]", "missing or malformed: the object"),
        ('{"clientSecret": 7}', "missing or malformed: clientSecret"),
        ('{"spot": {"partner": "hush"}}', "malformed: spot.brokerKey, spot.brokerName"),
        ('{"spot": {"partner":"p","brokerName":"n","brokerKey":""}}', "malformed: spot.brokerKey"),
        ('{"futures": "hush"}', "missing or malformed: futures"),
    ],
)
def test_parse_kucoin_secret_malformed_names_the_field_never_a_value(text, problem):
    with pytest.raises(ConfigurationError) as caught:
        parse_kucoin_secret(text)
    assert problem in caught.value.message
    assert "hush" not in caught.value.message
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
