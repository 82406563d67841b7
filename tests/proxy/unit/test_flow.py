"""The proxy's budget: what is taken comes back, whatever happens in between."""

from dataclasses import dataclass, field

import pytest

from kubroker.foundation.errors import (
    ConfigurationError,
    KucoinOutcomeUnknownError,
    KucoinUnsentError,
    StoreError,
    TooManyRequestsError,
)
from kubroker.kucoin.exchange import KucoinAnswer
from kubroker.proxy.flow import Proxy, ProxyRequest

# Orders cost 1 of 100 here, and 2 are kept for others.
HEADERS = {
    "gw-ratelimit-limit": "100",
    "gw-ratelimit-remaining": "10",
    "gw-ratelimit-reset": "30000",
}
ORDER = ProxyRequest(
    user_id="user-1", host="spot", method="POST", tail="api/v1/hf/orders", body=b"{}"
)


@dataclass
class Key:
    kucoin_uid: str = "1"
    credentials: object = None


class Keys:
    def open(self, user_id, permission):
        return Key()


@dataclass
class Forwarder:
    """Raises what it is told to, at one of its two seams."""

    at_tag: Exception | None = None
    at_send: Exception | None = None
    sent: list[int] = field(default_factory=list)

    def has_tag(self, host):
        if self.at_tag:
            raise self.at_tag
        return True

    def forward(self, request, *, deadline_seconds):
        if self.at_send:
            raise self.at_send
        self.sent.append(1)
        return KucoinAnswer(status=200, headers=HEADERS, body=b'{"code":"200000"}')


@pytest.fixture(autouse=True)
def _no_metrics(monkeypatch):
    monkeypatch.setattr("kubroker.proxy.flow.count", lambda name: None)


def press(proxy, times):
    for _ in range(times):
        proxy.forward(ORDER, remaining_seconds=28)


@pytest.mark.parametrize("error", [StoreError("no secret"), ConfigurationError("a bad secret")])
@pytest.mark.parametrize("seam", ["at_tag", "at_send"])
def test_budget_comes_back_where_the_secret_can_not_be_read(seam, error):
    forwarder = Forwarder()
    proxy = Proxy(Keys(), forwarder, monotonic=lambda: 0.0)
    press(proxy, 1)
    setattr(forwarder, seam, error)
    for _ in range(200):
        with pytest.raises(type(error)):
            press(proxy, 1)
    setattr(forwarder, seam, None)
    press(proxy, 1)
    assert len(forwarder.sent) == 2


def test_budget_comes_back_where_nothing_was_sent():
    forwarder = Forwarder()
    proxy = Proxy(Keys(), forwarder, monotonic=lambda: 0.0)
    press(proxy, 1)
    forwarder.at_send = KucoinUnsentError("KuCoin could not be reached.")
    for _ in range(200):
        with pytest.raises(KucoinUnsentError):
            press(proxy, 1)
    forwarder.at_send = None
    press(proxy, 1)


def test_call_that_may_have_reached_kucoin_counts():
    forwarder = Forwarder()
    proxy = Proxy(Keys(), forwarder, monotonic=lambda: 0.0)
    press(proxy, 1)
    forwarder.at_send = KucoinOutcomeUnknownError("KuCoin gave no answer.")
    for _ in range(8):
        with pytest.raises(KucoinOutcomeUnknownError):
            press(proxy, 1)
    with pytest.raises(TooManyRequestsError):
        press(proxy, 1)
