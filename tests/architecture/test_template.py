"""What every function, queue, table, key and route of the stack must have."""

import json
import re
from graphlib import TopologicalSorter
from pathlib import Path

from kubroker.connections.disconnect import BACKUP_SECONDS
from kubroker.events import webhook_retries
from kubroker.linking.key_queue import MAX_RECEIVE_COUNT
from tests.support.deployed import (
    as_list,
    find_references,
    list_references,
    list_routes,
    select,
)

ROOT = Path(__file__).parents[2]
BANNERS = [
    "parameters", "globals", "layer", "keys", "storage", "queues", "roles", "functions", "api",
    "schedules", "alarms", "outputs",
]  # fmt: skip
PUBLIC_ROUTES = {
    "GET /connect/{token}",
    "POST /connect/{token}",
    "GET /connect/{token}/status",
    "GET /oauth/callback",
    "GET /verify/{token}",
    "POST /verify/{token}",
    "GET /health",
}
# Trading: what they let through is a parameter of its own.
PROXY_ROUTES = {
    "ANY /v1/connections/{userId}/kucoin/{proxy+}",
    "ANY /v1/connections/{userId}/kucoin-futures/{proxy+}",
}
# A new type: does the local stack know it (local/aws/types.py), is it kept on deletion?
KNOWN_TYPES = {
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::ApiMapping",
    "AWS::ApiGatewayV2::DomainName",
    "AWS::ApiGatewayV2::Stage",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::CodeDeploy::Application",
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::DynamoDB::Table",
    "AWS::Events::EventBus",
    "AWS::IAM::Role",
    "AWS::KMS::Alias",
    "AWS::KMS::Key",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::Logs::LogGroup",
    "AWS::Logs::QueryDefinition",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::Queue",
    "AWS::SSM::Parameter",
    "AWS::Scheduler::Schedule",
    "AWS::SecretsManager::Secret",
}
# Attributes that an index may hold: never a ciphertext or a wrapped key.
INDEXABLE = {
    "apiKeyState", "authorization", "connectionStatus", "createdAt", "dueShard",
    "kind", "kucoinUid", "kucoinWithdrawalId", "nextActionAt", "nextCheckAt", "openShard",
    "paymentStatus", "reference", "state", "updatedAt", "userId", "walletTxId", "withdrawalId",
}  # fmt: skip


def _is_dead_letter(name):
    return name.endswith("DeadLetterQueue")


def test_template_is_in_banner_order():
    text = (ROOT / "template.yaml").read_text()
    found = re.findall(r"^ *# ={20,} (\w+)$", text, flags=re.MULTILINE)
    assert found == [banner for banner in BANNERS if banner in found]
    assert set(BANNERS) - set(found) <= {"schedules"}


def test_every_resource_type_is_known(resources):
    assert {resource["Type"] for resource in resources.values()} <= KNOWN_TYPES


def test_resources_wait_for_each_other_in_no_circle(resources):
    """CloudFormation refuses one; an alias waits for its deployment group too (UpdatePolicy)."""
    graph = {
        name: {found for found in list_references(resource) if found in resources}
        for name, resource in resources.items()
    }
    TopologicalSorter(graph).prepare()


def test_every_name_holds_the_stage(resources):
    naming = {
        "AWS::CloudWatch::Alarm": "AlarmName",
        "AWS::DynamoDB::Table": "TableName",
        "AWS::KMS::Alias": "AliasName",
        "AWS::Lambda::Function": "FunctionName",
        "AWS::Logs::LogGroup": "LogGroupName",
        "AWS::SQS::Queue": "QueueName",
    }
    for resource_type, key in naming.items():
        for logical_id, properties in select(resources, resource_type).items():
            assert "kubroker-${Stage}-" in properties[key]["Fn::Sub"], logical_id


def test_every_function_has_its_limits(resources):
    for name, function in select(resources, "AWS::Lambda::Function").items():
        assert function["Runtime"] == "python3.13", name
        assert function["Handler"] == "app.lambda_handler", name
        assert function["Architectures"] == ["x86_64"], name
        assert 128 <= function["MemorySize"] <= 1024, name
        assert 1 <= function["Timeout"] <= 900, name
        # An empty digest leaves it as it is; else SAM appends the digest.
        assert re.search(r"\. ([0-9a-f]{64})?$", function["Description"]), name


def test_every_function_behind_the_api_ends_before_the_api_does(resources, translated):
    functions = select(resources, "AWS::Lambda::Function")
    for route, operation in list_routes(translated).items():
        assert functions[_find_function(operation)]["Timeout"] <= 28, route


def _find_function(operation):
    uri = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
    return re.search(r"\$\{(\w+Function)Aliaslive\}", uri)[1]


def test_every_function_has_a_log_group_of_its_own(resources):
    groups = select(resources, "AWS::Logs::LogGroup")
    used = []
    for name, function in select(resources, "AWS::Lambda::Function").items():
        assert function["LoggingConfig"]["LogFormat"] == "JSON", name
        group = function["LoggingConfig"]["LogGroup"]["Ref"]
        expected = "/aws/lambda/" + function["FunctionName"]["Fn::Sub"]
        assert groups[group]["LogGroupName"]["Fn::Sub"] == expected
        used.append(group)
    assert len(used) == len(set(used))


def test_every_log_group_is_encrypted_and_ends(resources):
    for name, group in select(resources, "AWS::Logs::LogGroup").items():
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}, name
        assert list(find_references(group["KmsKeyId"])) == ["ServiceKey"], name


def test_every_queue_has_a_dead_letter_queue_with_an_alarm(resources):
    queues = select(resources, "AWS::SQS::Queue")
    alarms = select(resources, "AWS::CloudWatch::Alarm").values()
    watched = {
        reference
        for alarm in alarms
        if alarm.get("MetricName") == "ApproximateNumberOfMessagesVisible"
        and alarm["Threshold"] == 0
        and alarm["ComparisonOperator"] == "GreaterThanThreshold"
        for reference in find_references(alarm["Dimensions"])
    }
    for name, queue in queues.items():
        if _is_dead_letter(name):
            assert name in watched, f"nobody would see what ends up in {name}"
            assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
        else:
            (target,) = find_references(queue["RedrivePolicy"]["deadLetterTargetArn"])
            assert _is_dead_letter(target)
            assert target in queues


def test_consumer_knows_which_delivery_is_the_last(resources):
    redrive = resources["KeyCreationQueue"]["Properties"]["RedrivePolicy"]
    assert redrive["maxReceiveCount"] == MAX_RECEIVE_COUNT


def test_every_queue_is_encrypted(resources):
    for name, queue in select(resources, "AWS::SQS::Queue").items():
        assert list(find_references(queue["KmsMasterKeyId"])) == ["ServiceKey"], name


def test_every_queue_consumer_reports_partial_failures_and_has_time(resources):
    functions = select(resources, "AWS::Lambda::Function")
    queues = select(resources, "AWS::SQS::Queue")
    for name, mapping in select(resources, "AWS::Lambda::EventSourceMapping").items():
        (source,) = find_references(mapping["EventSourceArn"])
        (function,) = find_references(mapping["FunctionName"])
        if source not in queues:
            continue
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"], name
        # Source: Lambda's developer guide, "Configuring a queue to use with Lambda": six times.
        assert queues[source]["VisibilityTimeout"] >= 6 * functions[function]["Timeout"], name


def test_every_stream_consumer_sets_aside_what_it_can_not_work(resources):
    tables = select(resources, "AWS::DynamoDB::Table")
    alarms = select(resources, "AWS::CloudWatch::Alarm").values()
    watched = {
        reference
        for alarm in alarms
        if alarm.get("MetricName") == "IteratorAge"
        for reference in find_references(alarm["Dimensions"])
    }
    streams = 0
    for name, mapping in select(resources, "AWS::Lambda::EventSourceMapping").items():
        (source,) = find_references(mapping["EventSourceArn"])
        if source not in tables:
            continue
        streams += 1
        (function,) = find_references(mapping["FunctionName"])
        assert mapping["StartingPosition"] == "TRIM_HORIZON", name
        assert mapping["BisectBatchOnFunctionError"], name
        assert mapping["MaximumRecordAgeInSeconds"] < 86_400, "a stream forgets after a day"
        target = mapping["DestinationConfig"]["OnFailure"]["Destination"]
        assert list(find_references(target)) == ["SetAsideBucket"], name
        assert function in watched, f"nobody would see that {function} lags behind"
    assert streams >= 3


def test_every_bucket_is_private_encrypted_and_kept(resources):
    policies = select(resources, "AWS::S3::BucketPolicy").values()
    guarded = {next(find_references(policy["Bucket"])) for policy in policies}
    for name, bucket in select(resources, "AWS::S3::Bucket").items():
        assert all(bucket["PublicAccessBlockConfiguration"].values()), name
        assert "ServiceKey" in find_references(bucket["BucketEncryption"]), name
        assert resources[name]["DeletionPolicy"] == "Retain", name
        assert name in guarded, f"{name} takes plain http"


def test_audit_is_locked_and_append_only(resources):
    bucket = resources["AuditBucket"]["Properties"]
    assert bucket["ObjectLockEnabled"]
    assert bucket["VersioningConfiguration"]["Status"] == "Enabled"
    assert bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]["Days"]
    assert "TimeToLiveSpecification" not in resources["AuditTable"]["Properties"]


def test_what_is_set_aside_is_gone_before_backups_forget(resources):
    (rule,) = resources["SetAsideBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert rule["Status"] == "Enabled"
    assert rule["ExpirationInDays"] * 86_400 < BACKUP_SECONDS, "receipts promise it"


def test_webhooks_are_tried_for_a_day(resources):
    redrive = resources["WebhookQueue"]["Properties"]["RedrivePolicy"]
    assert redrive["maxReceiveCount"] == webhook_retries.MAX_RECEIVE_COUNT
    for jitter in (0.0, 0.999):
        tried = webhook_retries.total_seconds(redrive["maxReceiveCount"], jitter=jitter)
        assert 86_400 <= tried <= 1.5 * 86_400


def test_only_the_named_routes_are_public(translated):
    schemes = {route: operation["security"] for route, operation in list_routes(translated).items()}
    public = {route for route, scheme in schemes.items() if scheme != [{"AWS_IAM": []}]}
    assert public == PUBLIC_ROUTES
    assert all(schemes[route] == [{"NONE": []}] for route in public)
    (api,) = select(translated["Resources"], "AWS::ApiGatewayV2::Api").values()
    scheme = api["Body"]["components"]["securitySchemes"]["AWS_IAM"]
    assert scheme["x-amazon-apigateway-authtype"] == "awsSigv4"


def test_every_public_route_is_throttled_lower(resources):
    (stage,) = select(resources, "AWS::ApiGatewayV2::Stage").values()
    default = stage["DefaultRouteSettings"]
    assert set(stage["RouteSettings"]) == PUBLIC_ROUTES | PROXY_ROUTES
    for route in PUBLIC_ROUTES:
        settings = stage["RouteSettings"][route]
        for limit in ("ThrottlingRateLimit", "ThrottlingBurstLimit"):
            assert 0 < settings[limit] < default[limit], route


def test_access_logs_hold_neither_path_nor_query(resources):
    (stage,) = select(resources, "AWS::ApiGatewayV2::Stage").values()
    fields = json.loads(stage["AccessLogSettings"]["Format"])
    assert fields["routeKey"] == "$context.routeKey"
    told = set(re.findall(r"\$context\.([\w.]+)", stage["AccessLogSettings"]["Format"]))
    assert not [
        name for name in told if re.search(r"path|query|header|protocol|sourceIp|message", name)
    ]


def test_every_table_is_kept_encrypted_and_restorable(resources):
    for name, table in select(resources, "AWS::DynamoDB::Table").items():
        assert table["BillingMode"] == "PAY_PER_REQUEST", name
        assert table["DeletionProtectionEnabled"], name
        assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], name
        assert table["SSESpecification"]["SSEType"] == "KMS", name
        assert "ServiceKey" in find_references(table["SSESpecification"]), name


def test_no_index_holds_more_than_facts(resources):
    for name, table in select(resources, "AWS::DynamoDB::Table").items():
        for index in table.get("GlobalSecondaryIndexes", []):
            assert index["Projection"]["ProjectionType"] in {"KEYS_ONLY", "INCLUDE"}, name
            held = set(index["Projection"].get("NonKeyAttributes", []))
            held |= {key["AttributeName"] for key in index["KeySchema"]}
            assert held <= INDEXABLE, name


def test_every_bucket_is_private_encrypted_and_for_tls_only(resources):
    denied = {
        name
        for policy in select(resources, "AWS::S3::BucketPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if (statement["Effect"], statement["Principal"]) == ("Deny", "*")
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for name in find_references(policy["Bucket"])
    }
    for name, bucket in select(resources, "AWS::S3::Bucket").items():
        assert all(bucket["PublicAccessBlockConfiguration"].values()), name
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4, name
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms", name
        assert "ServiceKey" in find_references(rule), name
        assert name in denied, "no request without TLS"


def test_files_for_the_broker_do_not_stay(resources):
    rules = resources["ExportsBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert {rule["Status"] for rule in rules} == {"Enabled"}
    assert {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "Prefix" in rule} == {
        "payouts/": {"Ref": "ExportRetentionDays"},
        "exports/": {"Ref": "ExportRetentionDays"},
        "archive/": {"Ref": "ArchiveRetentionDays"},
    }


def test_what_holds_data_survives_the_stack(resources):
    kept = {
        "AWS::DynamoDB::Table",
        "AWS::KMS::Key",
        "AWS::S3::Bucket",
        "AWS::SecretsManager::Secret",
    }
    for name, resource in resources.items():
        if resource["Type"] in kept:
            assert resource["DeletionPolicy"] == "Retain", name
            assert resource["UpdateReplacePolicy"] == "Retain", name


def test_secret_is_made_empty(resources):
    secret = resources["KucoinSecret"]["Properties"]
    assert secret["Name"] == {"Fn::Sub": "kubroker/${Stage}/kucoin"}
    content = json.loads(secret["SecretString"])
    parts = {"partner": "", "brokerName": "", "brokerKey": ""}
    assert content == {"clientSecret": "", "spot": parts, "futures": parts}


def test_webhooks_secret_is_made_by_aws(resources):
    secret = resources["WebhooksSecret"]["Properties"]
    assert "SecretString" not in secret, "it would stand in the template"
    made = secret["GenerateSecretString"]
    assert json.loads(made["SecretStringTemplate"]) == {"previous": ""}
    assert made["PasswordLength"] % 4 == 0, "valid base64"
    assert 24 <= made["PasswordLength"] * 3 // 4 <= 64, "a key of the specification's size"
    assert made["ExcludePunctuation"]


def test_every_output_has_a_description(template):
    for name, output in template["Outputs"].items():
        assert output["Description"].endswith("."), name


def test_layer_brings_no_boto3():
    pinned = (ROOT / "layers/kubroker/requirements.txt").read_text()
    assert not re.search(r"^(boto3|botocore)==", pinned, flags=re.MULTILINE)


def test_functions_use_the_one_layer(resources):
    (layer,) = select(resources, "AWS::Lambda::LayerVersion")
    for name, function in select(resources, "AWS::Lambda::Function").items():
        assert as_list(function["Layers"]) == [{"Ref": layer}], name
