"""The built stack in Lambda containers: SAM's API and Lambda, the stand-ins beside them.

Everything is on one Docker network of its own. Containers reach each other by address: with a
name, boto3 would look for each bucket at a host of its own.
"""

import json
import os
import signal
import subprocess
import sysconfig
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import boto3
import requests
from botocore.config import Config

from local.aws.client import ACCESS_KEY, REGION, SECRET_KEY, AwsStandin
from local.deployment.deploy import deploy
from local.deployment.deployed import DeployedStack
from local.deployment.parameters import build_local_parameters
from local.gateway.http_event import HttpResponse
from local.gateway.invocation import InvokeResult
from local.kucoin_simulator.control.client import SimulatorControl
from local.processes import find_free_port, wait_until_listening
from tests.support.api import ApiClient, ApiResponse
from tests.support.built import BUILD, IMAGE, ROOT, SAM, build_environment
from tests.support.functions import FunctionHarness

BROKER_URL = "http://localhost:3003"
_AWS_PORT, _SIMULATOR_PORT = 3002, 3001


def docker(*arguments: str) -> str:
    """Runs a command of Docker's; what it prints."""
    result = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


class SamStack:
    """A context; nothing is left of it afterwards.

    Attributes:
        stack: What is deployed to the stand-in: names, queues, environments.
        simulator: Control of KuCoin, which is at `simulator_url`.
        api: Requests through `sam local start-api`.
        functions: Functions through `sam local start-lambda`.
        arguments: What each `sam local` command needs.
    """

    def __init__(self, folder: Path, *, api_port: int = 0, lambda_port: int = 0) -> None:
        self._folder = folder
        self._api_port = api_port or find_free_port()
        self._lambda_port = lambda_port or find_free_port()
        self._open = ExitStack()
        self.network = f"kubroker-sam-{os.getpid()}"

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _start(self) -> None:
        docker("network", "create", self.network)
        self._open.callback(self._remove_network)
        gateway = f"http://localhost:{self._api_port}"
        aws_inside, aws_outside = self._run_container("local.aws.standin", _AWS_PORT)
        simulator_inside, simulator_outside = self._run_container(
            "local.kucoin_simulator", _SIMULATOR_PORT, f"--redirect-url={gateway}/oauth/callback"
        )
        for url in (aws_outside, simulator_outside):
            wait_until_answering(url)
        self.simulator_url = simulator_outside
        self.simulator = SimulatorControl(simulator_outside)
        parameters = build_local_parameters(
            gateway_url=gateway,
            simulator_url=simulator_outside,
            broker_url=BROKER_URL,
            ReturnUrlAllowList=f"{BROKER_URL}/,https://www.broker.example/",
            WebhookUrl="http://localhost:9/hooks",  # nobody listens
        )
        # The golden events are of the stage dev.
        self.stack = deploy(AwsStandin(aws_outside), {**parameters, "Stage": "dev"})
        variables = self._folder / "variables.json"
        text = json.dumps(find_variables(self.stack, aws_inside))
        variables.write_text(text.replace(simulator_outside, simulator_inside))
        overrides = [f"{name}={value}" for name, value in parameters.items()]
        self.arguments = [
            *("--template", str(BUILD / "template.yaml"), "--env-vars", str(variables)),
            *("--docker-network", self.network, "--skip-pull-image"),
            *("--parameter-overrides", *overrides),
        ]
        self._serve("start-lambda", self._lambda_port)
        self._serve("start-api", self._api_port)
        for port in (self._lambda_port, self._api_port):
            wait_until_listening(port, 120)
        self.functions = SamFunctions(self.stack, f"http://127.0.0.1:{self._lambda_port}")
        self.api = SamApi(gateway)

    def read_log(self, command: str) -> str:
        """What a command and its functions wrote."""
        return (self._folder / f"{command}.log").read_text(errors="replace")

    def _run_container(self, module: str, port: int, *arguments: str) -> tuple[str, str]:
        """Starts a stand-in; its URL for containers and for this machine."""
        container = docker(
            *("run", "--detach", "--network", self.network, "--publish", f"127.0.0.1::{port}"),
            *("--volume", f"{ROOT}:/kubroker:ro", "--workdir", "/kubroker"),
            *("--volume", f"{sysconfig.get_path('purelib')}:/packages:ro"),
            *("--env", "PYTHONPATH=/kubroker:/packages", "--env", "PYTHONDONTWRITEBYTECODE=1"),
            *("--env", f"AWS_ACCESS_KEY_ID={ACCESS_KEY}"),
            *("--env", f"AWS_SECRET_ACCESS_KEY={SECRET_KEY}"),
            *("--entrypoint", "/var/lang/bin/python3.13", IMAGE),
            *("-m", module, "--host=0.0.0.0", f"--port={port}", *arguments),
        )
        networks = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        address = docker("inspect", "--format", networks, container)
        outside = docker("port", container, str(port)).splitlines()[0].rpartition(":")[2]
        return f"http://{address}:{port}", f"http://127.0.0.1:{outside}"

    def _serve(self, command: str, port: int) -> None:
        """A server of SAM's, with containers that stay warm."""
        log = self._open.enter_context((self._folder / f"{command}.log").open("wb"))
        process = subprocess.Popen(
            [
                *(str(SAM), "local", command, "--port", str(port)),
                *("--warm-containers", "LAZY", *self.arguments),
            ],
            cwd=ROOT,
            env=build_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self._open.callback(_stop, process)

    def _remove_network(self) -> None:
        """With the stand-ins, and with what SAM left and may just be starting."""
        for _ in range(10):
            found = docker("ps", "--all", "--quiet", "--filter", f"network={self.network}")
            remove = ["docker", "rm", "--force", "--volumes", *found.split()]
            subprocess.run(remove if found else ["true"], capture_output=True, check=False)
            if (
                subprocess.run(
                    ["docker", "network", "rm", self.network], capture_output=True, check=False
                ).returncode
                == 0
            ):
                return
            time.sleep(1)
        raise AssertionError(f"left: docker network {self.network}")


class SamFunctions:
    """As tests call functions elsewhere, by way of `sam local start-lambda`."""

    drain = FunctionHarness.drain

    def __init__(self, stack: DeployedStack, url: str) -> None:
        self.stack = stack
        self._lambda = boto3.client(
            "lambda",
            endpoint_url=url,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(read_timeout=120, retries={"total_max_attempts": 1}),
        )

    def invoke(self, name: str, event: dict[str, Any]) -> InvokeResult:
        """Runs a function; an exception is an error result."""
        function = self.stack.find_function(name)
        answer = self._lambda.invoke(
            FunctionName=function.logical_id, Payload=json.dumps(event).encode()
        )
        payload = json.loads(answer["Payload"].read() or b"null")
        return InvokeResult(payload, answer.get("FunctionError"), 0, "")

    def call(self, name: str, event: dict[str, Any]) -> Any:
        """Runs a function that has to work."""
        result = self.invoke(name, event)
        assert result.function_error is None, result.payload
        return result.payload


class SamApi(ApiClient):
    """Requests to `sam local start-api`, which takes them signed or not."""

    def __init__(self, url: str) -> None:
        self.base_url = url

    def request(
        self, method: str, target: str, *, form: Any = None, body: Any = None, **named: Any
    ) -> ApiResponse:
        """One request; redirects are not followed."""
        answer = requests.request(
            method,
            self.base_url + target,
            data=form or body,
            timeout=120,
            allow_redirects=False,
            **named,
        )
        headers = tuple((name.lower(), value) for name, value in answer.raw.headers.items())
        return ApiResponse(HttpResponse(answer.status_code, headers, answer.content))


def find_variables(stack: DeployedStack, aws_url: str) -> dict[str, dict[str, str]]:
    """Each function's environment as deployed, pointed at the stand-in."""
    return {
        function.logical_id: {**function.environment, "AWS_ENDPOINT_URL": aws_url}
        for function in stack.functions.values()
    }


def wait_until_answering(url: str) -> None:
    """Docker's proxy listens before the server behind it does."""
    policy = requests.adapters.Retry(total=60, backoff_factor=0.1, backoff_max=1.0)
    with requests.Session() as session:
        session.mount("http://", requests.adapters.HTTPAdapter(max_retries=policy))
        session.get(url, timeout=30)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """At once: its containers are removed with their network, faster than SAM would."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
