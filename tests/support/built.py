"""The stack as `sam build` leaves it, and functions run in the Lambda container."""

import fcntl
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from tests.support.deployed import REQUIRED_PARAMETERS

ROOT = Path(__file__).parents[2]
BUILD = ROOT / ".aws-sam/build"
SAM = ROOT / ".venv/sam/bin/sam"
IMAGE = "public.ecr.aws/lambda/python:3.13-x86_64"


def build_environment() -> dict[str, str]:
    """What the SAM CLI finds in its environment."""
    return {
        **{key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",  # python3.13, to build with
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_CONTAINER_CONNECTION_TIMEOUT": "60",  # a busy machine takes its time
    }


def run_sam(*arguments: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """Runs the SAM CLI in the repository; what it says is in the result, whatever it is.

    Args:
        arguments: As on the command line.
        seconds: After this long it is stopped, and the test fails.
    """
    return subprocess.run(
        [str(SAM), *arguments],
        cwd=ROOT,
        env=build_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def build() -> Path:
    """Builds the stack, once in a run of the tests, whichever worker asks first.

    Returns:
        The folder with one folder for each function and the layer.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    BUILD.parent.mkdir(exist_ok=True)
    with (BUILD.parent / "tests.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        if lock.read() != run or not BUILD.exists():
            result = run_sam("build", "--cached", "--parallel", seconds=300)
            assert result.returncode == 0, result.stderr
            lock.truncate(0)
            lock.write(run)
    return BUILD


def invoke(function: str, event: Path) -> Any:
    """The answer of a built function in the Lambda container.

    Args:
        function: Logical id.
        event: A golden event.
    """
    overrides = [f"{name}={value}" for name, value in REQUIRED_PARAMETERS.items()]
    has_image = subprocess.run(
        ["docker", "image", "inspect", IMAGE], capture_output=True, check=False
    )
    pull = ["--skip-pull-image"] if has_image.returncode == 0 else []
    result = run_sam(
        "local", "invoke", function, "--event", str(event), *pull,
        "--parameter-overrides", *overrides, seconds=240,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.strip().splitlines()[-1])


def run_in_layer(code: str) -> subprocess.CompletedProcess[str]:
    """Runs Python code in the Lambda container, with the built layer where Lambda puts it."""
    return subprocess.run(
        [
            *("docker", "run", "--rm", "--volume", f"{BUILD / 'KubrokerLayer'}:/opt:ro"),
            *("--env", "PYTHONPATH=/opt/python:/var/runtime", "--env", "AWS_REGION=eu-west-1"),
            *("--entrypoint", "/var/lang/bin/python3.13", IMAGE, "-c", code),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def measure_layer_bytes() -> int:
    """Size of the built layer, zipped as `sam package` would."""
    layer = BUILD / "KubrokerLayer"
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(layer.rglob("*")):
                archive.write(path, path.relative_to(layer))
        return file.tell()
