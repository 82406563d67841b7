"""The functions' real code in this process, so that coverage sees it."""

import functools
import importlib.util
import itertools
import json
import os
import re
import sys
import threading
import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any
from unittest.mock import patch

from botocore.useragent import UserAgentString

from local.deployment.deployed import DeployedStack, FunctionSpec
from local.gateway.invocation import InvokeResult, build_arn, build_environment
from local.wakers.queues import QueueFeed

_numbers = itertools.count(1)


@dataclass
class LambdaContextStandin:
    """What handlers may ask of their context."""

    function_name: str
    remaining_ms: int = 20_000
    memory_limit_in_mb: int = 512
    function_version: str = "$LATEST"
    log_group_name: str = "local"
    log_stream_name: str = "local"
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def invoked_function_arn(self) -> str:
        return build_arn(self.function_name)

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


class FunctionHarness:
    """Loads each function at its first call, with the environment it has in the stack.

    A harness is one cold start: what functions and layer keep in memory is forgotten when it is
    made. Calls are one at a time; use the `local_stack` fixture for concurrency.
    """

    def __init__(self, stack: DeployedStack) -> None:
        self.stack = stack
        self._modules: dict[str, ModuleType] = {}
        self._lock = threading.RLock()
        # Per function name, changes to its environment for this test.
        self.overrides: dict[str, dict[str, str]] = {}
        self.forget()

    def forget(self) -> None:
        """The next call is a cold start."""
        self._modules.clear()
        clear_caches()

    def call(self, name: str, event: dict[str, Any], *, remaining_ms: int = 20_000) -> Any:
        """Runs a function; what it raises is raised here."""
        function = self.stack.find_function(name)
        with self._lock, self._environment(function):
            handler = getattr(self._load(function), function.handler.rpartition(".")[2])
            context = LambdaContextStandin(function.name, remaining_ms, function.memory_mb)
            # As on the wire: what is not JSON is an error, tuples become lists.
            return json.loads(json.dumps(handler(json.loads(json.dumps(event)), context)))

    def invoke(self, name: str, event: dict[str, Any]) -> InvokeResult:
        """Runs a function as Lambda would: an exception becomes an error result."""
        try:
            return InvokeResult(self.call(name, event), None, os.getpid(), "")
        except Exception as error:  # noqa: BLE001 (as Lambda does)
            payload = {"errorType": type(error).__name__, "errorMessage": str(error)}
            return InvokeResult(payload, "Unhandled", os.getpid(), traceback.format_exc())

    def module(self, name: str) -> ModuleType:
        """The function's loaded app module."""
        function = self.stack.find_function(name)
        with self._lock, self._environment(function):
            return self._load(function)

    def set_environment(self, name: str, **variables: str) -> None:
        """Changes a function's variables for this test; the next call is a cold start."""
        self.overrides.setdefault(self.stack.find_function(name).name, {}).update(variables)
        self.forget()

    def drain(self, queue: str, *, limit: int = 50) -> list[InvokeResult]:
        """Feeds the function behind a queue until the queue has nothing visible.

        Args:
            queue: Logical id of the queue.
            limit: Most batches.
        """
        name = self.stack.queues[queue].rpartition("/")[2]
        source = next(
            item for item in self.stack.queue_sources if item.arn.rpartition(":")[2] == name
        )
        feed = QueueFeed(self.stack.aws, source, self.invoke)
        results = itertools.takewhile(bool, (feed.feed_once() for _ in range(limit)))
        return [result for result in results if result]

    @contextmanager
    def _environment(self, function: FunctionSpec) -> Iterator[None]:
        variables = build_environment(function, self.stack.aws.url)
        variables.pop("TZ")
        variables |= self.overrides.get(function.name, {})
        kept = {name: value for name, value in os.environ.items() if name not in variables}
        with patch.dict(os.environ, {**kept, **variables}, clear=True):
            yield

    def _load(self, function: FunctionSpec) -> ModuleType:
        if function.name not in self._modules:
            file_name = function.handler.rpartition(".")[0] + ".py"
            path = function.code_folder / file_name
            name = f"function_{function.code_folder.name}_{next(_numbers)}"
            spec = importlib.util.spec_from_file_location(name, path)
            assert spec
            assert spec.loader
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            sys.path.insert(0, str(function.code_folder))
            try:
                spec.loader.exec_module(module)
            finally:
                sys.path.remove(str(function.code_folder))
                _forget_siblings(function)
            self._modules[function.name] = module
        return self._modules[function.name]


def _name_the_caller() -> None:
    """Each request says which function makes it, though all share the clients of this process."""
    original = UserAgentString.to_string

    def to_string(user_agent: UserAgentString) -> str:
        text, name = original(user_agent), os.environ.get("AWS_SDK_UA_APP_ID")
        return re.sub(r"\bapp/\S+", f"app/{name}", text) if name else text

    UserAgentString.to_string = to_string  # type: ignore[method-assign, assignment]


_name_the_caller()


def _forget_siblings(function: FunctionSpec) -> None:
    """Modules beside app.py: two functions may use the same name."""
    folder = str(function.code_folder) + os.sep
    for name, module in list(sys.modules.items()):
        is_app = name.startswith("function_")
        if not is_app and (getattr(module, "__file__", None) or "").startswith(folder):
            del sys.modules[name]


def clear_caches() -> None:
    """What the layer and Powertools keep in memory."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "kubroker":
            for value in list(vars(module).values()):
                if isinstance(value, functools._lru_cache_wrapper):
                    value.cache_clear()
    if parameters := sys.modules.get("aws_lambda_powertools.utilities.parameters"):
        parameters.clear_caches()
        for provider in parameters.base.DEFAULT_PROVIDERS.values():
            provider.clear_cache()
        parameters.base.DEFAULT_PROVIDERS.clear()
