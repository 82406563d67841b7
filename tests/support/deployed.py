"""The stack as CloudFormation would see it, for tests: parameters, routes, what refers to what."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from local.deployment.template import load_template, translate

# What has no default; an operator of a first installation would fill in the like.
REQUIRED_PARAMETERS = {
    "KucoinClientId": "broker-client",
    "KucoinRedirectUrl": "https://connect.broker.example/oauth/callback",
    "ReturnUrlAllowList": "https://www.broker.example/",
    "BrokerName": "Example Broker",
}


def fill_parameters(template: dict[str, Any], **changed: str) -> dict[str, str]:
    """Each parameter's value: its default, the required ones above, and what the test changes."""
    defaults = {
        name: str(parameter["Default"])
        for name, parameter in template["Parameters"].items()
        if "Default" in parameter
    }
    return {**defaults, **REQUIRED_PARAMETERS, **changed}


@cache
def load_translated() -> dict[str, Any]:
    """The template after the SAM transform; not to be changed."""
    template = load_template()
    return translate(template, fill_parameters(template))


def find_references(value: Any) -> Iterator[str]:
    """Logical ids that a property refers to by Ref, GetAtt or Sub; an alias is its function."""
    for logical_id in list_references(value):
        yield logical_id.removesuffix("Aliaslive")


def list_references(value: Any) -> Iterator[str]:
    """Logical ids that a property refers to, aliases as such."""
    if isinstance(value, list):
        for item in value:
            yield from list_references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "Ref":
                yield item
            elif key == "Fn::GetAtt":
                yield item[0] if isinstance(item, list) else item.partition(".")[0]
            elif key == "Fn::Sub":
                text = item[0] if isinstance(item, list) else item
                yield from re.findall(r"\$\{([A-Za-z0-9]+)", text)
            else:
                yield from list_references(item)


def select(resources: dict[str, Any], resource_type: str) -> dict[str, Any]:
    """Logical id to properties, of one type."""
    return {
        name: resource.get("Properties", {})
        for name, resource in resources.items()
        if resource["Type"] == resource_type
    }


def list_routes(translated: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Route key, for example ``GET /health``, to its operation in the API's description."""
    (api,) = select(translated["Resources"], "AWS::ApiGatewayV2::Api").values()
    return {
        ("ANY" if "any-method" in method else method.upper()) + f" {path}": operation
        for path, operations in api["Body"]["paths"].items()
        for method, operation in operations.items()
    }


def as_list(value: Any) -> list[Any]:
    """IAM and CloudFormation take one thing or a list of them."""
    return value if isinstance(value, list) else [value]
