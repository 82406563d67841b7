"""Cold starts: a fresh process under AWS's own runtime client, from its start to its answer."""

import json
import os
import resource
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class Start:
    """One cold start.

    Attributes:
        loaded_ms: From the process's start until it asks for its first event.
        answered_ms: Until its answer is there.
        cpu_ms: CPU time of the process, all threads.
        status: The answer's status code.
    """

    loaded_ms: float
    answered_ms: float
    cpu_ms: float
    status: int


class QuietServer(ThreadingHTTPServer):
    """Takes it as given that a killed process drops its connections."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Quiet."""


class _Runtime:
    """The Lambda Runtime API for one process and one event."""

    def __init__(self, event: dict[str, Any]) -> None:
        runtime = self
        self.event = json.dumps(event).encode()
        self.asked_at = 0.0
        self.answered_at = 0.0
        self.answer: dict[str, Any] = {}
        self.is_done = threading.Event()

        class Handler(_Handler):
            owner = runtime

        self.server = QuietServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.address = f"127.0.0.1:{self.server.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    owner: _Runtime

    def do_GET(self) -> None:
        """The next event; there is only one."""
        if self.owner.asked_at:
            threading.Event().wait()
        self.owner.asked_at = time.perf_counter()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "00000000-0000-4000-8000-000000000000")
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 28_000))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:1:f")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.owner.event)))
        self.end_headers()
        self.wfile.write(self.owner.event)

    def do_POST(self) -> None:
        """The answer, or an error, which has no status code."""
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.owner.answered_at = time.perf_counter()
        self.owner.answer = json.loads(content or b"{}")
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.wfile.flush()
        self.owner.is_done.set()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base's name)
        """Quiet."""


def measure(
    folder: Path, event: dict[str, Any], environment: dict[str, str], python_path: list[Path]
) -> Start:
    """Starts a function once.

    Args:
        folder: Of its ``app.py``.
        event: What it gets.
        environment: Its variables.
        python_path: Where it finds the layer.

    Raises:
        RuntimeError: It did not answer; the message has what it wrote.
    """
    runtime = _Runtime(event)
    cpu_before = _read_children_cpu()
    started_at = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "awslambdaric", "app.lambda_handler"],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_FUNCTION_NAME": folder.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_RUNTIME_API": runtime.address,
            "LAMBDA_TASK_ROOT": str(folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join(map(str, [folder, *python_path])),
            **environment,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        is_done = runtime.is_done.wait(_TIMEOUT_SECONDS)
    finally:
        process.kill()
        output = process.communicate()[0]
        runtime.server.shutdown()
        runtime.server.server_close()
    if not is_done or "statusCode" not in runtime.answer:
        raise RuntimeError(f"{folder.name} did not answer: {runtime.answer} {output[-2000:]}")
    return Start(
        loaded_ms=(runtime.asked_at - started_at) * 1000,
        answered_ms=(runtime.answered_at - started_at) * 1000,
        cpu_ms=(_read_children_cpu() - cpu_before) * 1000,
        status=int(runtime.answer["statusCode"]),
    )


def _read_children_cpu() -> float:
    """Seconds of CPU of the children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
