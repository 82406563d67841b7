"""The only door to KuCoin: one request, one total deadline, one honest outcome."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class KucoinRequest:
    """What goes out. Its repr shows method and path only: the rest holds secrets."""

    method: str
    url: str = field(repr=False)
    query: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KucoinAnswer:
    """What came back, whole."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class KucoinTransport:
    """Sends requests; stub, the interface is final."""

    def send(
        self, request: KucoinRequest, *, deadline_seconds: float, is_fresh: bool
    ) -> KucoinAnswer:
        """Once, never repeated.

        Raises:
            KucoinUnsentError: Provably nothing was sent.
            KucoinOutcomeUnknownError: Sent, and no whole answer within the deadline.
        """
        raise NotImplementedError

    def send_safe(self, request: KucoinRequest, *, deadline_seconds: float) -> KucoinAnswer:
        """A GET that reads; repeated once at most, within the same deadline."""
        raise NotImplementedError
