"""Requests to the deployed routes without a socket: the gateway's own code, functions in process."""

import json as json_module
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

from local.gateway.http_api import LOCAL_CALLER, HttpApi
from local.gateway.http_event import HttpRequest, HttpResponse
from local.gateway.sigv4 import AllowedCaller, sign_headers
from tests.support.functions import FunctionHarness


@dataclass(frozen=True)
class ApiResponse:
    """A response with what tests ask of it."""

    raw: HttpResponse

    @property
    def status(self) -> int:
        return self.raw.status

    @property
    def text(self) -> str:
        return self.raw.body.decode()

    def json(self) -> Any:
        return json_module.loads(self.raw.body)

    def header(self, name: str) -> str:
        return self.raw.get_header(name.lower())

    @property
    def location(self) -> str:
        return self.header("location")

    @property
    def set_cookies(self) -> list[str]:
        """Set-cookie headers as sent, attributes included."""
        return [value for name, value in self.raw.headers if name == "set-cookie"]

    @property
    def cookies(self) -> dict[str, str]:
        """Name to value of what was set."""
        jar: dict[str, str] = {}
        for line in self.set_cookies:
            jar.update({name: morsel.value for name, morsel in SimpleCookie(line).items()})
        return jar


class ApiClient:
    """Speaks to the deployed HTTP API."""

    def __init__(self, functions: FunctionHarness, base_url: str) -> None:
        self.base_url = base_url
        self.http_api = HttpApi(functions.stack.routes, functions.invoke)

    def add_caller(self, caller: AllowedCaller) -> None:
        """Another pair of credentials that the gateway takes."""
        self.http_api.callers.append(caller)

    def request(
        self,
        method: str,
        target: str,
        *,
        json: Any = None,
        form: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
        signed: bool | None = None,
        caller: AllowedCaller = LOCAL_CALLER,
        signed_at: datetime | None = None,
    ) -> ApiResponse:
        """One request.

        Args:
            target: Path and query as sent, still encoded.
            json: A body as JSON.
            form: A body as a form; lists become repeated fields.
            body: A body as it is.
            signed: With SigV4; None signs what lies under /v1/.
            caller: Who signs.
            signed_at: When; now if None.
        """
        sent = dict(headers or {})
        content = body or b""
        if json is not None:
            content = json_module.dumps(json).encode()
            sent.setdefault("Content-Type", "application/json")
        elif form is not None:
            content = urlencode(form, doseq=True).encode()
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        if cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        if target.startswith("/v1/") if signed is None else signed:
            sent = sign_headers(
                method=method,
                url=self.base_url + target,
                headers=sent,
                body=content,
                caller=caller,
                now=signed_at,
            )
        else:
            sent.setdefault("Host", self.base_url.partition("//")[2])
        request = HttpRequest(method, target, tuple(sent.items()), content)
        return ApiResponse(self.http_api.handle(request))

    def get(self, target: str, **named: Any) -> ApiResponse:
        return self.request("GET", target, **named)

    def post(self, target: str, **named: Any) -> ApiResponse:
        return self.request("POST", target, **named)

    def put(self, target: str, **named: Any) -> ApiResponse:
        return self.request("PUT", target, **named)

    def delete(self, target: str, **named: Any) -> ApiResponse:
        return self.request("DELETE", target, **named)
