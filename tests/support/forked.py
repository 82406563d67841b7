"""Functions in real processes that are quick to start: forked from one that has imported all.

``python -m tests.support.forked ROLE`` is that process: a line of JSON in forks a worker, runs
the function's handler there and says its process id; the worker writes its answer to a file. A
test kills the worker with SIGKILL at any request that a stand-in holds.
"""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.deployment.deployed import DeployedStack
from local.gateway.invocation import build_environment
from local.processes import ROOT
from tests.support.functions import LambdaContextStandin


@dataclass
class Worker:
    """One forked invocation."""

    parent: "ForkedFunction"
    pid: int
    answer_path: Path

    def kill(self) -> None:
        """SIGKILL, and waits until it is gone."""
        os.kill(self.pid, signal.SIGKILL)
        status = self.parent.reap(self.pid)
        assert os.WIFSIGNALED(status), "it had ended by itself: the kill came too late"

    def wait(self) -> Any:
        """The handler's answer; what it raised fails the test."""
        status = self.parent.reap(self.pid)
        answer = json.loads(self.answer_path.read_text())
        assert status == 0, answer
        return answer


class ForkedFunction:
    """A function of the stack whose every invocation is a process of its own."""

    def __init__(self, stack: DeployedStack, name: str, **variables: str) -> None:
        function = stack.find_function(name)
        self._folder = Path(tempfile.mkdtemp(prefix="kubroker-forked-"))
        self._count = 0
        self._name = function.name
        environment = {
            **{key: os.environ[key] for key in _KEPT if key in os.environ},
            **build_environment(function, stack.aws.url),
            **variables,
            "PYTHONPATH": os.pathsep.join([str(ROOT), *map(str, function.layer_folders)]),
        }
        # It ends with this process: its input does.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forked", str(function.code_folder / "app.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env=environment,
        )
        assert self._read()["ready"], "the parent of the workers did not start"

    def start(self, event: dict[str, Any], *, remaining_ms: int = 28_000) -> Worker:
        """Begins an invocation."""
        self._count += 1
        path = self._folder / f"{self._count}.json"
        fields = {"event": event, "remainingMs": remaining_ms, "answer": str(path)}
        pid = self._ask({"fork": {**fields, "name": self._name}})["pid"]
        return Worker(self, int(pid), path)

    def call(self, event: dict[str, Any], *, remaining_ms: int = 28_000) -> Any:
        """A whole invocation."""
        return self.start(event, remaining_ms=remaining_ms).wait()

    def reap(self, pid: int) -> int:
        """The status of a worker that has ended, or soon will."""
        return int(self._ask({"reap": pid})["status"])

    def stop(self) -> None:
        """Ends the parent."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        lines = []
        for line in self._process.stdout:
            if line.startswith(_MARK):
                return dict(json.loads(line.removeprefix(_MARK)))
            lines.append(line.decode(errors="replace"))
        raise AssertionError("the parent of the workers ended: " + "".join(lines[-20:]))


_MARK = b"forked: "
_KEPT = ("PATH", "HOME", "LANG", "COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")


def _say(out: int, message: dict[str, Any]) -> None:
    os.write(out, _MARK + json.dumps(message).encode() + b"\n")


def _load(path: Path) -> Any:
    """The function, and what its first use would import and make: no threads, no sockets."""
    spec = importlib.util.spec_from_file_location("app", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["app"] = module
    spec.loader.exec_module(module)
    for cached in ("messages", "rescue", "dispatch"):
        if hasattr(module, cached):
            getattr(module, cached)()
    from kubroker.aws import clients

    for get in (clients.get_dynamodb, clients.get_impatient_dynamodb, clients.get_kms):
        get()
    clients.get_sqs()
    return module


def _work(module: Any, request: dict[str, Any]) -> None:
    path = Path(request["answer"])
    context = LambdaContextStandin(request["name"], request["remainingMs"])
    status = 0
    try:
        answer = module.lambda_handler(request["event"], context)
    except BaseException:  # noqa: BLE001 (told to the test)
        answer, status = {"error": traceback.format_exc()}, 1
    path.write_text(json.dumps(answer))
    sys.stdout.flush()
    _save_coverage()
    os._exit(status)


def _save_coverage() -> None:
    coverage = sys.modules.get("coverage")
    current = coverage.Coverage.current() if coverage else None
    if current is not None:
        current.stop()
        current.save()


def main() -> None:
    """Forks on demand until its input ends."""
    out = os.dup(1)
    os.dup2(2, 1)  # metrics and logs go where errors go
    module = _load(Path(sys.argv[1]))
    _say(out, {"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        if "reap" in request:
            _say(out, {"status": os.waitpid(request["reap"], 0)[1]})
            continue
        pid = os.fork()
        if pid == 0:
            _work(module, request["fork"])
        _say(out, {"pid": pid})


if __name__ == "__main__":
    main()
