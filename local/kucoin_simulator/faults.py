"""Trouble on demand: which request fails, how, and when in relation to its work.

A fault has a *phase*:

* ``before``: instead of the work, which is never done (delay and hold: then the work follows);
* ``during``: the answer goes wrong at once and the work is done afterwards, once its hold is
  released or `seconds` have passed: the caller looks and sees nothing, yet;
* ``after``: the work is done, then the answer goes wrong.

======================  =============  =========================================================
kind                    phases         parameters
======================  =============  =========================================================
error                   all            status (200), code, msg: in the route's envelope
drop                    all            reset (false): close without a byte; true sends a RST
status_5xx              all            status (503): a gateway's HTML page
rate_limit              all            resetMs (3000), headers (true): 429, 429000, no quota left
garbage                 all            bytes that are no JSON, as application/json
html_403                all            a firewall's HTML page
failure_200000          all            msg: the success code with a failure message
redirect                all            location: 302 to elsewhere
oversize                all            bytes (8 MiB): a JSON string that long
delay                   before, after  seconds
hold                    before, after  seconds (600): waits in /_sim/holds until released
cut                     after          fraction (0.5): that part of the body, then close
drip                    after          seconds (0.1) a byte, part: body or header
idle_close              after          answers, then closes without having said so
no_refresh_token        after          takes refresh_token out of the answer
expires_in              after          value (absent: takes expires_in out)
rewrite                 after          set {"a.b": value}, remove ["a.c"]
======================  =============  =========================================================
"""

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from local.kucoin_simulator.wire import Request
from local.kucoin_simulator.worlds import BadControlRequestError

REPLACING = frozenset(
    {
        "error",
        "drop",
        "status_5xx",
        "rate_limit",
        "garbage",
        "html_403",
        "failure_200000",
        "redirect",
        "oversize",
    }
)
PAUSING = frozenset({"delay", "hold"})
REWRITING = frozenset({"no_refresh_token", "expires_in", "rewrite"})
SHAPING = frozenset({"cut", "drip", "idle_close"}) | REWRITING
RULE_FIELDS = frozenset(
    {"route", "kind", "phase", "times", "skip", "probability", "seed", "contains"}
)
MAX_HOLD_SECONDS = 600.0


@dataclass(slots=True)
class Rule:
    """One fault that waits for its requests.

    Attributes:
        route: A route's name, or ``*`` for all.
        times: How often it still strikes; None for ever.
        skip: How many matching requests pass first.
        probability: Chance of striking at a matching request.
        contains: Strike only where the target, body or Authorization contains this text.
        options: The kind's own parameters.
        struck: How often it has struck.
    """

    rule_id: int
    route: str
    kind: str
    phase: str
    times: int | None
    skip: int
    probability: float
    contains: str
    dice: random.Random
    options: dict[str, Any]
    struck: int = 0

    def strikes(self, route: str, request: Request) -> bool:
        """Decide for one request, and count."""
        if self.route not in (route, "*") or self.times == 0:
            return False
        if self.contains and not _mentions(request, self.contains):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.probability < 1 and self.dice.random() >= self.probability:
            return False
        if self.times is not None:
            self.times -= 1
        self.struck += 1
        return True

    def number(self, name: str, default: float) -> float:
        """Return a numeric parameter."""
        return float(self.options.get(name, default))

    def text(self, name: str, default: str) -> str:
        """Return a text parameter."""
        return str(self.options.get(name, default))

    def as_json(self) -> dict[str, Any]:
        """Return the rule for control."""
        return {
            "id": self.rule_id,
            "route": self.route,
            "kind": self.kind,
            "phase": self.phase,
            "times": self.times,
            "skip": self.skip,
            "probability": self.probability,
            "contains": self.contains,
            "struck": self.struck,
            **self.options,
        }


@dataclass(slots=True)
class Hold:
    """A request that stands still until control lets it go.

    Attributes:
        is_answered: Whether its caller has already been answered (phase ``during``).
        drop: Set at release: close the connection instead of answering.
    """

    hold_id: int
    route: str
    phase: str
    seq: int
    is_answered: bool
    released: threading.Event = field(default_factory=threading.Event)
    drop: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the hold for control."""
        return {
            "id": self.hold_id,
            "route": self.route,
            "phase": self.phase,
            "seq": self.seq,
            "answered": self.is_answered,
        }


class FaultBoard:
    """The rules in force and the requests that are held; has its own lock."""

    def __init__(self) -> None:
        """Start without faults."""
        self._lock = threading.Lock()
        self._ids = count(1)
        self._rules: list[Rule] = []
        self._holds: dict[int, Hold] = {}

    def add(self, spec: Mapping[str, Any]) -> Rule:
        """Add a rule.

        Args:
            spec: route, kind, and optionally phase, times (1; null for ever), skip, probability,
                seed, contains, and the kind's parameters.

        Raises:
            BadControlRequestError: The kind is unknown or has no such phase.
        """
        kind = spec.get("kind")
        phases = _phases_of(kind)
        phase = spec.get("phase", phases[0])
        if phase not in phases:
            raise BadControlRequestError(f"{kind} has no phase {phase!r}: {', '.join(phases)}")
        rule = Rule(
            rule_id=next(self._ids),
            route=str(spec.get("route", "*")),
            kind=str(kind),
            phase=phase,
            times=spec.get("times", 1),
            skip=int(spec.get("skip", 0)),
            probability=float(spec.get("probability", 1)),
            contains=str(spec.get("contains", "")),
            dice=random.Random(spec.get("seed")),  # noqa: S311 - reproducible, not secret
            options={name: value for name, value in spec.items() if name not in RULE_FIELDS},
        )
        with self._lock:
            self._rules.append(rule)
        return rule

    def take(self, route: str, request: Request) -> Rule | None:
        """Return the first rule that strikes this request."""
        with self._lock:
            return next((rule for rule in self._rules if rule.strikes(route, request)), None)

    def remove(self, rule_id: int | None = None) -> int:
        """Remove one rule, or all; requests already struck go on."""
        with self._lock:
            kept = [] if rule_id is None else [r for r in self._rules if r.rule_id != rule_id]
            removed = len(self._rules) - len(kept)
            self._rules = kept
        return removed

    def rules(self) -> list[Rule]:
        """Return the rules in force."""
        with self._lock:
            return list(self._rules)

    def hold(self, route: str, phase: str, seq: int, *, is_answered: bool, seconds: float) -> Hold:
        """Stand still until released (or `seconds` have passed)."""
        hold = Hold(next(self._ids), route, phase, seq, is_answered)
        with self._lock:
            self._holds[hold.hold_id] = hold
        hold.released.wait(seconds)
        with self._lock:
            self._holds.pop(hold.hold_id, None)
        return hold

    def holds(self) -> list[Hold]:
        """Return the requests that are held now."""
        with self._lock:
            return [hold for hold in self._holds.values() if not hold.released.is_set()]

    def release(self, hold_id: int | None = None, *, drop: bool = False) -> int:
        """Let one held request go on, or all."""
        with self._lock:
            chosen = [h for h in self._holds.values() if hold_id in (None, h.hold_id)]
        for hold in chosen:
            hold.drop = drop
            hold.released.set()
        return len(chosen)

    def clear(self) -> None:
        """Remove every rule and let every held request go on."""
        self.remove()
        self.release(drop=True)


def _phases_of(kind: object) -> tuple[str, ...]:
    if kind in REPLACING:
        return ("before", "during", "after")
    if kind in PAUSING:
        return ("before", "after")
    if kind in SHAPING:
        return ("after",)
    known = ", ".join(sorted(REPLACING | PAUSING | SHAPING))
    raise BadControlRequestError(f"unknown fault kind {kind!r}; known: {known}")


def _mentions(request: Request, text: str) -> bool:
    target = f"{request.path}?{request.raw_query} {request.header('authorization')}"
    signed_by = request.header("KC-API-KEY")
    return text in target or text in signed_by or text.encode() in request.body
