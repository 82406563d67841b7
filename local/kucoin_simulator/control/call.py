"""One control request, as every handler gets it."""

from dataclasses import dataclass

from local.kucoin_simulator.state import State
from local.kucoin_simulator.wire import Json


class UnknownError(Exception):
    """What a control request names does not exist."""


@dataclass(frozen=True, slots=True)
class Call:
    """One control request: the state, the body, the query, and what the path holds."""

    state: State
    body: Json
    query: dict[str, str]
    name: str = ""
