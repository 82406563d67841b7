"""Calls to the REST hosts: the right host, the right broker identity, KuCoin's clock."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

from kubroker.foundation.amounts import find_integer
from kubroker.foundation.errors import KucoinOutcomeUnknownError, KucoinRefusedError
from kubroker.foundation.settings import KucoinSettings
from kubroker.kucoin import answers
from kubroker.kucoin.codes import Act, Acting, Meaning, get_meaning
from kubroker.kucoin.exchange import KucoinRequest
from kubroker.kucoin.identity import KucoinSecret
from kubroker.kucoin.signer import ApiCredentials, sign_request
from kubroker.kucoin.transport import KucoinTransport

type Host = Literal["spot", "futures", "broker"]


@dataclass(frozen=True, slots=True)
class SecretBody:
    """A body that holds secrets.

    Attributes:
        text: JSON to the letter.
        secrets: What of it must not come back in words.
    """

    text: str = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


class KucoinRest:
    """Calls the REST hosts for a user's key. Measures KuCoin's clock where ours is refused."""

    def __init__(
        self,
        settings: KucoinSettings,
        secret: Callable[[], KucoinSecret],
        transport: KucoinTransport,
        *,
        now_ms: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Reads no secret yet.

        Args:
            settings: Where KuCoin is.
            secret: Gives the broker identities.
            transport: Sends.
            now_ms: Our clock, epoch milliseconds.
            monotonic: Seconds that only grow, for deadlines.
        """
        self._settings = settings
        self._secret = secret
        self._transport = transport
        self._now_ms = now_ms
        self._monotonic = monotonic
        self._skew_ms = 0

    def get(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        credentials: ApiCredentials,
        host: Host = "spot",
        deadline_seconds: float,
    ) -> Any:
        """Reads with the user's key.

        Source: KuCoin, signing: the query is signed raw and sent encoded; a timestamp more than
        5 s off is refused with 400002.

        Args:
            path: From ``/api`` on; it is what is signed.
            query: Raw names and values, in the order sent.
            credentials: The user's key.
            host: Which REST host; futures has a broker identity of its own.
            deadline_seconds: For all of it, a measurement of the clock included.

        Returns:
            The answer's ``data``.

        Raises:
            KucoinRefusedError: KuCoin said no.
            KucoinUnsentError: KuCoin could not be reached.
            KucoinOutcomeUnknownError: No readable answer came.
        """
        ends_at = self._monotonic() + deadline_seconds
        request = self._build_request(path, query or {}, credentials, host)
        try:
            return self._read(request, deadline_seconds)
        except KucoinRefusedError as error:
            if get_meaning(error) is not Meaning.CLOCK:
                raise
        self._measure_skew(host, ends_at - self._monotonic())
        request = self._build_request(path, query or {}, credentials, host)
        return self._read(request, ends_at - self._monotonic())

    def get_public(
        self, path: str, query: Mapping[str, str] | None = None, *, deadline_seconds: float
    ) -> Any:
        """Reads what KuCoin tells everyone, unsigned.

        Raises:
            KucoinError: As for ``get``.
        """
        request = KucoinRequest(
            method="GET", url=self._get_base_url("spot") + path, query=_encode(query or {})
        )
        return self._read(request, deadline_seconds)

    def act(
        self,
        act: Act,
        path: str,
        body: str | SecretBody = "",
        *,
        credentials: ApiCredentials,
        host: Host = "spot",
        timestamp_ms: int,
        deadline_seconds: float,
    ) -> Any:
        """Changes something, once: a fresh connection, one total deadline, never repeated.

        Args:
            act: What it changes: says the method, and which codes are a definite no.
            path: From ``/api`` on.
            body: JSON to the letter as it is signed and sent.
            credentials: The user's key.
            host: Which REST host.
            timestamp_ms: KuCoin's time, from ``now_ms``, decided by the caller: KuCoin takes the
                request within 5 s of it and never later, however long it is on its way.
            deadline_seconds: For all of it.

        Returns:
            The answer's ``data``.

        Raises:
            KucoinUnsentError: Nothing was sent.
            KucoinRefusedError: KuCoin said a no that proves that nothing was done.
            KucoinOutcomeUnknownError: Nobody knows; that includes every code that nobody listed,
                and a success code beside words of failure.
        """
        content = SecretBody(body) if isinstance(body, str) else body
        method = "DELETE" if act is Act.CANCELLATION else "POST"
        headers = self._sign(
            credentials,
            host,
            timestamp_ms=timestamp_ms,
            method=method,
            target=path,
            body=content.text,
        )
        request = KucoinRequest(
            method=method,
            url=self._get_base_url(host) + path,
            headers=headers,
            body=content.text.encode(),
            secrets=(*content.secrets, *_list_secrets(credentials)),
        )
        answer = self._transport.send(request, deadline_seconds=deadline_seconds, is_fresh=True)
        return answers.parse_rest(answer, Acting(act, self._settings.protocol))

    def build_url(self, host: Host, path: str) -> str:
        """The address of a path on one of the hosts."""
        return self._get_base_url(host) + path

    def now_ms(self) -> int:
        """KuCoin's time as far as it was measured, epoch milliseconds."""
        return self._now_ms() + self._skew_ms

    def read_clock(self, *, deadline_seconds: float) -> int:
        """KuCoin's clock, asked for anew, epoch milliseconds; never ahead of it.

        Raises:
            KucoinError: As for ``get``.
        """
        told = self.get_public("/api/v1/timestamp", deadline_seconds=deadline_seconds)
        server_ms = find_integer(told)
        if server_ms is None:
            raise KucoinOutcomeUnknownError("KuCoin's answer has no usable timestamp.")
        return server_ms

    def measure_clock(self, *, deadline_seconds: float) -> None:
        """Sets our measure of KuCoin's clock right, after it was refused with 400002."""
        self._measure_skew("spot", deadline_seconds)

    def _measure_skew(self, host: Host, deadline_seconds: float) -> None:
        """How far KuCoin's clock is ahead, from ours at the middle of the exchange.

        Source: ``GET /api/v1/timestamp``, public, pool Public, weight 3.
        """
        request = KucoinRequest(method="GET", url=f"{self._get_base_url(host)}/api/v1/timestamp")
        asked_at_ms = self._now_ms()
        answer = self._transport.send_safe(request, deadline_seconds=deadline_seconds)
        middle_ms = (asked_at_ms + self._now_ms()) // 2
        server_ms = find_integer(answers.parse_rest(answer))
        if server_ms is None:
            raise answers.build_unreadable(answer, "timestamp")
        self._skew_ms = server_ms - middle_ms

    def _read(self, request: KucoinRequest, deadline_seconds: float) -> Any:
        answer = self._transport.send_safe(request, deadline_seconds=deadline_seconds)
        return answers.parse_rest(answer)

    def _build_request(
        self, path: str, query: Mapping[str, str], credentials: ApiCredentials, host: Host
    ) -> KucoinRequest:
        raw_query = "&".join(f"{name}={value}" for name, value in query.items())
        headers = self._sign(
            credentials,
            host,
            timestamp_ms=self.now_ms(),
            method="GET",
            target=f"{path}?{raw_query}" if raw_query else path,
        )
        url = self._get_base_url(host) + path
        return KucoinRequest(
            method="GET",
            url=url,
            query=_encode(query),
            headers=headers,
            secrets=_list_secrets(credentials),
        )

    def _sign(
        self,
        credentials: ApiCredentials,
        host: Host,
        *,
        timestamp_ms: int,
        method: str,
        target: str,
        body: str = "",
    ) -> dict[str, str]:
        secret = self._secret()
        return sign_request(
            credentials,
            secret.futures if host == "futures" else secret.spot,
            timestamp_ms=timestamp_ms,
            method=method,
            path_and_query=target,
            body=body,
            site=self._settings.site,
        )

    def _get_base_url(self, host: Host) -> str:
        settings = self._settings
        urls = {
            "spot": settings.rest_url,
            "futures": settings.futures_url,
            "broker": settings.broker_url,
        }
        return urls[host].rstrip("/")


def _list_secrets(credentials: ApiCredentials) -> tuple[str, ...]:
    """What KuCoin knows of a key besides its id, which its own answers name."""
    return credentials.secret.get_secret_value(), credentials.passphrase.get_secret_value()


def _encode(query: Mapping[str, str]) -> str:
    """The query as it goes on the wire."""
    return "&".join(
        f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items()
    )
