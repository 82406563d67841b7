"""The append-only record of what was received and how it was answered; never a secret in clear."""

import hashlib
import json
from collections import deque
from dataclasses import dataclass, field, fields
from typing import Any

from local.kucoin_simulator.wire import Request
from local.kucoin_simulator.worlds import to_camel

MAX_ENTRIES = 200_000
SECRET_FIELDS = frozenset(
    {
        "code",
        "state",
        "access_token",
        "refresh_token",
        "client_secret",
        "secret",
        "passphrase",
        "password",
        "factorValue",
    }
)


def fingerprint(secret: str) -> str:
    """Return a short hash by which a secret can be recognised but not used."""
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()[:12]


@dataclass(slots=True)
class Entry:
    """One request, from its arrival to the end of its answer.

    Attributes:
        seq: Position in the journal, from 1.
        time_ms: KuCoin's clock at arrival.
        connection: Number of the TCP connection, to tell fresh ones from pooled ones.
        route: The route's name, as faults know it; "unknown" for none.
        query: Decoded query with secrets masked.
        body: Parsed JSON or form body with secrets masked, else its length.
        bearer: Fingerprint of the bearer token.
        signature: "held", or why not; empty where none is due.
        partner: "held", or why not; empty where none is due.
        rebate_lost: Whether a signed call went without working broker headers.
        user: Whose key, token or login it was.
        api_key: The API key that signed.
        outcome: KuCoin's code (or the HTTP status of a page).
        status: HTTP status of the answer; 0 while there is none.
        fault: Kind and phase of the fault that was applied.
        written: Whether the socket took the whole answer; null until answered.
        delivered: Whether the peer read the whole answer; null until that is known (its next
            request, its orderly close, or its reset).
    """

    seq: int
    time_ms: int
    method: str
    host: str
    path: str
    connection: int = 0
    route: str = "unknown"
    query: dict[str, Any] = field(default_factory=dict)
    body: Any = None
    bearer: str = ""
    signature: str = ""
    partner: str = ""
    rebate_lost: bool = False
    user: str = ""
    api_key: str = ""
    outcome: str = ""
    status: int = 0
    fault: str = ""
    written: bool | None = None
    delivered: bool | None = None

    @property
    def is_lost(self) -> bool:
        """Whether the answer certainly did not reach the peer whole."""
        return self.written is False or self.delivered is False

    def as_json(self) -> dict[str, Any]:
        """Return the entry in camelCase."""
        return {to_camel(item.name): getattr(self, item.name) for item in fields(self)}


class Journal:
    """Entries in order of arrival; an entry is filled in while its request is served."""

    def __init__(self) -> None:
        """Start empty."""
        self._entries: deque[Entry] = deque(maxlen=MAX_ENTRIES)
        self._next_seq = 1

    def open(self, request: Request, time_ms: int, connection: int) -> Entry:
        """Add an entry for a request that has just arrived."""
        entry = Entry(
            seq=self._next_seq,
            time_ms=time_ms,
            method=request.method,
            host=request.host,
            path=request.path,
            connection=connection,
            query=mask(request.query()),
            body=_masked_body(request),
            bearer=_bearer_fingerprint(request),
        )
        self._next_seq += 1
        self._entries.append(entry)
        return entry

    def since(self, seq: int) -> list[Entry]:
        """Return the entries after a sequence number."""
        return [entry for entry in self._entries if entry.seq > seq]

    def clear(self) -> None:
        """Forget everything; numbering goes on."""
        self._entries.clear()


def mask(value: Any) -> Any:
    """Replace the values of secret fields by their fingerprints, at any depth."""
    if isinstance(value, dict):
        return {
            name: fingerprint(str(item)) if name in SECRET_FIELDS else mask(item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [mask(item) for item in value]
    return value


def _masked_body(request: Request) -> Any:
    if not request.body:
        return None
    if request.media_type() == "application/x-www-form-urlencoded":
        return mask(request.form())
    try:
        return mask(json.loads(request.body))
    except ValueError:
        return {"unreadableBytes": len(request.body)}


def _bearer_fingerprint(request: Request) -> str:
    scheme, _, token = request.header("authorization").partition(" ")
    return fingerprint(token.strip()) if scheme.lower() == "bearer" and token else ""
