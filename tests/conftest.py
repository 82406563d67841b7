"""The stand-ins as fixtures: each pytest worker has processes of its own, on free ports.

`functions` and `api` run the functions' code in this process against the stand-ins; `local_stack`
is everything as `make run` has it, functions in processes of their own.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from local.aws_client import AwsStandin
from local.deployed import DeployedStack
from local.local_stack import LocalStack
from local.parameters import build_local_parameters
from local.processes import find_free_port, start_module, stop, wait_ready
from local.stack import deploy
from tests.support.api import ApiClient
from tests.support.functions import FunctionHarness


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
    """The AWS stand-in, empty; see local/aws_client.py."""
    process = start_module(["local.aws_standin", "--port", "0"])
    yield AwsStandin(wait_ready(process, "aws stand-in ready"))
    stop(process)


@pytest.fixture(scope="session")
def simulator_process(addresses):
    from local.kucoin_simulator.client import SimulatorControl

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
