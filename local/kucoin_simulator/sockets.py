"""Writing answers to the socket, whole or broken, and telling whether they got through."""

import os
import socket
import struct
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus

from local.kucoin_simulator.wire import Response

LINGER_SECONDS = 20.0


@dataclass(slots=True)
class Delivery:
    """How an answer leaves.

    Attributes:
        manner: ``whole``, ``drop``, ``cut``, ``drip`` or ``idle_close``.
        reset: With ``drop``: send a RST instead of an orderly end.
        fraction: With ``cut``: the part of the body that is sent.
        seconds: With ``drip``: the pause after each byte.
        part: With ``drip``: ``body`` or ``header``.
    """

    response: Response = field(default_factory=Response)
    manner: str = "whole"
    reset: bool = False
    fraction: float = 0.5
    seconds: float = 0.1
    part: str = "body"


def build_head(response: Response, *, close: bool) -> bytes:
    """Return the status line and headers."""
    try:
        reason = HTTPStatus(response.status).phrase
    except ValueError:
        reason = "Unknown"
    lines = [
        f"HTTP/1.1 {response.status} {reason}",
        f"Date: {formatdate(usegmt=True)}",
        f"Content-Type: {response.content_type}",
        f"Content-Length: {len(response.body)}",
        f"Connection: {'close' if close else 'keep-alive'}",
        *(f"{name}: {value}" for name, value in response.headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def deliver(connection: socket.socket, delivery: Delivery, *, close: bool) -> bool:
    """Send an answer.

    Returns:
        Whether the socket took the whole of it.
    """
    if delivery.manner == "drop":
        return _drop(connection, delivery.reset)
    head = build_head(delivery.response, close=close)
    body = delivery.response.body
    try:
        if is_peer_gone(connection):
            return False
        if delivery.manner == "cut":
            connection.sendall(head + body[: int(len(body) * delivery.fraction)])
            return False
        if delivery.manner == "drip":
            _drip(connection, head, body, delivery)
        else:
            connection.sendall(head + body)
    except OSError:
        return False
    return True


def is_peer_gone(connection: socket.socket) -> bool:
    """Tell whether the caller has closed its end (a killed process has)."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def linger(connection: socket.socket) -> bool | None:
    """End our side, then wait for the caller to end its own.

    Returns:
        Whether the caller read everything: a reset says it did not; None when it stayed silent.
    """
    try:
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(LINGER_SECONDS)
        while connection.recv(4096):
            pass
    except TimeoutError:
        return None
    except OSError:
        return False
    return True


def _drop(connection: socket.socket, reset: bool) -> bool:
    try:
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(connection.detach())
        else:
            connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    return False


def _drip(connection: socket.socket, head: bytes, body: bytes, delivery: Delivery) -> None:
    slow = head if delivery.part == "header" else body
    if delivery.part != "header":
        connection.sendall(head)
    for position in range(len(slow)):
        connection.sendall(slow[position : position + 1])
        time.sleep(delivery.seconds)
    if delivery.part == "header":
        connection.sendall(body)
