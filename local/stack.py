"""Deploys template.yaml to the AWS stand-in and says what is there."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local import template as templates
from local.aws_client import AwsStandin
from local.parameters import KUCOIN_SECRET, check_parameters

STACK_NAME = "kubroker-local"

_FUNCTION_ARN = re.compile(r"arn:aws:lambda:[^:]+:\d+:function:([^:/]+)")


class DeploymentError(RuntimeError):
    """Something of the template is not in the stack."""


@dataclass(frozen=True)
class FunctionSpec:
    """One function, as its code has to be run.

    Attributes:
        layer_folders: Absolute folders that come before its own on the path.
        environment: Resolved; without what Lambda itself adds.
        log_format: ``JSON`` or ``Text``, as in its LoggingConfig.
    """

    logical_id: str
    name: str
    code_folder: Path
    layer_folders: tuple[Path, ...]
    handler: str
    environment: dict[str, str]
    timeout_seconds: float
    memory_mb: int
    log_format: str


@dataclass(frozen=True)
class Route:
    """A route of the HTTP API; ``authorizer`` is ``AWS_IAM`` or ``NONE``."""

    method: str
    path: str
    function_name: str
    authorizer: str


@dataclass(frozen=True)
class EventSource:
    """A queue or a stream that a function is fed from.

    Attributes:
        arn: Of the queue or the stream.
        reports_item_failures: Whether the function's answer names what failed.
    """

    function_name: str
    arn: str
    batch_size: int
    reports_item_failures: bool
    maximum_concurrency: int
    properties: dict[str, Any]


@dataclass(frozen=True)
class Schedule:
    """A function's schedule; the event is what the function gets."""

    name: str
    function_name: str
    expression: str
    event: dict[str, Any]
    is_enabled: bool


@dataclass(frozen=True)
class DeployedStack:
    """The stack: everything by logical id unless said.

    Attributes:
        functions: By function name.
        tables: Logical id to table name.
        queues: Logical id to queue URL.
        streams: Logical id of a table to its stream's ARN.
        types: Logical id to type, of every resource.
        resources: Logical id to resolved properties, of every resource.
        physical_ids: Logical id to what ``Ref`` gives.
    """

    aws: AwsStandin
    functions: dict[str, FunctionSpec]
    routes: list[Route]
    queue_sources: list[EventSource]
    stream_sources: list[EventSource]
    schedules: list[Schedule]
    tables: dict[str, str]
    queues: dict[str, str]
    streams: dict[str, str]
    types: dict[str, str]
    resources: dict[str, dict[str, Any]] = field(repr=False)
    physical_ids: dict[str, str] = field(repr=False)

    def find_function(self, short_name: str) -> FunctionSpec:
        """A function by its full name, logical id, or the name of its folder (``connect``).

        Raises:
            KeyError: There is none.
        """
        for function in self.functions.values():
            if short_name in (function.name, function.logical_id, function.code_folder.name):
                return function
        raise KeyError(short_name)


def deploy(
    aws: AwsStandin, parameters: dict[str, str], template_path: Path = templates.TEMPLATE
) -> DeployedStack:
    """Deploys the template and fills the operator's secret with the simulator's values.

    Args:
        aws: A stand-in without a stack.
        parameters: As ``local.parameters.build_local_parameters`` makes them.
        template_path: The template; code folders are relative to it.

    Raises:
        DeploymentError: A resource of the template is not there afterwards.
        ParameterError: CloudFormation would refuse the parameters.
    """
    source = templates.load_template(template_path)
    values = check_parameters(source, parameters)
    translated = templates.translate(source, values)
    _put_code(aws)
    formation = aws.client("cloudformation")
    formation.create_stack(
        StackName=STACK_NAME,
        TemplateBody=json.dumps(translated),
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value} for name, value in values.items()
        ],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
    )
    summaries = [
        summary
        for page in formation.get_paginator("list_stack_resources").paginate(StackName=STACK_NAME)
        for summary in page["StackResourceSummaries"]
    ]
    physical_ids = {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in summaries}
    missing = [
        f"{logical_id} ({resource['Type']})"
        for logical_id, resource in translated["Resources"].items()
        if logical_id not in physical_ids and "Condition" not in resource
    ]
    if missing:
        raise DeploymentError(f"local/aws_types.py has to learn: {', '.join(missing)}")
    stack = _describe(
        aws,
        source=source,
        translated=translated,
        physical_ids=physical_ids,
        root=template_path.parent,
    )
    _fill_secret(stack)
    return stack


def _put_code(aws: AwsStandin) -> None:
    storage = aws.client("s3")
    storage.create_bucket(
        Bucket=templates.CODE_BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    storage.put_object(Bucket=templates.CODE_BUCKET, Key=templates.CODE_KEY, Body=b"")


def _fill_secret(stack: DeployedStack) -> None:
    """The operator's part."""
    for logical_id, kind in stack.types.items():
        if kind == "AWS::SecretsManager::Secret":
            stack.aws.client("secretsmanager").put_secret_value(
                SecretId=stack.physical_ids[logical_id], SecretString=json.dumps(KUCOIN_SECRET)
            )


def _describe(
    aws: AwsStandin,
    *,
    source: dict[str, Any],
    translated: dict[str, Any],
    physical_ids: dict[str, str],
    root: Path,
) -> DeployedStack:
    types = {
        logical_id: resource["Type"]
        for logical_id, resource in translated["Resources"].items()
        if logical_id in physical_ids
    }
    resolved = aws.read_resources()
    resources = {logical_id: resolved.get(logical_id, {}) for logical_id in types}

    def select(*kinds: str) -> Iterator[tuple[str, dict[str, Any]]]:
        return ((name, resources[name]) for name, kind in types.items() if kind in kinds)

    sources = [_read_source(item) for _, item in select("AWS::Lambda::EventSourceMapping")]
    tables = {name: physical_ids[name] for name, _ in select("AWS::DynamoDB::Table")}
    return DeployedStack(
        aws=aws,
        functions=_read_functions(source, dict(select("AWS::Lambda::Function")), root),
        routes=[
            route for _, api in select("AWS::ApiGatewayV2::Api") for route in _read_routes(api)
        ],
        queue_sources=[item for item in sources if ":sqs:" in item.arn],
        stream_sources=[item for item in sources if ":dynamodb:" in item.arn],
        schedules=[_read_scheduler(item) for _, item in select("AWS::Scheduler::Schedule")]
        + [
            schedule
            for _, item in select("AWS::Events::Rule")
            if item.get("ScheduleExpression")
            for schedule in _read_rule(item)
        ],
        tables=tables,
        queues={name: physical_ids[name] for name, _ in select("AWS::SQS::Queue")},
        streams=_read_streams(aws, tables),
        types=types,
        resources=resources,
        physical_ids=physical_ids,
    )


def _read_functions(
    source: dict[str, Any], functions: dict[str, dict[str, Any]], root: Path
) -> dict[str, FunctionSpec]:
    folders = templates.read_code_folders(source)
    layers = tuple(
        (root / folder).resolve()
        for logical_id, folder in folders.items()
        if source["Resources"][logical_id]["Type"] == "AWS::Serverless::LayerVersion"
    )
    specs = {}
    for logical_id, properties in functions.items():
        variables = properties.get("Environment", {}).get("Variables", {})
        specs[properties["FunctionName"]] = FunctionSpec(
            logical_id=logical_id,
            name=properties["FunctionName"],
            code_folder=(root / folders[logical_id]).resolve(),
            layer_folders=layers,
            handler=properties["Handler"],
            environment={name: str(value) for name, value in variables.items()},
            timeout_seconds=float(properties.get("Timeout", 3)),
            memory_mb=int(properties.get("MemorySize", 128)),
            log_format=properties.get("LoggingConfig", {}).get("LogFormat", "Text"),
        )
    return specs


def _find_function_name(text: str) -> str:
    found = _FUNCTION_ARN.search(text)
    return found[1] if found else text


def _read_routes(api: dict[str, Any]) -> Iterator[Route]:
    for path, methods in api["Body"]["paths"].items():
        for method, operation in methods.items():
            schemes = [name for entry in operation.get("security", []) for name in entry]
            uri = operation["x-amazon-apigateway-integration"]["uri"]
            yield Route(
                method="ANY" if method.startswith("x-") else method.upper(),
                path=path,
                function_name=_find_function_name(uri),
                authorizer=schemes[0] if schemes else "NONE",
            )


def _read_source(properties: dict[str, Any]) -> EventSource:
    is_queue = ":sqs:" in properties["EventSourceArn"]
    return EventSource(
        function_name=_find_function_name(properties["FunctionName"]),
        arn=properties["EventSourceArn"],
        batch_size=int(properties.get("BatchSize", 10 if is_queue else 100)),
        reports_item_failures="ReportBatchItemFailures"
        in properties.get("FunctionResponseTypes", []),
        maximum_concurrency=int(properties.get("ScalingConfig", {}).get("MaximumConcurrency", 4)),
        properties=properties,
    )


def _read_scheduler(properties: dict[str, Any]) -> Schedule:
    return Schedule(
        name=properties["Name"],
        function_name=_find_function_name(properties["Target"]["Arn"]),
        expression=properties["ScheduleExpression"],
        event=json.loads(properties["Target"].get("Input", "{}")),
        is_enabled=properties.get("State", "ENABLED") == "ENABLED",
    )


def _read_rule(properties: dict[str, Any]) -> Iterator[Schedule]:
    for target in properties.get("Targets", []):
        yield Schedule(
            name=properties.get("Name", target["Id"]),
            function_name=_find_function_name(target["Arn"]),
            expression=properties["ScheduleExpression"],
            event=json.loads(target.get("Input", "{}")),
            is_enabled=properties.get("State", "ENABLED") == "ENABLED",
        )


def _read_streams(aws: AwsStandin, tables: dict[str, str]) -> dict[str, str]:
    database = aws.client("dynamodb")
    found = {
        logical_id: database.describe_table(TableName=name)["Table"].get("LatestStreamArn", "")
        for logical_id, name in tables.items()
    }
    return {logical_id: arn for logical_id, arn in found.items() if arn}
