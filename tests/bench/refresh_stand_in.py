"""AWS and KuCoin for refreshes, in a process of its own: what it computes is not measured.

``python -m tests.bench.refresh_stand_in`` says its address; users are told by ``PUT /items``.
"""

import base64
import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from local.deployment.parameters import KUCOIN_SECRET
from tests.bench.stand_in import DATA_KEY, PAIR
from tests.support.built import ROOT


class RefreshStandIn:
    """The process, and what it is told."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.refresh_stand_in"],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()

    def tell(self, **state: Any) -> None:
        """Items by userId, KuCoin's latency."""
        import requests

        requests.put(f"{self.url}/state", json=state, timeout=10).raise_for_status()

    def read_calls(self) -> list[str]:
        """What was asked since the last time."""
        import requests

        return list(requests.get(f"{self.url}/calls", timeout=10).json())

    def stop(self) -> None:
        """Ends it."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    state: ClassVar[dict[str, Any]] = {"items": {}, "latency_seconds": 0.0}
    calls: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        """AWS by its target header; else KuCoin's refresh."""
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target = self.headers.get("X-Amz-Target")
        if target is None:
            self.calls.append("refresh")
            time.sleep(self.state["latency_seconds"])
            self._send(PAIR)
            return
        operation = target.rpartition(".")[2]
        self.calls.append(operation)
        self._send(self._answer(operation, json.loads(content)))

    def do_PUT(self) -> None:
        """The measuring side."""
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.state.update(json.loads(content))
        self._send({})

    def do_GET(self) -> None:
        """The measuring side."""
        calls = list(self.calls)
        self.calls.clear()
        self._send(calls)

    def _answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        if operation == "Decrypt":
            return {"Plaintext": base64.b64encode(DATA_KEY).decode(), "KeyId": "key"}
        if operation == "GetSecretValue":
            return {"Name": "kucoin", "SecretString": json.dumps(KUCOIN_SECRET)}
        item = self.state["items"].get(request.get("Key", {}).get("userId", {}).get("S"), {})
        return {"Item": item} if operation == "GetItem" else {"Attributes": item}

    def _send(self, answer: Any) -> None:
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base's name)
        """Quiet."""


def main() -> None:
    """Serves until it is killed."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    threading.Thread(target=server.serve_forever, args=(0.1,)).run()


if __name__ == "__main__":
    main()
