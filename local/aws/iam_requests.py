"""Which permissions an AWS request needs: IAM actions on ARNs, as AWS's own services check them.

Source:
    Service Authorization Reference: "Actions, resources, and condition keys" of each service.
    Transactions and batches need the action of each of their parts; a query of an index needs the
    index's ARN, not the table's.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from local.aws.client import ACCOUNT_ID, REGION

type Fields = Mapping[str, Any]
type Permission = tuple[str, str]

_TRANSACTION_ACTIONS = {
    "ConditionCheck": "dynamodb:ConditionCheckItem",
    "Delete": "dynamodb:DeleteItem",
    "Get": "dynamodb:GetItem",
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
}
_BATCHES = {"SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"}
_S3_ACTIONS = {
    "DELETE": "s3:DeleteObject",
    "GET": "s3:GetObject",
    "HEAD": "s3:GetObject",
    "POST": "s3:PutObject",
    "PUT": "s3:PutObject",
}


def list_permissions(
    service: str, operation: str, fields: Fields, query: str = ""
) -> list[Permission]:
    """IAM action and ARN of everything the request would do.

    Args:
        service: As signed for.
        operation: As in the API's reference; method and path for REST services.
        fields: The request's JSON or form fields.
        query: The request's query string, for S3.

    Returns:
        For a service that is not known here one entry with the ARN ``unknown``, which no policy
        allows.
    """
    list_of_service = _SERVICES.get(service, _list_unknown)
    return sorted(set(list_of_service(operation, fields, query)))


def _list_unknown(operation: str, _fields: Fields, _query: str) -> Iterator[Permission]:
    yield operation, "unknown: local/aws/iam_requests.py has to learn this service"


def _list_dynamodb(operation: str, fields: Fields, _query: str) -> Iterator[Permission]:
    if operation.startswith("Transact"):
        for entry in fields.get("TransactItems", []):
            for kind, part in entry.items():
                yield _TRANSACTION_ACTIONS[kind], _table_arn(part["TableName"])
    elif operation.startswith("Batch"):
        for table in fields.get("RequestItems", {}):
            yield f"dynamodb:{operation}", _table_arn(table)
    else:
        arn = _table_arn(fields.get("TableName", ""))
        index = fields.get("IndexName")
        yield f"dynamodb:{operation}", f"{arn}/index/{index}" if index else arn


def _table_arn(table: str) -> str:
    return table if table.startswith("arn:") else _build_arn("dynamodb", f"table/{table}")


def _list_sqs(operation: str, fields: Fields, _query: str) -> Iterator[Permission]:
    action = operation.removesuffix("Batch") if operation in _BATCHES else operation
    url = fields.get("QueueUrl") or fields.get("QueueName", "")
    yield f"sqs:{action}", _build_arn("sqs", str(url).rpartition("/")[2])


def _list_kms(operation: str, fields: Fields, _query: str) -> Iterator[Permission]:
    key = str(fields.get("KeyId", ""))
    yield f"kms:{operation}", key if key.startswith("arn:") else _build_arn("kms", f"key/{key}")


def _list_secrets(operation: str, fields: Fields, _query: str) -> Iterator[Permission]:
    secret = str(fields.get("SecretId", ""))
    is_arn = secret.startswith("arn:")
    arn = secret if is_arn else _build_arn("secretsmanager", f"secret:{secret}-??????")
    yield f"secretsmanager:{operation}", arn


def _list_ssm(operation: str, fields: Fields, _query: str) -> Iterator[Permission]:
    for name in fields.get("Names") or [fields.get("Name", "")]:
        yield f"ssm:{operation}", _build_arn("ssm", "parameter/" + str(name).removeprefix("/"))


def _list_events(operation: str, fields: Fields, _query: str) -> Iterator[Permission]:
    for entry in fields.get("Entries", [{}]):
        bus = str(entry.get("EventBusName", "default"))
        arn = bus if bus.startswith("arn:") else _build_arn("events", f"event-bus/{bus}")
        yield f"events:{operation}", arn


def _list_sns(operation: str, fields: Fields, _query: str) -> Iterator[Permission]:
    yield f"sns:{operation}", str(fields.get("TopicArn", ""))


def _list_lambda(operation: str, _fields: Fields, _query: str) -> Iterator[Permission]:
    name = operation.partition("/functions/")[2].partition("/")[0]
    yield "lambda:InvokeFunction", _build_arn("lambda", f"function:{unquote(name)}")


def _list_s3(operation: str, _fields: Fields, query: str) -> Iterator[Permission]:
    method, _, path = operation.partition(" ")
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    if not key:
        yield "s3:ListBucket", f"arn:aws:s3:::{bucket}"
    elif method == "DELETE" and "uploadId" in parse_qs(query):
        yield "s3:AbortMultipartUpload", f"arn:aws:s3:::{bucket}/{key}"
    else:
        yield _S3_ACTIONS[method], f"arn:aws:s3:::{bucket}/{key}"


def _build_arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT_ID}:{resource}"


_SERVICES: dict[str, Callable[[str, Fields, str], Iterator[Permission]]] = {
    "dynamodb": _list_dynamodb,
    "events": _list_events,
    "kms": _list_kms,
    "lambda": _list_lambda,
    "s3": _list_s3,
    "secretsmanager": _list_secrets,
    "sns": _list_sns,
    "sqs": _list_sqs,
    "ssm": _list_ssm,
}
