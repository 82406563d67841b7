"""Fixed addresses: network.yaml, who is in the VPC, and what `make addresses` prints."""

import ast
import json
import re
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from local.deployment.template import load_template
from tests.support.deployed import load_translated, select
from tools.addresses import read_addresses

ROOT = Path(__file__).parents[2]
NETWORK = load_template(ROOT / "network.yaml")
RESOURCES = load_translated()["Resources"]
FUNCTIONS = select(RESOURCES, "AWS::Lambda::Function")
LAYER = ROOT / "layers/kubroker"


def list_imports(path):
    """Modules of the layer that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kubroker"):
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def reaches(path, target, seen=None):
    """Whether a file imports a module, by whatever way."""
    seen = set() if seen is None else seen
    for module in list_imports(path):
        if module == target:
            return True
        file = LAYER / (module.replace(".", "/") + ".py")
        if file.is_file() and file not in seen:
            seen.add(file)
            if reaches(file, target, seen):
                return True
    return False


def find_app(function):
    name = function["FunctionName"]["Fn::Sub"].removeprefix("kubroker-${Stage}-")
    return ROOT / "functions" / name.replace("-", "_") / "app.py"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_exactly_the_functions_that_talk_to_kucoin_are_in_the_vpc(name):
    # connect has a client of its own, which only builds the address of the login page.
    talks = reaches(find_app(FUNCTIONS[name]), "kubroker.kucoin.clients")
    assert ("VpcConfig" in FUNCTIONS[name]) is talks


def test_vpc_is_joined_only_where_it_is_given():
    for name, function in FUNCTIONS.items():
        if "VpcConfig" in function:
            condition, given, none = function["VpcConfig"]["Fn::If"]
            assert (condition, none) == ("HasVpc", {"Ref": "AWS::NoValue"})
            assert set(given) == {"SecurityGroupIds", "SubnetIds"}, name


def test_role_in_the_vpc_lets_lambda_join_it_never_the_code():
    for name, function in FUNCTIONS.items():
        role = RESOURCES[function["Role"]["Fn::GetAtt"][0]]["Properties"]
        (policy,) = role["Policies"]
        statements = [
            one["Fn::If"][1] for one in policy["PolicyDocument"]["Statement"] if "Fn::If" in one
        ]
        joins = [one for one in statements if "ec2:CreateNetworkInterface" in one["Action"]]
        if "VpcConfig" not in function:
            assert joins == [], name
            continue
        allow, deny = joins
        assert (allow["Effect"], deny["Effect"]) == ("Allow", "Deny")
        assert allow["Action"] == deny["Action"]
        assert deny["Condition"] == {"Null": {"lambda:SourceFunctionArn": "false"}}


def test_every_private_subnet_leaves_by_an_address_of_its_own_zone():
    resources = NETWORK["Resources"]
    for zone in "AB":
        route = resources[f"PrivateDefaultRoute{zone}"]["Properties"]
        assert route["NatGatewayId"] == {"Ref": f"Nat{zone}"}
        nat = resources[f"Nat{zone}"]["Properties"]
        assert nat["AllocationId"] == {"Fn::GetAtt": [f"Address{zone}", "AllocationId"]}
        assert nat["SubnetId"] == {"Ref": f"PublicSubnet{zone}"}
    zones = {
        json.dumps(resources[f"PrivateSubnet{zone}"]["Properties"]["AvailabilityZone"])
        for zone in "AB"
    }
    assert len(zones) == 2


def test_addresses_outlive_the_stack():
    addresses = [one for one in NETWORK["Resources"].values() if one["Type"] == "AWS::EC2::EIP"]
    assert len(addresses) == 2
    for address in addresses:
        assert address["DeletionPolicy"] == address["UpdateReplacePolicy"] == "Retain"


def test_outputs_are_exactly_the_addresses_and_the_parameters_of_the_main_stack():
    outputs = NETWORK["Outputs"]
    both = {"Fn::Sub": "${AddressA},${AddressB}"}
    assert outputs["FastApiAddresses"]["Value"] == both
    assert outputs["TradingAddresses"]["Value"] == both
    parameters = set(load_template()["Parameters"])
    assert set(outputs) - {"FastApiAddresses", "TradingAddresses"} <= parameters


def test_nothing_comes_in_from_outside():
    for name, resource in NETWORK["Resources"].items():
        if resource["Type"] == "AWS::EC2::SecurityGroup":
            for rule in resource["Properties"].get("SecurityGroupIngress", []):
                assert "SourceSecurityGroupId" in rule, name


@mock_aws
def test_addresses_are_printed_from_the_stack_itself():
    formation = boto3.client("cloudformation", "eu-west-1")
    network = json.loads(json.dumps(NETWORK))
    for number, name in enumerate(
        name for name in network["Resources"] if name.startswith(("PublicSubnet", "PrivateSubnet"))
    ):
        subnet = network["Resources"][name]["Properties"]  # moto knows no Fn::Cidr, Fn::GetAZs
        if "CidrBlock" in subnet:
            subnet |= {"CidrBlock": f"10.42.{number}.0/25", "AvailabilityZone": "eu-west-1a"}
    formation.create_stack(
        StackName="kubroker-prod-network",
        TemplateBody=json.dumps(network),
        Parameters=[
            {"ParameterKey": "Stage", "ParameterValue": "prod"},
            {"ParameterKey": "CidrBlock", "ParameterValue": "10.42.0.0/16"},
        ],
    )
    lists = read_addresses(formation, "kubroker-prod-network")
    addresses = boto3.client("ec2", "eu-west-1").describe_addresses()["Addresses"]
    ours = {one["PublicIp"] for one in addresses}
    assert len(lists) == 2
    for text in lists.values():
        assert set(text.split(",")) == ours
        assert all(re.fullmatch(r"[0-9.]+", one) for one in text.split(","))


@mock_aws
def test_addresses_without_a_network_say_what_to_do():
    formation = boto3.client("cloudformation", "eu-west-1")
    with pytest.raises(SystemExit, match=r"deploy network\.yaml first"):
        read_addresses(formation, "kubroker-prod-network")
