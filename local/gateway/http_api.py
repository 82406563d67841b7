"""The HTTP API without a socket: route, authorize, invoke, answer.

The gateway puts it behind a port, functional tests call it in process: both see the same 403.
"""

import json
import re
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.deployment.deployed import Route
from local.gateway.http_event import (
    HttpRequest,
    HttpResponse,
    InvalidAnswerError,
    build_event,
    build_message,
    parse_answer,
)
from local.gateway.invocation import InvokeResult, ThrottledError
from local.gateway.sigv4 import AllowedCaller, find_caller

# Source: API Gateway quotas for HTTP APIs; Lambda quotas (synchronous payload).
LARGEST_BODY = 10 * 1024 * 1024
LARGEST_EVENT = 6 * 1024 * 1024
LARGEST_HEADERS = 10_240

LOCAL_CALLER = AllowedCaller("local", "local")


type Invoke = Callable[[str, dict[str, Any]], InvokeResult]


@dataclass(frozen=True)
class _Matcher:
    route: Route
    pattern: re.Pattern[str]
    rank: int


class HttpApi:
    """Routes of the deployed stack in front of its functions."""

    def __init__(
        self,
        routes: Iterable[Route],
        invoke: Invoke,
        *,
        api_id: str = "local",
        callers: Iterable[AllowedCaller] = (LOCAL_CALLER,),
        integration_seconds: float | None = None,
        get_now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Prepares the routes.

        Args:
            routes: As deployed.
            invoke: Runs a function by its full name with an event.
            api_id: Id of the API in the events.
            callers: Whose signatures are taken; ``callers`` may be added to later.
            integration_seconds: After how long a function that still runs is answered for with
                503; 30 in AWS. None waits, and runs it in the calling thread.
            get_now: The clock for signatures.
        """
        self.callers = list(callers)
        self._matchers = sorted(map(_build_matcher, routes), key=lambda matcher: matcher.rank)
        self._invoke = (
            invoke if integration_seconds is None else _limit(invoke, integration_seconds)
        )
        self._api_id = api_id
        self._get_now = get_now

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answers one request, as API Gateway would."""
        if len(request.target) + sum(len(value) for _, value in request.headers) > LARGEST_HEADERS:
            return build_message(431, "Request Header Fields Too Large")
        if len(request.body) > LARGEST_BODY:
            return build_message(413, "Request Entity Too Large")
        found = self._find_route(request)
        if found is None:
            return build_message(404, "Not Found")
        route, path_parameters = found
        now = self._get_now()
        caller = None
        if route.authorizer != "NONE":
            caller = find_caller(
                method=request.method,
                url=f"http://{request.get_header('host')}{request.target}",
                headers=request.headers,
                body=request.body,
                callers=self.callers,
                now=now,
            )
            if caller is None or not caller.may_call(request.method, request.raw_path):
                return build_message(403, "Forbidden")
        event = build_event(
            request,
            route_key=f"{route.method} {route.path}",
            path_parameters=path_parameters,
            api_id=self._api_id,
            caller=caller,
            now=now,
        )
        return self._run(route.function_name, event)

    def _run(self, function_name: str, event: dict[str, Any]) -> HttpResponse:
        if len(json.dumps(event)) > LARGEST_EVENT:
            return build_message(413, "Request Entity Too Large")
        try:
            outcome = self._invoke(function_name, event)
        except (ThrottledError, TimeoutError):
            return build_message(503, "Service Unavailable")
        if outcome.function_error is None:
            try:
                return parse_answer(outcome.payload)
            except InvalidAnswerError:
                pass
        return build_message(500, "Internal Server Error")

    def _find_route(self, request: HttpRequest) -> tuple[Route, dict[str, str]] | None:
        for matcher in self._matchers:
            match = matcher.pattern.fullmatch(request.raw_path)
            if match and matcher.route.method in ("ANY", request.method):
                return matcher.route, match.groupdict()
        return None


def _limit(invoke: Invoke, seconds: float) -> Invoke:
    """Stops waiting after a time; the function runs on, as in AWS."""

    def invoke_for_a_time(name: str, event: dict[str, Any]) -> InvokeResult:
        future: Future[InvokeResult] = Future()

        def run() -> None:
            try:
                future.set_result(invoke(name, event))
            except Exception as error:  # noqa: BLE001 (raised where the result is asked for)
                future.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        return future.result(seconds)

    return invoke_for_a_time


def _build_matcher(route: Route) -> _Matcher:
    """Static parts before parameters before greedy ones, as API Gateway chooses."""
    pattern = ""
    rank = 0
    for part in re.split(r"(\{[^}]+\})", route.path):
        if part.startswith("{") and part.endswith("+}"):
            pattern += f"(?P<{part[1:-2]}>.+)"
            rank += 100
        elif part.startswith("{"):
            pattern += f"(?P<{part[1:-1]}>[^/]+)"
            rank += 1
        else:
            pattern += re.escape(part)
    rank += 1000 if route.path == "$default" else 0
    return _Matcher(route, re.compile(".*" if route.path == "$default" else pattern), rank)
