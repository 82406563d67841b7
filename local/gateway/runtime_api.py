"""The Lambda Runtime API of one sandbox: hands out events, takes answers.

Source:
    Lambda, "Using the Lambda runtime API for custom runtimes", version 2018-06-01.
"""

import json
import queue
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal


@dataclass(frozen=True)
class Invocation:
    """An event on its way to the sandbox."""

    request_id: str
    function_arn: str
    event: bytes
    timeout_seconds: float


@dataclass(frozen=True)
class Report:
    """What the sandbox said: it took the event, answered, failed, could not start, or ended."""

    kind: Literal["taken", "response", "error", "init_error", "exit"]
    content: bytes = b""

    @property
    def payload(self) -> Any:
        """The content as JSON."""
        return json.loads(self.content) if self.content else None


class RuntimeApi:
    """A small server on a free port, for one sandbox and one event at a time."""

    def __init__(self) -> None:
        """Starts serving."""
        self.reports: queue.Queue[Report] = queue.Queue()
        self._events: queue.Queue[Invocation | None] = queue.Queue()
        api = self

        class Handler(_Handler):
            events = api._events
            reports = api.reports

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def send(self, invocation: Invocation) -> None:
        """Queues the next event."""
        self._events.put(invocation)

    def close(self) -> None:
        """Ends a waiting runtime's poll, which ends the runtime, and stops serving."""
        self._events.put(None)
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A runtime that was killed is none."""


class _Handler(BaseHTTPRequestHandler):
    """Four routes."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    events: queue.Queue[Invocation | None]
    reports: queue.Queue[Report]

    def do_GET(self) -> None:
        """``/runtime/invocation/next``: waits for an event."""
        invocation = self.events.get()
        if invocation is None:
            self.close_connection = True
            return
        deadline_ms = int((time.time() + invocation.timeout_seconds) * 1000)
        self.reports.put(Report("taken"))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Lambda-Runtime-Aws-Request-Id", invocation.request_id)
        self.send_header("Lambda-Runtime-Deadline-Ms", str(deadline_ms))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", invocation.function_arn)
        self.send_header("Content-Length", str(len(invocation.event)))
        self.end_headers()
        self.wfile.write(invocation.event)

    def do_POST(self) -> None:
        """An answer, an error, or that the function could not be loaded."""
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.endswith("/init/error"):
            report = Report("init_error", content)
        else:
            report = Report("error" if self.path.endswith("/error") else "response", content)
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.wfile.flush()
        self.reports.put(report)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base's name)
        """Quiet."""
