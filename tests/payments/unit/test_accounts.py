"""Balances as KuCoin tells them; what can't be read is never a balance."""

from decimal import Decimal

import pytest
from pydantic import SecretStr

from kubroker.foundation.errors import KucoinOutcomeUnknownError
from kubroker.kucoin.identity import BrokerIdentity, KucoinSecret
from kubroker.kucoin.rest import KucoinRest
from kubroker.kucoin.transport import KucoinTransport
from kubroker.payments.funds import AccountClient
from kubroker.payments.model import Balances
from tests.support.wire_server import build_answer

US = BrokerIdentity(partner="p", broker_name="pND", broker_key=SecretStr("k"))
SECRET = KucoinSecret(client_secret=None, spot=US, futures=US)


def account(kind, available, currency="USDT", **more):
    return {"currency": currency, "type": kind, "available": available, **more}


@pytest.fixture
def read(serve, build_settings, credentials):
    """What the client makes of an answer, and what was asked."""

    def ask(data):
        server = serve(build_answer({"code": "200000", "data": data}))
        rest = KucoinRest(
            build_settings(server.url), lambda: SECRET, KucoinTransport(), now_ms=lambda: 1
        )
        found = AccountClient(rest).get_balances("USDT", credentials, deadline_seconds=5)
        assert server.received[0].line == "GET /api/v1/accounts?currency=USDT HTTP/1.1"
        return found

    return ask


@pytest.mark.parametrize(
    ("data", "main", "trade"),
    [
        ([], "0", "0"),
        ([account("main", "1.50", holds="7", balance="8.50")], "1.5", "0"),
        ([account("trade", "2"), account("main", "0")], "0", "2"),
        ([account("margin", "9"), account("main", "1"), account("isolated", "9")], "1", "0"),
        (
            [account("main", "1"), account("main", "0.000000000000000001")],
            "1.000000000000000001",
            0,
        ),
    ],
)
def test_balances_are_what_is_available(read, data, main, trade):
    assert read(data) == Balances(main=Decimal(main), trade=Decimal(trade))


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        "1",
        [None],
        ["main"],
        [account("main", None)],
        [account("main", "-1")],
        [account("main", "NaN")],
        [account("main", True)],
        [account(7, "1")],
        [account("main", "1", currency="BTC")],
        [account("main", "1"), {}],
    ],
    ids=str,
)
def test_balances_that_can_not_be_read_are_unknown(read, data):
    with pytest.raises(KucoinOutcomeUnknownError):
        read(data)
