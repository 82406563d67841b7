"""Ways to send a request to KuCoin: once on a fresh connection, or a read that may be repeated."""

import random
import ssl
import threading
import time
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

from kubroker.foundation.errors import KucoinError, KucoinUnsentError
from kubroker.kucoin.answers import find_refusal_code
from kubroker.kucoin.codes import Meaning, find_code
from kubroker.kucoin.exchange import Connection, Exchange, KucoinAnswer, KucoinRequest

MAX_ANSWER_BYTES = 1024 * 1024
MAX_IDLE_SECONDS = 5.0
MAX_ATTEMPTS = 2
BACK_OFF_SECONDS = 0.5
# A socket's own timeout, per read, frees a thread that its caller has left; it never decides.
BACKSTOP_SECONDS = 1.0


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
        self._idle: list[tuple[float, Connection]] = []
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
        connection = self._take(
            urlsplit(request.url), deadline_seconds + BACKSTOP_SECONDS, is_fresh=is_fresh
        )
        exchange = Exchange(connection, request, self._max_answer_bytes)
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
        attempt = 1
        outcome = self._attempt(request, deadline_seconds, attempt)
        while (pause_seconds := self._decide_pause(request, attempt, outcome, ends_at)) is not None:
            self._sleep(pause_seconds)
            attempt += 1
            outcome = self._attempt(request, ends_at - self._monotonic(), attempt)
        if isinstance(outcome, KucoinError):
            raise outcome
        return outcome

    def _attempt(
        self, request: KucoinRequest, deadline_seconds: float, attempt: int
    ) -> KucoinAnswer | KucoinError:
        """One attempt with its error as a value; a second one never trusts a used connection."""
        is_fresh = attempt > 1 or request.method != "GET"
        try:
            return self.send(request, deadline_seconds=deadline_seconds, is_fresh=is_fresh)
        except KucoinError as error:
            return error

    def _decide_pause(
        self,
        request: KucoinRequest,
        attempt: int,
        outcome: KucoinAnswer | KucoinError,
        ends_at: float,
    ) -> float | None:
        """``decide_pause`` with this moment's time and chance."""
        return decide_pause(
            request.method,
            attempt,
            outcome,
            remaining_seconds=ends_at - self._monotonic(),
            random_share=self._random_share(),
        )

    def _take(self, url: SplitResult, timeout_seconds: float, *, is_fresh: bool) -> Connection:
        """The connection used last to that origin, or a new one; the stale ones are closed."""
        found: Connection | None = None
        if not is_fresh:
            with self._idle_lock:
                found = self._take_idle((url.scheme, url.netloc))
        if found is None:
            return Connection(url, self._tls, timeout_seconds)
        found.sock.settimeout(timeout_seconds)
        return found

    def _take_idle(self, origin: tuple[str, str]) -> Connection | None:
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
        outcome: What the attempt ended with; a limit is an answer and waits for the caller.
        remaining_seconds: Until the deadline.
        random_share: In [0, 1): full jitter.

    Returns:
        Seconds to pause, or None to leave it at that.
    """
    if method != "GET" or attempt >= MAX_ATTEMPTS or not _is_soon_over(outcome):
        return None
    pause_seconds = BACK_OFF_SECONDS * random_share
    return pause_seconds if pause_seconds < remaining_seconds else None


def _is_soon_over(outcome: KucoinAnswer | KucoinError) -> bool:
    """A failure on the way, a server error, or KuCoin's word that it is busy, with any status."""
    if isinstance(outcome, KucoinError) or outcome.status >= 500:
        return True
    code = find_refusal_code(outcome)
    return code is not None and find_code(code).meaning is Meaning.BUSY
