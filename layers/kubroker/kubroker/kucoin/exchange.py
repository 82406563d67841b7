"""One request to KuCoin: one total deadline, one honest outcome.

Built on ``http.client`` because two promises need its seams. The deadline is total: a thread does
the exchange while the caller waits, so that neither a slow resolver nor an answer that drips byte
by byte outlasts it. And "unsent" is observed, not guessed from an exception: nothing was sent
exactly if no byte was handed to the socket after its handshake, and once the caller has gone none
will be. No redirect is followed, no proxy is read from the environment, errors name the class of
their cause only: URLs hold codes and secrets.
"""

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import SplitResult, urlsplit

from kubroker.foundation.errors import KucoinOutcomeUnknownError, KucoinUnsentError

# Of a whole answer; another one can't be handed on.
FIRST_STATUS = 200
LAST_STATUS = 599


@dataclass(frozen=True, slots=True, kw_only=True)
class KucoinRequest:
    """What goes out. Its repr shows the method only: all else may hold secrets.

    Attributes:
        method: Upper case.
        url: Scheme, host and path.
        query: As it goes on the wire: encoded wherever it has to be.
        headers: Name to value.
        body: Exactly what is sent.
        secrets: What of it must not come back in words: see ``redaction``.
    """

    method: str
    url: str = field(repr=False)
    query: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KucoinAnswer:
    """What came back, whole. Header names are in lower case.

    Attributes:
        secrets: Those that were sent, for who reads the answer's words.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


class _AbandonedError(Exception):
    """The caller's deadline passed; nothing may be sent any more."""


class _AnswerTooLargeError(Exception):
    """The body is larger than the cap."""


class Connection(http.client.HTTPConnection):
    """One socket to one origin, plain or TLS, in the hands of one exchange at a time."""

    exchange: "Exchange"

    def __init__(
        self,
        url: SplitResult,
        tls: ssl.SSLContext | None,
        timeout_seconds: float,
        *,
        choose_address: Callable[[str, int], str] | None = None,
    ) -> None:
        """Connects to nothing yet.

        Args:
            url: Scheme, host and port.
            tls: Verifies the peer; the system's authorities where it is None.
            timeout_seconds: Of each read and write.
            choose_address: Gives the address to connect to, of a host and port; the system's
                resolver where it is None. TLS and the Host header keep the host's name.
        """
        self._choose_address = choose_address
        self.origin = (url.scheme, url.netloc)
        self.is_tls = url.scheme == "https"
        self.default_port = 443 if self.is_tls else 80
        super().__init__(url.hostname or "", url.port, timeout=timeout_seconds)
        self.tls = tls
        self.handle: socket.socket | None = None
        self.can_be_reused = False

    def connect(self) -> None:
        """Connects; the duplicate handle can end it from the caller's thread at any moment."""
        host = self._choose_address(self.host, self.port) if self._choose_address else self.host
        sock = socket.create_connection((host, self.port), self.timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.handle = sock.dup()
        self.exchange.check_wanted()
        if self.is_tls:
            context = self.tls or _build_tls_context()
            self.sock = context.wrap_socket(sock, server_hostname=self.host)

    def send(self, data: bytes) -> None:  # type: ignore[override]
        """The one place where bytes leave."""
        if self.sock is None:
            self.connect()
        self.exchange.begin_sending()
        self.sock.sendall(data)

    def discard(self) -> None:
        """Closes both handles."""
        self.close()
        if self.handle is not None:
            self.handle.close()


class Exchange:
    """One request on its way: a thread does it, the caller waits no longer than its deadline."""

    def __init__(
        self, connection: Connection, request: KucoinRequest, max_answer_bytes: int
    ) -> None:
        self._connection = connection
        self._request = request
        self._max_answer_bytes = max_answer_bytes
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._is_sent = False
        self._is_abandoned = False
        self._outcome: KucoinAnswer | str | None = None
        connection.exchange = self

    def run(self, deadline_seconds: float) -> KucoinAnswer:
        """Waits for the outcome; see ``KucoinTransport.send``."""
        threading.Thread(target=self._work, daemon=True).start()
        try:
            self._done.wait(deadline_seconds)
        finally:
            self._abandon_unless_done()
        outcome = self._outcome or "the deadline passed"
        if isinstance(outcome, KucoinAnswer):
            return outcome
        if self._is_sent:
            raise KucoinOutcomeUnknownError(f"KuCoin was asked and gave no answer ({outcome}).")
        raise KucoinUnsentError(f"KuCoin could not be reached ({outcome}).")

    def check_wanted(self) -> None:
        """Ends the work of an exchange that nobody waits for."""
        with self._lock:
            if self._is_abandoned:
                raise _AbandonedError

    def begin_sending(self) -> None:
        """From here on the outcome is unknown until an answer is whole."""
        with self._lock:
            if self._is_abandoned:
                raise _AbandonedError
            self._is_sent = True

    def _abandon_unless_done(self) -> None:
        """Forbids sending and wakes the thread out of whatever it reads."""
        with self._lock:
            if self._outcome is None:
                self._is_abandoned = True
                if self._connection.handle is not None:
                    with contextlib.suppress(OSError):
                        self._connection.handle.shutdown(socket.SHUT_RDWR)

    def _work(self) -> None:
        """The thread: leaves the answer, or the name of what went wrong."""
        outcome: KucoinAnswer | str
        try:
            outcome = self._perform()
        except Exception as error:  # noqa: BLE001 - whatever it was, the caller is waiting for it
            outcome = type(error).__name__.lstrip("_")
        with self._lock:
            is_late = self._is_abandoned
            if not is_late:
                self._outcome = outcome
        if is_late or isinstance(outcome, str):
            self._connection.discard()
        self._done.set()

    def _perform(self) -> KucoinAnswer:
        """Sends and reads all of the answer."""
        url = urlsplit(self._request.url)
        target = (url.path or "/") + (f"?{self._request.query}" if self._request.query else "")
        headers = {"Accept": "application/json", "User-Agent": "kubroker", **self._request.headers}
        self._connection.request(self._request.method, target, self._request.body or None, headers)
        response = self._connection.getresponse()
        body = response.read(self._max_answer_bytes + 1)
        if len(body) > self._max_answer_bytes:
            raise _AnswerTooLargeError
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        self._connection.can_be_reused = not response.will_close
        if not FIRST_STATUS <= response.status <= LAST_STATUS:
            raise http.client.BadStatusLine("a status that HTTP does not know")
        # A value over several lines is one: what goes on must not begin a header of its own.
        names = {name.lower(): " ".join(value.split()) for name, value in response.getheaders()}
        return KucoinAnswer(
            status=response.status, headers=names, body=body, secrets=self._request.secrets
        )


def list_addresses(host: str, port: int) -> list[str]:
    """Every address of a host, in the resolver's order.

    Raises:
        OSError: It has none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@cache
def _build_tls_context() -> ssl.SSLContext:
    """Verifies the chain and the host name by the system's authorities."""
    return ssl.create_default_context()
