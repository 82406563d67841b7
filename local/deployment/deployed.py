"""What a deployed stack consists of, as the rest of the local stack needs it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.aws.client import AwsStandin


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
