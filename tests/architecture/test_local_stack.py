"""The local stack is the template: nothing of it is left out."""

import json

from local.aws.client import REGION
from local.deployment.parameters import KUCOIN_SECRET
from local.deployment.template import load_template, translate


def test_every_translated_resource_is_in_the_stack(stack):
    translated = translate(load_template(), {"Stage": "local"})
    everywhere = {
        name for name, resource in translated["Resources"].items() if "Condition" not in resource
    }
    assert everywhere <= set(stack.types) <= set(translated["Resources"])
    assert all(stack.physical_ids[name] for name in stack.types)


def test_every_variable_of_a_function_is_resolved(stack):
    for function in stack.functions.values():
        declared = translate(load_template(), {})["Resources"][function.logical_id]
        names = set(declared["Properties"]["Environment"]["Variables"])
        assert set(function.environment) == names
        assert not [value for value in function.environment.values() if "${" in value]


def test_every_function_has_its_code_and_layer(stack):
    for function in stack.functions.values():
        assert (function.code_folder / "app.py").is_file()
        assert [folder.name for folder in function.layer_folders] == ["kubroker"]


def test_every_route_leads_to_a_function(stack):
    assert stack.routes
    assert {route.function_name for route in stack.routes} <= set(stack.functions)
    assert {route.authorizer for route in stack.routes} <= {"AWS_IAM", "NONE"}


def test_every_event_source_is_polled(stack):
    mappings = [name for name, kind in stack.types.items() if kind.endswith("EventSourceMapping")]
    assert len(mappings) == len(stack.queue_sources) + len(stack.stream_sources)
    schedules = [name for name, kind in stack.types.items() if kind == "AWS::Scheduler::Schedule"]
    assert len(schedules) == len(stack.schedules)


def test_every_table_is_as_in_the_template(stack):
    database = stack.aws.client("dynamodb")
    for logical_id, name in stack.tables.items():
        properties = stack.resources[logical_id]
        table = database.describe_table(TableName=name)["Table"]
        assert table["DeletionProtectionEnabled"] is properties["DeletionProtectionEnabled"]
        backups = database.describe_continuous_backups(TableName=name)
        recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
        ttl = database.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        wanted = properties.get("TimeToLiveSpecification", {}).get("AttributeName")
        assert ttl.get("AttributeName") == wanted


def test_every_key_can_be_described_and_has_its_alias(stack):
    keys = stack.aws.client("kms")
    for logical_id, kind in stack.types.items():
        if kind == "AWS::KMS::Alias":
            alias = stack.physical_ids[logical_id]
            described = keys.describe_key(KeyId=alias)["KeyMetadata"]
            assert described["Arn"].startswith(f"arn:aws:kms:{REGION}:")
            json.loads(keys.get_key_policy(KeyId=described["Arn"], PolicyName="default")["Policy"])


def test_the_secret_is_filled(stack):
    name = stack.find_function("connect").environment["KUCOIN_SECRET_NAME"]
    secret = stack.aws.client("secretsmanager").get_secret_value(SecretId=name)
    assert json.loads(secret["SecretString"]) == KUCOIN_SECRET
