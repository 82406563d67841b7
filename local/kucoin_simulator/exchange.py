"""One request on its way through the simulator, and the kinds of route that can take it."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local.kucoin_simulator.journal import Entry
from local.kucoin_simulator.model import ApiKey, User
from local.kucoin_simulator.state import State
from local.kucoin_simulator.wire import Json, Refusal, Request, Response


@dataclass(slots=True)
class Exchange:
    """A request with everything that handling it needs.

    Attributes:
        state: KuCoin's memory; its lock is held while a handler runs.
        request: As it arrived.
        entry: Its journal entry.
        params: What the route's pattern found in the path.
        accepted_ms: When KuCoin accepted the request, where the work is done later.
    """

    state: State
    request: Request
    entry: Entry
    params: dict[str, str] = field(default_factory=dict)
    accepted_ms: int | None = None
    _key: ApiKey | None = None

    @property
    def key(self) -> ApiKey:
        """The API key that signed (signed routes only)."""
        if self._key is None:
            raise LookupError("this route is not signed")
        return self._key

    @property
    def user(self) -> User:
        """The account the key belongs to (signed routes only)."""
        return self.state.users[self.key.user]

    def identify(self, key: ApiKey) -> None:
        """Record whose call this is."""
        self._key = key
        self.entry.api_key = key.api_key
        self.entry.user = key.user

    def client_ip(self) -> str:
        """Return the address KuCoin sees."""
        return self.state.settings.client_ip or self.request.client_ip

    def json_body(self) -> Json:
        """Return the JSON object in the body.

        Raises:
            Refusal: 415000 for another media type, 400100 for what is no JSON object.
        """
        if self.request.media_type() != "application/json":
            raise Refusal("415000", "Unsupported Media Type", 415)
        try:
            value: Any = json.loads(self.request.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise Refusal("400100", "Parameter Error", 400)
        return value


type Handler = Callable[[Exchange], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation that KuCoin offers.

    Attributes:
        name: What faults and the journal call it.
        hosts: The hosts that offer it.
        pattern: Path; ``{name}`` matches one segment.
        kind: ``page``, ``oauth``, ``resource`` (bearer), ``public`` or ``signed``.
        handler: Does the work and returns the answer.
        permission: The key's permission it needs (signed).
        pool: The quota it counts in (public, signed).
        weight: What it counts.
    """

    name: str
    hosts: tuple[str, ...]
    method: str
    pattern: str
    kind: str
    handler: Handler
    permission: str = "General"
    pool: str = "public"
    weight: int = 1

    def match(self, path: str) -> dict[str, str] | None:
        """Return the path's parameters, or None where the path is another."""
        found = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.pattern), path)
        return found.groupdict() if found else None
