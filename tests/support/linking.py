"""The linking story as tests walk it: broker, browser, KuCoin, broker."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from kubroker.kucoin.permissions import GROUP_NAMES, Permission
from local.kucoin_simulator.control.client import SimulatorControl
from tests.support.api import ApiClient, ApiResponse
from tests.support.functions import FunctionHarness

DEFAULT_OFFER = ["SPOT", "FUTURES", "WITHDRAWAL"]


@dataclass
class Link:
    """One session, step by step; each step keeps what the next needs."""

    api: ApiClient
    simulator: SimulatorControl
    functions: FunctionHarness
    return_url: str
    user_id: str = "user-1"
    cookies: dict[str, str] = field(default_factory=dict)
    session_id: str = ""
    connect_path: str = ""
    completion_code: str = ""
    state: str = ""
    callback: str = ""

    def open(self, **changed: Any) -> ApiResponse:
        """The broker's service opens a session."""
        body = {
            "userId": self.user_id,
            "accountLabel": "Main account",
            "permissions": {"offered": DEFAULT_OFFER, "required": []},
            "returnUrl": self.return_url,
            **changed,
        }
        answer = self.api.post("/v1/connect-sessions", json=body)
        if answer.status == 201:
            self.session_id = answer.json()["sessionId"]
            self.connect_path = urlsplit(answer.json()["connectUrl"]).path
        return answer

    def choose(self, *permissions: str, **fields: str) -> ApiResponse:
        """The browser posts the consent form."""
        form = {"permissions": list(permissions), **fields}
        answer = self.api.post(self.connect_path, form=form, cookies=self.cookies)
        self.cookies |= answer.cookies
        if answer.status == 303:
            self.state = dict(parse_qsl(urlsplit(answer.location).query))["state"]
        return answer

    def authorize(self, user: str = "alice", **fields: Any) -> str:
        """The user logs in at KuCoin and grants; gives the path of the way back."""
        if "permissions" in fields:
            fields["permissions"] = [
                GROUP_NAMES[Permission(name)] for name in fields["permissions"]
            ]
        location = self.simulator.authorize(user, state=self.state, **fields)
        parts = urlsplit(location)
        self.callback = f"{parts.path}?{parts.query}"
        return self.callback

    def come_back(self) -> ApiResponse:
        """The browser follows KuCoin's redirect."""
        answer = self.api.get(self.callback, cookies=self.cookies)
        if answer.status == 303:
            query = parse_qs(urlsplit(answer.location).query)
            self.completion_code = query["completionCode"][0]
        return answer

    def complete(self, **changed: Any) -> ApiResponse:
        """The broker redeems the completion code for the user who is logged in."""
        body = {"userId": self.user_id, "completionCode": self.completion_code, **changed}
        return self.api.post(f"/v1/connect-sessions/{self.session_id}/complete", json=body)

    def create_key(self) -> None:
        """The queue delivers what waits."""
        self.functions.drain("KeyCreationQueue")

    def connection(self) -> Any:
        """What the broker sees."""
        return self.api.get(f"/v1/connections/{self.user_id}").json()

    def walk(self, user: str = "alice", *permissions: str, **session: Any) -> Any:
        """All of it; gives the connection."""
        self.start(user, *permissions, **session)
        assert self.complete().status == 200
        self.create_key()
        return self.connection()

    def start(self, user: str = "alice", *permissions: str, **session: Any) -> None:
        """Until the browser is back with its completion code."""
        opened = self.open(**session)
        assert opened.status == 201, opened.text
        chosen = permissions or ("SPOT",)
        assert self.choose(*chosen).status == 303
        self.authorize(user, permissions=list(chosen))
        answer = self.come_back()
        assert answer.status == 303, answer.text
