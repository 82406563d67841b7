"""Runs the functions' real code in processes of their own, under AWS's own runtime client.

Each sandbox is ``awslambdaric`` against a Runtime API of its own: one event at a time, started on
demand, killed at the function's timeout. Tests kill one with SIGKILL in the middle of its work.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import uuid
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from local.deployment.deployed import DeployedStack, FunctionSpec
from local.gateway.invocation import InvokeResult, ThrottledError, build_arn, build_environment
from local.gateway.runtime_api import Invocation, Report, RuntimeApi
from local.processes import ROOT, start_module

LOG_FOLDER = ROOT / "build" / "local" / "logs"

_INIT_SECONDS = 60.0
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "COVERAGE_PROCESS_CONFIG")


class Sandbox:
    """One process of one function."""

    def __init__(self, function: FunctionSpec, aws_url: str, log_path: Path) -> None:
        """Starts the process; it loads the function while this returns."""
        self.function = function
        self.is_busy = False
        self._log_path = log_path
        self._api = RuntimeApi()
        path = os.pathsep.join(map(str, (function.code_folder, *function.layer_folders)))
        kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        with log_path.open("ab") as log:
            self.process = start_module(
                ["awslambdaric", function.handler],
                environment={
                    **kept,
                    **build_environment(function, aws_url),
                    "AWS_LAMBDA_RUNTIME_API": self._api.address,
                    "PYTHONPATH": path,
                    "PYTHONUNBUFFERED": "1",
                },
                folder=function.code_folder,
                output=log,
            )
        threading.Thread(target=self._report_exit, daemon=True).start()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    def invoke(self, event: dict[str, Any]) -> InvokeResult:
        """Runs the function once."""
        request_id = str(uuid.uuid4())
        timeout = self.function.timeout_seconds
        log_start = self._log_path.stat().st_size
        content = json.dumps(event).encode()
        self._api.send(Invocation(request_id, build_arn(self.function.name), content, timeout))
        report = self._wait(_INIT_SECONDS)
        if report and report.kind == "taken":
            report = self._wait(timeout)
        payload, error = _describe_outcome(report, request_id, timeout)
        if report is None or report.kind in ("init_error", "exit"):
            self.kill()
        with self._log_path.open("rb") as log:
            log.seek(log_start)
            logs = log.read().decode(errors="replace")
        return InvokeResult(payload, error, self.pid, logs)

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Ends a process that waits for its next event; kills one that doesn't."""
        self._api.close()
        try:
            self.process.wait(2.0)
        except subprocess.TimeoutExpired:
            self.kill()
        if self.process.stdin:
            self.process.stdin.close()

    def _wait(self, timeout_seconds: float) -> Report | None:
        try:
            return self._api.reports.get(timeout=timeout_seconds)
        except queue.Empty:
            return None

    def _report_exit(self) -> None:
        self.process.wait()
        self._api.reports.put(Report("exit"))


def _describe_outcome(
    report: Report | None, request_id: str, timeout_seconds: float
) -> tuple[Any, str | None]:
    """Payload and error as Lambda gives them."""
    if report is None:
        message = f"{request_id} Task timed out after {timeout_seconds:.2f} seconds"
        return {"errorType": "Sandbox.Timedout", "errorMessage": message}, "Unhandled"
    if report.kind == "exit":
        message = f"RequestId: {request_id} Error: Runtime exited"
        return {"errorType": "Runtime.ExitError", "errorMessage": message}, "Unhandled"
    return report.payload, None if report.kind == "response" else "Unhandled"


class FunctionPool:
    """Sandboxes of every function of a stack."""

    def __init__(
        self,
        stack: DeployedStack,
        *,
        log_folder: Path,
        size: int = 4,
        free_seconds: float = 30.0,
    ) -> None:
        """Prepares; starts nothing yet.

        Args:
            stack: What is deployed.
            log_folder: One log per sandbox goes here; nobody else may use it, and logs that are
                there are removed.
            size: Most sandboxes of one function.
            free_seconds: How long an invocation waits for a free sandbox.
        """
        self.log_folder = log_folder
        self._stack = stack
        self._size = size
        self._free_seconds = free_seconds
        self._changed = threading.Condition()
        self._sandboxes: dict[str, list[Sandbox]] = defaultdict(list)
        self._started = 0
        self._is_stopped = False
        log_folder.mkdir(parents=True, exist_ok=True)
        for old in log_folder.glob("*.log"):
            old.unlink()

    def invoke(self, function_name: str, event: dict[str, Any]) -> InvokeResult:
        """Runs a function in a free sandbox, or in a new one.

        Args:
            function_name: Full name, logical id, or the name of its folder.
            event: What it gets.

        Raises:
            ThrottledError: All sandboxes stayed busy.
            KeyError: There is no such function.
        """
        sandbox = self._acquire(self._stack.find_function(function_name))
        try:
            return sandbox.invoke(event)
        finally:
            with self._changed:
                sandbox.is_busy = False
                self._changed.notify_all()

    def warm(self) -> None:
        """Starts one sandbox of each function; they load in parallel."""
        for function in self._stack.functions.values():
            with self._changed:
                if not self._sandboxes[function.name]:
                    self._start(function)

    def pids(self, function_name: str | None = None, *, busy_only: bool = False) -> list[int]:
        """The processes alive, of one function or all."""
        names = (
            [self._stack.find_function(function_name).name]
            if function_name
            else list(self._stack.functions)
        )
        with self._changed:
            return [
                sandbox.pid
                for name in names
                for sandbox in self._sandboxes[name]
                if sandbox.is_alive and (sandbox.is_busy or not busy_only)
            ]

    def kill(self, pid: int) -> None:
        """SIGKILL to one sandbox; its invocation, if any, ends with ``Runtime.ExitError``.

        Raises:
            KeyError: It is not one of ours.
        """
        with self._changed:
            sandboxes = [one for group in self._sandboxes.values() for one in group]
        for sandbox in sandboxes:
            if sandbox.pid == pid:
                sandbox.kill()
                return
        raise KeyError(pid)

    def read_logs(self) -> str:
        """Everything that every sandbox wrote."""
        paths = sorted(self.log_folder.glob("*.log"))
        return "".join(path.read_text(errors="replace") for path in paths)

    def stop(self) -> None:
        """Ends every sandbox."""
        with self._changed:
            self._is_stopped = True
            sandboxes = [one for group in self._sandboxes.values() for one in group]
            self._sandboxes.clear()
        if sandboxes:
            with ThreadPoolExecutor(len(sandboxes)) as threads:
                list(threads.map(Sandbox.stop, sandboxes))

    def _acquire(self, function: FunctionSpec) -> Sandbox:
        with self._changed:
            found = self._changed.wait_for(
                lambda: self._take_free(function), timeout=self._free_seconds
            )
        if not found:
            raise ThrottledError(function.name)
        return found

    def _take_free(self, function: FunctionSpec) -> Sandbox | None:
        """Under the lock: a free sandbox, a new one, or None."""
        if self._is_stopped:
            raise ThrottledError("the pool is stopped")
        alive = [one for one in self._sandboxes[function.name] if one.is_alive or one.is_busy]
        for dead in set(self._sandboxes[function.name]) - set(alive):
            dead.stop()
        self._sandboxes[function.name] = alive
        sandbox = next((one for one in alive if not one.is_busy), None)
        if sandbox is None and len(alive) < self._size:
            sandbox = self._start(function)
        if sandbox:
            sandbox.is_busy = True
        return sandbox

    def _start(self, function: FunctionSpec) -> Sandbox:
        self._started += 1
        log_path = self.log_folder / f"{function.name}.{self._started}.log"
        sandbox = Sandbox(function, self._stack.aws.url, log_path)
        self._sandboxes[function.name].append(sandbox)
        return sandbox
