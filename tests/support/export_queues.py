"""The queues of exports and of the archive, worked off."""

from typing import Any

from tests.support.functions import FunctionHarness

QUEUES = ("ExportQueue", "ArchiveQueue")


def drain_exports(functions: FunctionHarness, *, limit: int = 500) -> None:
    """Works both until nothing is left, what is delayed too.

    Raises:
        AssertionError: There is always more.
    """
    for _ in range(60):
        worked: list[Any] = []
        for queue in QUEUES:
            worked += functions.drain(queue, limit=limit)
        if not worked and not functions.stack.aws.release_delayed():
            return
    raise AssertionError("the queues of exports don't get empty")
