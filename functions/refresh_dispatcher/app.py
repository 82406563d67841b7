"""Every minute: queues the connections whose tokens are due."""

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from kubroker.foundation.clock import Clock
from kubroker.rotation.dispatch import Dispatch, build_dispatch

# Left for the page that is being sent when the deadline passes.
_MARGIN_SECONDS = 8.0


@cache
def dispatch() -> Dispatch:
    """Index, queue and settings, made once at the first tick."""
    return build_dispatch()


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Runs one tick, or one part of one: ``{"part": 0, "parts": 4}``."""
    deadline = Clock().start(context.get_remaining_time_in_millis() / 1000 - _MARGIN_SECONDS)
    part, parts = int(event.get("part", 0)), int(event.get("parts", 1))
    tick = dispatch().run(deadline, part=part, parts=parts)
    return {"queued": tick.queued, "isComplete": tick.is_complete}
