"""Environment: what the code reads is what the template declares."""

import inspect

import pytest
from pydantic import BaseModel

from kubroker.foundation import settings
from tests.support.deployed import load_translated, select

FUNCTIONS = select(load_translated()["Resources"], "AWS::Lambda::Function")
# Read by Powertools and boto3, not by kubroker.foundation.settings.
OF_LIBRARIES = {
    "AWS_ENDPOINT_URL",
    "POWERTOOLS_LOG_LEVEL",
    "POWERTOOLS_METRICS_NAMESPACE",
    "POWERTOOLS_SERVICE_NAME",
}
TALKS_TO_KUCOIN = {
    "ConnectFunction",
    "DepositAddressFunction",
    "ExportFunction",
    "KeyCreationFunction",
    "KucoinProxyFunction",
    "OauthCallbackFunction",
    "RebateFunction",
    "TokenRefreshFunction",
    "WithdrawalFunction",
    "WithdrawalTrackerFunction",
}


def _list_aliases() -> set[str]:
    models = [
        model
        for _, model in inspect.getmembers(settings, inspect.isclass)
        if issubclass(model, BaseModel) and hasattr(model, "from_environment")
    ]
    return {field.alias for model in models for field in model.model_fields.values()}


def _get_environment(function: str) -> dict[str, object]:
    return FUNCTIONS[function]["Environment"]["Variables"]


def test_every_setting_is_declared_and_every_declared_one_is_read():
    declared = {name for function in FUNCTIONS for name in _get_environment(function)}
    assert declared - OF_LIBRARIES == _list_aliases()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_function_names_itself(function):
    environment = _get_environment(function)
    name = FUNCTIONS[function]["FunctionName"]["Fn::Sub"].removeprefix("kubroker-${Stage}-")
    assert environment["POWERTOOLS_SERVICE_NAME"] == name.replace("-", "_")
    assert environment["AWS_ENDPOINT_URL"] == "", "declared, so that sam local can set it"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_function_knows_kucoin_only_where_it_talks_to_it(function):
    knows = {name for name in _get_environment(function) if name.startswith("KUCOIN_")}
    assert bool(knows) == (function in TALKS_TO_KUCOIN)


def test_no_secret_stands_in_an_environment():
    for function in FUNCTIONS:
        for name, value in _get_environment(function).items():
            assert "resolve:secretsmanager" not in str(value), name
            assert "SECRET" not in name or name in {"KUCOIN_SECRET_NAME", "WEBHOOKS_SECRET_NAME"}
