"""BrokerRead, BrokerTrade, BrokerMoney: every IAM route belongs to exactly the roles it should."""

import re

import pytest

from local.aws.iam import is_allowed
from tests.support.deployed import as_list, list_routes, load_translated

RESOURCES = load_translated()["Resources"]
READ, TRADE, MONEY = "BrokerReadRole", "BrokerTradeRole", "BrokerMoneyRole"
EVERYONE = {READ, TRADE, MONEY}
CHANGES = {
    "POST /v1/connect-sessions": {TRADE},
    "POST /v1/connect-sessions/{id}/complete": {TRADE},
    "DELETE /v1/connections/{userId}": {TRADE},
    "POST /v1/connections/{userId}/api-key": {TRADE},
    "POST /v1/connections/{userId}/refresh": {TRADE},
    "POST /v1/connections/{userId}/deposit-addresses": {TRADE},
    "ANY /v1/connections/{userId}/kucoin/{proxy+}": {TRADE},
    "ANY /v1/connections/{userId}/kucoin-futures/{proxy+}": {TRADE},
    "POST /v1/connections/{userId}/withdrawals": {MONEY},
    "POST /v1/connections/{userId}/withdrawals/quote": {MONEY},
    "POST /v1/connections/{userId}/withdrawals/{id}/verification": {MONEY},
    "POST /v1/connections/{userId}/withdrawals/{id}/settlement": {MONEY},
    "DELETE /v1/connections/{userId}/withdrawals/{id}": {MONEY},
    "POST /v1/payments": {MONEY},
    "DELETE /v1/payments/{id}": {MONEY},
    "POST /v1/payouts": {MONEY},
    "POST /v1/exports": EVERYONE,
    "DELETE /v1/exports/{id}": EVERYONE,
    "PUT /v1/archives/{userId}": {TRADE},
    "DELETE /v1/archives/{userId}": {TRADE},
}
METHODS = ["GET", "POST", "PUT", "DELETE"]
IAM_ROUTES = [
    route
    for route, operation in list_routes(load_translated()).items()
    if operation["security"] == [{"AWS_IAM": []}]
]
PREFIX = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${HttpApi}/$default/"


def read_statements(role):
    """The role's statements with `METHOD/path` as resources."""
    statements = []
    for policy in RESOURCES[role]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            assert as_list(statement["Action"]) == ["execute-api:Invoke"]
            paths = [resource["Fn::Sub"] for resource in as_list(statement["Resource"])]
            assert all(path.startswith(PREFIX) for path in paths)
            statements.append(
                {**statement, "Resource": [path.removeprefix(PREFIX) for path in paths]}
            )
    return statements


def find_roles(method, path):
    """Who may call it."""
    call = f"{method}{path}"
    return {
        role
        for role in EVERYONE
        if is_allowed(read_statements(role), "execute-api:Invoke", call, {})
    }


def list_calls(route):
    """What callers would send for a route."""
    method, path = route.split(" ")
    path = re.sub(r"\{proxy\+\}", "api/v1/accounts", re.sub(r"\{\w+\}", "x1", path))
    return [(one, path) for one in (METHODS if method == "ANY" else [method])]


@pytest.mark.parametrize("route", IAM_ROUTES)
def test_route_belongs_to_exactly_its_roles(route):
    is_read = route.startswith("GET ")
    expected = EVERYONE if is_read else CHANGES[route]
    for method, path in list_calls(route):
        assert find_roles(method, path) == expected, (method, path)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/v1/connections/u/kucoin/api/v1/withdrawals", {TRADE}),
        ("GET", "/v1/connections/u/kucoin-futures/api/v1/timeline", {TRADE}),
        ("POST", "/v1/connections/u/kucoin/api/v3/withdrawals", {TRADE}),
        ("POST", "/v1/connections/u/kucoin/x/withdrawals/quote", {TRADE}),
        ("DELETE", "/v1/connections/u/kucoin/api/v1/withdrawals/1", set()),
        ("DELETE", "/v1/connections/u/withdrawals/1", {MONEY}),
        ("PUT", "/v1/connections/u", set()),
        ("DELETE", "/v1/payouts/1", set()),
    ],
)
def test_patterns_reach_no_other_roles_routes(method, path, expected):
    """A * of IAM stands for slashes too."""
    assert find_roles(method, path) == expected


def test_every_pattern_is_of_a_route():
    patterns = {
        pattern
        for role in EVERYONE
        for statement in read_statements(role)
        for pattern in statement["Resource"]
    }
    shapes = set()
    for route in IAM_ROUTES:
        method, path = route.split(" ")
        shapes.add(("*" if method == "ANY" else method) + re.sub(r"\{[\w+]+\}", "*", path))
    assert patterns == shapes


def test_callers_are_trusted_by_parameter_or_this_account():
    for role in EVERYONE:
        (statement,) = RESOURCES[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        given = {"Fn::Split": [",", {"Ref": "TrustedPrincipals"}]}
        own = {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}
        assert statement["Principal"] == {"AWS": {"Fn::If": ["HasTrustedPrincipals", given, own]}}
