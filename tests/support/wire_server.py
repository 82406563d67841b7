"""A server of raw bytes: what a peer may do to a client, down to the single byte."""

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

type Script = bytes | Callable[["Peer"], None]


@dataclass(frozen=True)
class Received:
    """One request as it came in, and the number of the connection that it came on."""

    head: str
    body: bytes
    connection: int

    @property
    def line(self) -> str:
        return self.head.split("\r\n", 1)[0]

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.split("\r\n")[1:]
        return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}


class Peer:
    """The server's end of one connection, in a script's hands."""

    def __init__(self, sock: socket.socket, received: Received, stopped: threading.Event) -> None:
        self.sock = sock
        self.received = received
        self.stopped = stopped

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def drip(self, data: bytes, *, pause_seconds: float = 0.02) -> None:
        """Byte by byte, for as long as the other side listens."""
        with contextlib.suppress(OSError):
            for index in range(len(data)):
                self.sock.sendall(data[index : index + 1])
                if self.stopped.wait(pause_seconds):
                    return

    def stay_silent(self) -> None:
        self.stopped.wait(5)

    def close(self) -> None:
        self.sock.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Ends with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class WireServer:
    """Plays one script a request; the last one again for every further request."""

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None) -> None:
        self.scripts = list(scripts) or [build_answer({})]
        self.received: list[Received] = []
        self.connections = 0
        self.closed = threading.Semaphore(0)
        self._tls = tls
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = ("https://localhost" if tls else "http://127.0.0.1") + f":{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(
                    target=self._serve, args=(sock, self.connections), daemon=True
                ).start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), contextlib.closing(sock):
            if self._tls:
                sock = self._tls.wrap_socket(sock, server_side=True)
            while (received := _read_request(sock, number)) is not None:
                self.received.append(received)
                script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
                peer = Peer(sock, received, self._stopped)
                if isinstance(script, bytes):
                    peer.send(script)
                else:
                    script(peer)
        self.closed.release()


def build_answer(
    payload: Any, *, status: int = 200, headers: dict[str, str] | None = None
) -> bytes:
    """A whole answer; text and bytes as they are, all else as JSON."""
    if isinstance(payload, bytes):
        body = payload
    else:
        body = payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _read_request(sock: socket.socket, number: int) -> Received | None:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = sock.recv(65536)
        if not chunk:
            return None
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    received = Received(head.decode("latin-1"), body, number)
    missing = int(received.headers.get("content-length", "0")) - len(body)
    while missing > 0:
        chunk = sock.recv(missing)
        body += chunk
        missing -= len(chunk)
    return Received(received.head, body, number)
