"""Makes the AWS stand-in fail, wait or hold on demand, and keeps a journal of what was asked.

A WSGI middleware before moto. A rule says which requests it is for, how many it lets pass first
(``skip``), how many it hits (``times``), whether it acts before or after moto's work, and how:

=======  =========================================================================================
error    answers with an AWS error code (``before``: nothing was done; ``after``: it was)
drop     closes the connection without an answer
delay    waits ``seconds``, then goes on
hold     waits until released: a test kills the caller meanwhile, or lets another one overtake
=======  =========================================================================================

Before all of them stands ``local.aws.iam``: what a function's role does not allow is refused.
"""

import io
import itertools
import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from werkzeug.test import run_wsgi_app

from local.aws.calls import AwsCall, find_error_code, identify_call
from local.aws.iam import find_refusal, find_reticence

type StartResponse = Callable[..., Any]
type WsgiApp = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

_SERVER_ERRORS = {
    "InternalFailure": 500,
    "InternalServerError": 500,
    "InternalServiceError": 500,
    "KMSInternalException": 500,
    "ServiceUnavailable": 503,
}
_JOURNAL_LENGTH = 100_000
_LONGEST_HOLD_SECONDS = 300.0


@dataclass
class FaultRule:
    """What to do to which requests; see the module's table. Empty criteria fit everything.

    Attributes:
        service: As in the journal, ``dynamodb``.
        operation: As in the journal, ``PutItem``.
        match: A part of the request's body.
        caller: A part of the caller's name, see ``AwsCall.caller``.
        skip: How many fitting requests pass first.
        times: How many are hit then; 0 is all.
        phase: Before or after moto does the work.
        kind: What happens.
        code: Error code of ``error``.
        status: HTTP status of ``error``; None takes the code's usual one.
        seconds: How long ``delay`` waits.
        reasons: Codes of a cancelled transaction's CancellationReasons, one for each item.
    """

    kind: Literal["error", "drop", "delay", "hold"]
    service: str = ""
    operation: str = ""
    match: str = ""
    caller: str = ""
    skip: int = 0
    times: int = 1
    phase: Literal["before", "after"] = "before"
    code: str = "InternalServerError"
    status: int | None = None
    seconds: float = 0.0
    reasons: tuple[str, ...] = ()
    id: str = ""
    seen: int = 0
    hits: int = 0

    def fits(self, call: AwsCall, body: bytes) -> bool:
        """Whether the request is one that the rule is for."""
        return (
            self.service in ("", call.service)
            and self.operation in ("", call.operation)
            and self.match.encode() in body
            and self.caller in call.caller
        )

    def take(self) -> bool:
        """Counts a fitting request; true if it is to be hit."""
        self.seen += 1
        if self.seen <= self.skip or (self.times and self.hits >= self.times):
            return False
        self.hits += 1
        return True


@dataclass
class HeldRequest:
    """A request that a rule holds."""

    id: str
    rule: FaultRule
    call: AwsCall
    since: float = field(default_factory=time.time)
    released: threading.Event = field(default_factory=threading.Event)
    is_discarded: bool = False

    def to_json(self) -> dict[str, Any]:
        """As ``/_aws/holds`` lists it."""
        about = {"id": self.id, "rule": self.rule.id, "phase": self.rule.phase}
        return about | {"since": self.since} | self.call.to_json()


class _DroppedError(Exception):
    """The connection is to be closed without an answer."""


@dataclass(frozen=True)
class _Answer:
    """A whole response."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes


class FaultLayer:
    """The middleware: rules, held requests and the journal, all in memory."""

    def __init__(self, application: WsgiApp) -> None:
        """Args: the application that does the work."""
        self._application = application
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._ids = itertools.count(1)
        self._rules: list[FaultRule] = []
        self._held: dict[str, HeldRequest] = {}
        self._journal: deque[dict[str, Any]] = deque(maxlen=_JOURNAL_LENGTH)
        self._journal_count = 0

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answers one AWS request."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        call = identify_call(environ, body)
        faults: list[str] = []
        try:
            answer = self._handle(environ, call, body, faults)
        except _DroppedError:
            self._record(call, None, faults)
            _close(environ)
            raise ConnectionResetError from None
        self._record(call, answer, faults)
        start_response(answer.status, answer.headers)
        return [answer.body]

    def add_rule(self, rule: FaultRule) -> FaultRule:
        """Adds a rule; it gets its id here."""
        with self._lock:
            rule.id = f"rule-{next(self._ids)}"
            self._rules.append(rule)
        return rule

    def list_rules(self) -> list[dict[str, Any]]:
        """Every rule with how many requests it saw and hit."""
        with self._lock:
            return [asdict(rule) for rule in self._rules]

    def remove_rule(self, rule_id: str) -> None:
        """Removes a rule; what it holds stays held."""
        with self._lock:
            self._rules = [rule for rule in self._rules if rule.id != rule_id]

    def list_held(self, rule_id: str = "", wait_seconds: float = 0.0) -> list[HeldRequest]:
        """What is held now; waits for the first one if asked to."""

        def find() -> list[HeldRequest]:
            return [held for held in self._held.values() if rule_id in ("", held.rule.id)]

        with self._changed:
            self._changed.wait_for(find, timeout=wait_seconds)
            return find()

    def release(self, held_id: str = "", *, discard: bool = False) -> int:
        """Lets one held request go on, or all.

        Args:
            held_id: Which one; empty for all.
            discard: Drop it: held before the work, the work is never done.

        Returns:
            How many were released.
        """
        with self._lock:
            chosen = [held for held in self._held.values() if held_id in ("", held.id)]
            for held in chosen:
                held.is_discarded = discard
                held.released.set()
                del self._held[held.id]
        return len(chosen)

    def reset(self) -> None:
        """Removes every rule and discards what is held."""
        with self._lock:
            self._rules.clear()
        self.release(discard=True)

    def read_journal(self, since: int = 0) -> list[dict[str, Any]]:
        """Entries with a number above ``since``, oldest first."""
        with self._lock:
            return [entry for entry in self._journal if entry["number"] > since]

    def _handle(
        self, environ: dict[str, Any], call: AwsCall, body: bytes, faults: list[str]
    ) -> _Answer:
        context = {f"kms:EncryptionContext:{k}": v for k, v in call.encryption_context.items()}
        if refusal := find_refusal(call.caller, call.permissions, context):
            return _build_error(_DENIED, call, refusal)
        if answer := self._apply_rules("before", call, body, faults):
            return answer
        chunks, status, headers = run_wsgi_app(self._application, environ, buffered=True)
        answer = _Answer(status, list(headers), b"".join(chunks))
        if status.startswith("404") and (refusal := find_reticence(call.caller, call.permissions)):
            answer = _build_error(_FORBIDDEN, call, refusal)
        return self._apply_rules("after", call, body, faults) or answer

    def _apply_rules(
        self, phase: str, call: AwsCall, body: bytes, faults: list[str]
    ) -> _Answer | None:
        with self._lock:
            hit = [
                rule
                for rule in self._rules
                if rule.phase == phase and rule.fits(call, body) and rule.take()
            ]
        for rule in hit:
            faults.append(rule.id)
            if rule.kind == "delay":
                time.sleep(rule.seconds)
            elif rule.kind == "hold":
                self._hold(rule, call)
            elif rule.kind == "drop":
                raise _DroppedError
            else:
                return _build_error(rule, call)
        return None

    def _hold(self, rule: FaultRule, call: AwsCall) -> None:
        with self._changed:
            held = HeldRequest(f"hold-{next(self._ids)}", rule, call)
            self._held[held.id] = held
            self._changed.notify_all()
        held.released.wait(_LONGEST_HOLD_SECONDS)
        if held.is_discarded:
            raise _DroppedError

    def _record(self, call: AwsCall, answer: _Answer | None, faults: list[str]) -> None:
        status = int(answer.status.split()[0]) if answer else 0
        error = find_error_code(answer.body) if answer and status >= 400 else ""
        with self._lock:
            self._journal_count += 1
            entry = {"number": self._journal_count, "at": time.time()} | call.to_json()
            self._journal.append(entry | {"status": status, "error": error, "faults": faults})


_DENIED = FaultRule(kind="error", code="AccessDeniedException")
_FORBIDDEN = FaultRule(kind="error", code="AccessDenied", status=403)


def _build_error(
    rule: FaultRule, call: AwsCall, message: str = "Made up by the stand-in."
) -> _Answer:
    """An error as the service's protocol has it."""
    status = rule.status or _SERVER_ERRORS.get(rule.code, 400)
    if call.service == "s3":
        xml = f"<Error><Code>{rule.code}</Code><Message>{message}</Message></Error>"
        return _Answer(f"{status} Error", [("Content-Type", "text/xml")], xml.encode())
    answer: dict[str, Any] = {"__type": rule.code, "message": message}
    if rule.reasons:
        answer["CancellationReasons"] = [{"Code": reason} for reason in rule.reasons]
    body = json.dumps(answer).encode()
    headers = [
        ("Content-Type", "application/x-amz-json-1.0"),
        ("x-amzn-errortype", rule.code),
        ("Content-Length", str(len(body))),
    ]
    return _Answer(f"{status} Error", headers, body)


def _close(environ: dict[str, Any]) -> None:
    """Closes the caller's connection under werkzeug's hands."""
    connection: socket.socket | None = environ.get("werkzeug.socket")
    if connection is not None:
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
