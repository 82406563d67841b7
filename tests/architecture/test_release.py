"""A release: what publishes new versions, what rolls it back, and what it never replaces."""

import json
import shutil
from pathlib import Path

import pytest

from local.deployment.template import load_template, translate
from tests.support.deployed import fill_parameters, select
from tools.release import build_digest, quote, read_parameters

ROOT = Path(__file__).parents[2]
FROZEN = Path(__file__).with_name("frozen_identities.json")
PARAMETERS = ["Stage=dev", "BrokerName=Example"]
# Properties whose change makes CloudFormation replace the resource, and so lose what is in it.
# Source: CloudFormation's resource reference, "Update requires: Replacement".
IDENTITY = {
    "AWS::DynamoDB::Table": ["TableName", "KeySchema"],
    "AWS::KMS::Key": ["MultiRegion", "KeySpec", "KeyUsage", "Origin"],
    "AWS::KMS::Alias": ["AliasName"],
    "AWS::S3::Bucket": ["BucketName", "ObjectLockEnabled"],
    "AWS::SecretsManager::Secret": ["Name"],
    "AWS::SQS::Queue": ["QueueName", "FifoQueue"],
    "AWS::SSM::Parameter": ["Name", "Type"],
    "AWS::Events::EventBus": ["Name"],
}
KEPT = {
    "AWS::DynamoDB::Table",
    "AWS::KMS::Key",
    "AWS::S3::Bucket",
    "AWS::SecretsManager::Secret",
}


@pytest.fixture
def checkout(tmp_path):
    """What makes a release, to be changed."""
    for name in ("functions", "layers"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "template.yaml", tmp_path)
    return tmp_path


def list_versions(digest):
    template = load_template()
    translated = translate(template, fill_parameters(template, ReleaseDigest=digest))
    return set(select(translated["Resources"], "AWS::Lambda::Version"))


def test_same_release_publishes_nothing(checkout):
    first = build_digest(PARAMETERS, checkout)
    assert first == build_digest(PARAMETERS[::-1], checkout)
    (checkout / "layers" / "kubroker" / "__pycache__").mkdir()
    (checkout / "layers" / "kubroker" / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert build_digest(PARAMETERS, checkout) == first
    assert list_versions(first) == list_versions(first)


@pytest.mark.parametrize(
    "path",
    [
        "layers/kubroker/kubroker/foundation/errors.py",
        "layers/kubroker/requirements.txt",
        "functions/connect/app.py",
        "template.yaml",
    ],
)
def test_changed_release_publishes_every_function(path, checkout):
    before = build_digest(PARAMETERS, checkout)
    with (checkout / path).open("a") as file:
        file.write("\n# changed\n")
    after = build_digest(PARAMETERS, checkout)
    old, new = list_versions(before), list_versions(after)
    assert not old & new, "a function would keep its version"
    functions = [
        name
        for name, resource in load_template()["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    ]
    assert len(new) == len(functions)


def test_changed_parameter_publishes_every_function(checkout):
    before = build_digest(PARAMETERS, checkout)
    after = build_digest([*PARAMETERS[:1], "BrokerName=Another"], checkout)
    assert not list_versions(before) & list_versions(after)


def test_deploy_command_quotes_values():
    assert quote("BrokerName=My Broker") == 'BrokerName="My Broker"'
    assert quote('KucoinProtocolOverrides={"a": 1}') == 'KucoinProtocolOverrides="{\\"a\\": 1}"'
    assert any(one.startswith("Stage=") for one in read_parameters("prod"))


def test_everybody_calls_the_alias(resources):
    """A call past the alias would miss canary and roll-back."""
    callers = {
        "AWS::Lambda::Permission",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Scheduler::Schedule",
        "AWS::ApiGatewayV2::Api",
    }
    for name, resource in resources.items():
        if resource["Type"] in callers:
            text = json.dumps(resource["Properties"])
            for function in select(resources, "AWS::Lambda::Function"):
                assert f'"{function}"' not in text, name
                assert f"${{{function}.Arn}}" not in text, name


def test_every_function_is_deployed_by_canary_in_prod_and_rolled_back(resources):
    groups = select(resources, "AWS::CodeDeploy::DeploymentGroup")
    functions = select(resources, "AWS::Lambda::Function")
    assert set(groups) == {f"{name}DeploymentGroup" for name in functions}
    for name, group in groups.items():
        condition, prod, other = group["DeploymentConfigName"]["Fn::If"]
        assert condition == "IsProd"
        assert "Canary10Percent5Minutes" in str(prod)
        assert "AllAtOnce" in str(other)
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
        alarms = [alarm["Name"] for alarm in group["AlarmConfiguration"]["Alarms"]]
        short = name.removesuffix("FunctionDeploymentGroup")
        assert alarms == [
            resources["ApiFailingAlarm"]["Properties"]["AlarmName"],
            {"Ref": f"{short}ErrorsAlarm"},
            {"Ref": f"{short}ThrottlesAlarm"},
        ]
    for name, resource in resources.items():
        if resource["Type"] == "AWS::Lambda::Version":
            assert resource["DeletionPolicy"] == "Retain", "nothing to roll back to: " + name


def build_identities(resources):
    """Logical id to what makes the resource the one it is."""
    return {
        name: {
            "type": resource["Type"],
            **{key: resource["Properties"].get(key) for key in IDENTITY[resource["Type"]]},
        }
        for name, resource in sorted(resources.items())
        if resource["Type"] in IDENTITY
    }


def test_nothing_that_holds_data_is_ever_replaced(resources):
    """A new one is added to the file by hand; a changed or missing one would lose data.

    `python -m tests.architecture.test_release` adds what is new, and only that.
    """
    frozen = json.loads(FROZEN.read_text())
    found = build_identities(resources)
    for name, identity in frozen.items():
        assert found.get(name) == identity, f"{name} would be deleted or replaced"
    assert set(found) == set(frozen), "new ones: run python -m tests.architecture.test_release"


def test_what_holds_data_is_retained(resources):
    for name, resource in resources.items():
        if resource["Type"] in KEPT:
            assert resource.get("DeletionPolicy") == "Retain", name
            assert resource.get("UpdateReplacePolicy") == "Retain", name
        if resource["Type"] == "AWS::DynamoDB::Table":
            assert resource["Properties"]["DeletionProtectionEnabled"] is True, name


def add_new_ones():
    """Adds what the file does not have; never changes what it has."""
    template = load_template()
    found = build_identities(translate(template, fill_parameters(template))["Resources"])
    frozen = json.loads(FROZEN.read_text()) if FROZEN.exists() else {}
    FROZEN.write_text(json.dumps({**found, **frozen}, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    add_new_ones()
