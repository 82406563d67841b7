"""The only door to KuCoin: one request, one total deadline, one honest outcome.

Built on ``http.client`` because two promises need its seams. The deadline is total: a thread does
the exchange while the caller waits, so that neither a slow resolver nor an answer that drips byte
by byte outlasts it. And "unsent" is observed, not guessed from an exception: nothing was sent
exactly if no byte was handed to the socket after its handshake, and once the caller has gone none
will be. No redirect is followed, no proxy is read from the environment, errors name the class of
their cause only: URLs hold codes and secrets.
"""

import contextlib
import http.client
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import SplitResult, urlsplit

from kubroker.errors import KucoinError, KucoinOutcomeUnknownError, KucoinUnsentError

MAX_ANSWER_BYTES = 1024 * 1024
MAX_IDLE_SECONDS = 5.0
MAX_ATTEMPTS = 2
BACK_OFF_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class KucoinRequest:
    """What goes out. Its repr shows the method only: all else may hold secrets.

    Attributes:
        method: Upper case.
        url: Scheme, host and path.
        query: As it goes on the wire: encoded wherever it has to be.
        headers: Name to value.
        body: Exactly what is sent.
    """

    method: str
    url: str = field(repr=False)
    query: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KucoinAnswer:
    """What came back, whole. Header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


class KucoinTransport:
    """Sends requests; one instance a process keeps the idle connections."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        random_share: Callable[[], float] = random.random,
    ) -> None:
        """Opens nothing yet.

        Args:
            tls: Verifies the peer; the system's authorities where it is None.
            max_answer_bytes: A larger body is an unreadable answer.
            monotonic: Seconds that only grow.
            sleep: Waits that many seconds before a repetition.
            random_share: Uniform in [0, 1), for the jitter.
        """
        self._tls = tls
        self._max_answer_bytes = max_answer_bytes
        self._monotonic = monotonic
        self._sleep = sleep
        self._random_share = random_share
        self._idle: list[tuple[float, _Connection]] = []
        self._idle_lock = threading.Lock()

    def send(
        self, request: KucoinRequest, *, deadline_seconds: float, is_fresh: bool
    ) -> KucoinAnswer:
        """Sends once and never again.

        Args:
            request: What to send.
            deadline_seconds: For all of it: name resolution, connection, the last byte.
            is_fresh: On a connection of its own, closed afterwards: for whatever acts.

        Returns:
            The whole answer, whatever its status.

        Raises:
            KucoinUnsentError: Nothing was sent, and nothing will be: asking again is safe.
            KucoinOutcomeUnknownError: Something was sent and no whole answer came: what acts
                must not be repeated.
        """
        if deadline_seconds <= 0:
            raise KucoinUnsentError("There was no time left to ask KuCoin.")
        connection = self._take(urlsplit(request.url), deadline_seconds, is_fresh=is_fresh)
        exchange = _Exchange(connection, request, self._max_answer_bytes)
        answer = exchange.run(deadline_seconds)
        if is_fresh or not connection.can_be_reused:
            connection.discard()
        else:
            with self._idle_lock:
                self._idle.append((self._monotonic(), connection))
        return answer

    def send_safe(self, request: KucoinRequest, *, deadline_seconds: float) -> KucoinAnswer:
        """Sends a GET that only reads; where that fails in passing, once more.

        Args:
            request: What to send.
            deadline_seconds: For both attempts and the pause between them.

        Returns:
            The last attempt's answer.

        Raises:
            KucoinUnsentError: As for ``send``, from the last attempt.
            KucoinOutcomeUnknownError: As for ``send``, from the last attempt.
        """
        ends_at = self._monotonic() + deadline_seconds
        for attempt in range(1, MAX_ATTEMPTS + 1):
            remaining_seconds = ends_at - self._monotonic()
            outcome = self._attempt(request, remaining_seconds, is_first=attempt == 1)
            pause_seconds = decide_pause(
                request.method,
                attempt,
                outcome,
                remaining_seconds=ends_at - self._monotonic(),
                random_share=self._random_share(),
            )
            if pause_seconds is None:
                break
            self._sleep(pause_seconds)
        if isinstance(outcome, KucoinError):
            raise outcome
        return outcome

    def _attempt(
        self, request: KucoinRequest, deadline_seconds: float, *, is_first: bool
    ) -> KucoinAnswer | KucoinError:
        """One attempt with its error as a value; a second one never trusts a used connection."""
        is_fresh = not is_first or request.method != "GET"
        try:
            return self.send(request, deadline_seconds=deadline_seconds, is_fresh=is_fresh)
        except KucoinError as error:
            return error

    def _take(self, url: SplitResult, timeout_seconds: float, *, is_fresh: bool) -> "_Connection":
        """The connection used last to that origin, or a new one; the stale ones are closed."""
        found: _Connection | None = None
        if not is_fresh:
            with self._idle_lock:
                found = self._take_idle((url.scheme, url.netloc))
        if found is None:
            return _Connection(url, self._tls, timeout_seconds)
        found.sock.settimeout(timeout_seconds)
        return found

    def _take_idle(self, origin: tuple[str, str]) -> "_Connection | None":
        """Under the lock: sorts out what idled too long, as a thawed Lambda's sockets have."""
        oldest = self._monotonic() - MAX_IDLE_SECONDS
        for since, connection in self._idle:
            if since < oldest:
                connection.discard()
        self._idle = [entry for entry in self._idle if entry[0] >= oldest]
        for index in reversed(range(len(self._idle))):
            if self._idle[index][1].origin == origin:
                return self._idle.pop(index)[1]
        return None


def decide_pause(
    method: str,
    attempt: int,
    outcome: KucoinAnswer | KucoinError,
    *,
    remaining_seconds: float,
    random_share: float,
) -> float | None:
    """Decides whether to ask again, and after which pause. Pure.

    Args:
        method: Only GET is ever repeated.
        attempt: 1 for the first.
        outcome: What the attempt ended with; a 429 is an answer and waits for the caller.
        remaining_seconds: Until the deadline.
        random_share: In [0, 1): full jitter.

    Returns:
        Seconds to pause, or None to leave it at that.
    """
    is_passing = isinstance(outcome, KucoinError) or outcome.status >= 500
    if method != "GET" or attempt >= MAX_ATTEMPTS or not is_passing:
        return None
    pause_seconds = BACK_OFF_SECONDS * random_share
    return pause_seconds if pause_seconds < remaining_seconds else None


class _AbandonedError(Exception):
    """The caller's deadline passed; nothing may be sent any more."""


class _AnswerTooLargeError(Exception):
    """The body is larger than the cap."""


class _Connection(http.client.HTTPConnection):
    """One socket to one origin, plain or TLS, in the hands of one exchange at a time."""

    exchange: "_Exchange"

    def __init__(
        self, url: SplitResult, tls: ssl.SSLContext | None, timeout_seconds: float
    ) -> None:
        self.origin = (url.scheme, url.netloc)
        self.is_tls = url.scheme == "https"
        self.default_port = 443 if self.is_tls else 80
        super().__init__(url.hostname or "", url.port, timeout=timeout_seconds)
        self.tls = tls
        self.handle: socket.socket | None = None
        self.can_be_reused = False

    def connect(self) -> None:
        """Connects; the duplicate handle can end it from the caller's thread at any moment."""
        sock = socket.create_connection((self.host, self.port), self.timeout)
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


class _Exchange:
    """One request on its way: a thread does it, the caller waits no longer than its deadline."""

    def __init__(
        self, connection: _Connection, request: KucoinRequest, max_answer_bytes: int
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
        names = {name.lower(): value for name, value in response.getheaders()}
        return KucoinAnswer(status=response.status, headers=names, body=body)


@cache
def _build_tls_context() -> ssl.SSLContext:
    """Verifies the chain and the host name by the system's authorities."""
    return ssl.create_default_context()
