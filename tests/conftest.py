"""The stand-ins as fixtures: each pytest worker has processes of its own, on free ports.

`functions` and `api` run the functions' code in this process against the stand-ins; `local_stack`
is everything as `make run` has it, functions in processes of their own.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr

from kubroker.foundation.settings import KucoinSettings
from kubroker.kucoin.signer import ApiCredentials
from local.aws.client import AwsStandin
from local.deployment.deploy import deploy
from local.deployment.deployed import DeployedStack
from local.deployment.parameters import build_local_parameters
from local.local_stack import LocalStack
from local.processes import find_free_port, start_module, stop, wait_ready
from tests.support.api import ApiClient
from tests.support.forked import ForkedFunction
from tests.support.forked_stack import ForkedFunctions
from tests.support.functions import FunctionHarness
from tests.support.linking import Link
from tests.support.outside import Endpoint
from tests.support.rotation import RotationWorld
from tests.support.unhurried import lift_time_limits
from tests.support.wire_server import Script, WireServer


@dataclass(frozen=True)
class Addresses:
    """Where things would be; nothing listens on gateway and broker."""

    gateway: str
    broker: str


@pytest.fixture(scope="session")
def addresses() -> Addresses:
    return Addresses(
        gateway=f"http://localhost:{find_free_port()}",
        broker=f"http://localhost:{find_free_port()}",
    )


@pytest.fixture(scope="session")
def aws() -> Iterator[AwsStandin]:
    """The AWS stand-in, empty; see local/aws/client.py."""
    process = start_module(["local.aws.standin", "--port", "0"])
    yield AwsStandin(wait_ready(process, "aws stand-in ready"))
    stop(process)


@pytest.fixture(scope="session")
def simulator_process(addresses):
    from local.kucoin_simulator.control.client import SimulatorControl

    redirect_url = f"{addresses.gateway}/oauth/callback"
    process = start_module(
        ["local.kucoin_simulator", "--port", "0", "--redirect-url", redirect_url]
    )
    url = wait_ready(process, "simulator ready")
    yield url, SimulatorControl(url)
    stop(process)


@pytest.fixture
def simulator(simulator_process):
    """Control of the KuCoin simulator, reset for this test; its address is `simulator_url`."""
    control = simulator_process[1]
    control.reset()
    return control


@pytest.fixture(scope="session")
def simulator_url(simulator_process) -> str:
    return simulator_process[0]


@pytest.fixture(scope="session")
def stack(aws, simulator_url, addresses) -> DeployedStack:
    """template.yaml on the stand-in, pointed at the simulator."""
    parameters = build_local_parameters(
        gateway_url=addresses.gateway, simulator_url=simulator_url, broker_url=addresses.broker
    )
    return deploy(aws, parameters)


@pytest.fixture
def clean_stack(stack) -> DeployedStack:
    """The stack with empty tables and queues and no faults."""
    stack.aws.reset_faults()
    stack.aws.clear_data()
    stack.aws.take_refusals()
    return stack


def _check_refusals(aws: AwsStandin) -> None:
    """The code may have swallowed that its role does not allow something."""
    refusals = "\n".join(aws.take_refusals())
    assert not refusals, f"roles lack permissions that the code needs:\n{refusals}"


@pytest.fixture
def functions(clean_stack, simulator) -> Iterator[FunctionHarness]:
    """The functions in this process: `functions.call("connect", event)`."""
    yield FunctionHarness(clean_stack)
    clean_stack.aws.reset_faults()
    _check_refusals(clean_stack.aws)


@pytest.fixture
def unhurried(functions, monkeypatch) -> None:
    """No real deadline of seconds decides: for tests that are not about deadlines."""
    lift_time_limits(monkeypatch)


@pytest.fixture(scope="session")
def local_stack_process(tmp_path_factory) -> Iterator[LocalStack]:
    with LocalStack(log_folder=tmp_path_factory.mktemp("logs")) as running:
        running.pollers.pause()
        yield running


@pytest.fixture
def local_stack(local_stack_process) -> Iterator[LocalStack]:
    """Everything, functions in processes: gateway, pollers, `pool`, `aws`, `simulator`; emptied."""
    local_stack_process.aws.reset_faults()
    local_stack_process.aws.clear_data()
    local_stack_process.simulator.reset()
    local_stack_process.pollers.resume()
    yield local_stack_process
    local_stack_process.pollers.pause()
    local_stack_process.aws.reset_faults()
    _check_refusals(local_stack_process.aws)


@pytest.fixture
def api(functions, addresses) -> ApiClient:
    """Requests through the gateway's code: `api.post("/v1/connect-sessions", json=…)`."""
    return ApiClient(functions, addresses.gateway)


@pytest.fixture
def link(api, simulator, functions, addresses) -> Link:
    """A linking session about to be opened for `user-1`."""
    return Link(api, simulator, functions, f"{addresses.broker}/kucoin/return")


@pytest.fixture
def endpoint():
    """Takes webhooks."""
    made = Endpoint()
    yield made
    made.stop()


@pytest.fixture
def world(functions, clean_stack, simulator) -> RotationWorld:
    """Store, vault and KuCoin, seen from above."""
    return RotationWorld(clean_stack, simulator)


@pytest.fixture(scope="module")
def refresher(stack):
    """The function token_refresh; each call is a process."""
    made = ForkedFunction(stack, "token_refresh")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def rescuer(stack):
    """The function token_rescue; each call is a process."""
    made = ForkedFunction(stack, "token_rescue")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def forked(stack) -> Iterator[ForkedFunctions]:
    """Every function; each call is a process."""
    functions = ForkedFunctions(stack)
    yield functions
    functions.stop()


@pytest.fixture
def serve() -> Iterator[Callable[..., WireServer]]:
    servers: list[WireServer] = []

    def start(*scripts: Script, **options: Any) -> WireServer:
        servers.append(WireServer(*scripts, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def build_settings() -> Callable[..., KucoinSettings]:
    def build(url: str = "http://127.0.0.1:1", **changes: str) -> KucoinSettings:
        return KucoinSettings.from_environment(
            {
                "KUCOIN_WEB_URL": url,
                "KUCOIN_REST_URL": url,
                "KUCOIN_FUTURES_URL": f"{url}/futures",
                "KUCOIN_BROKER_URL": f"{url}/broker",
                "KUCOIN_CLIENT_ID": "client/1",
                "KUCOIN_REDIRECT_URL": "https://broker.example:8443/oauth/callback?x=1",
                "KUCOIN_SECRET_NAME": "kubroker/test/kucoin",
                **changes,
            }
        )

    return build


@pytest.fixture
def credentials() -> ApiCredentials:
    """The published vector's key."""
    return ApiCredentials(
        api_key=SecretStr("6422da9c97b45100018c6e62"),
        secret=SecretStr("cde06451-dbed"),
        passphrase=SecretStr("1111111"),
    )
