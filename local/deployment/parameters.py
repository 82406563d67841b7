"""The stack's parameters on one machine, and the checks of CloudFormation that moto leaves out."""

import json
import re
from collections.abc import Callable
from typing import Any

DEFAULT_BROKER_NAME = "Demo Broker"

# What the simulator takes by default; the operator fills the real ones in.
KUCOIN_SECRET = {
    "clientSecret": "local-client-secret",
    "spot": {
        "partner": "kubrokerspot",
        "brokerName": "kubrokerspotND",
        "brokerKey": "local-spot-broker-key",
    },
    "futures": {
        "partner": "kubrokerfutures",
        "brokerName": "kubrokerfuturesND",
        "brokerKey": "local-futures-broker-key",
    },
}

# Whom the demo's users can pay: an address, and a KuCoin account (the simulator's erin).
PAYEES = [
    {
        "id": "shop",
        "name": "Demo Shop",
        "withdrawType": "ADDRESS",
        "address": "TDemoShopAddress0000EXAMPLE01",
        "chain": "trx",
        "currencies": ["USDT"],
    },
    {
        "id": "shop-uid",
        "name": "Demo Shop",
        "withdrawType": "UID",
        "address": "200000005",
        "currencies": ["USDT", "BTC"],
    },
]


class ParameterError(ValueError):
    """CloudFormation would refuse to deploy."""


def build_local_parameters(
    *, gateway_url: str, simulator_url: str, broker_url: str, **others: str
) -> dict[str, str]:
    """Parameters of a stack whose KuCoin is the simulator.

    Args:
        gateway_url: Where browsers reach the API; its host has to be ``localhost``.
        simulator_url: The KuCoin simulator.
        broker_url: The broker's site, to which browsers return.
        others: More parameters, by their names in the template.
    """
    return {
        "Stage": "local",
        "KucoinWebUrl": simulator_url,
        "KucoinRestUrl": simulator_url,
        "KucoinFuturesUrl": f"{simulator_url}/futures",
        "KucoinBrokerUrl": f"{simulator_url}/broker",
        "KucoinClientId": "kubroker-local",
        "KucoinRedirectUrl": f"{gateway_url}/oauth/callback",
        "PublicBaseUrl": gateway_url,
        "ReturnUrlAllowList": f"{broker_url}/",
        "BrokerName": DEFAULT_BROKER_NAME,
        "PaymentPayees": json.dumps(PAYEES),
        "LogRetentionDays": "7",
        **others,
    }


def check_parameters(template: dict[str, Any], given: dict[str, str]) -> dict[str, str]:
    """Refuses what CloudFormation would: bounds, patterns and the template's rules.

    Args:
        template: As written or translated.
        given: The parameters of a deployment.

    Returns:
        All parameters, defaults included.

    Raises:
        ParameterError: Names the parameter, or says what the rule says.
    """
    slots = template.get("Parameters", {})
    if unknown := set(given) - set(slots):
        raise ParameterError(f"the template has no parameters {sorted(unknown)}")
    values: dict[str, str] = {}
    for name, slot in slots.items():
        if name not in given and "Default" not in slot:
            raise ParameterError(f"{name} is missing")
        values[name] = str(given.get(name, slot.get("Default")))
        _check_value(name, values[name], slot)
    for rule in template.get("Rules", {}).values():
        if _evaluate(rule.get("RuleCondition", True), values):
            for assertion in rule["Assertions"]:
                if not _evaluate(assertion["Assert"], values):
                    raise ParameterError(assertion["AssertDescription"])
    return values


def _check_value(name: str, value: str, slot: dict[str, Any]) -> None:
    allowed = slot.get("AllowedValues")
    is_fitting = (
        (allowed is None or value in map(str, allowed))
        and re.fullmatch(slot.get("AllowedPattern", r"[\s\S]*"), value) is not None
        and slot.get("MinLength", 0) <= len(value) <= slot.get("MaxLength", 10**6)
    )
    if slot["Type"] == "Number":
        low, high = slot.get("MinValue", float("-inf")), slot.get("MaxValue", float("inf"))
        is_fitting = is_fitting and float(low) <= float(value) <= float(high)
    if not is_fitting:
        raise ParameterError(
            f"{name} can't be {value!r}: {slot.get('ConstraintDescription', slot)}"
        )


def _evaluate(expression: Any, values: dict[str, str]) -> Any:
    """The functions that a template's rules may use."""
    if not isinstance(expression, dict):
        return expression
    ((name, argument),) = expression.items()
    if name == "Ref":
        return values[argument]
    parts = [_evaluate(part, values) for part in argument]
    if name == "Fn::Contains":
        return parts[1] in parts[0]
    functions: dict[str, Callable[[], bool]] = {
        "Fn::Equals": lambda: str(parts[0]) == str(parts[1]),
        "Fn::Not": lambda: not parts[0],
        "Fn::And": lambda: all(parts),
        "Fn::Or": lambda: any(parts),
    }
    return functions[name]()
