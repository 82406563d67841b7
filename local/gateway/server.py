"""The HTTP API behind a port: reads HTTP/1.1, lets ``local.gateway.http_api`` answer."""

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local.gateway.api_docs import DocumentedApi
from local.gateway.http_api import LARGEST_BODY, HttpApi
from local.gateway.http_event import HttpRequest, HttpResponse, build_message

_OWN_HEADERS = ("connection", "transfer-encoding", "keep-alive")


class _MalformedRequestError(ValueError):
    """The framing of the body can't be trusted."""


class Gateway:
    """A server of one HTTP API on 127.0.0.1."""

    def __init__(self, api: HttpApi | DocumentedApi, port: int) -> None:
        """Starts serving; port 0 takes a free one."""

        class Handler(_Handler):
            http_api = api

        self._server = _Server(("127.0.0.1", port), Handler)
        self.port = int(self._server.server_address[1])
        self.url = f"http://localhost:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def stop(self) -> None:
        """Takes no more requests."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is none."""


class _Handler(BaseHTTPRequestHandler):
    """Any method; one buffered write per answer."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 60
    http_api: HttpApi | DocumentedApi

    def _answer(self) -> None:
        try:
            body = self._read_body()
        except _MalformedRequestError:
            self.close_connection = True
            self._write(build_message(400, "Bad Request"))
            return
        request = HttpRequest(
            method=self.command,
            target=self.path,
            headers=tuple(self.headers.items()),
            body=body,
            source_ip=self.client_address[0],
        )
        try:
            response = self.http_api.handle(request)
        except Exception as error:  # noqa: BLE001 (the stand-in's own fault, told on the console)
            print(f"gateway: {error!r}", file=sys.stderr, flush=True)
            response = build_message(500, "Internal Server Error")
        self._write(response)

    def __getattr__(self, name: str) -> Any:
        """``do_GET`` and so on: any method is answered, most with 404."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _read_body(self) -> bytes:
        """The body; one byte more than the limit at most."""
        lengths = self.headers.get_all("Content-Length") or []
        coding = self.headers.get("Transfer-Encoding", "").lower()
        if coding:
            if coding != "chunked" or lengths:
                raise _MalformedRequestError
            return b"".join(self._read_chunks())
        if len(lengths) > 1 or any(not length.isdecimal() for length in lengths):
            raise _MalformedRequestError
        length = int(lengths[0]) if lengths else 0
        if length > LARGEST_BODY:
            self.close_connection = True
            return bytes(LARGEST_BODY + 1)
        return self.rfile.read(length)

    def _read_chunks(self) -> Iterator[bytes]:
        total = 0
        while True:
            try:
                size = int(self.rfile.readline(20).partition(b";")[0], 16)
            except ValueError as error:
                raise _MalformedRequestError from error
            total += size
            if size < 0 or total > LARGEST_BODY + 1:
                raise _MalformedRequestError
            yield self.rfile.read(size)
            self.rfile.readline(4)
            if size == 0:
                return

    def _write(self, response: HttpResponse) -> None:
        self.send_response(response.status)
        for name, value in response.headers:
            if name not in _OWN_HEADERS and "\r" not in value and "\n" not in value:
                self.send_header(name, value.encode("utf-8").decode("latin-1"))
        self.send_header("content-length", str(len(response.body)))
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What can't be read is answered as API Gateway would, not in HTML."""
        body = json.dumps({"message": message or "Bad Request"}).encode()
        self.close_connection = True
        self.request_version = self.protocol_version  # else no status line, as in HTTP/0.9
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        """No versions."""
        return "local"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base's name)
        """Paths and queries hold tokens and codes: no log."""
