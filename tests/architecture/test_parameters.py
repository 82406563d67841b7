"""What an operator may set, and what is refused before anything is deployed."""

import tomllib
from pathlib import Path

import pytest

from local.deployment.parameters import ParameterError, check_parameters
from local.deployment.template import load_template
from tests.support.deployed import REQUIRED_PARAMETERS, fill_parameters

ROOT = Path(__file__).parents[2]
PARAMETERS = load_template()["Parameters"]
BOUNDS = {"AllowedValues", "AllowedPattern", "MinValue"}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_has_description_type_and_bounds(name):
    parameter = PARAMETERS[name]
    assert len(parameter["Description"]) > 20
    assert parameter["Type"] in {"String", "Number"}
    assert BOUNDS & set(parameter), "AllowedValues, AllowedPattern or MinValue and MaxValue"
    if "AllowedPattern" in parameter:
        assert parameter["ConstraintDescription"], "a regular expression is no explanation"
        assert "AllowedPattern" not in parameter or parameter["AllowedPattern"][0] == "^"
        assert parameter["AllowedPattern"][-1] == "$"


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_default_or_example_is_within_its_bounds(name):
    value = str(PARAMETERS[name].get("Default", REQUIRED_PARAMETERS.get(name)))
    check_parameters({"Parameters": {name: PARAMETERS[name]}}, {name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Stage", "local"),
        ("KucoinWebUrl", "http://127.0.0.1:3001"),
        ("KucoinFuturesUrl", "http://127.0.0.1:3001/futures"),
        ("KucoinRedirectUrl", "http://localhost:3000/oauth/callback"),
        ("PublicBaseUrl", "http://localhost:3000"),
        ("PublicBaseUrl", "https://connect.broker.example/kubroker"),
        ("ReturnUrlAllowList", "http://localhost:3003/,https://a.example/x"),
        ("BrokerName", "Zürcher Börse & Söhne"),
        ("BrokerLogoUrl", "http://localhost:3003/logo.svg"),
        ("BrokerLogoUrl", "https://cdn.broker.example/logo%20dark.png"),
        ("KucoinProtocolOverrides", '{"refresh_grant_type": "refresh_token"}'),
        ("LogRetentionDays", "365"),
    ],
)
def test_parameter_takes(name, value):
    check_parameters({"Parameters": {name: PARAMETERS[name]}}, {name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Stage", "Prod"),
        ("Stage", "a"),
        ("Stage", "has-hyphen"),
        ("KucoinSite", "thailand"),
        ("KucoinWebUrl", "http://www.kucoin.com"),
        ("KucoinWebUrl", "https://user@www.kucoin.com"),
        ("KucoinRestUrl", "https://api.kucoin.com/?x=1"),
        ("KucoinClientId", ""),
        ("KucoinClientId", "a b"),
        ("KucoinRedirectUrl", "https://connect.broker.example/callback"),
        ("KucoinRedirectUrl", "http://connect.broker.example/oauth/callback"),
        ("KucoinRedirectUrl", "https://connect.broker.example/oauth/callback?x=1"),
        ("KucoinKeyVersion", "v3"),
        ("KucoinProtocolOverrides", "refresh_grant_type=refresh_token"),
        ("PublicBaseUrl", "https://connect.broker.example/"),
        ("ReturnUrlAllowList", ""),
        ("ReturnUrlAllowList", "*"),
        ("ReturnUrlAllowList", "http://www.broker.example/"),
        ("ReturnUrlAllowList", "https://a.example/, https://b.example/"),
        ("ReturnUrlAllowList", "https://*.broker.example/"),
        ("BrokerName", "<b>Broker</b>"),
        ("BrokerName", "x" * 61),
        ("BrokerLogoUrl", "javascript:alert(1)"),
        ("BrokerLogoUrl", "https://cdn.broker.example/a.png;script-src"),
        ("LogLevel", "TRACE"),
        ("LogRetentionDays", "0"),
    ],
)
def test_parameter_refuses(name, value):
    with pytest.raises(ParameterError, match=name):
        check_parameters({"Parameters": {name: PARAMETERS[name]}}, {name: value})


@pytest.mark.parametrize("site", ["europe", "australia"])
def test_rules_local_site_with_key_version_1_is_refused(template, site):
    parameters = fill_parameters(template, KucoinSite=site, KucoinKeyVersion="v1")
    with pytest.raises(ParameterError, match="Set KucoinKeyVersion to v2"):
        check_parameters(template, parameters)


@pytest.mark.parametrize(
    ("site", "version"), [("global", "v1"), ("global", "v2"), ("europe", "v2")]
)
def test_rules_known_combination_is_taken(template, site, version):
    check_parameters(template, fill_parameters(template, KucoinSite=site, KucoinKeyVersion=version))


PROD = {
    "Stage": "prod",
    "PublicBaseUrl": "https://connect.broker.example",
    "CustomDomainName": "connect.broker.example",
    "CertificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/0a1b",
    "ReleaseDigest": "0" * 64,
}


@pytest.mark.parametrize("name", ["PublicBaseUrl", "CustomDomainName", "ReleaseDigest"])
def test_rules_prod_without_what_it_needs_is_refused(name, template):
    check_parameters(template, fill_parameters(template, **PROD))
    with pytest.raises(ParameterError, match=name):
        check_parameters(template, fill_parameters(template, **{**PROD, name: ""}))


@pytest.mark.parametrize(
    "changed",
    [
        {"CustomDomainName": "connect.broker.example"},
        {"CertificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/0a1b"},
        {"VpcSubnetIds": "subnet-0a,subnet-0b"},
        {"VpcSecurityGroupId": "sg-0a"},
    ],
    ids=str,
)
def test_rules_half_of_a_pair_is_refused(changed, template):
    with pytest.raises(ParameterError, match="come together"):
        check_parameters(template, fill_parameters(template, **changed))


def test_rules_survive_the_transform(template, translated):
    assert translated["Rules"] == template["Rules"]


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_samconfig_sets_what_has_no_default(stage):
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    deploy = config[stage]["deploy"]["parameters"]
    overrides = dict(entry.split("=", 1) for entry in deploy["parameter_overrides"])
    assert set(overrides) <= set(PARAMETERS)
    assert set(REQUIRED_PARAMETERS) <= set(overrides)
    assert overrides["Stage"] == stage
    assert deploy["capabilities"] == "CAPABILITY_IAM"


def test_samconfig_prod_is_confirmed_by_a_person():
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    assert config["prod"]["deploy"]["parameters"]["confirm_changeset"]
    assert any(
        "PublicBaseUrl=" in o for o in config["prod"]["deploy"]["parameters"]["parameter_overrides"]
    )
