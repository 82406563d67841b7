"""Forwards a caller's request to KuCoin: signed at the last moment, to the byte as it came.

What acts is sent once, on a connection that idled less than five seconds or a new one, and never
again. What reads is sent once more where it failed in passing, signed anew. KuCoin's clock is
measured before the first request that acts and after each refusal for the clock.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from kubroker.foundation.errors import KucoinError
from kubroker.foundation.settings import KucoinSettings
from kubroker.kucoin.answers import find_refusal_code
from kubroker.kucoin.codes import Meaning, find_code
from kubroker.kucoin.exchange import KucoinAnswer, KucoinRequest
from kubroker.kucoin.identity import KucoinSecret, ProxyHost
from kubroker.kucoin.rest import KucoinRest
from kubroker.kucoin.signer import ApiCredentials, sign_request
from kubroker.kucoin.transport import KucoinTransport, decide_pause

READ_ATTEMPT_SECONDS = 10.0
CLOCK_SECONDS = 3.0
# How long a clock that KuCoin took is trusted for a request that acts.
CLOCK_TRUSTED_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardedRequest:
    """What goes on. Its repr shows method and host only.

    Attributes:
        method: Upper case.
        host: Which of KuCoin's hosts.
        path: From ``/api`` on.
        query: As it came, encoded; it goes out like this.
        signed_query: The same decoded; it is signed like this.
        body: As it came.
        credentials: The user's key; None leaves the request unsigned.
    """

    method: str
    host: ProxyHost
    path: str = field(repr=False)
    query: str = field(default="", repr=False)
    signed_query: str = field(default="", repr=False)
    body: bytes = field(default=b"", repr=False)
    credentials: ApiCredentials | None = field(default=None, repr=False)


class KucoinForwarder:
    """Sends forwarded requests; one a process."""

    def __init__(
        self,
        settings: KucoinSettings,
        secret: Callable[[], KucoinSecret],
        transport: KucoinTransport,
        clock: KucoinRest,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        random_share: Callable[[], float] = random.random,
    ) -> None:
        """Asks nobody yet.

        Args:
            settings: Where KuCoin is.
            secret: Gives the broker identities.
            transport: Sends.
            clock: Knows and measures KuCoin's clock.
            monotonic: Seconds that only grow.
            sleep: Waits that many seconds before a repetition.
            random_share: Uniform in [0, 1), for the jitter.
        """
        self._site = settings.site
        self._urls = {
            "spot": settings.rest_url.rstrip("/"),
            "futures": settings.futures_url.rstrip("/"),
        }
        self._secret = secret
        self._transport = transport
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._random_share = random_share
        self._clock_trusted_until = float("-inf")

    def has_tag(self, host: ProxyHost) -> bool:
        """Whether requests to this host go out with the broker's headers.

        Raises:
            ConfigurationError: The secret can't be read.
        """
        secret = self._secret()
        return (secret.futures if host == "futures" else secret.spot) is not None

    def forward(self, request: ForwardedRequest, *, deadline_seconds: float) -> KucoinAnswer:
        """Sends and gives KuCoin's answer, whatever it says.

        Args:
            request: What goes on.
            deadline_seconds: For all of it.

        Raises:
            KucoinUnsentError: Nothing was sent.
            KucoinOutcomeUnknownError: It was sent, and no whole answer came.
        """
        ends_at = self._monotonic() + deadline_seconds
        if request.method != "GET" and self._monotonic() > self._clock_trusted_until:
            self._measure_clock()
        answer = self._send(request, ends_at)
        if request.credentials is None:
            return answer
        if not _is_clock_refusal(answer):
            self._clock_trusted_until = self._monotonic() + CLOCK_TRUSTED_SECONDS
            return answer
        self._measure_clock()
        return self._send(request, ends_at) if request.method == "GET" else answer

    def _send(self, request: ForwardedRequest, ends_at: float) -> KucoinAnswer:
        """Once, or what reads twice."""
        left = ends_at - self._monotonic()
        if request.method != "GET":
            return self._transport.send(self._sign(request), deadline_seconds=left, is_fresh=False)
        first = self._attempt(request, min(left, READ_ATTEMPT_SECONDS), is_fresh=False)
        pause = decide_pause(
            request.method,
            1,
            first,
            remaining_seconds=ends_at - self._monotonic(),
            random_share=self._random_share(),
        )
        outcome = first
        if pause is not None:
            self._sleep(pause)
            outcome = self._attempt(request, ends_at - self._monotonic(), is_fresh=True)
        if isinstance(outcome, KucoinError):
            raise outcome
        return outcome

    def _attempt(
        self, request: ForwardedRequest, deadline_seconds: float, *, is_fresh: bool
    ) -> KucoinAnswer | KucoinError:
        """One attempt with its error as a value."""
        try:
            return self._transport.send(
                self._sign(request), deadline_seconds=deadline_seconds, is_fresh=is_fresh
            )
        except KucoinError as error:
            return error

    def _sign(self, request: ForwardedRequest) -> KucoinRequest:
        """With this moment's timestamp. No header of the caller's goes along."""
        headers: dict[str, str] = {"X-SITE-TYPE": self._site} if self._site == "australia" else {}
        if request.credentials is not None:
            secret = self._secret()
            target = request.path
            headers = sign_request(
                request.credentials,
                secret.futures if request.host == "futures" else secret.spot,
                timestamp_ms=self._clock.now_ms(),
                method=request.method,
                path_and_query=f"{target}?{request.signed_query}" if request.query else target,
                body=request.body,
                site=self._site,
            )
        return KucoinRequest(
            method=request.method,
            url=self._urls[request.host] + request.path,
            query=request.query,
            headers=headers,
            body=request.body,
        )

    def _measure_clock(self) -> None:
        """As well as it goes: what acts is better refused by KuCoin's clock than by ours."""
        try:
            self._clock.measure_clock(deadline_seconds=CLOCK_SECONDS)
        except KucoinError:
            return
        self._clock_trusted_until = self._monotonic() + CLOCK_TRUSTED_SECONDS


def _is_clock_refusal(answer: KucoinAnswer) -> bool:
    code = find_refusal_code(answer)
    return code is not None and find_code(code).meaning is Meaning.CLOCK
