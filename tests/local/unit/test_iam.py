"""The stand-in judges functions' requests as IAM would."""

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.aws.client import ACCESS_KEY, REGION, SECRET_KEY
from local.aws.iam import is_allowed
from local.aws.iam_requests import list_permissions

TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/k"
PURPOSE = "kms:EncryptionContext:purpose"


@pytest.mark.parametrize(
    ("service", "operation", "fields", "permissions"),
    [
        ("dynamodb", "GetItem", {"TableName": "a"}, [("dynamodb:GetItem", TABLE + "a")]),
        (
            "dynamodb",
            "Query",
            {"TableName": "a", "IndexName": "due"},
            [("dynamodb:Query", TABLE + "a/index/due")],
        ),
        (
            "dynamodb",
            "TransactWriteItems",
            {
                "TransactItems": [
                    {"Put": {"TableName": "a"}},
                    {"ConditionCheck": {"TableName": "b"}},
                    {"Delete": {"TableName": "a"}},
                ]
            },
            [
                ("dynamodb:ConditionCheckItem", TABLE + "b"),
                ("dynamodb:DeleteItem", TABLE + "a"),
                ("dynamodb:PutItem", TABLE + "a"),
            ],
        ),
        (
            "dynamodb",
            "BatchGetItem",
            {"RequestItems": {"a": {}, "b": {}}},
            [("dynamodb:BatchGetItem", TABLE + "a"), ("dynamodb:BatchGetItem", TABLE + "b")],
        ),
        (
            "sqs",
            "SendMessageBatch",
            {"QueueUrl": "http://x/123456789012/q"},
            [("sqs:SendMessage", "arn:aws:sqs:eu-west-1:123456789012:q")],
        ),
        ("kms", "Decrypt", {"KeyId": KEY}, [("kms:Decrypt", KEY)]),
        (
            "ssm",
            "GetParameter",
            {"Name": "/kubroker/a"},
            [("ssm:GetParameter", "arn:aws:ssm:eu-west-1:123456789012:parameter/kubroker/a")],
        ),
        ("s3", "PUT /bucket/a%2Fb", {}, [("s3:PutObject", "arn:aws:s3:::bucket/a/b")]),
        ("s3", "GET /bucket", {}, [("s3:ListBucket", "arn:aws:s3:::bucket")]),
    ],
    ids=str,
)
def test_request_needs_the_permissions_of_its_parts(service, operation, fields, permissions):
    assert list_permissions(service, operation, fields) == permissions


def test_request_of_an_unknown_service_needs_what_nobody_has():
    ((action, resource),) = list_permissions("polly", "Speak", {})
    everything = [{"Effect": "Allow", "Action": "polly:*", "Resource": "arn:*"}]
    assert not is_allowed(everything, action, resource, {})


def _allow(action="kms:Decrypt", resource=KEY, **condition):
    return {"Effect": "Allow", "Action": action, "Resource": resource, "Condition": condition}


@pytest.mark.parametrize(
    ("statements", "context", "expected"),
    [
        ([], {}, False),
        ([_allow()], {}, True),
        ([_allow(action="kms:Encrypt")], {}, False),
        ([_allow(resource=KEY + "2")], {}, False),
        ([_allow(StringEquals={PURPOSE: "api-key"})], {PURPOSE: "api-key"}, True),
        ([_allow(StringEquals={PURPOSE: ["x", "api-key"]})], {PURPOSE: "api-key"}, True),
        ([_allow(StringEquals={PURPOSE: "api-key"})], {PURPOSE: "oauth-tokens"}, False),
        ([_allow(StringEquals={PURPOSE: "api-key"})], {}, False),
        ([_allow(), {**_allow(), "Effect": "Deny"}], {}, False),
    ],
)
def test_statements_allow(statements, context, expected):
    assert is_allowed(statements, "kms:Decrypt", KEY, context) is expected


@pytest.fixture
def role_of_connections(stack, clean_stack):
    """A client that the stand-in takes for the function `connections`."""

    def build(service):
        return boto3.Session(ACCESS_KEY, SECRET_KEY, region_name=REGION).client(
            service,
            endpoint_url=stack.aws.url,
            config=Config(user_agent_appid="kubroker-local-connections.4711"),  # type: ignore[call-arg]
        )

    return build


def test_function_may_do_what_its_role_allows(role_of_connections, stack):
    database = role_of_connections("dynamodb")
    table = stack.tables["ConnectionsTable"]
    assert "Item" not in database.get_item(TableName=table, Key={"userId": {"S": "nobody"}})
    assert stack.aws.take_refusals() == []


def test_function_is_refused_what_its_role_does_not_allow(role_of_connections, stack):
    database = role_of_connections("dynamodb")
    with pytest.raises(ClientError, match=r"not authorized to perform: dynamodb:DeleteItem"):
        database.delete_item(
            TableName=stack.tables["ConnectionsTable"], Key={"userId": {"S": "nobody"}}
        )
    (refusal,) = stack.aws.take_refusals()
    assert "ConnectionsRole" in refusal
    assert stack.aws.take_refusals() == []


def test_function_without_a_vault_permission_opens_nothing(role_of_connections, stack):
    with pytest.raises(ClientError, match="AccessDenied"):
        role_of_connections("kms").generate_data_key(
            KeyId=stack.resources["VaultKeyAlias"]["TargetKeyId"],
            KeySpec="AES_256",
            EncryptionContext={"userId": "u", "purpose": "api-key"},
        )
    stack.aws.take_refusals()
