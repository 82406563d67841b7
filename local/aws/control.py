"""What only a stand-in can do, under ``/_aws``; ``local.aws.client`` calls it.

======  ====================  =====================================================================
GET     health                ready
POST    faults                a ``FaultRule`` as JSON → {id}
GET     faults                the rules with ``seen`` and ``hits``
DELETE  faults/{id}           remove one
GET     holds                 requests held now; ``?rule=&wait=`` waits for the first
POST    holds/{id}/release    let one go on, or with {"discard": true} drop it; id ``all``
POST    reset_faults          remove every rule, discard what is held
GET     journal               calls after number ``?since=``
POST    take_refusals         what functions' roles did not allow, since the last time
GET     resources             logical id → resolved properties
POST    clear_data            empty tables, streams, queues
POST    release_delayed       {queue?}: delayed and in-flight messages become visible
POST    sweep_expired_items   {now?}: what DynamoDB's TTL would delete
======  ====================  =====================================================================
"""

import time
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from local.aws import data, iam, types
from local.aws.faults import FaultLayer, FaultRule

type Query = dict[str, str]
type Body = dict[str, Any]
type Answer = Any

_RULE_FIELDS = {item.name for item in fields(FaultRule)} - {"id", "seen", "hits"}


class Controls:
    """Routes of the controls."""

    def __init__(self, faults: FaultLayer) -> None:
        """Args: what is controlled."""
        self._faults = faults
        self._routes: dict[tuple[str, str], Callable[[str, Query, Body], Answer]] = {
            ("GET", "health"): lambda _id, _query, _body: {"status": "ok"},
            ("POST", "faults"): self._add_fault,
            ("GET", "faults"): lambda _id, _query, _body: faults.list_rules(),
            ("DELETE", "faults/*"): lambda rule_id, _query, _body: faults.remove_rule(rule_id),
            ("GET", "holds"): self._list_holds,
            ("POST", "holds/*/release"): self._release,
            ("POST", "reset_faults"): lambda _id, _query, _body: faults.reset(),
            ("GET", "journal"): lambda _id, query, _body: faults.read_journal(
                int(query.get("since", 0))
            ),
            ("POST", "take_refusals"): lambda _id, _query, _body: iam.take_refusals(),
            ("GET", "resources"): lambda _id, _query, _body: types.RESOLVED,
            ("POST", "clear_data"): lambda _id, _query, _body: data.clear_data(),
            ("POST", "release_delayed"): lambda _id, _query, body: {
                "released": data.release_delayed(body.get("queue", ""))
            },
            ("POST", "sweep_expired_items"): lambda _id, _query, body: {
                "swept": data.sweep_expired_items(float(body.get("now", time.time())))
            },
        }

    def answer(self, method: str, path: str, query: Query, body: Body) -> tuple[str, Answer]:
        """Status line and JSON answer of one control request."""
        parts = path.split("/")
        identifier = parts[1] if len(parts) > 1 else ""
        pattern = "/".join([parts[0], *(["*"] if identifier else []), *parts[2:]])
        route = self._routes.get((method, pattern))
        if route is None:
            return "404 Not Found", {"message": "There is no such control."}
        try:
            return "200 OK", route(identifier, query, body)
        except (KeyError, TypeError, ValueError) as error:
            return "400 Bad Request", {"message": str(error)}

    def _add_fault(self, _id: str, _query: Query, body: Body) -> Answer:
        if unknown := set(body) - _RULE_FIELDS:
            raise ValueError(f"A fault has no {', '.join(sorted(unknown))}.")
        return {"id": self._faults.add_rule(FaultRule(**body)).id}

    def _list_holds(self, _id: str, query: Query, _body: Body) -> Answer:
        held = self._faults.list_held(query.get("rule", ""), float(query.get("wait", 0)))
        return [request.to_json() for request in held]

    def _release(self, held_id: str, _query: Query, body: Body) -> Answer:
        which = "" if held_id == "all" else held_id
        return {"released": self._faults.release(which, discard=bool(body.get("discard")))}
