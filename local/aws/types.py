"""CloudFormation types that moto skips, gets wrong, or would act upon.

moto's ``create_stack`` passes over a type it does not know and still says CREATE_COMPLETE. Each
type of the template that is not here and not in moto is therefore an error at deploy time
(``local.deployment.deploy``). ``register`` has to run before the first ``create_stack``.
"""

import json
import secrets
import string
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import Table
from moto.events.models import EventBus
from moto.kms.models import Key, kms_backends
from moto.secretsmanager.models import secretsmanager_backends

type Properties = dict[str, Any]

# Logical id to the properties of the last deployment, every function resolved.
RESOLVED: dict[str, Properties] = {}

# Python forgets a class that nobody holds, and moto finds its types as subclasses.
_defined: list[type] = []


@dataclass(frozen=True)
class _Shape:
    """How one type names itself.

    Attributes:
        name: The property that names it, None where CloudFormation makes the name up.
        arn: Its ARN after ``arn:aws:``; filled from name, region, account and the properties.
        ref: What ``Ref`` returns: its name or its ARN.
    """

    name: str | None = None
    arn: str = "unknown:{region}:{account}:{name}"
    ref: str = "name"


# Facts only: nothing behind these acts. local.wakers.pollers reads the event sources and schedules.
_PLAIN_TYPES: dict[str, _Shape] = {
    "AWS::ApiGatewayV2::ApiMapping": _Shape(),
    "AWS::ApiGatewayV2::DomainName": _Shape("DomainName"),
    "AWS::ApiGatewayV2::Stage": _Shape("StageName"),
    "AWS::CloudWatch::Alarm": _Shape("AlarmName", "cloudwatch:{region}:{account}:alarm:{name}"),
    "AWS::CloudWatch::CompositeAlarm": _Shape(
        "AlarmName", "cloudwatch:{region}:{account}:alarm:{name}"
    ),
    "AWS::CloudWatch::Dashboard": _Shape("DashboardName"),
    "AWS::CodeDeploy::Application": _Shape("ApplicationName"),
    "AWS::CodeDeploy::DeploymentGroup": _Shape("DeploymentGroupName"),
    "AWS::Lambda::Alias": _Shape("Name", "{FunctionName}:{name}", ref="arn"),
    "AWS::Lambda::EventInvokeConfig": _Shape(),
    "AWS::Lambda::EventSourceMapping": _Shape(),
    "AWS::Lambda::LayerVersion": _Shape(
        "LayerName", "lambda:{region}:{account}:layer:{name}:1", ref="arn"
    ),
    "AWS::Lambda::Permission": _Shape(),
    "AWS::Lambda::Version": _Shape(arn="{FunctionName}:1", ref="arn"),
    "AWS::Logs::MetricFilter": _Shape("FilterName"),
    "AWS::Logs::QueryDefinition": _Shape("Name"),
    "AWS::S3::BucketPolicy": _Shape(),
    "AWS::SNS::Subscription": _Shape(),
    "AWS::SNS::TopicPolicy": _Shape(),
    "AWS::SQS::QueuePolicy": _Shape(),
    "AWS::Scheduler::Schedule": _Shape(
        "Name", "scheduler:{region}:{account}:schedule/default/{name}"
    ),
    "AWS::Scheduler::ScheduleGroup": _Shape(
        "Name", "scheduler:{region}:{account}:schedule-group/{name}"
    ),
    "AWS::SecretsManager::ResourcePolicy": _Shape(),
}


class _Resource:
    """What CloudFormation needs of a resource: an id for ``Ref`` and attributes."""

    def __init__(self, physical_id: str, attributes: dict[str, str]) -> None:
        """Args: the id that ``Ref`` returns, and what ``Fn::GetAtt`` knows."""
        self.physical_resource_id = physical_id
        self._attributes = attributes

    def is_created(self) -> bool:
        """At once."""
        return True

    def delete(self, account_id: str, region_name: str) -> None:
        """Nothing is behind it."""

    def get_cfn_attribute(self, name: str) -> str:
        """``Fn::GetAtt``: an attribute, or the name of the resource for the id-like ones."""
        return self._attributes.get(name, self.physical_resource_id)


def _build_plain(shape: _Shape, name: str, properties: Properties, where: dict[str, str]) -> Any:
    """A resource of ``_PLAIN_TYPES``."""
    known = {key: value for key, value in properties.items() if isinstance(value, str)}
    function = known.get("FunctionName", "")
    if function and not function.startswith("arn:"):
        function = "arn:aws:lambda:{region}:{account}:function:".format(**where) + function
    arn = shape.arn.format(**{**known, **where, "FunctionName": function, "name": name})
    arn = arn if arn.startswith("arn:") else f"arn:aws:{arn}"
    endpoint = f"https://{name}.execute-api.{where['region']}.amazonaws.com"
    attributes = {"Arn": arn, "ApiEndpoint": endpoint, "AlarmArn": arn, "Version": "1"}
    return _Resource(arn if shape.ref == "arn" else name, attributes)


def _build_api(name: str, properties: Properties, where: dict[str, str]) -> Any:
    """An HTTP API: its id is made up, as in AWS."""
    shape = _Shape(arn="apigateway:{region}::/apis/{name}")
    return _build_plain(shape, uuid.uuid4().hex[:10], properties, where)


def _build_secret(name: str, properties: Properties, where: dict[str, str]) -> Any:
    """A real secret of moto's; the operator's part is to fill it."""
    backend = secretsmanager_backends[where["account"]][where["region"]]
    made = backend.create_secret(
        name=name,
        secret_string=properties.get("SecretString") or _generate_secret(properties),
        secret_binary=None,
        description=properties.get("Description"),
        tags=properties.get("Tags", []),
        kms_key_id=properties.get("KmsKeyId"),
        client_request_token=None,
        replica_regions=[],
        force_overwrite=False,
    )
    arn = (json.loads(made) if isinstance(made, str) else made)["ARN"]
    return _Resource(arn, {"Id": arn})


def _generate_secret(properties: Properties) -> str:
    """What ``GenerateSecretString`` makes: letters and digits under a key of a template."""
    wanted = properties.get("GenerateSecretString")
    if wanted is None:
        return "{}"
    alphabet = string.ascii_letters + string.digits
    made = "".join(secrets.choice(alphabet) for _ in range(int(wanted["PasswordLength"])))
    content = json.loads(wanted["SecretStringTemplate"])
    return json.dumps({**content, wanted["GenerateStringKey"]: made})


def _build_key(name: str, properties: Properties, where: dict[str, str]) -> Any:
    """A key of moto's own, with its policy as text (else DescribeKey raises) and multi-region."""
    key = kms_backends[where["account"]][where["region"]].create_key(
        policy=json.dumps(properties["KeyPolicy"]),
        key_usage="ENCRYPT_DECRYPT",
        key_spec="SYMMETRIC_DEFAULT",
        description=properties.get("Description", ""),
        tags=properties.get("Tags", []),
        multi_region=bool(properties.get("MultiRegion", False)),
    )
    key.key_rotation_status = bool(properties.get("EnableKeyRotation", False))
    return key


def _build_table(name: str, properties: Properties, where: dict[str, str]) -> Any:
    """A table of moto's own, with TTL and point-in-time recovery as the template has them."""
    json_of_table = {"Properties": properties}
    table = Table.create_from_cloudformation_json(
        name, json_of_table, where["account"], where["region"]
    )
    backend = dynamodb_backends[where["account"]][where["region"]]
    if ttl := properties.get("TimeToLiveSpecification"):
        backend.update_time_to_live(name, ttl)
    if recovery := properties.get("PointInTimeRecoverySpecification"):
        backend.update_continuous_backups(name, recovery)
    return table


def _define_type(
    cloudformation_type: str,
    name_property: str | None,
    build: Callable[[str, Properties, dict[str, str]], Any],
) -> None:
    """Makes a direct subclass of moto's model: moto's registry of types; the last one wins."""

    def create(*arguments: Any, **_: Any) -> Any:
        _, name, template, account, region = arguments
        return build(name, template["Properties"], {"account": account, "region": region})

    members = {
        "__module__": __name__,
        "cloudformation_name_type": staticmethod(lambda: name_property or ""),
        "cloudformation_type": staticmethod(lambda: cloudformation_type),
        "has_cfn_attr": classmethod(lambda cls, attribute: True),
        "create_from_cloudformation_json": classmethod(create),
    }
    name = cloudformation_type.replace("::", "")
    _defined.append(type(name, (CloudFormationModel,), members))


def _record_resolved_properties() -> None:
    """Keeps what moto resolved: it alone knows how, and forgets what it does not use."""
    original = parsing.parse_resource_and_generate_name

    def parse(logical_id: str, *arguments: Any) -> Any:
        parsed = original(logical_id, *arguments)
        if parsed:
            RESOLVED[logical_id] = parsed[1].get("Properties", {})
        return parsed

    parsing.parse_resource_and_generate_name = parse


def register() -> None:
    """Teaches moto the types above."""
    for cloudformation_type, shape in _PLAIN_TYPES.items():
        _define_type(cloudformation_type, shape.name, partial(_build_plain, shape))
    _define_type("AWS::ApiGatewayV2::Api", None, _build_api)
    _define_type("AWS::SecretsManager::Secret", "Name", _build_secret)
    _define_type("AWS::KMS::Key", None, _build_key)
    _define_type("AWS::DynamoDB::Table", "TableName", _build_table)
    # A rule on a bus of the stack: moto's bus has no physical id.
    EventBus.physical_resource_id = property(lambda bus: bus.name)
    Key.has_cfn_attr = classmethod(lambda cls, attribute: True)
    _record_resolved_properties()
    parsing.get_model_list.cache_clear()
    parsing.get_model_map.cache_clear()
    parsing.get_name_type_map.cache_clear()
