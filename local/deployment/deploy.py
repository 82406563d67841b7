"""Deploys template.yaml to the AWS stand-in and says what is there."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.aws.client import AwsStandin
from local.deployment import template as templates
from local.deployment import template_reader as reader
from local.deployment.deployed import DeployedStack
from local.deployment.parameters import KUCOIN_SECRET, check_parameters

STACK_NAME = "kubroker-local"


class DeploymentError(RuntimeError):
    """Something of the template is not in the stack."""


@dataclass(frozen=True)
class PreparedTemplate:
    """A template ready to deploy: as written, as translated, and its parameters."""

    source: dict[str, Any]
    translated: dict[str, Any]
    parameters: dict[str, str]
    root: Path


def prepare(
    parameters: dict[str, str], template_path: Path = templates.TEMPLATE
) -> PreparedTemplate:
    """Checks the parameters and translates the template; needs no stand-in yet.

    Args:
        parameters: As ``local.deployment.parameters.build_local_parameters`` makes them.
        template_path: The template; code folders are relative to it.

    Raises:
        ParameterError: CloudFormation would refuse the parameters.
    """
    source = templates.load_template(template_path)
    values = check_parameters(source, parameters)
    translated = templates.translate(source, values)
    return PreparedTemplate(source, translated, values, template_path.parent)


def deploy(
    aws: AwsStandin,
    parameters: dict[str, str],
    template_path: Path = templates.TEMPLATE,
    *,
    stack_name: str = STACK_NAME,
) -> DeployedStack:
    """``prepare`` and ``deploy_prepared`` in one."""
    return deploy_prepared(aws, prepare(parameters, template_path), stack_name=stack_name)


def deploy_prepared(
    aws: AwsStandin, prepared: PreparedTemplate, *, stack_name: str = STACK_NAME
) -> DeployedStack:
    """Deploys the template and fills the operator's secret with the simulator's values.

    Args:
        aws: A stand-in without this stack.
        prepared: What to deploy.
        stack_name: Name of the stack.

    Raises:
        DeploymentError: A resource of the template is not there afterwards.
    """
    _put_code(aws)
    formation = aws.client("cloudformation")
    formation.create_stack(
        StackName=stack_name,
        TemplateBody=json.dumps(prepared.translated),
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value}
            for name, value in prepared.parameters.items()
        ],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
    )
    summaries = [
        summary
        for page in formation.get_paginator("list_stack_resources").paginate(StackName=stack_name)
        for summary in page["StackResourceSummaries"]
    ]
    physical_ids = {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in summaries}
    missing = [
        f"{logical_id} ({resource['Type']})"
        for logical_id, resource in prepared.translated["Resources"].items()
        if logical_id not in physical_ids and "Condition" not in resource
    ]
    if missing:
        raise DeploymentError(f"local/aws/types.py has to learn: {', '.join(missing)}")
    stack = _describe(aws, prepared, physical_ids)
    _fill_secret(stack)
    return stack


def _put_code(aws: AwsStandin) -> None:
    storage = aws.client("s3")
    if storage.list_buckets()["Buckets"]:
        return
    storage.create_bucket(
        Bucket=templates.CODE_BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    storage.put_object(Bucket=templates.CODE_BUCKET, Key=templates.CODE_KEY, Body=b"")


def _fill_secret(stack: DeployedStack) -> None:
    """The operator's part; what CloudFormation makes up itself stays."""
    for logical_id, kind in stack.types.items():
        is_made = "GenerateSecretString" in stack.resources[logical_id]
        if kind == "AWS::SecretsManager::Secret" and not is_made:
            stack.aws.client("secretsmanager").put_secret_value(
                SecretId=stack.physical_ids[logical_id], SecretString=json.dumps(KUCOIN_SECRET)
            )


def _describe(
    aws: AwsStandin, prepared: PreparedTemplate, physical_ids: dict[str, str]
) -> DeployedStack:
    types = {
        logical_id: resource["Type"]
        for logical_id, resource in prepared.translated["Resources"].items()
        if logical_id in physical_ids
    }
    resolved = aws.read_resources()
    resources = {logical_id: resolved.get(logical_id, {}) for logical_id in types}

    def select(*kinds: str) -> Iterator[tuple[str, dict[str, Any]]]:
        return ((name, resources[name]) for name, kind in types.items() if kind in kinds)

    sources = [reader.read_source(item) for _, item in select("AWS::Lambda::EventSourceMapping")]
    tables = {name: physical_ids[name] for name, _ in select("AWS::DynamoDB::Table")}
    return DeployedStack(
        aws=aws,
        functions=reader.read_functions(
            prepared.source, dict(select("AWS::Lambda::Function")), prepared.root
        ),
        routes=[
            route
            for _, api in select("AWS::ApiGatewayV2::Api")
            for route in reader.read_routes(api)
        ],
        queue_sources=[item for item in sources if ":sqs:" in item.arn],
        stream_sources=[item for item in sources if ":dynamodb:" in item.arn],
        schedules=reader.read_schedules(
            [item for _, item in select("AWS::Scheduler::Schedule")],
            [item for _, item in select("AWS::Events::Rule")],
        ),
        tables=tables,
        queues={name: physical_ids[name] for name, _ in select("AWS::SQS::Queue")},
        streams=reader.read_streams(aws, tables),
        types=types,
        resources=resources,
        physical_ids=physical_ids,
    )
