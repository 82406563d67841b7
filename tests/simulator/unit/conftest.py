import pytest

from local.kucoin_simulator.config import Config
from local.kucoin_simulator.server import SimulatorServer
from tests.simulator.unit.driver import Driver


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
    yield made
    made.control.reset()
    made.session.close()
