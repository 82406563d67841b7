"""AWS and KuCoin as one server that answers at once, from memory: a cold start has to wait for
something, but what it waits for should cost nothing and be the same each time.
"""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.bench.cold_start import QuietServer

DATA_KEY = bytes(range(32))
SECRET = {
    "clientSecret": "client-secret",
    "spot": {"partner": "spot", "brokerName": "spotND", "brokerKey": "spot-key"},
    "futures": {"partner": "futures", "brokerName": "futuresND", "brokerKey": "futures-key"},
}
PAIR = {
    "access_token": "access-token",
    "token_type": "bearer",
    "expires_in": 3600,
    "refresh_token": "refresh-token",
    "scope": ["OAUTH_CREATE_API"],
}


class StandIn:
    """Serves the items that it is given; takes every write and forgets it."""

    def __init__(self) -> None:
        """Starts serving on a free port."""
        self.items: dict[str, dict[str, Any]] = {}
        self.seen: list[str] = []
        stand_in = self

        class Handler(_Handler):
            owner = stand_in

        self._server = QuietServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """What AWS would say.

        Args:
            operation: For example ``GetItem``.
            request: Its fields.
        """
        self.seen.append(operation)
        wrapped = base64.b64encode(b"wrapped").decode()
        answers: dict[str, dict[str, Any]] = {
            "GetItem": {"Item": self.items.get(request.get("TableName", ""), {})},
            "UpdateItem": {"Attributes": self.items.get(request.get("TableName", ""), {})},
            "PutItem": {},
            "GenerateDataKey": {
                "Plaintext": base64.b64encode(DATA_KEY).decode(),
                "CiphertextBlob": wrapped,
                "KeyId": "key",
            },
            "GetSecretValue": {"Name": "kucoin", "SecretString": json.dumps(SECRET)},
            "SendMessage": {"MessageId": "message"},
        }
        return answers[operation]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    owner: StandIn

    def do_POST(self) -> None:
        """AWS: JSON protocols, the operation in a header."""
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        self._send(self.owner.answer(operation, json.loads(content)))

    def do_GET(self) -> None:
        """KuCoin's token endpoint."""
        self.owner.seen.append("exchange")
        self._send(PAIR)

    def _send(self, answer: dict[str, Any]) -> None:
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base's name)
        """Quiet."""
