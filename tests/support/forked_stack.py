"""Every function of a stack, each call a process of its own, for tests that kill or race them."""

import json
import os
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.aws.client import AwsStandin
from local.deployment.deployed import DeployedStack
from local.gateway.invocation import InvokeResult
from local.kucoin_simulator.control.client import SimulatorControl
from local.wakers.queues import QueueFeed
from tests.support.forked import ForkedFunction


class ForkedFunctions:
    """Takes the place of a ``FunctionHarness``; calls may run at the same time."""

    def __init__(self, stack: DeployedStack) -> None:
        self.stack = stack
        self._parents: dict[str, ForkedFunction] = {}
        self._running: dict[str, set[int]] = defaultdict(set)
        self._lock = threading.Lock()

    def invoke(self, name: str, event: dict[str, Any]) -> InvokeResult:
        """Runs a function as Lambda would; a killed one ends with ``Runtime.ExitError``."""
        full_name = self.stack.find_function(name).name
        with self._lock:
            if full_name not in self._parents:
                self._parents[full_name] = ForkedFunction(self.stack, full_name)
            parent = self._parents[full_name]
            worker = parent.start(event)
            self._running[full_name].add(worker.pid)
        while not _has_ended(worker.pid):
            time.sleep(0.005)
        with self._lock:
            self._running[full_name].discard(worker.pid)
            status = parent.reap(worker.pid)
        if os.WIFSIGNALED(status):
            return InvokeResult({"errorType": "Runtime.ExitError"}, "Unhandled", worker.pid, "")
        answer = json.loads(worker.answer_path.read_text())
        return InvokeResult(answer, "Unhandled" if status else None, worker.pid, "")

    def kill(self, name: str) -> None:
        """SIGKILL to the function's workers."""
        with self._lock:
            pids = list(self._running[self.stack.find_function(name).name])
        assert pids, f"{name} does not run"
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    def drain(self, queue: str) -> None:
        """Feeds the function behind a queue until the queue has nothing visible."""
        name = self.stack.queues[queue].rpartition("/")[2]
        (source,) = [one for one in self.stack.queue_sources if one.arn.endswith(f":{name}")]
        feed = QueueFeed(self.stack.aws, source, self.invoke)
        while feed.feed_once():
            pass

    def stop(self) -> None:
        """Ends all."""
        for parent in self._parents.values():
            parent.stop()


@dataclass(frozen=True)
class Point:
    """Where a worker stands still.

    Attributes:
        name: What has just happened, or is about to.
        aws: The AWS request that is held, as ``AwsStandin.hold`` takes it.
        kucoin: Route and phase of the KuCoin request that is held.
    """

    name: str
    aws: dict[str, Any] | None = None
    kucoin: tuple[str, str] | None = None


# The work of others goes on after a kill, for as long as there is some.
_LONGEST_SECONDS = 600


class Standstill:
    """Runs something in a thread until a worker of it stands at a point."""

    def __init__(
        self,
        aws: AwsStandin,
        simulator: SimulatorControl,
        point: Point,
        act: Callable[[], Any],
    ) -> None:
        self._aws, self._simulator, self._point = aws, simulator, point
        hold = "" if point.aws is None else aws.hold(**point.aws)
        if point.kucoin is not None:
            route, phase = point.kucoin
            simulator.add_fault(route, "hold", phase=phase, times=1)
        self._threads = ThreadPoolExecutor(1)
        self._outcome: Future[Any] = self._threads.submit(act)
        if point.kucoin is None:
            aws.wait_held(hold)
        else:
            simulator.wait_for_holds()

    def go_on(self) -> Any:
        """Lets the worker go on; gives what the action gave."""
        if self._point.kucoin is None:
            self._aws.release()
        else:
            self._simulator.release()
        return self._end()

    def kill(self, functions: ForkedFunctions, name: str) -> Any:
        """SIGKILL; what was held before its work is never done."""
        functions.kill(name)
        outcome = self._outcome.result(timeout=_LONGEST_SECONDS)
        if self._point.kucoin is None:
            self._aws.release(discard=True)
        else:
            self._simulator.release(drop=True)
        self._end()
        return outcome

    def _end(self) -> Any:
        outcome = self._outcome.result(timeout=_LONGEST_SECONDS)
        self._threads.shutdown()
        self._aws.reset_faults()
        self._simulator.clear_faults()
        return outcome


def _has_ended(pid: int) -> bool:
    """Whether a child of another process has ended: until it is reaped it is a zombie."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    return stat.rpartition(")")[2].split()[0] == "Z"
