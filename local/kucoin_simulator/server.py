"""The HTTP server: one thread a connection, one buffered write an answer, faults on the socket."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

from local.kucoin_simulator import dispatch, sockets, wire
from local.kucoin_simulator.config import Config
from local.kucoin_simulator.control import calls
from local.kucoin_simulator.exchange import Exchange
from local.kucoin_simulator.journal import Entry
from local.kucoin_simulator.sockets import Delivery
from local.kucoin_simulator.state import State
from local.kucoin_simulator.wire import Request

MAX_BODY_BYTES = 1024 * 1024
HOST_PREFIXES = {"/futures/api/": "futures", "/broker/api/": "broker", "/api/": "spot"}


class SimulatorServer(ThreadingHTTPServer):
    """Listens, on 127.0.0.1 unless told otherwise, and holds the state."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 512
    allow_reuse_address = True

    def __init__(self, config: Config) -> None:
        """Bind the port; raises OSError where it is in use."""
        super().__init__((config.host, config.port), SimulatorHandler)
        self.state = State(config, self.url)
        self.connections = count(1)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.server_port}"

    def start(self) -> threading.Thread:
        """Serve in a thread of this process (for tests of the simulator itself)."""
        thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        return thread


class SimulatorHandler(BaseHTTPRequestHandler):
    """Reads requests off one connection and sends their deliveries."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: SimulatorServer

    def setup(self) -> None:
        """Number the connection."""
        super().setup()
        self._number = next(self.server.connections)
        self._unsettled: Entry | None = None

    def handle_one_request(self) -> None:
        """Serve one request; a reset tells that the last answer was not read."""
        try:
            super().handle_one_request()
        except ConnectionError:
            self._settle(False)
            self.close_connection = True

    def handle(self) -> None:
        """Serve the connection to its end, and find out whether its last answer got through."""
        super().handle()
        if self._unsettled is not None:
            self._settle(sockets.linger(self.connection))

    def do_GET(self) -> None:
        """Serve any method."""
        self._settle(True)
        body = self._read_body()
        if body is None:
            self._send_plain(Delivery(wire.html_response("Bad request", 400)))
            return
        request = self._build_request(body)
        if request.host == "control":
            self._send_plain(Delivery(calls.serve(self.server.state, request)))
            return
        state = self.server.state
        with state.lock:
            entry = state.journal.open(request, state.now_ms(), self._number)
        dispatch.serve(
            Exchange(state, request, entry), lambda delivery: self._deliver(entry, delivery)
        )

    do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - overridden
        """Stay silent: request lines hold codes; the journal has them masked."""

    def _deliver(self, entry: Entry, delivery: Delivery) -> None:
        if delivery.manner != "drop":
            entry.status = delivery.response.status
        close = self.close_connection or delivery.manner in ("drop", "cut")
        entry.written = sockets.deliver(self.connection, delivery, close=close)
        if not entry.written:
            entry.delivered = False
        else:
            self._unsettled = entry
        if close or not entry.written or delivery.manner == "idle_close":
            self.close_connection = True

    def _send_plain(self, delivery: Delivery) -> None:
        if not sockets.deliver(self.connection, delivery, close=self.close_connection):
            self.close_connection = True

    def _settle(self, delivered: bool | None) -> None:
        if self._unsettled is not None:
            self._unsettled.delivered = delivered
            self._unsettled = None

    def _read_body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        chunked = "transfer-encoding" in self.headers
        if chunked or not length.isdigit() or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            return None
        return self.rfile.read(int(length))

    def _build_request(self, body: bytes) -> Request:
        path, _, raw_query = self.path.partition("?")
        host = "control" if path == "/_sim" or path.startswith("/_sim/") else "web"
        for prefix, name in HOST_PREFIXES.items():
            if path.startswith(prefix):
                host = name
                path = path.removeprefix(f"/{name}")
                break
        return Request(
            method=self.command,
            host=host,
            path=path,
            raw_query=raw_query,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
            client_ip=str(self.client_address[0]),
        )
