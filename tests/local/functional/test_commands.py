"""`make run` and `make demo` as processes."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from local.processes import find_free_port

ROOT = Path(__file__).parents[3]


def start(*arguments, **variables):
    return subprocess.Popen(
        [sys.executable, "-m", "local", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "layers/kubroker"), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def ports():
    names = (
        "KUBROKER_PORT",
        "KUBROKER_SIMULATOR_PORT",
        "KUBROKER_AWS_PORT",
        "KUBROKER_BROKER_PORT",
    )
    return {name: str(find_free_port()) for name in names}


@pytest.fixture
def running(ports):
    process = start("run", **ports)
    lines = []
    while "Ctrl-C" not in (line := process.stdout.readline()) and line:
        lines.append(line)
    process.told = "".join(lines)
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def is_listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) == 0


def wait_all_gone(ports):
    deadline = time.monotonic() + 60
    while any(map(is_listening, ports.values())) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(is_listening, ports.values()))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_run_is_ready_and_leaves_nothing(running, ports, number):
    for told in (
        "access key local",
        f"http://localhost:{ports['KUBROKER_BROKER_PORT']}",
        "eu-west-1",
    ):
        assert told in running.told
    health = requests.get(f"http://localhost:{ports['KUBROKER_PORT']}/health")
    assert health.json()["status"] == "ok"
    broker = requests.get(f"http://localhost:{ports['KUBROKER_BROKER_PORT']}/")
    assert "Connect KuCoin" in broker.text
    children = list_children(running.pid)
    assert len(children) > 4
    running.send_signal(number)
    running.wait(60)
    assert running.returncode == (0 if number != signal.SIGKILL else -signal.SIGKILL)
    assert wait_all_gone(ports)
    deadline = time.monotonic() + 60
    while any(map(is_alive, children)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_alive, children))


def list_children(pid):
    listed = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True)
    rows = [line.split() for line in listed.stdout.splitlines()[1:]]
    return [int(child) for child, parent in rows if int(parent) == pid]


def is_alive(pid):
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_run_port_in_use_names_the_variable(ports):
    with socket.create_server(("127.0.0.1", int(ports["KUBROKER_AWS_PORT"]))):
        process = start("run", **ports)
        told, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert f"Port {ports['KUBROKER_AWS_PORT']} is in use" in told
    assert "KUBROKER_AWS_PORT" in told


def test_run_port_malformed_names_the_variable():
    process = start("run", KUBROKER_PORT="three")
    told, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "KUBROKER_PORT has to be a port" in told


def test_demo_links_a_user():
    process = start("demo")
    told, _ = process.communicate(timeout=280)
    assert process.returncode == 0, told
    assert '"status": "ACTIVE"' in told
    assert "All of it worked" in told


def test_demo_stopped_in_the_middle_fails():
    process = start("demo")
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 1
    process.stdout.close()
