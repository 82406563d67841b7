"""Reads functions, routes, event sources and schedules out of resolved properties."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local.aws.client import AwsStandin
from local.deployment.deployed import EventSource, FunctionSpec, Route, Schedule
from local.deployment.template import read_code_folders

_FUNCTION_ARN = re.compile(r"arn:aws:lambda:[^:]+:\d+:function:([^:/]+)")


def read_functions(
    source: dict[str, Any], functions: dict[str, dict[str, Any]], root: Path
) -> dict[str, FunctionSpec]:
    """The functions by name.

    Args:
        source: The template as written: it knows the code's folders.
        functions: Logical id to resolved properties.
        root: Where the template lies.
    """
    folders = read_code_folders(source)
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


def read_routes(api: dict[str, Any]) -> Iterator[Route]:
    """The routes of an HTTP API's resolved properties."""
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


def read_source(properties: dict[str, Any]) -> EventSource:
    """An event source mapping."""
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


def read_scheduler(properties: dict[str, Any]) -> Schedule:
    """A schedule of EventBridge Scheduler."""
    return Schedule(
        name=properties["Name"],
        function_name=_find_function_name(properties["Target"]["Arn"]),
        expression=properties["ScheduleExpression"],
        event=json.loads(properties["Target"].get("Input", "{}")),
        is_enabled=properties.get("State", "ENABLED") == "ENABLED",
    )


def read_rule(properties: dict[str, Any]) -> Iterator[Schedule]:
    """The schedules of an EventBridge rule, one a target."""
    for target in properties.get("Targets", []):
        yield Schedule(
            name=properties.get("Name", target["Id"]),
            function_name=_find_function_name(target["Arn"]),
            expression=properties["ScheduleExpression"],
            event=json.loads(target.get("Input", "{}")),
            is_enabled=properties.get("State", "ENABLED") == "ENABLED",
        )


def read_schedules(schedulers: list[dict[str, Any]], rules: list[dict[str, Any]]) -> list[Schedule]:
    """Every schedule, whichever of EventBridge's two kinds."""
    timed = [rule for rule in rules if rule.get("ScheduleExpression")]
    of_rules = (schedule for rule in timed for schedule in read_rule(rule))
    return [*map(read_scheduler, schedulers), *of_rules]


def read_streams(aws: AwsStandin, tables: dict[str, str]) -> dict[str, str]:
    """Logical id of each table that has a stream to the stream's ARN."""
    database = aws.client("dynamodb")
    found = {
        logical_id: database.describe_table(TableName=name)["Table"].get("LatestStreamArn", "")
        for logical_id, name in tables.items()
    }
    return {logical_id: arn for logical_id, arn in found.items() if arn}


def _find_function_name(text: str) -> str:
    """The name in an ARN, with or without an alias; the text itself if it is none."""
    found = _FUNCTION_ARN.search(text)
    return found[1] if found else text
