"""The AWS stand-in: moto's server with atomic stores, every type of the template, and faults.

``python -m local.aws.standin --port 3002``. AWS's own APIs answer at ``/``, for any credentials;
what only a stand-in can do is under ``/_aws`` (``local.aws.client`` speaks to it).
"""

import argparse
import json
import logging
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs

from moto.core.config import default_user_config
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import BaseWSGIServer, make_server

from local.aws import data, kms, types
from local.aws.control import Controls
from local.aws.faults import FaultLayer, StartResponse


class _Handler(MotoRequestHandler):  # type: ignore[misc]
    """Werkzeug's, with one write per answer and no delay for small packets."""

    disable_nagle_algorithm = True
    wbufsize = -1

    def run_wsgi(self) -> None:
        """Lets a body come at once: S3's clients wait a second for the word, else."""
        if self.headers.get("Expect", "").lower() == "100-continue":
            del self.headers["Expect"]
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        super().run_wsgi()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """The journal knows."""


class Standin:
    """Routes ``/_aws`` to the controls and everything else through the faults to moto."""

    def __init__(self) -> None:
        """Prepares moto; once in a process."""
        default_user_config["lambda"] = {"use_docker": False}
        types.register()
        data.make_atomic()
        kms.widen_ciphertext_header()
        self._faults = FaultLayer(DomainDispatcherApplication(create_backend_app))
        self._controls = Controls(self._faults)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """A WSGI application."""
        path = environ.get("PATH_INFO", "")
        if not path.startswith("/_aws/"):
            return self._faults(environ, start_response)
        query = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = json.loads(environ["wsgi.input"].read(length) or b"{}") if length else {}
        status, answer = self._controls.answer(
            environ["REQUEST_METHOD"], path.removeprefix("/_aws/"), query, body
        )
        content = json.dumps(answer).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(content)))]
        start_response(status, headers)
        return [content]


def build_server(port: int, host: str = "127.0.0.1") -> BaseWSGIServer:
    """A server; port 0 takes a free one."""
    return make_server(host, port, Standin(), threaded=True, request_handler=_Handler)


def main() -> None:
    """Serves until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=3002)
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 in a container")
    arguments = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = build_server(arguments.port, arguments.host)
    print(f"aws stand-in ready http://127.0.0.1:{server.port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
