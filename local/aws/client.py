"""Speaks to the AWS stand-in: boto3 clients for AWS's part, and the controls under ``/_aws``."""

import threading
from typing import Any, Literal

import boto3
import requests
from botocore.config import Config

REGION = "eu-west-1"
ACCOUNT_ID = "123456789012"
ACCESS_KEY = "local"
SECRET_KEY = "local"

_session_lock = threading.Lock()


class AwsStandin:
    """A running stand-in."""

    def __init__(self, url: str) -> None:
        """Args: its address, without a slash at the end."""
        self.url = url
        self._http = requests.Session()
        self._boto = boto3.Session(ACCESS_KEY, SECRET_KEY, region_name=REGION)

    def client(self, service: str) -> Any:
        """A boto3 client of the service, with no retries: a test sees each failure."""
        with _session_lock:  # boto3's session is not thread-safe, its clients are
            return self._boto.client(
                service,  # type: ignore[call-overload]
                endpoint_url=self.url,
                config=Config(retries={"total_max_attempts": 1}),
            )

    def add_fault(
        self,
        kind: Literal["error", "drop", "delay", "hold"],
        *,
        service: str = "",
        operation: str = "",
        **criteria: Any,
    ) -> str:
        """Makes requests fail; see ``local.aws.faults.FaultRule`` for the criteria.

        Returns:
            The rule's id.
        """
        rule = {"kind": kind, "service": service, "operation": operation, **criteria}
        return str(self._ask("POST", "faults", json=rule)["id"])

    def hold(self, *, service: str = "", operation: str = "", **criteria: Any) -> str:
        """Holds a request: the first, or the one after ``skip``; returns the rule's id."""
        return self.add_fault("hold", service=service, operation=operation, **criteria)

    def wait_held(self, rule_id: str, timeout_seconds: float = 20.0) -> dict[str, Any]:
        """Waits until the rule holds a request.

        Returns:
            The held request: id, service, operation, resource, caller (function and pid), …

        Raises:
            TimeoutError: No request came.
        """
        query: dict[str, str] = {"rule": rule_id, "wait": str(timeout_seconds)}
        held = self._ask("GET", "holds", params=query)
        if not held:
            raise TimeoutError(f"nothing was held by {rule_id}")
        return dict(held[0])

    def release(self, held_id: str = "", *, discard: bool = False) -> int:
        """Lets a held request go on, or all; ``discard`` drops it: work not begun is never done."""
        path = f"holds/{held_id or 'all'}/release"
        return int(self._ask("POST", path, json={"discard": discard})["released"])

    def list_faults(self) -> list[dict[str, Any]]:
        """Every rule with how many requests it saw (``seen``) and hit (``hits``)."""
        return list(self._ask("GET", "faults"))

    def list_holds(self) -> list[dict[str, Any]]:
        """What is held now."""
        return list(self._ask("GET", "holds"))

    def reset_faults(self) -> None:
        """Removes every rule and discards what is held."""
        self._ask("POST", "reset_faults")

    def read_journal(self, since: int = 0) -> list[dict[str, Any]]:
        """The calls since an entry's ``number``, oldest first; never what was in them."""
        return list(self._ask("GET", "journal", params={"since": str(since)}))

    def take_refusals(self) -> list[str]:
        """What functions' roles did not allow, since the last time it was asked for."""
        return list(self._ask("POST", "take_refusals"))

    def read_resources(self) -> dict[str, dict[str, Any]]:
        """Logical id to resolved properties of what was deployed."""
        return dict(self._ask("GET", "resources"))

    def clear_data(self) -> None:
        """Empties tables, streams and queues."""
        self._ask("POST", "clear_data")

    def release_delayed(self, queue_name: str = "") -> int:
        """Makes delayed and in-flight messages visible now; returns how many."""
        return int(self._ask("POST", "release_delayed", json={"queue": queue_name})["released"])

    def sweep_expired_items(self, now_s: float) -> int:
        """Does what DynamoDB's TTL does, as of the given Unix seconds; returns how many went."""
        return int(self._ask("POST", "sweep_expired_items", json={"now": now_s})["swept"])

    def _ask(self, method: str, path: str, **named: Any) -> Any:
        answer = self._http.request(method, f"{self.url}/_aws/{path}", timeout=120, **named)
        answer.raise_for_status()
        return answer.json()
