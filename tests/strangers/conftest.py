"""Public KuCoin clients, pointed at the simulator.

What each needs so that a version 3 key works, none of it the simulator's doing:

* ccxt names key version 2 (KuCoin accepts it; the signature is the same): the setting keyVersions.
* python-kucoin 2.2.0 still sends the passphrase in clear and no key version, and signs its partner
  header with a second reading of the clock: its session headers are set, its clock stands still.
* Neither sends KC-BROKER-NAME outside the broker host, so the journal counts a lost rebate.
"""

import functools
import warnings
from types import SimpleNamespace

import ccxt
import kucoin.base_client
import pytest
from kucoin.client import Client as PythonKucoin

with warnings.catch_warnings():  # the SDK's own, of its generated code
    warnings.simplefilter("ignore")
    from kucoin_universal_sdk.api import DefaultClient
    from kucoin_universal_sdk.model.client_option import ClientOptionBuilder
    from kucoin_universal_sdk.model.transport_option import TransportOptionBuilder

from local.kucoin_simulator.config import Config
from local.kucoin_simulator.server import SimulatorServer
from tests.simulator.unit.driver import FUTURES, SPOT, Driver, hmac64


@pytest.fixture(scope="session")
def simulator_server():
    server = SimulatorServer(Config(port=0))
    server.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def driver(simulator_server):
    made = Driver(simulator_server.url)
    made.control.reset()
    made.control.set_settings(key_versions=["2", "3"])
    yield made
    made.control.reset()
    made.session.close()


def make_ccxt(url, key):
    hosts = dict.fromkeys(("public", "private", "webExchange", "earn", "uta", "utaPrivate"), url)
    hosts |= dict.fromkeys(("futuresPrivate", "futuresPublic"), url + "/futures")
    partner = {"id": SPOT[0], "key": SPOT[2], "name": SPOT[1]}
    future = {"id": FUTURES[0], "key": FUTURES[2], "name": FUTURES[1]}
    return ccxt.kucoin(
        {
            "apiKey": key.api_key,
            "secret": key.secret,
            "password": key.passphrase,
            "enableRateLimit": False,
            "urls": {"api": {**hosts, "broker": url + "/broker"}},
            "options": {"partner": {"spot": partner, "future": future}, "uta": False},
        }
    )


def make_sdk(url, key, partner=SPOT):
    option = (
        ClientOptionBuilder()
        .set_key(key.api_key)
        .set_secret(key.secret)
        .set_passphrase(key.passphrase)
        .set_broker_partner(partner[0])
        .set_broker_name(partner[1])
        .set_broker_key(partner[2])
        .set_spot_endpoint(url)
        .set_futures_endpoint(url + "/futures")
        .set_broker_endpoint(url + "/broker")
        .set_transport_option(TransportOptionBuilder().set_max_retries(0).build())
        .build()
    )
    return DefaultClient(option).rest_service()


def make_python_kucoin(url, key):
    client = PythonKucoin(key.api_key, key.secret, key.passphrase)
    client.API_URL, client.FUTURES_API_URL = url, url + "/futures"
    client.SPOT_KC_PARTNER, client.SPOT_KC_KEY = SPOT[0], SPOT[2]
    client.FUTURES_KC_PARTNER, client.FUTURES_KC_KEY = FUTURES[0], FUTURES[2]
    client.session.headers["KC-API-PASSPHRASE"] = hmac64(key.secret, key.passphrase)
    client.session.headers["KC-API-KEY-VERSION"] = "3"
    return client


@pytest.fixture
def still_clock(monkeypatch):
    """Let python-kucoin read one time for both of its signatures."""
    now = kucoin.base_client.time.time()
    monkeypatch.setattr(kucoin.base_client, "time", SimpleNamespace(time=lambda: now))


@pytest.fixture
def clients(driver, still_clock):
    """Make each client for a key."""
    return SimpleNamespace(
        ccxt=functools.partial(make_ccxt, driver.url),
        sdk=functools.partial(make_sdk, driver.url),
        python_kucoin=functools.partial(make_python_kucoin, driver.url),
    )
