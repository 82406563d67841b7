"""What an AWS request is about: service, operation, resource, encryption context and caller."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qs

from local.aws.iam_requests import Permission, list_permissions

_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d{8}/[^/]+/([^/]+)/aws4_request")
_CALLER = re.compile(r"\bapp/(\S+)")
_RPC_PATH = re.compile(r"^/service/[^/]+/operation/(\w+)$")
# First one present names the resource.
_RESOURCE_FIELDS = (
    "TableName",
    "KeyId",
    "QueueUrl",
    "QueueName",
    "SecretId",
    "FunctionName",
    "StackName",
    "TopicArn",
    "StreamArn",
    "Name",
)


@dataclass(frozen=True)
class AwsCall:
    """One request, without anything of its content that could be a secret.

    Attributes:
        service: As signed for: ``dynamodb``, ``kms``, ``sqs``, ``secretsmanager``.
        operation: As in the API's reference, ``PutItem``; method and path for REST services.
        resource: Table, key or queue; comma-separated where a transaction has several.
        encryption_context: KMS only.
        caller: Function and process id of a function that runs under ``local.gateway.runtime``.
        access_key: The access key id.
        permissions: IAM action and ARN of all that it needs.
    """

    service: str
    operation: str
    resource: str
    encryption_context: dict[str, str]
    caller: str
    access_key: str
    permissions: list[Permission]

    def to_json(self) -> dict[str, Any]:
        """As the journal shows it."""
        fields = asdict(self)
        return {
            "service": fields["service"],
            "operation": fields["operation"],
            "resource": fields["resource"],
            "encryptionContext": fields["encryption_context"],
            "caller": fields["caller"],
            "accessKey": fields["access_key"],
            "permissions": [list(permission) for permission in self.permissions],
        }


def identify_call(environ: Mapping[str, Any], body: bytes) -> AwsCall:
    """Reads service and operation from where the request's protocol has them.

    Args:
        environ: The WSGI environment.
        body: The request's body.
    """
    credential = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    access_key, service = credential.groups() if credential else ("", "")
    path = environ.get("PATH_INFO", "")
    fields = _parse_fields(body)
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        operation = target.rpartition(".")[2]
        service = service or target.partition("_")[0].lower()
    elif rpc := _RPC_PATH.match(path):
        operation = rpc[1]
    elif "Action" in fields:
        operation = fields["Action"]
    else:
        operation = f"{environ.get('REQUEST_METHOD')} {path}"
    caller = _CALLER.search(environ.get("HTTP_USER_AGENT", ""))
    return AwsCall(
        service=service,
        operation=operation,
        resource=_find_resource(fields),
        encryption_context=fields.get("EncryptionContext") or {},
        caller=caller[1] if caller else "",
        access_key=access_key,
        permissions=list_permissions(service, operation, fields, environ.get("QUERY_STRING", "")),
    )


def _parse_fields(body: bytes) -> dict[str, Any]:
    """The fields of a JSON or a form body; nothing where it is neither."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return {}
    if text.startswith("{"):
        try:
            return dict(json.loads(text))
        except ValueError:
            return {}
    return {name: values[0] for name, values in parse_qs(text).items()}


def _find_resource(fields: dict[str, Any]) -> str:
    """The name at the end of the first field that names a resource."""
    for field in _RESOURCE_FIELDS:
        value = fields.get(field)
        if isinstance(value, str):
            is_path = field == "QueueUrl" or (field == "KeyId" and value.startswith("arn:"))
            return value.rpartition("/")[2] if is_path else value
    entries = fields.get("TransactItems") or []
    tables = {action["TableName"] for entry in entries for action in entry.values()}
    if isinstance(fields.get("RequestItems"), dict):
        tables |= set(fields["RequestItems"])
    return ",".join(sorted(tables))


def find_error_code(body: bytes) -> str:
    """The error code of a JSON answer."""
    try:
        code = json.loads(body).get("__type", "")
    except (ValueError, AttributeError):
        return ""
    return str(code).rpartition("#")[2]
