"""Starts, finds ready and stops the processes of the local stack."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
_CHILD = Path(__file__).resolve().parent / "child.py"
_STOP_SECONDS = 5.0
_FIRST_PORT, _LAST_PORT = 15_000, 32_000


class PortInUseError(RuntimeError):
    """Something else listens where the local stack would."""


class StartError(RuntimeError):
    """A process of the local stack did not become ready."""


def check_port(port: int, variable: str) -> None:
    """Refuses a port that is taken.

    Args:
        port: On 127.0.0.1.
        variable: The environment variable that chooses another one.

    Raises:
        PortInUseError: Names the port and the variable.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortInUseError(
                f"Port {port} is in use. Stop what uses it, or choose another one with {variable}."
            ) from error


def find_free_port() -> int:
    """A port that nothing listens on now, outside the range that outgoing connections take."""
    while True:
        port = _FIRST_PORT + secrets.randbelow(_LAST_PORT - _FIRST_PORT)
        try:
            check_port(port, "")
        except PortInUseError:
            continue
        return port


def start_module(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path = ROOT,
    output: int | IO[bytes] = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    """Starts ``python -m ARGUMENTS`` in a group of its own; it ends with this process.

    Args:
        arguments: Module and its arguments.
        environment: The whole environment; this process's, with the checkout as PYTHONPATH, if
            None.
        folder: Working directory.
        output: Where standard output and error go.
    """
    return subprocess.Popen(
        [sys.executable, "-P", str(_CHILD), *arguments],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env=dict(environment or {**os.environ, "PYTHONPATH": str(ROOT)}),
        start_new_session=True,
    )


def wait_ready(process: subprocess.Popen[bytes], word: str, timeout_seconds: float = 60.0) -> str:
    """Reads the process's output until a line says that it is ready; drops what comes later.

    Args:
        process: Started with its output as a pipe.
        word: Part of the line.
        timeout_seconds: How long to wait.

    Returns:
        The last word of that line: the address.

    Raises:
        StartError: It ended or said nothing in time; the message has its last lines.
    """
    lines: list[str] = []
    is_ready = threading.Event()

    def read() -> None:
        for line in process.stdout or ():
            if not is_ready.is_set():
                lines.append(line.decode(errors="replace").rstrip())
                if word in lines[-1]:
                    is_ready.set()
        is_ready.set()

    threading.Thread(target=read, daemon=True).start()
    is_ready.wait(timeout_seconds)
    if lines and word in lines[-1]:
        return lines[-1].split()[-1]
    stop(process)
    last = "\n".join(lines[-15:])
    raise StartError(f"{process.args!r} did not become ready.\n{last}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and whatever is in its group."""
    _signal_group(process, signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        _signal_group(process, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def wait_until_listening(port: int, timeout_seconds: float = 30.0) -> None:
    """Waits until something accepts connections on the port.

    Raises:
        StartError: Nothing did in time.
    """
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise StartError(f"nothing listens on port {port}")


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return
