"""``python -m local run`` starts everything and waits; ``python -m local demo`` tells the story."""

import argparse
import signal
import sys
import threading
import time
from types import FrameType

from local.local_stack import LocalStack, Ports
from local.processes import PortInUseError, StartError


class _StoppedError(BaseException):
    """A signal asked to stop while things were starting."""


def main() -> int:
    """Runs one command.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="start the whole stack and wait for Ctrl-C")
    run.add_argument("--ephemeral", action="store_true", help="use free ports")
    commands.add_parser("demo", help="link a user without a person, on free ports")
    arguments = parser.parse_args()
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        if not stopped.is_set():
            stopped.set()
            raise _StoppedError

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    try:
        if arguments.command == "demo":
            from local.demo.run import run_demo

            return run_demo()
        return _run(Ports.find_free() if arguments.ephemeral else Ports.from_environment())
    except (PortInUseError, StartError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except _StoppedError:
        print("\nStopped.", flush=True)
        return 0 if arguments.command == "run" else 1


def _run(ports: Ports) -> int:
    started = time.monotonic()
    with LocalStack(ports=ports, with_broker=True, say=_say) as stack:
        _say(
            f"""Ready after {time.monotonic() - started:.1f} s.

  Broker's site    {stack.broker_url}    <- open this and press "Connect KuCoin"
  API              {stack.gateway_url}    described at {stack.gateway_url}/docs
  KuCoin           {stack.simulator_url}/_sim
  AWS stand-in     {stack.aws.url}
  Functions' logs  {stack.pool.log_folder}

  SigV4: access key local, secret key local, region eu-west-1, service execute-api

Ctrl-C stops everything."""
        )
        stack.wait()
    return 0


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
