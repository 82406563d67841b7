"""Everything on one machine: AWS, KuCoin, the deployed template with its functions, a broker."""

import os
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local.aws.client import ACCESS_KEY, REGION, SECRET_KEY, AwsStandin
from local.broker_account import give_broker_account
from local.deployment.deploy import deploy_prepared, prepare
from local.deployment.parameters import build_local_parameters
from local.gateway.api_docs import DocumentedApi
from local.gateway.http_api import HttpApi
from local.gateway.runtime import LOG_FOLDER, FunctionPool
from local.gateway.server import Gateway
from local.kucoin_simulator.control.client import SimulatorControl
from local.processes import (
    ROOT,
    StartError,
    check_port,
    find_free_port,
    start_module,
    stop,
    wait_ready,
)
from local.wakers.pollers import Pollers

_VARIABLES = {
    "gateway": ("KUBROKER_PORT", 3000),
    "simulator": ("KUBROKER_SIMULATOR_PORT", 3001),
    "aws": ("KUBROKER_AWS_PORT", 3002),
    "broker": ("KUBROKER_BROKER_PORT", 3003),
}


@dataclass(frozen=True)
class Ports:
    """Where the parts listen, on 127.0.0.1."""

    gateway: int
    simulator: int
    aws: int
    broker: int

    @classmethod
    def from_environment(cls) -> Self:
        """The usual ports, or those of the environment.

        Raises:
            StartError: A variable is not a number.
        """
        ports = {}
        for part, (variable, default) in _VARIABLES.items():
            value = os.environ.get(variable) or str(default)
            if not value.isdecimal():
                raise StartError(f"{variable} has to be a port, not {value!r}.")
            ports[part] = int(value)
        return cls(**ports)

    @classmethod
    def find_free(cls) -> Self:
        """Ports that nothing listens on."""
        return cls(*(find_free_port() for _ in range(4)))

    def check(self, *, with_broker: bool) -> None:
        """Refuses ports that are taken.

        Raises:
            PortInUseError: Names the port and the variable that changes it.
        """
        for part, (variable, _) in _VARIABLES.items():
            if with_broker or part != "broker":
                check_port(getattr(self, part), variable)


class LocalStack:
    """A context: everything runs inside it and nothing after it.

    Attributes:
        gateway_url: The HTTP API.
        simulator_url: KuCoin.
        broker_url: The demo broker's site.
        aws: The AWS stand-in.
        simulator: Control of KuCoin.
        stack: What is deployed.
        pool: The functions' processes.
        http_api: Routes and allowed callers.
        pollers: Queues, streams and schedules.
    """

    aws: AwsStandin
    simulator: SimulatorControl
    http_api: HttpApi
    pool: FunctionPool
    pollers: Pollers

    def __init__(
        self,
        *,
        ports: Ports | None = None,
        with_broker: bool = False,
        with_pollers: bool = True,
        log_folder: Path | None = None,
        parameters: dict[str, str] | None = None,
        speed: float = 1.0,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Plans; starts nothing yet.

        Args:
            ports: Free ones if None.
            with_broker: Start the demo broker's site as well.
            with_pollers: Feed queues, streams and schedules; else drive ``pollers`` by hand.
            log_folder: Where the functions' logs go; build/local/logs/PORT if None.
            parameters: Changes to the template's parameters.
            speed: How much faster than real time schedules come.
            say: Is told the progress.
        """
        self.ports = ports or Ports.find_free()
        self.gateway_url = f"http://localhost:{self.ports.gateway}"
        # Another site than localhost for a browser, as KuCoin will be.
        self.simulator_url = f"http://127.0.0.1:{self.ports.simulator}"
        self.broker_url = f"http://localhost:{self.ports.broker}"
        self._with_broker = with_broker
        self._with_pollers = with_pollers
        self._log_folder = log_folder or LOG_FOLDER / str(self.ports.gateway)
        self._parameters = parameters or {}
        self._speed = speed
        self._say = say
        self._open = ExitStack()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        """Starts everything.

        Raises:
            PortInUseError: Names the variable that chooses another one.
            StartError: Something did not become ready.
        """
        try:
            self._start()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stops everything, last started first."""
        self._open.close()

    def wait(self) -> None:
        """Waits until a part ends by itself.

        Raises:
            StartError: Always: it names the part.
        """
        while True:
            for name, process in self._processes.items():
                if process.poll() is not None:
                    raise StartError(f"The {name} ended by itself; start again.")
            time.sleep(0.5)

    def clients(self, service: str) -> Any:
        """A boto3 client of the stand-in."""
        return self.aws.client(service)

    def _start(self) -> None:
        self.ports.check(with_broker=self._with_broker)
        self._say("Starting the AWS stand-in and the KuCoin simulator …")
        aws = self._start_part("AWS stand-in", ["local.aws.standin", "--port", str(self.ports.aws)])
        simulator = self._start_part(
            "KuCoin simulator",
            [
                "local.kucoin_simulator",
                f"--port={self.ports.simulator}",
                f"--redirect-url={self.gateway_url}/oauth/callback",
            ],
        )
        prepared = prepare(self._build_parameters())
        wait_ready(simulator, "simulator ready")
        self.simulator = SimulatorControl(self.simulator_url)
        self.aws = AwsStandin(wait_ready(aws, "aws stand-in ready"))
        self._say("Deploying template.yaml …")
        self.stack = deploy_prepared(self.aws, prepared)
        give_broker_account(self.stack, self.simulator)  # before a function keeps the secret
        self._say("Starting the functions and the gateway …")
        self._start_functions()
        if self._with_broker:
            self._start_broker()
        self.pool.warm()  # last: it keeps the processors busy for a second or two

    def _build_parameters(self) -> dict[str, str]:
        parameters = build_local_parameters(
            gateway_url=self.gateway_url,
            simulator_url=self.simulator_url,
            broker_url=self.broker_url,
        )
        return parameters | self._parameters

    def _start_functions(self) -> None:
        self.pool = FunctionPool(self.stack, log_folder=self._log_folder)
        self._open.callback(self.pool.stop)
        self.http_api = HttpApi(
            self.stack.routes,
            self.pool.invoke,
            api_id=self.stack.physical_ids["HttpApi"],
            integration_seconds=30.0,
        )
        gateway = Gateway(DocumentedApi(self.http_api), self.ports.gateway)
        self._open.callback(gateway.stop)
        self.pollers = Pollers(self.stack, self.pool.invoke, speed=self._speed)
        if self._with_pollers:
            self._open.callback(self.pollers.stop)
            self.pollers.start()

    def _start_broker(self) -> None:
        broker = self._start_part(
            "demo broker",
            ["local.demo.broker"],
            {
                "KUBROKER_URL": self.gateway_url,
                "KUBROKER_PORT": str(self.ports.gateway),
                "KUBROKER_BROKER_PORT": str(self.ports.broker),
                "AWS_ACCESS_KEY_ID": ACCESS_KEY,
                "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
                "AWS_SESSION_TOKEN": "",
                "AWS_REGION": REGION,
            },
        )
        wait_ready(broker, "demo broker ready")

    def _start_part(
        self, name: str, arguments: list[str], variables: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **(variables or {})}
        process = start_module(arguments, environment=environment)
        self._processes[name] = process
        self._open.callback(stop, process)
        return process
