"""AWS clients and KuCoin's transport of a process that may die before or after any request."""

from dataclasses import dataclass
from typing import Any

from kubroker.kucoin.transport import KucoinTransport


class Killed(BaseException):
    """The process ends here: nothing of ours may catch it."""


@dataclass
class Fuse:
    """Counts the moments before and after each request; burns down at one of them."""

    steps_left: int | None = None

    def step(self) -> None:
        if self.steps_left is None:
            return
        self.steps_left -= 1
        if self.steps_left <= 0:
            self.steps_left = None
            raise Killed


class MortalClient:
    """A boto3 client whose process may die around each of its calls."""

    def __init__(self, client: Any, fuse: Fuse) -> None:
        self._client = client
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)

        def run(**arguments: Any) -> Any:
            self._fuse.step()
            answer = call(**arguments)
            self._fuse.step()
            return answer

        return run


class MortalTransport(KucoinTransport):
    """Likewise for KuCoin: the second step is after the whole answer."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self._fuse = fuse

    def send(self, *arguments: Any, **named: Any) -> Any:
        self._fuse.step()
        answer = super().send(*arguments, **named)
        self._fuse.step()
        return answer
